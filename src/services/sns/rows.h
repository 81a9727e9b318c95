// What SNS keeps.
//   sns ACCOUNT REGION topic NAME -> TopicRow        sns ACCOUNT REGION subscription TOPIC ID -> SubscriptionRow
//   sns-delivery SUBSCRIPTION_ARN DUE_MS ID -> DeliveryRow, each subscription's in the order they are due
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::sns {

struct TopicRow {
  std::string arn;
  std::string name;
  std::string account_id;
  std::string region;
  std::map<std::string, std::string> attributes;  // as set: Policy, DisplayName, SignatureVersion
  std::map<std::string, std::string> tags;
  std::int64_t created_ms = 0;
};

inline bool signs_with_sha256(const TopicRow& topic) {
  const auto version = topic.attributes.find("SignatureVersion");
  return version != topic.attributes.end() && version->second == "2";
}

struct SubscriptionRow {
  std::string arn;
  std::string topic_arn;
  std::string owner_account_id;
  std::string protocol;  // http or https
  std::string endpoint;
  bool is_confirmed = false;
  std::string token;  // of the confirmation
  std::int64_t token_expires_ms = 0;
  bool confirmed_by_signed_call = false;
  bool needs_signed_unsubscribe = false;
  std::map<std::string, std::string> attributes;  // RawMessageDelivery, FilterPolicy, FilterPolicyScope
  std::int64_t created_ms = 0;
};

struct DeliveryRow {
  std::string id;
  std::string subscription_arn;
  std::string topic_arn;
  std::string endpoint;
  std::string message_id;
  std::string message_type;  // Notification, SubscriptionConfirmation
  bool is_raw = false;
  std::string body;
  std::int64_t due_ms = 0;
  std::int32_t attempt_count = 0;  // made so far
};

// To stored bytes and back. Defined in rows.cpp alone: describing rows is slow to compile.
template <class Row>
std::string encode_row(const Row& row);
template <class Row>
Result<Row> decode_row(std::string_view bytes);

// arn:aws:sns:REGION:ACCOUNT:TOPIC[:ID] in parts; all empty if it is not one.
struct SnsArn {
  std::string region;
  std::string account_id;
  std::string topic;
  std::string subscription_id;
  std::string topic_arn() const { return "arn:aws:sns:" + region + ":" + account_id + ":" + topic; }
};
SnsArn parse_sns_arn(std::string_view arn);
// The same; all empty if it is not a topic's, as policies and rows write it. What operations on topics take: an ARN
// with something behind the topic would be another resource to a policy and the same topic to us.
SnsArn parse_topic_arn(std::string_view arn);

std::string topic_key(const SnsArn& arn);
std::string subscription_key(const SnsArn& arn);
std::string subscription_prefix(const SnsArn& topic);

std::string deliveries_prefix();
std::string deliveries_prefix(std::string_view subscription_arn);
std::string delivery_key(const DeliveryRow& delivery);
struct DeliveryKey {
  std::string subscription_arn;
  std::int64_t due_ms = 0;
};
DeliveryKey parse_delivery_key(std::string_view key);

}  // namespace hearth::sns
