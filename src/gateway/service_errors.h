// The codes AWS services give to what goes wrong before a handler runs: each family of services has its own words.
#pragma once

#include "base/result.h"
#include "wire/schema.h"
#include "wire/sigv4.h"

namespace hearth::gateway {

enum class Refusal {
  missing_credentials,  // not signed at all
  unknown_key,
  expired_token,
  invalid_token,
  access_denied,
  unknown_operation,
  not_implemented,
  body_too_large,
  malformed_body,
  internal,
  unavailable,
  no_space,
};

Error refusal(const wire::ServiceSchema& service, wire::Protocol protocol, Refusal what, std::string message = {});
Error signature_refusal(const wire::ServiceSchema& service, wire::Protocol protocol,
                        const wire::SignatureFailure& failure);

}  // namespace hearth::gateway
