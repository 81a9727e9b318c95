// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html and its kin; attributes; tags; topic policies.
#include <algorithm>

#include "api/sns/errors.h"
#include "base/bytes.h"
#include "services/sns/access.h"
#include "services/sns/service.h"

namespace hearth {

namespace op = api::sns::op;
template <>
struct AccessRule<op::CreateTopic> {
  // AWS: who makes a topic with tags needs sns:TagResource as well.
  static std::vector<Access> of(const RequestContext& ctx, const op::CreateTopic::Input& in) {
    Access create{"sns:CreateTopic", sns::SnsArn{ctx.region, ctx.account_id, in.name, ""}.topic_arn(), {}};
    if (!in.tags || in.tags->empty()) return {std::move(create)};
    sns::add_request_tags(create.context, *in.tags);
    Access tag = create;
    tag.action = "sns:TagResource";
    return {std::move(create), std::move(tag)};
  }
};
template <>
struct AccessRule<op::DeleteTopic> : sns::OnTopic<op::DeleteTopic> {};
template <>
struct AccessRule<op::ListTopics> : sns::OnAnything<op::ListTopics> {};
template <>
struct AccessRule<op::GetTopicAttributes> : sns::OnTopic<op::GetTopicAttributes> {};
template <>
struct AccessRule<op::SetTopicAttributes> : sns::OnTopic<op::SetTopicAttributes> {};
template <>
struct AccessRule<op::TagResource> : sns::OnResource<op::TagResource> {};
template <>
struct AccessRule<op::UntagResource> : sns::OnResource<op::UntagResource> {};
template <>
struct AccessRule<op::ListTagsForResource> : sns::OnResource<op::ListTagsForResource> {};

namespace sns {
namespace {

namespace errors = api::sns::errors;

constexpr std::size_t page_size = 100;  // AWS
constexpr std::size_t tag_count_max = 50;
constexpr std::size_t no_limit = 100'000;

bool is_topic_name(std::string_view name) {
  constexpr std::size_t length_max = 256;
  return !name.empty() && name.size() <= length_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Error no_such_topic() {
  return errors::not_found("Topic does not exist");
}

// AWS: what a topic allows when nobody said anything: everything to its owner.
std::string default_policy(const TopicRow& topic) {
  return R"({"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",)"
         R"("Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission",)"
         R"("SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],)"
         R"("Resource":")" +
         topic.arn + R"(","Condition":{"StringEquals":{"AWS:SourceOwner":")" + topic.account_id + R"("}}}]})";
}

}  // namespace

void SnsService::register_topics(OperationTable& table) {
  table.serve<op::CreateTopic>(*this, &SnsService::create_topic);
  table.serve<op::DeleteTopic>(*this, &SnsService::delete_topic);
  table.serve<op::ListTopics>(*this, &SnsService::list_topics);
  table.serve<op::GetTopicAttributes>(*this, &SnsService::get_topic_attributes);
  table.serve<op::SetTopicAttributes>(*this, &SnsService::set_topic_attributes);
  table.serve<op::TagResource>(*this, &SnsService::tag_resource);
  table.serve<op::UntagResource>(*this, &SnsService::untag_resource);
  table.serve<op::ListTagsForResource>(*this, &SnsService::list_tags_for_resource);
}

Async<TopicRow> SnsService::find_topic(std::string_view topic_arn) {
  const SnsArn arn = parse_topic_arn(topic_arn);
  if (arn.topic.empty()) co_return errors::invalid_parameter("Invalid parameter: TopicArn");
  const std::string key = topic_key(arn);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return no_such_topic();
  co_return decode_row<TopicRow>(*bytes);
}

ResourceTagSource SnsService::resource_tags() {
  return
      [this](const Principal&, const Access& access) -> Async<ConditionContext> { return topic_tags(access.resource); };
}

Async<ConditionContext> SnsService::topic_tags(std::string topic_arn) {
  const SnsArn arn = parse_topic_arn(topic_arn);
  if (arn.topic.empty()) co_return ConditionContext();
  const std::string key = topic_key(arn);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return ConditionContext();
  CO_TRY(const TopicRow topic, decode_row<TopicRow>(*bytes));
  co_return resource_tag_context(topic.tags, {"aws"});
}

Async<ResourcePolicy> SnsService::topic_policy(const std::string& topic_arn) {
  ResourcePolicy policy;
  const SnsArn arn = parse_sns_arn(topic_arn);
  policy.owner_account_id = arn.account_id;
  if (arn.topic.empty()) co_return policy;
  const std::string key = topic_key(arn);
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return policy;
  CO_TRY(const TopicRow topic, decode_row<TopicRow>(*bytes));
  if (const auto found = topic.attributes.find("Policy"); found != topic.attributes.end())
    policy.document = found->second;
  co_return policy;
}

Result<void> SnsService::check_topic_attribute(const std::string& name, const std::string& value) const {
  const auto invalid = [&](std::string_view why) {
    return errors::invalid_parameter("Invalid parameter: Attributes Reason: " + name + ": " + std::string(why));
  };
  if (name == "Policy") {
    if (const Result<void> checked = authorizer_.check_resource_policy(value); !checked)
      return errors::invalid_parameter("Invalid parameter: Policy Error: " + checked.error().message());
    return ok;
  }
  if (name == "DisplayName") {
    constexpr std::size_t length_max = 100;
    if (value.size() > length_max) return invalid("at most 100 characters");
    return ok;
  }
  if (name == "SignatureVersion") {
    if (value != "1" && value != "2") return invalid("must be 1 or 2");
    return ok;
  }
  if (name == "TracingConfig" && value == "PassThrough") return ok;
  if ((name == "FifoTopic" || name == "ContentBasedDeduplication") && value == "false") return ok;
  return invalid("this attribute is not served here");
}

Async<api::sns::CreateTopicResponse> SnsService::create_topic(const RequestContext& ctx,
                                                              const api::sns::CreateTopicInput& in) {
  if (!is_topic_name(in.name)) co_return errors::invalid_parameter("Invalid parameter: Topic Name");
  TopicRow topic;
  topic.name = in.name;
  topic.account_id = ctx.account_id;
  topic.region = ctx.region;
  topic.arn = SnsArn{ctx.region, ctx.account_id, in.name, ""}.topic_arn();
  topic.created_ms = to_ms(clock_.now());
  if (in.attributes)
    for (const auto& [name, value] : *in.attributes) {
      CO_TRY_DO(check_topic_attribute(name, value));
      topic.attributes[name] = value;
    }
  if (in.tags)
    for (const api::sns::Tag& tag : *in.tags) topic.tags[tag.key] = tag.value;

  const std::string key = topic_key(parse_sns_arn(topic.arn));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) {
      tx.put(key, encode_row(topic));
      co_return ok;
    }
    // AWS: creating a topic again gives the one there is, unless it should be another.
    CO_TRY(const TopicRow existing, decode_row<TopicRow>(*bytes));
    for (const auto& [name, value] : topic.attributes) {
      const auto same = existing.attributes.find(name);
      if (same == existing.attributes.end() || same->second != value)
        co_return errors::invalid_parameter(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes");
    }
    if (in.tags && existing.tags != topic.tags)
      co_return errors::invalid_parameter("Invalid parameter: Tags Reason: Topic already exists with different tags");
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  api::sns::CreateTopicResponse out;
  out.topic_arn = topic.arn;
  co_return out;
}

Async<wire::Unit> SnsService::delete_topic(const RequestContext&, const api::sns::DeleteTopicInput& in) {
  const SnsArn arn = parse_topic_arn(in.topic_arn);
  if (arn.topic.empty()) co_return errors::invalid_parameter("Invalid parameter: TopicArn");
  // AWS: deleting a topic that is gone succeeds. Its subscriptions go with it.
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::vector<KeyValue> subscriptions,
           co_await tx.scan(KeyRange::prefix(subscription_prefix(arn)), no_limit));
    for (const KeyValue& entry : subscriptions) tx.remove(entry.key);
    tx.remove(topic_key(arn));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

Async<api::sns::ListTopicsResponse> SnsService::list_topics(const RequestContext& ctx,
                                                            const api::sns::ListTopicsInput& in) {
  KeyRange range = KeyRange::prefix(make_key("sns", ctx.account_id, ctx.region, "topic"));
  if (in.next_token) {
    const std::optional<std::string> after = from_base64(*in.next_token);
    if (!after) co_return errors::invalid_parameter("Invalid parameter: NextToken");
    range.begin = after_prefix(topic_key({ctx.region, ctx.account_id, *after, ""}));
  }
  CO_TRY(const std::vector<KeyValue> rows, co_await store_.scan(range, page_size + 1));
  api::sns::ListTopicsResponse out;
  auto& topics = out.topics.emplace();
  std::string last_name;
  for (const KeyValue& entry : rows) {
    if (topics.size() == page_size) {
      out.next_token = to_base64(last_name);
      break;
    }
    CO_TRY(const TopicRow topic, decode_row<TopicRow>(entry.value));
    topics.push_back({topic.arn});
    last_name = topic.name;
  }
  co_return out;
}

Async<api::sns::GetTopicAttributesResponse> SnsService::get_topic_attributes(
    const RequestContext&, const api::sns::GetTopicAttributesInput& in) {
  CO_TRY(const TopicRow topic, co_await find_topic(in.topic_arn));
  CO_TRY(const std::vector<KeyValue> rows,
         co_await store_.scan(KeyRange::prefix(subscription_prefix(parse_sns_arn(topic.arn))), no_limit));
  std::size_t confirmed_count = 0;
  for (const KeyValue& entry : rows) {
    CO_TRY(const SubscriptionRow subscription, decode_row<SubscriptionRow>(entry.value));
    if (subscription.is_confirmed) ++confirmed_count;
  }
  api::sns::GetTopicAttributesResponse out;
  auto& attributes = out.attributes.emplace();
  for (const auto& [name, value] : topic.attributes) attributes[name] = value;
  attributes["TopicArn"] = topic.arn;
  attributes["Owner"] = topic.account_id;
  if (!topic.attributes.contains("Policy")) attributes["Policy"] = default_policy(topic);
  if (!topic.attributes.contains("DisplayName")) attributes["DisplayName"] = "";
  attributes["SubscriptionsConfirmed"] = std::to_string(confirmed_count);
  attributes["SubscriptionsPending"] = std::to_string(rows.size() - confirmed_count);
  attributes["SubscriptionsDeleted"] = "0";
  co_return out;
}

Async<wire::Unit> SnsService::set_topic_attributes(const RequestContext&, const api::sns::SetTopicAttributesInput& in) {
  const std::string value = in.attribute_value.value_or("");
  const bool is_reset = value.empty() && (in.attribute_name == "Policy" || in.attribute_name == "DisplayName");
  if (!is_reset) CO_TRY_DO(check_topic_attribute(in.attribute_name, value));
  CO_TRY_DO(co_await find_topic(in.topic_arn));
  const std::string key = topic_key(parse_sns_arn(in.topic_arn));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) co_return no_such_topic();
    CO_TRY(TopicRow topic, decode_row<TopicRow>(*bytes));
    if (is_reset)
      topic.attributes.erase(in.attribute_name);
    else
      topic.attributes[in.attribute_name] = value;
    tx.put(key, encode_row(topic));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return wire::Unit{};
}

Async<api::sns::TagResourceResponse> SnsService::tag_resource(const RequestContext&,
                                                              const api::sns::TagResourceRequest& in) {
  const std::string key = topic_key(parse_topic_arn(in.resource_arn));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) co_return errors::resource_not_found("Resource does not exist");
    CO_TRY(TopicRow topic, decode_row<TopicRow>(*bytes));
    for (const api::sns::Tag& tag : in.tags) topic.tags[tag.key] = tag.value;
    if (topic.tags.size() > tag_count_max)
      co_return errors::tag_limit_exceeded("Could not complete request: tag quota of per resource exceeded");
    tx.put(key, encode_row(topic));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return api::sns::TagResourceResponse{};
}

Async<api::sns::UntagResourceResponse> SnsService::untag_resource(const RequestContext&,
                                                                  const api::sns::UntagResourceRequest& in) {
  const std::string key = topic_key(parse_topic_arn(in.resource_arn));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const std::optional<std::string> bytes, co_await tx.get(key));
    if (!bytes) co_return errors::resource_not_found("Resource does not exist");
    CO_TRY(TopicRow topic, decode_row<TopicRow>(*bytes));
    for (const std::string& tag_key : in.tag_keys) topic.tags.erase(tag_key);
    tx.put(key, encode_row(topic));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  co_return api::sns::UntagResourceResponse{};
}

Async<api::sns::ListTagsForResourceResponse> SnsService::list_tags_for_resource(
    const RequestContext&, const api::sns::ListTagsForResourceRequest& in) {
  const std::string key = topic_key(parse_topic_arn(in.resource_arn));
  CO_TRY(const std::optional<std::string> bytes, co_await store_.get(key));
  if (!bytes) co_return errors::resource_not_found("Resource does not exist");
  CO_TRY(const TopicRow topic, decode_row<TopicRow>(*bytes));
  api::sns::ListTagsForResourceResponse out;
  auto& tags = out.tags.emplace();
  for (const auto& [tag_key, value] : topic.tags) tags.push_back({tag_key, value});
  co_return out;
}

}  // namespace sns
}  // namespace hearth
