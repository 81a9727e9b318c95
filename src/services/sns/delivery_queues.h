// Whose turn it is to be delivered to. Each subscription has a queue of its own, so that an endpoint that hangs keeps
// its own messages waiting and nobody else's: it gets one delivery at a time until one succeeds, while queues that
// succeed get more and more, and queues that do not can never hold all places. The messages themselves are rows; this
// only remembers which subscriptions have some. Safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace hearth::sns {

class DeliveryQueues {
 public:
  struct Limits {
    std::size_t under_way_max = 256;
    std::size_t unproven_max = 192;  // of them for queues whose last delivery did not succeed
    std::size_t under_way_max_of_one = 16;
    std::size_t waiting_max_of_one = 100'000;
  };
  // `start_count` deliveries of this subscription may begin; `under_way_count` of its rows have begun already.
  struct Turn {
    std::string subscription_arn;
    std::size_t start_count = 0;
    std::size_t under_way_count = 0;
    std::uint64_t version = 0;
  };

  DeliveryQueues() : DeliveryQueues(Limits()) {}
  explicit DeliveryQueues(Limits limits) : limits_(limits) {}

  // A row was committed, due at that time.
  void add(const std::string& subscription_arn, std::int64_t due_ms, std::size_t count = 1);
  // Whether so many messages wait for a subscription that it gets no more: an endpoint that is down must not fill the
  // disk.
  bool is_full(const std::string& subscription_arn) const;

  // The queues with something due, each with its share of what may begin now; nobody comes first twice in a row.
  std::vector<Turn> turns(std::int64_t now_ms);
  // Whether there is still a place: looking at rows for nothing is dear when many wait.
  bool may_begin(const Turn& turn) const;
  // What looking at a queue's rows showed: nothing more is due before `next_due_ms`, or the queue has no rows besides
  // those under way. Forgotten when a row was added since the turn was given.
  void set_next_due(const Turn& turn, std::int64_t next_due_ms);
  void set_empty(const Turn& turn);

  // False if that row is under way already, or no place is free.
  bool begin(const std::string& subscription_arn, const std::string& row_key);
  // `is_done`: the row is gone. `succeeded`: the endpoint answered well.
  void end(const std::string& subscription_arn, const std::string& row_key, bool is_done, bool succeeded);
  std::size_t under_way_count() const;

 private:
  struct Queue {
    std::int64_t next_due_ms = 0;
    std::size_t waiting_count = 0;
    std::set<std::string> under_way;  // keys of rows
    std::size_t allowance = 1;        // how many may be under way
    std::uint64_t version = 0;        // rises with every add
  };
  bool has_place(const Queue& queue) const;

  const Limits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, Queue> queues_;
  std::string last_served_;
  std::size_t under_way_count_ = 0, unproven_count_ = 0;  // the second: of queues with an allowance of one
};

}  // namespace hearth::sns
