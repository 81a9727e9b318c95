#include "base/url.h"

#include <algorithm>
#include <charconv>

namespace hearth {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const auto invalid = [&] {
    return Error(ErrorKind::invalid, "not an http:// or https:// URL: " + std::string(text));
  };
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; })) return invalid();
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == text.npos) return invalid();
  url.scheme = text.substr(0, scheme_end);
  if (url.scheme != "http" && url.scheme != "https") return invalid();
  url.port = url.scheme == "https" ? 443 : 80;
  std::string_view rest = text.substr(scheme_end + 3);
  const auto path_at = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, path_at);
  rest = rest.substr(path_at);
  if (const auto at = authority.rfind('@'); at != authority.npos) authority.remove_prefix(at + 1);
  if (const auto colon = authority.rfind(':');
      colon != authority.npos && authority.find(']', colon) == authority.npos) {
    const std::string_view port = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port < 1 || url.port > 65535) return invalid();
    authority = authority.substr(0, colon);
  }
  const bool is_bracketed = authority.size() > 2 && authority.starts_with('[') && authority.ends_with(']');
  if (is_bracketed) authority = authority.substr(1, authority.size() - 2);
  const auto may_be_in_host = [&](char c) {
    return is_alphanumeric(c) || std::string_view(is_bracketed ? ":.%" : "-._").contains(c);
  };
  if (authority.empty() || !std::ranges::all_of(authority, may_be_in_host)) return invalid();
  url.host = authority;
  rest = rest.substr(0, rest.find('#'));
  const auto question = rest.find('?');
  url.path = rest.substr(0, question);
  if (url.path.empty()) url.path = "/";
  if (question != rest.npos) url.query = rest.substr(question + 1);
  return url;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (scheme == "https" ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

}  // namespace hearth
