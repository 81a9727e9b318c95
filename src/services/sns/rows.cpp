#include "services/sns/rows.h"

#include <boost/describe.hpp>

#include "base/key.h"
#include "base/row.h"

namespace hearth::sns {

BOOST_DESCRIBE_STRUCT(TopicRow, (), (arn, name, account_id, region, attributes, tags, created_ms))
BOOST_DESCRIBE_STRUCT(SubscriptionRow, (),
                      (arn, topic_arn, owner_account_id, protocol, endpoint, is_confirmed, token, token_expires_ms,
                       confirmed_by_signed_call, needs_signed_unsubscribe, attributes, created_ms))
BOOST_DESCRIBE_STRUCT(DeliveryRow, (),
                      (id, subscription_arn, topic_arn, endpoint, message_id, message_type, is_raw, body, due_ms,
                       attempt_count))

template <class Row>
std::string encode_row(const Row& row) {
  return row::encode(row);
}
template <class Row>
Result<Row> decode_row(std::string_view bytes) {
  return row::decode<Row>(bytes);
}
template std::string encode_row(const TopicRow&);
template std::string encode_row(const SubscriptionRow&);
template std::string encode_row(const DeliveryRow&);
template Result<TopicRow> decode_row(std::string_view);
template Result<SubscriptionRow> decode_row(std::string_view);
template Result<DeliveryRow> decode_row(std::string_view);

SnsArn parse_sns_arn(std::string_view text) {
  constexpr std::string_view prefix = "arn:aws:sns:";
  if (!text.starts_with(prefix)) return {};
  text.remove_prefix(prefix.size());
  SnsArn arn;
  for (std::string* part : {&arn.region, &arn.account_id, &arn.topic}) {
    const std::size_t colon = text.find(':');
    *part = text.substr(0, colon);
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  }
  arn.subscription_id = text;
  if (arn.region.empty() || arn.account_id.empty() || arn.topic.empty()) return {};
  return arn;
}

SnsArn parse_topic_arn(std::string_view text) {
  SnsArn arn = parse_sns_arn(text);
  return arn.topic_arn() == text ? arn : SnsArn{};
}

std::string topic_key(const SnsArn& arn) {
  return make_key("sns", arn.account_id, arn.region, "topic", arn.topic);
}
std::string subscription_prefix(const SnsArn& topic) {
  return make_key("sns", topic.account_id, topic.region, "subscription", topic.topic);
}
std::string subscription_key(const SnsArn& arn) {
  return make_key("sns", arn.account_id, arn.region, "subscription", arn.topic, arn.subscription_id);
}
std::string deliveries_prefix() {
  return make_key("sns-delivery");
}
std::string deliveries_prefix(std::string_view subscription_arn) {
  return make_key("sns-delivery", subscription_arn);
}
std::string delivery_key(const DeliveryRow& delivery) {
  KeyBuilder key;
  key.text("sns-delivery").text(delivery.subscription_arn);
  key.number(static_cast<std::uint64_t>(delivery.due_ms)).text(delivery.id);
  return std::move(key).take();
}
DeliveryKey parse_delivery_key(std::string_view key) {
  KeyReader reader(key);
  (void)reader.take_text();
  DeliveryKey parsed;
  parsed.subscription_arn = reader.take_text();
  parsed.due_ms = static_cast<std::int64_t>(reader.take_number());
  return parsed;
}

}  // namespace hearth::sns
