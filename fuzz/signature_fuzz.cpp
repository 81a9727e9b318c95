// Any request as a signed one: header, presigned query, Signature Version 2. Reading and verifying must not crash,
// nothing is accepted that nobody signed, and what we sign ourselves we accept. Input is a request (request_text.h).
#include <cstdint>
#include <cstdlib>

#include "fuzz/request_text.h"
#include "wire/routing.h"
#include "wire/sigv4.h"

using namespace hearth;

namespace {

constexpr std::string_view secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TimePoint now = from_ms(1'440'938'160'000);  // 20150830T123600Z

bool is_accepted(const http::Request& request) {
  const auto parsed = wire::parse_signature(request);
  if (!parsed || !*parsed) return false;
  std::string hash = (*parsed)->payload_hash;
  if (hash.empty()) hash = to_hex(sha256(request.body));
  return !wire::verify_signature(**parsed, request, secret, hash, now);
}

// Without what would make it signed already, or signed twice.
http::Request unsigned_copy(const http::Request& request) {
  http::Request copy;
  copy.method = request.method;
  copy.path = request.path;
  copy.body = request.body;
  for (const http::Header& field : request.headers) {
    const std::string name = to_lower(field.name);
    if (name != "authorization" && name != "host" && name != "date" && !name.starts_with("x-amz-"))
      copy.headers.add(field.name, field.value);
  }
  copy.headers.add("Host", "localhost");
  return copy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const http::Request request = fuzz::read_request({reinterpret_cast<const char*>(data), size});
  (void)wire::find_credential_scope(request);
  const auto parsed = wire::parse_signature(request);
  if (!parsed && parsed.error().message.empty()) std::abort();
  // The secret is known to nobody here: an input that is accepted would be a forgery. The corpus' own signed requests
  // were made with another one.
  if (is_accepted(request)) std::abort();

  const std::string_view service = size % 2 ? "s3" : "sts";
  const wire::SigningCredentials credentials{"AKIAIOSFODNN7EXAMPLE", std::string(secret), ""};
  http::Request signed_by_header = unsigned_copy(request);
  signed_by_header.query = request.query.find("Signature") == std::string::npos &&
                                   request.query.find('%') == std::string::npos &&
                                   request.query.find("X-Amz-") == std::string::npos
                               ? request.query
                               : "";
  http::Request presigned = unsigned_copy(request);
  wire::sign_request(signed_by_header, credentials, {"us-east-1", std::string(service)}, now);
  wire::presign_request(presigned, credentials, {"us-east-1", std::string(service)}, now, std::chrono::seconds(60));
  if (!is_accepted(signed_by_header) || !is_accepted(presigned)) std::abort();
  return 0;
}
