#include "llm/common/credentials.h"

#include <boost/json.hpp>
#include <cstdlib>

#include "llm/common/failure.h"

namespace hearth::llm {
namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds metadata_timeout{2'000};
constexpr std::chrono::minutes refresh_margin{5};
constexpr std::chrono::seconds refresh_pause{10};  // after a try that failed
constexpr std::size_t answer_bytes_max = 64 << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string Credentials::metadata(const std::string& method, const std::string& path, const std::string& token) {
  std::string base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) base = "http://169.254.169.254";
  const http::Url url = value_or_fail(http::parse_url(base), FailureKind::usage);
  http::Request request;
  request.method = method;
  request.path = path;
  if (token.empty())
    request.headers.add("X-aws-ec2-metadata-token-ttl-seconds", "21600");
  else
    request.headers.add("X-aws-ec2-metadata-token", token);

  auto response = sync_wait(client_.send(url, std::move(request), metadata_timeout, metadata_timeout));
  if (!response || response->status != 200)
    fail(FailureKind::storage,
         "no credentials for s3://: AWS_ACCESS_KEY_ID is not set and the instance metadata service has none");
  return value_or_fail(sync_wait(read_all(*response->stream, answer_bytes_max)), FailureKind::storage);
}

void Credentials::ask_instance() {
  const std::string folder = "/latest/meta-data/iam/security-credentials/";
  const std::string token = metadata("PUT", "/latest/api/token", "");
  std::string role = metadata("GET", folder, token);
  role = role.substr(0, role.find('\n'));

  boost::system::error_code error;
  const json::value answer = json::parse(metadata("GET", folder + role, token), error);
  const json::object* fields = error ? nullptr : answer.if_object();
  const auto text = [&](std::string_view name) {
    const json::value* value = fields ? fields->if_contains(name) : nullptr;
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  keys_ = {.access_key_id = text("AccessKeyId"),
           .secret_access_key = text("SecretAccessKey"),
           .session_token = text("Token")};
  const Result<TimePoint> expiry = parse_time(text("Expiration"));
  if (keys_.access_key_id.empty() || !expiry)
    fail(FailureKind::storage, "the instance metadata service gave no usable credentials for role '{}'", role);
  expires_at_ = *expiry;
  refresh_at_ = expires_at_ - refresh_margin;
}

const wire::SigningCredentials& Credentials::current() {
  if (fixed_) return keys_;
  if (!environment("AWS_ACCESS_KEY_ID").empty()) {
    keys_ = {.access_key_id = environment("AWS_ACCESS_KEY_ID"),
             .secret_access_key = environment("AWS_SECRET_ACCESS_KEY"),
             .session_token = environment("AWS_SESSION_TOKEN")};
    fixed_ = true;
  } else if (const TimePoint now = std::chrono::system_clock::now(); now >= refresh_at_) {
    try {
      ask_instance();
    } catch (const Failure&) {
      // Instances outlive the server that answers them: while it starts anew, the keys we have are still good.
      if (now >= expires_at_) throw;
      refresh_at_ = now + refresh_pause;
    }
  }
  return keys_;
}

}  // namespace hearth::llm
