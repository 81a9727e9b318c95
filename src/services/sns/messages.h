// What an endpoint gets. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/sns/filter_policy.h"
#include "services/sns/signing_key.h"

namespace hearth::sns {

struct OutgoingMessage {
  std::string type = "Notification";  // or SubscriptionConfirmation
  std::string message_id;
  std::string topic_arn;
  std::optional<std::string> subject;
  std::string message;
  std::string timestamp;        // 2026-11-23T12:00:00.123Z
  std::string token;            // of a confirmation
  std::string subscribe_url;    // of a confirmation
  std::string unsubscribe_url;  // of a notification
  MessageAttributes attributes;
};

// The signature of string_to_sign(). One message to many endpoints has one: what differs is not signed.
std::string sign(const OutgoingMessage& message, const SigningKey& key, bool with_sha256);
// The JSON body. `certificate_url` is where certificate_pem() is served.
std::string to_json(const OutgoingMessage& message, std::string_view signature, bool with_sha256,
                    std::string_view certificate_url);
// The text under the signature: names and values on lines of their own, in alphabetical order.
std::string string_to_sign(const OutgoingMessage& message);

}  // namespace hearth::sns
