// AWS Signature Version 4, both ends, and the SigV2 query form that boto3 still presigns with. Pure functions over a
// request and a secret; who the key belongs to is the caller's business. Safe from any thread.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, …/RESTAuthentication.html (version 2)
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"

namespace hearth::wire {

// Why a signature is not accepted. Each service has its own code for each (gateway/signature_errors.h).
enum class SignatureProblem {
  malformed,        // the header cannot be read
  malformed_query,  // the parameters of a presigned URL cannot be read
  malformed_v2,     // the same of version 2
  unsigned_header,  // a header that has to be signed is not
  mismatch,         // the signature is not the one we compute
  skewed,           // the clocks differ by more than 15 minutes
  expired_request,  // a presigned URL is past its time
};
struct SignatureFailure {
  SignatureProblem problem;
  std::string message;
  std::string header{};  // the name of the one that is not signed
};

enum class SignatureForm { header, query, v2_query };

// What the request claims, read but not believed.
struct ParsedSignature {
  SignatureForm form = SignatureForm::header;
  std::string access_key_id;
  std::string date, region, service;  // credential scope
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string session_token;
  TimePoint time{};
  std::string amz_date;             // as signed: 20150830T123600Z
  std::chrono::seconds expires{0};  // query forms
  std::string payload_hash;         // what the signature covers: hex digest, UNSIGNED-PAYLOAD, STREAMING-…
  // Version 2 signs the bucket that the Host header names. Whoever knows our host names sets this before verifying.
  std::string host_bucket;
};

// Null: the request carries no signature at all. What a signature leaves open its bearer may choose (all but the path
// and a few parameters in version 2), so callers must check that `service` is the one that is about to answer.
std::expected<std::optional<ParsedSignature>, SignatureFailure> parse_signature(const http::Request& request);

// Whether `secret` signed this request, within its time. `payload_hash` is the hex SHA-256 of the body where the
// request does not name one itself (parsed.payload_hash is empty).
std::optional<SignatureFailure> verify_signature(const ParsedSignature& parsed, const http::Request& request,
                                                 std::string_view secret, std::string_view payload_hash, TimePoint now);

// The key that signs chunks of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body after the head was verified.
std::string signing_key(std::string_view secret, std::string_view date, std::string_view region,
                        std::string_view service);

struct SigningCredentials {
  std::string access_key_id, secret_access_key, session_token;
};
struct SigningScope {
  std::string region, service;
};
// Adds X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-Sha256 (for s3, or when `payload_hash` is given) and
// Authorization. `host` must be in the headers. An empty `payload_hash` is computed from request.body.
void sign_request(http::Request& request, const SigningCredentials& credentials, const SigningScope& scope,
                  TimePoint now, std::string_view payload_hash = {});
// Turns the request into a presigned URL's query. S3 leaves the body unsigned; other services sign request.body.
void presign_request(http::Request& request, const SigningCredentials& credentials, const SigningScope& scope,
                     TimePoint now, std::chrono::seconds expires);

}  // namespace hearth::wire
