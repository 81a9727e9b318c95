// Bearer keys in the form AWS made for Bedrock: a presigned request in base64, so whoever checks one needs no table of
// keys. Made by the SDKs' token generators from any credentials, short-lived ones too.
// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
#pragma once

#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace hearth::gateway {

// The request that a key presigns; its signature is still to be verified. invalid: the key is not of that form, or
// presigns something else than CallWithBearerToken.
Result<http::Request> read_bearer_key(std::string_view key);

}  // namespace hearth::gateway
