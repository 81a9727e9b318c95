// From a committed row to an answer of the endpoint. A row goes when the endpoint took the message or never will.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
#include <algorithm>

#include "base/log.h"
#include "services/sns/endpoints.h"
#include "services/sns/service.h"

namespace hearth::sns {
namespace {

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
  find_left_behind();
  // What was left behind may be delivered, and its end look for the loop, before this line is done.
  std::lock_guard lock(deliveries_mutex_);
  loop_ = std::make_unique<BackgroundLoop>("sns deliveries", loop_period, [this] { deliver_due(); });
}

void SnsService::stop() {
  if (loop_) loop_->stop();
  stopping_->cancel();
  std::unique_lock lock(deliveries_mutex_);
  delivery_ended_.wait(lock, [&] { return queues_.under_way_count() == 0; });
}

void SnsService::find_left_behind() {
  constexpr std::size_t rows_at_a_time = 100;
  struct Waiting {
    std::int64_t due_ms = INT64_MAX;
    std::size_t count = 0;
  };
  std::map<std::string, Waiting> found;
  KeyRange range = KeyRange::prefix(deliveries_prefix());
  for (;;) {
    const Result<std::vector<KeyValue>> rows = sync_wait(store_.scan(range, rows_at_a_time));
    if (!rows) return log::warning("sns cannot read its queue", {{"reason", rows.error().message()}});
    for (const KeyValue& entry : *rows) {
      const DeliveryKey key = parse_delivery_key(entry.key);
      Waiting& waiting = found[key.subscription_arn];
      waiting.due_ms = std::min(waiting.due_ms, key.due_ms);
      ++waiting.count;
    }
    if (rows->size() < rows_at_a_time) break;
    range.begin = rows->back().key + '\0';
  }
  for (const auto& [subscription_arn, waiting] : found) queues_.add(subscription_arn, waiting.due_ms, waiting.count);
  knows_left_behind_ = true;
}

void SnsService::deliver_due() {
  if (!knows_left_behind_) find_left_behind();
  for (const DeliveryQueues::Turn& turn : queues_.turns(to_ms(clock_.now())))
    if (queues_.may_begin(turn)) deliver_due_of(turn);
}

void SnsService::deliver_due_of(const DeliveryQueues::Turn& turn) {
  // Those under way still stand in the queue, so look as far as both together reach.
  const std::size_t look_at_count = turn.start_count + turn.under_way_count;
  const Result<std::vector<KeyValue>> rows =
      sync_wait(store_.scan(KeyRange::prefix(deliveries_prefix(turn.subscription_arn)), look_at_count));
  if (!rows) return log::warning("sns cannot read its queue", {{"reason", rows.error().message()}});
  const std::int64_t now_ms = to_ms(clock_.now());
  for (const KeyValue& entry : *rows) {
    if (const std::int64_t due_ms = parse_delivery_key(entry.key).due_ms; due_ms > now_ms)
      return queues_.set_next_due(turn, due_ms);
    Result<DeliveryRow> delivery = decode_row<DeliveryRow>(entry.value);
    if (!delivery) {
      log::error("a delivery in the queue of sns does not decode");
      continue;
    }
    if (!queues_.begin(turn.subscription_arn, entry.key)) continue;
    // Owned by queues_: stop() waits for it.
    hearth::start(deliver(*std::move(delivery)), [this, key = entry.key,
                                                  subscription_arn = turn.subscription_arn](Result<Attempt> attempt) {
      if (!attempt)
        log::warning("a delivery could not be noted; it will be made again", {{"reason", attempt.error().message()}});
      const bool succeeded = attempt && *attempt == Attempt::succeeded;
      const bool is_done = succeeded || (attempt && *attempt == Attempt::given_up);
      std::lock_guard lock(deliveries_mutex_);
      queues_.end(subscription_arn, key, is_done, succeeded);
      if (loop_) loop_->wake();
      delivery_ended_.notify_all();
    });
  }
  if (rows->size() < look_at_count) queues_.set_empty(turn);
}

Async<SnsService::Attempt> SnsService::deliver(DeliveryRow delivery) {
  // Somebody who unsubscribed meanwhile is left alone.
  const std::string subscription = subscription_key(parse_sns_arn(delivery.subscription_arn));
  CO_TRY(const std::optional<std::string> still_subscribed, co_await store_.get(subscription));
  if (!still_subscribed) {
    CO_TRY_DO(co_await finish(delivery, false));
    co_return Attempt::succeeded;
  }

  OutgoingRequest request;
  request.url = delivery.endpoint;
  request.idle_timeout = answer_timeout;
  request.cancellation = stopping_;
  request.may_reach = [own_url = public_url_](const std::string& address, int port) {
    return may_be_called(address, port, own_url);
  };
  request.headers = {
      {"Content-Type", "text/plain; charset=UTF-8"},     {"User-Agent", "Amazon Simple Notification Service Agent"},
      {"x-amz-sns-message-type", delivery.message_type}, {"x-amz-sns-message-id", delivery.message_id},
      {"x-amz-sns-topic-arn", delivery.topic_arn},       {"x-amz-sns-subscription-arn", delivery.subscription_arn}};
  if (delivery.is_raw) request.headers.emplace_back("x-amz-sns-rawdelivery", "true");
  request.body = delivery.body;
  const Result<IncomingResponse> response = co_await http_.call(std::move(request));
  // Whether it arrived is not known, so it is made again after the next start.
  if (!response && stopping_->is_cancelled()) co_return Attempt::broken_off;

  constexpr int too_many_requests = 429;
  const int status = response ? response->status : 0;
  ++delivery.attempt_count;
  if (status >= 200 && status < 300) {
    CO_TRY_DO(co_await finish(delivery, false));
    co_return Attempt::succeeded;
  }
  // AWS: what the endpoint refuses it will refuse again; what it could not do it may do later.
  const bool is_refusal = status >= 400 && status < 500 && status != too_many_requests;
  const bool is_last = is_refusal || delivery.attempt_count >= attempt_count_max;
  if (is_last)
    log::warning("a message could not be delivered", {{"topic", delivery.topic_arn},
                                                      {"message", delivery.message_id},
                                                      {"status", std::to_string(status)},
                                                      {"reason", response ? "" : response.error().message()},
                                                      {"attempts", std::to_string(delivery.attempt_count)}});
  CO_TRY_DO(co_await finish(delivery, !is_last));
  co_return is_last ? Attempt::given_up : Attempt::to_be_made_again;
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
  co_return co_await transact(store_, body);
}

}  // namespace hearth::sns
