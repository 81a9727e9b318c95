// https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html and its kin. An endpoint is confirmed by visiting the
// SubscribeURL it was sent, or by ConfirmSubscription with the token: only its owner knows either.
#include <algorithm>

#include "api/sns/errors.h"
#include "base/bytes.h"
#include "services/sns/access.h"
#include "services/sns/endpoints.h"
#include "services/sns/service.h"

namespace hearth {

namespace op = api::sns::op;
template <>
struct AccessRule<op::Subscribe> : sns::OnTopic<op::Subscribe> {};
template <>
struct AccessRule<op::ListSubscriptions> : sns::OnAnything<op::ListSubscriptions> {};
template <>
struct AccessRule<op::ListSubscriptionsByTopic> : sns::OnTopic<op::ListSubscriptionsByTopic> {};
template <>
struct AccessRule<op::GetSubscriptionAttributes> : sns::OnSubscription<op::GetSubscriptionAttributes> {};
template <>
struct AccessRule<op::SetSubscriptionAttributes> : sns::OnSubscription<op::SetSubscriptionAttributes> {};
// The token is the proof: an endpoint confirms by visiting a URL, without credentials.
template <>
struct AccessRule<op::ConfirmSubscription> {
  static std::vector<Access> of(const RequestContext&, const op::ConfirmSubscription::Input&) { return {}; }
};
// The UnsubscribeURL of a message needs no credentials either, unless the subscription asks for them (see unsubscribe).
template <>
struct AccessRule<op::Unsubscribe> {
  static std::vector<Access> of(const RequestContext& ctx, const op::Unsubscribe::Input& in) {
    if (ctx.caller.kind == PrincipalKind::anonymous) return {};
    return {sns::OnSubscription<op::Unsubscribe>::of(ctx, in)};
  }
};

namespace sns {
namespace {

namespace errors = api::sns::errors;

constexpr std::size_t page_size = 100;  // AWS
constexpr std::size_t no_limit = 100'000;
constexpr std::size_t token_digits = 64;
constexpr std::chrono::hours token_lifetime{48};  // AWS: two days

Error no_such_subscription() {
  return errors::not_found("Subscription does not exist");
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
        c == '_') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += hex[byte >> 4];
      encoded += hex[byte & 15];
    }
  }
  return encoded;
}

FilterPolicy::Scope scope_of(const std::map<std::string, std::string>& attributes) {
  const auto scope = attributes.find("FilterPolicyScope");
  return scope != attributes.end() && scope->second == "MessageBody" ? FilterPolicy::Scope::body
                                                                     : FilterPolicy::Scope::attributes;
}

// All of them together: what a filter means depends on its scope.
Result<void> check_attributes(const std::map<std::string, std::string>& attributes) {
  const auto invalid = [](const std::string& why) {
    return errors::invalid_parameter("Invalid parameter: Attributes Reason: " + why);
  };
  for (const auto& [name, value] : attributes) {
    if (name == "RawMessageDelivery") {
      if (value != "true" && value != "false") return invalid("RawMessageDelivery: must be true or false");
    } else if (name == "FilterPolicyScope") {
      if (value != "MessageAttributes" && value != "MessageBody")
        return invalid("FilterPolicyScope: must be MessageAttributes or MessageBody");
    } else if (name == "FilterPolicy") {
      const Result<FilterPolicy> policy = FilterPolicy::parse(value, scope_of(attributes));
      if (!policy) return errors::invalid_parameter("Invalid parameter: " + policy.error().message());
    } else {
      return invalid(name + ": this attribute is not served here");
    }
  }
  return ok;
}

api::sns::Subscription subscription_view(const SubscriptionRow& row) {
  api::sns::Subscription subscription;
  subscription.subscription_arn = row.is_confirmed ? row.arn : "PendingConfirmation";
  subscription.owner = row.owner_account_id;
  subscription.protocol = row.protocol;
  subscription.endpoint = row.endpoint;
  subscription.topic_arn = row.topic_arn;
  return subscription;
}

// One page of subscriptions whose keys start with `prefix`; the token is the key to go on after.
template <class Output>
Async<Output> list_page(MetadataStore& store, std::string prefix, wire::Opt<std::string> next_token) {
  KeyRange range = KeyRange::prefix(prefix);
  if (next_token) {
    const std::optional<std::string> after = from_base64(*next_token);
    if (!after || !after->starts_with(prefix)) co_return errors::invalid_parameter("Invalid parameter: NextToken");
    range.begin = after_prefix(*after);
  }
  CO_TRY(const std::vector<KeyValue> rows, co_await store.scan(range, page_size + 1));
  Output out;
  auto& subscriptions = out.subscriptions.emplace();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == page_size) {
      out.next_token = to_base64(rows[i - 1].key);
      break;
    }
    CO_TRY(const SubscriptionRow row, decode_row<SubscriptionRow>(rows[i].value));
    subscriptions.push_back(subscription_view(row));
  }
  co_return out;
}

}  // namespace

void SnsService::register_subscriptions(OperationTable& table) {
  table.serve<op::Subscribe>(*this, &SnsService::subscribe);
  table.serve<op::ConfirmSubscription>(*this, &SnsService::confirm_subscription);
  table.serve<op::Unsubscribe>(*this, &SnsService::unsubscribe);
  table.serve<op::ListSubscriptions>(*this, &SnsService::list_subscriptions);
  table.serve<op::ListSubscriptionsByTopic>(*this, &SnsService::list_subscriptions_by_topic);
  table.serve<op::GetSubscriptionAttributes>(*this, &SnsService::get_subscription_attributes);
  table.serve<op::SetSubscriptionAttributes>(*this, &SnsService::set_subscription_attributes);
}

// AWS's URLs carry no Version; ours do, because one port serves every service.
std::string SnsService::confirm_url(const SubscriptionRow& subscription) const {
  return public_url_ +
         "/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=" + percent_encode(subscription.topic_arn) +
         "&Token=" + subscription.token;
}
std::string SnsService::unsubscribe_url(const SubscriptionRow& subscription) const {
  return public_url_ + "/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn=" + percent_encode(subscription.arn);
}

void SnsService::queue_confirmation(Transaction& tx, const TopicRow& topic, const SubscriptionRow& subscription) {
  OutgoingMessage message;
  message.type = "SubscriptionConfirmation";
  message.message_id = ids_.uuid();
  message.topic_arn = subscription.topic_arn;
  message.message = "You have chosen to subscribe to the topic " + subscription.topic_arn +
                    ".\nTo confirm the subscription, visit the SubscribeURL included in this message.";
  message.timestamp = format_iso8601(clock_.now());
  message.token = subscription.token;
  message.subscribe_url = confirm_url(subscription);
  DeliveryRow delivery;
  delivery.id = ids_.uuid();
  delivery.subscription_arn = subscription.arn;
  delivery.topic_arn = subscription.topic_arn;
  delivery.endpoint = subscription.endpoint;
  delivery.message_id = message.message_id;
  delivery.message_type = message.type;
  const bool with_sha256 = signs_with_sha256(topic);
  delivery.body = to_json(message, sign(message, key_, with_sha256), with_sha256, certificate_url());
  delivery.due_ms = to_ms(clock_.now());
  tx.put(delivery_key(delivery), encode_row(delivery));
}

Async<api::sns::SubscribeResponse> SnsService::subscribe(const RequestContext& ctx,
                                                         const api::sns::SubscribeInput& in) {
  const std::string endpoint = in.endpoint.value_or("");
  CO_TRY_DO(check_endpoint(in.protocol, endpoint, public_url_));
  CO_TRY(const TopicRow topic, co_await find_topic(in.topic_arn));
  SubscriptionRow fresh;
  fresh.arn = topic.arn + ":" + ids_.uuid();
  fresh.topic_arn = topic.arn;
  fresh.owner_account_id = ctx.account_id;
  fresh.protocol = in.protocol;
  fresh.endpoint = endpoint;
  fresh.token = ids_.hex(token_digits);
  fresh.token_expires_ms = to_ms(clock_.now() + token_lifetime);
  fresh.created_ms = to_ms(clock_.now());
  if (in.attributes)
    for (const auto& [name, value] : *in.attributes) fresh.attributes[name] = value;
  CO_TRY_DO(check_attributes(fresh.attributes));

  SubscriptionRow subscription;
  const SnsArn topic_arn = parse_sns_arn(topic.arn);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    subscription = fresh;
    const std::string key_of_topic = topic_key(topic_arn);
    CO_TRY(const std::optional<std::string> still_there, co_await tx.get(key_of_topic));
    if (!still_there) co_return errors::not_found("Topic does not exist");
    CO_TRY(const std::vector<KeyValue> rows,
           co_await tx.scan(KeyRange::prefix(subscription_prefix(topic_arn)), no_limit));
    for (const KeyValue& entry : rows) {
      CO_TRY(SubscriptionRow existing, decode_row<SubscriptionRow>(entry.value));
      if (existing.endpoint != endpoint) continue;
      // AWS: subscribing again gives the subscription there is; one still pending is asked once more.
      if (in.attributes && existing.attributes != fresh.attributes)
        co_return errors::invalid_parameter(
            "Invalid parameter: Attributes Reason: Subscription already exists with different attributes");
      if (!existing.is_confirmed) {
        existing.token = fresh.token;
        existing.token_expires_ms = fresh.token_expires_ms;
        tx.put(entry.key, encode_row(existing));
        queue_confirmation(tx, topic, existing);
      }
      subscription = std::move(existing);
      co_return ok;
    }
    tx.put(subscription_key(parse_sns_arn(subscription.arn)), encode_row(subscription));
    queue_confirmation(tx, topic, subscription);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  if (!subscription.is_confirmed) queues_.add(subscription.arn, to_ms(clock_.now()));
  if (loop_) loop_->wake();
  api::sns::SubscribeResponse out;
  const bool show_arn = subscription.is_confirmed || in.return_subscription_arn.value_or(false);
  out.subscription_arn = show_arn ? subscription.arn : "pending confirmation";
  co_return out;
}

Async<api::sns::ConfirmSubscriptionResponse> SnsService::confirm_subscription(
    const RequestContext& ctx, const api::sns::ConfirmSubscriptionInput& in) {
  const SnsArn topic = parse_topic_arn(in.topic_arn);
  if (topic.topic.empty()) co_return errors::invalid_parameter("Invalid parameter: TopicArn");
  const bool is_signed = ctx.caller.kind != PrincipalKind::anonymous;
  std::string confirmed_arn;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::vector<KeyValue> rows, co_await tx.scan(KeyRange::prefix(subscription_prefix(topic)), no_limit));
    for (const KeyValue& entry : rows) {
      CO_TRY(SubscriptionRow subscription, decode_row<SubscriptionRow>(entry.value));
      if (!equal_constant_time(subscription.token, in.token)) continue;
      if (!subscription.is_confirmed && to_ms(clock_.now()) > subscription.token_expires_ms) break;
      confirmed_arn = subscription.arn;
      if (subscription.is_confirmed) co_return ok;  // AWS: visiting the URL twice is no error
      subscription.is_confirmed = true;
      subscription.confirmed_by_signed_call = is_signed;
      subscription.needs_signed_unsubscribe =
          is_signed && in.authenticate_on_unsubscribe && *in.authenticate_on_unsubscribe == "true";
      tx.put(entry.key, encode_row(subscription));
      co_return ok;
    }
    co_return errors::invalid_parameter("Invalid parameter: Token");
  };
  CO_TRY_DO(co_await transact(store_, body));
  api::sns::ConfirmSubscriptionResponse out;
  out.subscription_arn = confirmed_arn;
  co_return out;
}

Async<wire::Unit> SnsService::unsubscribe(const RequestContext& ctx, const api::sns::UnsubscribeInput& in) {
  const SnsArn arn = parse_sns_arn(in.subscription_arn);
  if (arn.subscription_id.empty())
    co_return errors::invalid_parameter(
        "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1");
  const std::string key = subscription_key(arn);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) co_return ok;  // AWS: unsubscribing twice succeeds
    CO_TRY(const SubscriptionRow subscription, decode_row<SubscriptionRow>(*bytes));
    if (subscription.needs_signed_unsubscribe && ctx.caller.kind == PrincipalKind::anonymous)
      co_return errors::authorization_error("This subscription can only be removed by a signed request.");
    tx.remove(key);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

Async<api::sns::ListSubscriptionsResponse> SnsService::list_subscriptions(const RequestContext& ctx,
                                                                          const api::sns::ListSubscriptionsInput& in) {
  const std::string prefix = make_key("sns", ctx.account_id, ctx.region, "subscription");
  co_return co_await list_page<api::sns::ListSubscriptionsResponse>(store_, prefix, in.next_token);
}

Async<api::sns::ListSubscriptionsByTopicResponse> SnsService::list_subscriptions_by_topic(
    const RequestContext&, const api::sns::ListSubscriptionsByTopicInput& in) {
  CO_TRY(const TopicRow topic, co_await find_topic(in.topic_arn));
  const std::string prefix = subscription_prefix(parse_sns_arn(topic.arn));
  co_return co_await list_page<api::sns::ListSubscriptionsByTopicResponse>(store_, prefix, in.next_token);
}

Async<api::sns::GetSubscriptionAttributesResponse> SnsService::get_subscription_attributes(
    const RequestContext&, const api::sns::GetSubscriptionAttributesInput& in) {
  const SnsArn arn = parse_sns_arn(in.subscription_arn);
  if (arn.subscription_id.empty()) co_return errors::invalid_parameter("Invalid parameter: SubscriptionArn");
  const std::string key = subscription_key(arn);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return no_such_subscription();
  CO_TRY(const SubscriptionRow subscription, decode_row<SubscriptionRow>(*bytes));
  api::sns::GetSubscriptionAttributesResponse out;
  auto& attributes = out.attributes.emplace();
  for (const auto& [name, value] : subscription.attributes) attributes[name] = value;
  if (!subscription.attributes.contains("RawMessageDelivery")) attributes["RawMessageDelivery"] = "false";
  attributes["SubscriptionArn"] = subscription.arn;
  attributes["TopicArn"] = subscription.topic_arn;
  attributes["Owner"] = subscription.owner_account_id;
  attributes["Protocol"] = subscription.protocol;
  attributes["Endpoint"] = subscription.endpoint;
  attributes["PendingConfirmation"] = subscription.is_confirmed ? "false" : "true";
  attributes["ConfirmationWasAuthenticated"] = subscription.confirmed_by_signed_call ? "true" : "false";
  co_return out;
}

Async<wire::Unit> SnsService::set_subscription_attributes(const RequestContext&,
                                                          const api::sns::SetSubscriptionAttributesInput& in) {
  const SnsArn arn = parse_sns_arn(in.subscription_arn);
  if (arn.subscription_id.empty()) co_return errors::invalid_parameter("Invalid parameter: SubscriptionArn");
  const std::string key = subscription_key(arn);
  const std::string value = in.attribute_value.value_or("");
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) co_return no_such_subscription();
    CO_TRY(SubscriptionRow subscription, decode_row<SubscriptionRow>(*bytes));
    // AWS: an empty filter, "" or {}, wants everything.
    if (in.attribute_name == "FilterPolicy" && (value.empty() || value == "{}"))
      subscription.attributes.erase(in.attribute_name);
    else
      subscription.attributes[in.attribute_name] = value;
    CO_TRY_DO(check_attributes(subscription.attributes));
    tx.put(key, encode_row(subscription));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

}  // namespace sns
}  // namespace hearth
