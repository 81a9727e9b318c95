// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and PublishBatch. A message is accepted when one row per
// delivery is committed.
#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "api/sns/errors.h"
#include "base/bytes.h"
#include "base/log.h"
#include "services/sns/access.h"
#include "services/sns/service.h"

namespace hearth {

namespace op = api::sns::op;
template <>
struct AccessRule<op::Publish> {
  static Access of(const RequestContext&, const op::Publish::Input& in) {
    return {"sns:Publish", in.topic_arn ? *in.topic_arn : in.target_arn.value_or("*"), {}};
  }
};
template <>
struct AccessRule<op::PublishBatch> {
  static Access of(const RequestContext&, const op::PublishBatch::Input& in) {
    return {"sns:Publish", in.topic_arn, {}};
  }
};

namespace sns {
namespace {

namespace errors = api::sns::errors;

constexpr std::size_t message_size_max = 262'144;
constexpr std::size_t subject_length_max = 100;
constexpr std::size_t batch_size_max = 10;
constexpr std::size_t no_limit = 100'000;

Result<MessageAttributes> attributes_of(const wire::Opt<wire::Map<api::sns::MessageAttributeValue>>& given) {
  MessageAttributes attributes;
  if (!given) return attributes;
  for (const auto& [name, value] : *given) {
    const std::string& type = value.data_type;
    const bool is_binary = type.starts_with("Binary");
    if (!is_binary && !type.starts_with("String") && !type.starts_with("Number"))
      return errors::parameter_value_invalid(
          "The message attribute '" + name +
          "' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.");
    const bool has_value = is_binary ? value.binary_value && !value.binary_value->data.empty()
                                     : value.string_value && !value.string_value->empty();
    if (!has_value)
      return errors::parameter_value_invalid("The message attribute '" + name +
                                             "' must contain a non-empty attribute value for its type.");
    // A filter would never find what does not parse.
    boost::system::error_code not_json;
    if (const bool is_list = type.starts_with("String.Array"); is_list || type.starts_with("Number")) {
      const boost::json::value parsed = boost::json::parse(*value.string_value, not_json);
      if (not_json || (is_list ? !parsed.is_array() : !parsed.is_number()))
        return errors::parameter_value_invalid("The value of the message attribute '" + name + "' is not a " + type +
                                               ".");
    }
    attributes[name] = {type, is_binary ? to_base64(value.binary_value->data) : *value.string_value};
  }
  return attributes;
}

std::size_t size_of(const std::string& message, const MessageAttributes& attributes) {
  std::size_t size = message.size();
  for (const auto& [name, attribute] : attributes) size += name.size() + attribute.type.size() + attribute.value.size();
  return size;
}

Result<void> check_subject(const std::optional<std::string>& subject) {
  if (!subject) return ok;
  const bool has_control = std::ranges::any_of(*subject, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  if (subject->empty() || subject->size() > subject_length_max || has_control)
    return errors::invalid_parameter("Invalid parameter: Subject");
  return ok;
}

// MessageStructure=json: each protocol has its own text, `default` the others'.
Result<std::string> text_for(const std::string& message, const std::string& protocol) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(message, error);
  if (error || !value.is_object())
    return errors::invalid_parameter("Invalid parameter: Message Structure - JSON message body failed to parse");
  const boost::json::value* fallback = value.get_object().if_contains("default");
  if (!fallback || !fallback->is_string())
    return errors::invalid_parameter("Invalid parameter: Message Structure - No default entry in JSON message body");
  const boost::json::value* own = value.get_object().if_contains(protocol);
  const boost::json::string& text = own && own->is_string() ? own->get_string() : fallback->get_string();
  return std::string(text.data(), text.size());
}

// AWS: on a topic that is not FIFO a group is for SQS queues alone, and a deduplication id is a mistake.
Result<void> check_message_options(const wire::Opt<std::string>& structure,
                                   const wire::Opt<std::string>& deduplication_id) {
  if (structure && *structure != "json")
    return errors::invalid_parameter("Invalid parameter: MessageStructure Reason: the only structure is json");
  if (deduplication_id)
    return errors::invalid_parameter(
        "Invalid parameter: MessageDeduplicationId Reason: FIFO topics are not served here");
  return ok;
}

bool wants(const SubscriptionRow& subscription, const MessageAttributes& attributes, const std::string& message) {
  const auto filter = subscription.attributes.find("FilterPolicy");
  if (filter == subscription.attributes.end()) return true;
  const auto scope = subscription.attributes.find("FilterPolicyScope");
  const bool by_body = scope != subscription.attributes.end() && scope->second == "MessageBody";
  const Result<FilterPolicy> policy =
      FilterPolicy::parse(filter->second, by_body ? FilterPolicy::Scope::body : FilterPolicy::Scope::attributes);
  return policy && policy->accepts(attributes, message);
}

}  // namespace

void SnsService::register_publishing(OperationTable& table) {
  table.serve<op::Publish>(*this, &SnsService::publish);
  table.serve<op::PublishBatch>(*this, &SnsService::publish_batch);
}

Async<std::string> SnsService::publish_to(const TopicRow& topic, const NewMessage& message) {
  if (message.message.empty()) co_return errors::invalid_parameter("Invalid parameter: Empty message");
  if (size_of(message.message, message.attributes) > message_size_max)
    co_return errors::invalid_parameter("Invalid parameter: Message too long");
  CO_TRY_DO(check_subject(message.subject));
  if (message.is_per_protocol) CO_TRY_DO(text_for(message.message, "default"));

  const std::string message_id = ids_.uuid();
  const std::string timestamp = format_iso8601(clock_.now());
  const bool with_sha256 = signs_with_sha256(topic);
  const std::int64_t now_ms = to_ms(clock_.now());
  std::map<std::string, std::string> signatures;  // by text: protocols may have texts of their own
  std::vector<std::string> subscriptions;         // that get the message
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    subscriptions.clear();
    const SnsArn topic_arn = parse_sns_arn(topic.arn);
    CO_TRY(const std::vector<KeyValue> rows,
           co_await tx.scan(KeyRange::prefix(subscription_prefix(topic_arn)), no_limit));
    for (const KeyValue& entry : rows) {
      CO_TRY(const SubscriptionRow subscription, decode_row<SubscriptionRow>(entry.value));
      if (!subscription.is_confirmed) continue;
      std::string text = message.message;
      if (message.is_per_protocol) {
        CO_TRY(text, text_for(message.message, subscription.protocol));
      }
      if (!wants(subscription, message.attributes, text)) continue;
      if (queues_.is_full(subscription.arn)) {
        log::warning("too many messages wait for an endpoint; one more is not kept",
                     {{"subscription", subscription.arn}, {"message", message_id}});
        continue;
      }
      const auto raw = subscription.attributes.find("RawMessageDelivery");
      DeliveryRow delivery;
      delivery.id = ids_.uuid();
      delivery.subscription_arn = subscription.arn;
      delivery.topic_arn = topic.arn;
      delivery.endpoint = subscription.endpoint;
      delivery.message_id = message_id;
      delivery.message_type = "Notification";
      delivery.is_raw = raw != subscription.attributes.end() && raw->second == "true";
      if (delivery.is_raw) {
        delivery.body = std::move(text);
      } else {
        OutgoingMessage outgoing;
        outgoing.message_id = message_id;
        outgoing.topic_arn = topic.arn;
        outgoing.subject = message.subject;
        outgoing.message = std::move(text);
        outgoing.timestamp = timestamp;
        outgoing.unsubscribe_url = unsubscribe_url(subscription);
        outgoing.attributes = message.attributes;
        const auto [signature, is_new] = signatures.try_emplace(outgoing.message);
        if (is_new) signature->second = sign(outgoing, key_, with_sha256);
        delivery.body = to_json(outgoing, signature->second, with_sha256, certificate_url());
      }
      delivery.due_ms = now_ms;
      tx.put(delivery_key(delivery), encode_row(delivery));
      subscriptions.push_back(subscription.arn);
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  for (const std::string& subscription_arn : subscriptions) queues_.add(subscription_arn, now_ms);
  if (loop_) loop_->wake();
  co_return message_id;
}

Async<api::sns::PublishResponse> SnsService::publish(const RequestContext&, const api::sns::PublishInput& in) {
  if (in.phone_number)
    co_return errors::invalid_parameter("Invalid parameter: PhoneNumber Reason: SMS is not served here");
  if (!in.topic_arn && !in.target_arn) co_return errors::invalid_parameter("Invalid parameter: TopicArn or TargetArn");
  CO_TRY_DO(check_message_options(in.message_structure, in.message_deduplication_id));
  const std::string topic_arn = in.topic_arn ? *in.topic_arn : *in.target_arn;
  CO_TRY(const TopicRow topic, co_await find_topic(topic_arn));
  NewMessage message;
  message.message = in.message;
  if (in.subject) message.subject = *in.subject;
  message.is_per_protocol = in.message_structure && *in.message_structure == "json";
  CO_TRY(message.attributes, attributes_of(in.message_attributes));
  api::sns::PublishResponse out;
  CO_TRY(std::string message_id, co_await publish_to(topic, message));
  out.message_id = std::move(message_id);
  co_return out;
}

Async<api::sns::PublishBatchResponse> SnsService::publish_batch(const RequestContext&,
                                                                const api::sns::PublishBatchInput& in) {
  const auto& entries = in.publish_batch_request_entries;
  if (entries.empty()) co_return errors::empty_batch_request("The batch request doesn't contain any entries.");
  if (entries.size() > batch_size_max)
    co_return errors::too_many_entries_in_batch_request("The batch request contains more entries than permissible.");
  std::set<std::string> ids;
  std::size_t total_size = 0;
  for (const auto& entry : entries) {
    if (!ids.insert(entry.id).second)
      co_return errors::batch_entry_ids_not_distinct("Two or more batch entries in the request have the same Id.");
    total_size += entry.message.size();
    const Result<MessageAttributes> attributes = attributes_of(entry.message_attributes);
    if (attributes) total_size += size_of("", *attributes);
  }
  if (total_size > message_size_max)
    co_return errors::batch_request_too_long(
        "The length of all the batch messages put together is more than the limit.");
  CO_TRY(const TopicRow topic, co_await find_topic(in.topic_arn));

  api::sns::PublishBatchResponse out;
  auto& successful = out.successful.emplace();
  auto& failed = out.failed.emplace();
  for (const auto& entry : entries) {
    NewMessage message;
    message.message = entry.message;
    if (entry.subject) message.subject = *entry.subject;
    message.is_per_protocol = entry.message_structure && *entry.message_structure == "json";
    Result<MessageAttributes> attributes = attributes_of(entry.message_attributes);
    const Result<void> options = check_message_options(entry.message_structure, entry.message_deduplication_id);
    if (attributes && !options) attributes = options.error();
    Result<std::string> message_id = Error(ErrorKind::internal, "not published");
    if (attributes) {
      message.attributes = *std::move(attributes);
      message_id = co_await publish_to(topic, message);
    } else {
      message_id = std::move(attributes).error();
    }
    if (message_id) {
      api::sns::PublishBatchResultEntry result;
      result.id = entry.id;
      result.message_id = *std::move(message_id);
      successful.push_back(std::move(result));
    } else if (message_id.error().kind() == ErrorKind::aws) {
      api::sns::BatchResultErrorEntry result;
      result.id = entry.id;
      result.code = message_id.error().code();
      result.message = message_id.error().message();
      result.sender_fault = true;
      failed.push_back(std::move(result));
    } else {
      co_return std::move(message_id).error();
    }
  }
  co_return out;
}

Async<void> SnsService::notify(std::string_view topic_arn, std::string subject, std::string message) {
  Result<TopicRow> topic = co_await find_topic(topic_arn);
  if (!topic && topic.error().kind() == ErrorKind::aws)
    co_return Error(ErrorKind::not_found, "no topic " + std::string(topic_arn));
  if (!topic) co_return std::move(topic).error();
  NewMessage new_message;
  new_message.message = std::move(message);
  // AWS: a subject is one short line; alarms may say more than that.
  std::ranges::replace_if(subject, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  if (subject.size() > subject_length_max) subject.resize(subject_length_max);
  if (!subject.empty()) new_message.subject = std::move(subject);
  CO_TRY_DO(co_await publish_to(*topic, new_message));
  co_return ok;
}

}  // namespace sns
}  // namespace hearth
