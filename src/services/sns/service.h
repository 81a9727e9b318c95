// SNS: topics that hand messages to http and https endpoints, signed, at least once. Safe from any thread.
// https://docs.aws.amazon.com/sns/latest/api/
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/sns/types.h"
#include "base/background.h"
#include "base/cancellation.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/http_caller.h"
#include "ports/metadata_store.h"
#include "ports/observability.h"
#include "ports/service.h"
#include "services/sns/delivery_queues.h"
#include "services/sns/messages.h"
#include "services/sns/rows.h"
#include "services/sns/signing_key.h"

namespace hearth::sns {

class SnsService final : public Notifier {
 public:
  // `public_url` is how endpoints reach this server: "http://127.0.0.1:4566". It stands in the URLs that messages
  // carry.
  SnsService(MetadataStore& store, const Clock& clock, IdSource& ids, HttpCaller& http, Authorizer& authorizer,
             SigningKey key, std::string public_url);
  ~SnsService() override;

  void register_operations(OperationTable& table);
  // For Authorizer::add_resource_tags("arn:aws:sns:", …).
  ResourceTagSource resource_tags();

  // Before start() and the first request: a server on a free port learns its own address last.
  void set_public_url(std::string public_url) { public_url_ = std::move(public_url); }
  // Starts delivering, also what an earlier process left behind. stop() breaks deliveries under way off, which are made
  // again after the next start; idempotent.
  void start();
  void stop();
  // Begins what is due now, as far as there are places. The loop calls it; tests call it themselves.
  void deliver_due();

  // Served at /_hearth/sns/certificate.pem, without a signature.
  const std::string& certificate_pem() const { return key_.certificate_pem(); }

  // Notifier
  Async<void> notify(std::string_view topic_arn, std::string subject, std::string message) override;

  // topics.cpp
  Async<api::sns::CreateTopicResponse> create_topic(const RequestContext& ctx, const api::sns::CreateTopicInput& in);
  Async<wire::Unit> delete_topic(const RequestContext& ctx, const api::sns::DeleteTopicInput& in);
  Async<api::sns::ListTopicsResponse> list_topics(const RequestContext& ctx, const api::sns::ListTopicsInput& in);
  Async<api::sns::GetTopicAttributesResponse> get_topic_attributes(const RequestContext& ctx,
                                                                   const api::sns::GetTopicAttributesInput& in);
  Async<wire::Unit> set_topic_attributes(const RequestContext& ctx, const api::sns::SetTopicAttributesInput& in);
  Async<api::sns::TagResourceResponse> tag_resource(const RequestContext& ctx, const api::sns::TagResourceRequest& in);
  Async<api::sns::UntagResourceResponse> untag_resource(const RequestContext& ctx,
                                                        const api::sns::UntagResourceRequest& in);
  Async<api::sns::ListTagsForResourceResponse> list_tags_for_resource(const RequestContext& ctx,
                                                                      const api::sns::ListTagsForResourceRequest& in);

  // subscriptions.cpp
  Async<api::sns::SubscribeResponse> subscribe(const RequestContext& ctx, const api::sns::SubscribeInput& in);
  Async<api::sns::ConfirmSubscriptionResponse> confirm_subscription(const RequestContext& ctx,
                                                                    const api::sns::ConfirmSubscriptionInput& in);
  Async<wire::Unit> unsubscribe(const RequestContext& ctx, const api::sns::UnsubscribeInput& in);
  Async<api::sns::ListSubscriptionsResponse> list_subscriptions(const RequestContext& ctx,
                                                                const api::sns::ListSubscriptionsInput& in);
  Async<api::sns::ListSubscriptionsByTopicResponse> list_subscriptions_by_topic(
      const RequestContext& ctx, const api::sns::ListSubscriptionsByTopicInput& in);
  Async<api::sns::GetSubscriptionAttributesResponse> get_subscription_attributes(
      const RequestContext& ctx, const api::sns::GetSubscriptionAttributesInput& in);
  Async<wire::Unit> set_subscription_attributes(const RequestContext& ctx,
                                                const api::sns::SetSubscriptionAttributesInput& in);

  // publish.cpp
  Async<api::sns::PublishResponse> publish(const RequestContext& ctx, const api::sns::PublishInput& in);
  Async<api::sns::PublishBatchResponse> publish_batch(const RequestContext& ctx, const api::sns::PublishBatchInput& in);

 private:
  struct NewMessage {
    std::string message;
    std::optional<std::string> subject;
    bool is_per_protocol = false;  // MessageStructure=json
    MessageAttributes attributes;
  };

  void register_topics(OperationTable& table);
  void register_subscriptions(OperationTable& table);
  void register_publishing(OperationTable& table);

  std::string certificate_url() const { return public_url_ + "/_hearth/sns/certificate.pem"; }
  std::string confirm_url(const SubscriptionRow& subscription) const;
  std::string unsubscribe_url(const SubscriptionRow& subscription) const;

  Async<TopicRow> find_topic(std::string_view topic_arn);
  Result<void> check_topic_attribute(const std::string& name, const std::string& value) const;
  Async<ConditionContext> topic_tags(std::string topic_arn);
  Async<ResourcePolicy> topic_policy(const std::string& topic_arn);

  // Adds the confirmation message to the transaction.
  void queue_confirmation(Transaction& tx, const TopicRow& topic, const SubscriptionRow& subscription);
  // Commits one delivery per subscription that wants the message; its id.
  Async<std::string> publish_to(const TopicRow& topic, const NewMessage& message);

  // deliveries.cpp
  enum class Attempt { succeeded, given_up, to_be_made_again, broken_off };
  void find_left_behind();
  void deliver_due_of(const DeliveryQueues::Turn& turn);
  Async<Attempt> deliver(DeliveryRow delivery);
  Async<void> finish(const DeliveryRow& delivery, bool try_again);

  MetadataStore& store_;
  const Clock& clock_;
  IdSource& ids_;
  HttpCaller& http_;
  Authorizer& authorizer_;
  const SigningKey key_;
  std::string public_url_;

  DeliveryQueues queues_;
  bool knows_left_behind_ = false;  // queues_ holds what an earlier process left
  const std::shared_ptr<Cancellation> stopping_ = std::make_shared<Cancellation>();
  std::mutex deliveries_mutex_;
  std::condition_variable delivery_ended_;
  std::unique_ptr<BackgroundLoop> loop_;
};

}  // namespace hearth::sns
