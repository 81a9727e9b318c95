#include "gateway/service_errors.h"

namespace hearth::gateway {
namespace {

// How a service names things: S3's words, EC2's, the query services', and the JSON services'.
enum class Family { s3, ec2, query, json };

Family family_of(const wire::ServiceSchema& service, wire::Protocol protocol) {
  if (service.name == "s3") return Family::s3;
  if (protocol == wire::Protocol::ec2_query) return Family::ec2;
  if (protocol == wire::Protocol::query) return Family::query;
  return Family::json;
}

struct Words {
  const char* code[4];  // by Family
  int status[4];
  const char* message;
};

Words words_of(Refusal what) {
  switch (what) {
    case Refusal::missing_credentials:
      return {{"AccessDenied", "AuthFailure", "MissingAuthenticationToken", "MissingAuthenticationTokenException"},
              {403, 401, 403, 400},
              "Request is missing Authentication Token"};
    case Refusal::unknown_key:
      return {{"InvalidAccessKeyId", "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"},
              {403, 401, 403, 400},
              "The security token included in the request is invalid."};
    case Refusal::expired_token:
      return {{"ExpiredToken", "RequestExpired", "ExpiredToken", "ExpiredTokenException"},
              {400, 400, 403, 400},
              "The security token included in the request is expired"};
    case Refusal::invalid_token:
      return {{"InvalidToken", "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"},
              {400, 401, 403, 400},
              "The security token included in the request is invalid."};
    case Refusal::access_denied:
      return {{"AccessDenied", "UnauthorizedOperation", "AccessDenied", "AccessDeniedException"},
              {403, 403, 403, 400},
              "Access Denied"};
    case Refusal::unknown_operation:
      return {{"MethodNotAllowed", "InvalidAction", "InvalidAction", "UnknownOperationException"},
              {405, 400, 400, 404},
              "The service has no such operation."};
    case Refusal::not_implemented:
      return {{"NotImplemented", "NotImplemented", "NotImplemented", "NotImplemented"},
              {501, 501, 501, 501},
              "Cloudhearth does not serve this operation."};
    case Refusal::body_too_large:
      return {{"EntityTooLarge", "RequestEntityTooLarge", "RequestEntityTooLarge", "RequestEntityTooLargeException"},
              {400, 413, 413, 413},
              "The request body is too large."};
    case Refusal::malformed_body:
      return {{"InvalidRequest", "InvalidRequest", "MalformedInput", "SerializationException"},
              {400, 400, 400, 400},
              "The body cannot be read."};
    case Refusal::internal:
      return {{"InternalError", "InternalError", "InternalFailure", "InternalFailure"},
              {500, 500, 500, 500},
              "We encountered an internal error. Please try again."};
    case Refusal::unavailable:
      return {{"ServiceUnavailable", "Unavailable", "ServiceUnavailable", "ServiceUnavailable"},
              {503, 503, 503, 503},
              "Please try again later."};
    case Refusal::no_space:
      return {{"QuotaExceeded", "InsufficientCapacity", "ServiceUnavailable", "ServiceUnavailable"},
              {507, 503, 503, 503},
              "The disk is full."};
  }
  return words_of(Refusal::internal);
}

}  // namespace

Error refusal(const wire::ServiceSchema& service, wire::Protocol protocol, Refusal what, std::string message) {
  const Words words = words_of(what);
  const auto family = static_cast<std::size_t>(family_of(service, protocol));
  std::string code = words.code[family];
  if (what == Refusal::access_denied && !service.denied_error.empty()) code = service.denied_error;
  return Error::aws(std::move(code), words.status[family], message.empty() ? words.message : std::move(message));
}

Error signature_refusal(const wire::ServiceSchema& service, wire::Protocol protocol,
                        const wire::SignatureFailure& failure) {
  using wire::SignatureProblem;
  const Family family = family_of(service, protocol);
  switch (failure.problem) {
    case SignatureProblem::malformed:
    case SignatureProblem::malformed_query:
      if (family == Family::s3)
        return Error::aws(failure.problem == SignatureProblem::malformed ? "AuthorizationHeaderMalformed"
                                                                         : "AuthorizationQueryParametersError",
                          400, failure.message);
      return Error::aws(family == Family::json ? "IncompleteSignatureException" : "IncompleteSignature", 400,
                        failure.message);
    case SignatureProblem::unsigned_header:
      if (family == Family::s3)
        return Error::aws("AccessDenied", 403, "There were headers present in the request which were not signed")
            .with_field("HeadersNotSigned", failure.header);
      [[fallthrough]];
    case SignatureProblem::mismatch:
      if (family == Family::ec2) return Error::aws("AuthFailure", 401, failure.message);
      if (family == Family::json) return Error::aws("InvalidSignatureException", 400, failure.message);
      return Error::aws("SignatureDoesNotMatch", 403, failure.message);
    case SignatureProblem::skewed:
      if (family == Family::s3) return Error::aws("RequestTimeTooSkewed", 403, failure.message);
      if (family == Family::ec2) return Error::aws("RequestExpired", 400, failure.message);
      return Error::aws(family == Family::json ? "InvalidSignatureException" : "SignatureDoesNotMatch",
                        family == Family::json ? 400 : 403, "Signature expired: " + failure.message);
    case SignatureProblem::malformed_v2:
    case SignatureProblem::expired_request:
      if (family == Family::s3) return Error::aws("AccessDenied", 403, failure.message);
      return Error::aws("RequestExpired", 400, failure.message);
  }
  return refusal(service, protocol, Refusal::internal);
}

}  // namespace hearth::gateway
