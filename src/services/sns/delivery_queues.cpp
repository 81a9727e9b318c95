#include "services/sns/delivery_queues.h"

#include <algorithm>

namespace hearth::sns {

void DeliveryQueues::add(const std::string& subscription_arn, std::int64_t due_ms, std::size_t count) {
  std::lock_guard lock(mutex_);
  const auto [found, is_new] = queues_.try_emplace(subscription_arn);
  Queue& queue = found->second;
  queue.next_due_ms = is_new ? due_ms : std::min(queue.next_due_ms, due_ms);
  queue.waiting_count += count;
  ++queue.version;
}

bool DeliveryQueues::is_full(const std::string& subscription_arn) const {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(subscription_arn);
  return found != queues_.end() && found->second.waiting_count >= limits_.waiting_max_of_one;
}

bool DeliveryQueues::has_place(const Queue& queue) const {
  if (under_way_count_ >= limits_.under_way_max || queue.under_way.size() >= queue.allowance) return false;
  return queue.allowance > 1 || unproven_count_ < limits_.unproven_max;
}

std::vector<DeliveryQueues::Turn> DeliveryQueues::turns(std::int64_t now_ms) {
  std::lock_guard lock(mutex_);
  std::vector<Turn> due;
  std::size_t before_count = 0;  // of those that come before the one served last
  for (const auto& [subscription_arn, queue] : queues_) {
    if (queue.next_due_ms > now_ms || !has_place(queue)) continue;
    if (subscription_arn <= last_served_) ++before_count;
    due.push_back({subscription_arn, queue.allowance - queue.under_way.size(), queue.under_way.size(), queue.version});
  }
  std::ranges::rotate(due, due.begin() + static_cast<std::ptrdiff_t>(before_count));
  return due;
}

bool DeliveryQueues::may_begin(const Turn& turn) const {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(turn.subscription_arn);
  return found != queues_.end() && has_place(found->second);
}

void DeliveryQueues::set_next_due(const Turn& turn, std::int64_t next_due_ms) {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(turn.subscription_arn);
  if (found != queues_.end() && found->second.version == turn.version) found->second.next_due_ms = next_due_ms;
}

void DeliveryQueues::set_empty(const Turn& turn) {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(turn.subscription_arn);
  if (found == queues_.end() || found->second.version != turn.version) return;
  if (found->second.under_way.empty())
    queues_.erase(found);
  else
    found->second.next_due_ms = INT64_MAX;  // the end of one under way looks again
}

bool DeliveryQueues::begin(const std::string& subscription_arn, const std::string& row_key) {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(subscription_arn);
  if (found == queues_.end()) return false;
  Queue& queue = found->second;
  if (!has_place(queue) || !queue.under_way.insert(row_key).second) return false;
  ++under_way_count_;
  if (queue.allowance == 1) ++unproven_count_;
  last_served_ = subscription_arn;
  return true;
}

void DeliveryQueues::end(const std::string& subscription_arn, const std::string& row_key, bool is_done,
                         bool succeeded) {
  std::lock_guard lock(mutex_);
  const auto found = queues_.find(subscription_arn);
  if (found == queues_.end()) return;
  Queue& queue = found->second;
  if (queue.allowance == 1) unproven_count_ -= queue.under_way.size();
  under_way_count_ -= queue.under_way.erase(row_key);
  queue.allowance = succeeded ? std::min(queue.allowance * 2, limits_.under_way_max_of_one) : 1;
  if (queue.allowance == 1) unproven_count_ += queue.under_way.size();
  if (is_done && queue.waiting_count > 0) --queue.waiting_count;
  queue.next_due_ms = 0;  // looked at again
  ++queue.version;
}

std::size_t DeliveryQueues::under_way_count() const {
  std::lock_guard lock(mutex_);
  return under_way_count_;
}

}  // namespace hearth::sns
