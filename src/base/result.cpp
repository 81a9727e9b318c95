#include "base/result.h"

namespace hearth {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::already_exists:
      return "already_exists";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::aws:
      return "aws";
  }
  return "unknown";
}

struct Error::Facts {
  ErrorKind kind = ErrorKind::internal;
  int http_status = 500;
  std::string code, message, detail;
  std::vector<std::pair<std::string, std::string>> fields;
};

const Error::Facts& Error::facts() const {
  static const Facts moved_from;
  return facts_ ? *facts_ : moved_from;
}

void Error::Forget::operator()(Facts* facts) const noexcept {
  delete facts;
}

Error::Error(ErrorKind kind, std::string_view message, std::string_view detail)
    : facts_(new Facts{.kind = kind, .message = std::string(message), .detail = std::string(detail)}) {}

Error::Error(const Error& other) : facts_(other.facts_ ? new Facts(*other.facts_) : nullptr) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) facts_.reset(other.facts_ ? new Facts(*other.facts_) : nullptr);
  return *this;
}

Error Error::aws(std::string_view code, int http_status, std::string_view message) {
  Error error(ErrorKind::aws, message);
  error.facts_->code = code;
  error.facts_->http_status = http_status;
  return error;
}

ErrorKind Error::kind() const {
  return facts().kind;
}

const std::string& Error::code() const {
  return facts().code;
}

int Error::http_status() const {
  return facts().http_status;
}

const std::string& Error::message() const {
  return facts().message;
}

const std::string& Error::detail() const {
  return facts().detail;
}

Error&& Error::with_field(std::string_view name, std::string_view value) && {
  if (!facts_) facts_.reset(new Facts);
  facts_->fields.emplace_back(name, value);
  return std::move(*this);
}

const std::vector<std::pair<std::string, std::string>>& Error::fields() const {
  return facts().fields;
}

}  // namespace hearth
