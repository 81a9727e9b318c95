// From a committed row to an answer of the endpoint. A row goes when the endpoint took the message or never will.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
#include <algorithm>

#include "base/log.h"
#include "services/sns/service.h"

namespace hearth::sns {
namespace {

constexpr std::size_t under_way_max = 32;
constexpr std::chrono::seconds loop_period{1};
constexpr std::int32_t attempt_count_max = 50;
constexpr std::chrono::seconds answer_timeout{15};  // AWS

// AWS's default policy for HTTP: 3 at once, 2 after a second each, 10 backing off from 1 to 20 seconds, 35 every 20.
std::chrono::milliseconds delay_after(std::int32_t attempt_count) {
  constexpr std::int32_t immediate = 3, before_backoff = 5, backoff = 15;
  if (attempt_count < immediate) return std::chrono::milliseconds(0);
  if (attempt_count < before_backoff) return std::chrono::seconds(1);
  if (attempt_count >= backoff) return std::chrono::seconds(20);
  const auto step = attempt_count - before_backoff;  // 0 … 9, doubling until 20 seconds
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(1LL << step), std::chrono::seconds(20));
}

}  // namespace

void SnsService::start() {
  if (loop_) return;
  constexpr std::size_t no_limit = 1'000'000;
  const Result<std::vector<KeyValue>> left_behind =
      sync_wait(store_.scan(KeyRange::prefix(make_key("sns-delivery")), no_limit));
  if (left_behind) queued_count_ = static_cast<std::int64_t>(left_behind->size());
  loop_ = std::make_unique<BackgroundLoop>("sns deliveries", loop_period, [this] { deliver_due(); });
}

void SnsService::stop() {
  if (loop_) loop_->stop();
  std::unique_lock lock(deliveries_mutex_);
  delivery_ended_.wait(lock, [&] { return under_way_.empty(); });
}

void SnsService::deliver_due() {
  KeyRange due = KeyRange::prefix(make_key("sns-delivery"));
  KeyBuilder end;
  end.text("sns-delivery").number(static_cast<std::uint64_t>(to_ms(clock_.now())) + 1);
  due.end = end.bytes();
  // Those under way still stand in the queue, so look as far as both together reach.
  const Result<std::vector<KeyValue>> rows = sync_wait(store_.scan(due, 2 * under_way_max));
  if (!rows) {
    log::warning("sns cannot read its queue", {{"reason", rows.error().message()}});
    return;
  }
  for (const KeyValue& entry : *rows) {
    Result<DeliveryRow> delivery = decode_row<DeliveryRow>(entry.value);
    if (!delivery) {
      log::error("a delivery in the queue of sns does not decode");
      continue;
    }
    {
      std::lock_guard lock(deliveries_mutex_);
      if (under_way_.size() >= under_way_max) return;
      if (!under_way_.insert(entry.key).second) continue;
    }
    // Owned by under_way_: stop() waits for it.
    hearth::start(deliver(*std::move(delivery)), [this, key = entry.key](Result<void> result) {
      if (!result)
        log::warning("a delivery could not be noted; it will be made again", {{"reason", result.error().message()}});
      std::lock_guard lock(deliveries_mutex_);
      under_way_.erase(key);
      if (loop_) loop_->wake();
      delivery_ended_.notify_all();
    });
  }
}

Async<void> SnsService::deliver(DeliveryRow delivery) {
  // Somebody who unsubscribed meanwhile is left alone.
  const std::string subscription = subscription_key(parse_sns_arn(delivery.subscription_arn));
  CO_TRY(const std::optional<std::string> still_subscribed, co_await store_.get(subscription));
  if (!still_subscribed) co_return co_await finish(delivery, false);

  OutgoingRequest request;
  request.url = delivery.endpoint;
  request.idle_timeout = answer_timeout;
  request.headers = {
      {"Content-Type", "text/plain; charset=UTF-8"},     {"User-Agent", "Amazon Simple Notification Service Agent"},
      {"x-amz-sns-message-type", delivery.message_type}, {"x-amz-sns-message-id", delivery.message_id},
      {"x-amz-sns-topic-arn", delivery.topic_arn},       {"x-amz-sns-subscription-arn", delivery.subscription_arn}};
  if (delivery.is_raw) request.headers.emplace_back("x-amz-sns-rawdelivery", "true");
  request.body = delivery.body;
  ++delivery.attempt_count;
  const Result<IncomingResponse> response = co_await http_.call(std::move(request));

  constexpr int too_many_requests = 429;
  const int status = response ? response->status : 0;
  if (status >= 200 && status < 300) co_return co_await finish(delivery, false);
  // AWS: what the endpoint refuses it will refuse again; what it could not do it may do later.
  const bool is_refusal = status >= 400 && status < 500 && status != too_many_requests;
  const bool is_last = is_refusal || delivery.attempt_count >= attempt_count_max;
  if (is_last)
    log::warning("a message could not be delivered", {{"topic", delivery.topic_arn},
                                                      {"message", delivery.message_id},
                                                      {"status", std::to_string(status)},
                                                      {"attempts", std::to_string(delivery.attempt_count)}});
  co_return co_await finish(delivery, !is_last);
}

Async<void> SnsService::finish(const DeliveryRow& delivery, bool try_again) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    tx.remove(delivery_key(delivery));
    if (try_again) {
      DeliveryRow later = delivery;
      later.due_ms = to_ms(clock_.now() + delay_after(delivery.attempt_count));
      tx.put(delivery_key(later), encode_row(later));
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  if (!try_again) --queued_count_;
  co_return ok;
}

}  // namespace hearth::sns
