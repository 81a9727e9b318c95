#include "services/sns/messages.h"

#include <boost/json.hpp>

namespace hearth::sns {

std::string string_to_sign(const OutgoingMessage& message) {
  std::string text;
  const auto add = [&](std::string_view name, std::string_view value) {
    text.append(name).append("\n").append(value).append("\n");
  };
  const bool is_notification = message.type == "Notification";
  add("Message", message.message);
  add("MessageId", message.message_id);
  if (is_notification && message.subject) add("Subject", *message.subject);
  if (!is_notification) add("SubscribeURL", message.subscribe_url);
  add("Timestamp", message.timestamp);
  if (!is_notification) add("Token", message.token);
  add("TopicArn", message.topic_arn);
  add("Type", message.type);
  return text;
}

std::string sign(const OutgoingMessage& message, const SigningKey& key, bool with_sha256) {
  return key.sign(string_to_sign(message), with_sha256);
}

std::string to_json(const OutgoingMessage& message, std::string_view signature, bool with_sha256,
                    std::string_view certificate_url) {
  const bool is_notification = message.type == "Notification";
  boost::json::object json;
  json["Type"] = message.type;
  json["MessageId"] = message.message_id;
  if (!is_notification) json["Token"] = message.token;
  json["TopicArn"] = message.topic_arn;
  if (is_notification && message.subject) json["Subject"] = *message.subject;
  json["Message"] = message.message;
  if (!is_notification) json["SubscribeURL"] = message.subscribe_url;
  json["Timestamp"] = message.timestamp;
  json["SignatureVersion"] = with_sha256 ? "2" : "1";
  json["Signature"] = boost::json::string(signature);
  json["SigningCertURL"] = boost::json::string(certificate_url);
  if (is_notification) json["UnsubscribeURL"] = message.unsubscribe_url;
  if (!message.attributes.empty()) {
    boost::json::object attributes;
    for (const auto& [name, attribute] : message.attributes)
      attributes[name] = boost::json::object{{"Type", attribute.type}, {"Value", attribute.value}};
    json["MessageAttributes"] = std::move(attributes);
  }
  return boost::json::serialize(json);
}

}  // namespace hearth::sns
