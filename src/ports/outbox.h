// Domain events written in the same transaction as the change they tell of, delivered at least once and in order per
// key. Subscribers are registered at start, before the first delivery. Implemented in ports/outbox.cpp on any
// MetadataStore.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/background.h"
#include "base/time.h"
#include "ports/metadata_store.h"

namespace hearth {

struct DomainEvent {
  std::string topic;    // "ec2.instance.state"
  std::string key;      // order holds among events of one key: the instance id
  std::string payload;  // JSON
};

class Outbox {
 public:
  virtual ~Outbox() = default;
  // Adds the event to the caller's transaction; it is delivered after that commits.
  virtual void emit(Transaction& tx, DomainEvent event) = 0;
  // `deliver` may be called again for an event it has already seen; an error means try again later.
  virtual void subscribe(std::string topic, std::function<Async<void>(const DomainEvent&)> deliver) = 0;
  // Call after a commit that emitted: deliveries start soon.
  virtual void wake() = 0;
};

// The outbox of a MetadataStore: events are rows until every subscriber of their topic has taken them, so they survive
// a crash. A delivery that fails is tried again, later and later, while events of other keys go on; after
// `attempt_count_max` attempts (counted since start) the event is logged and dropped, and its key goes on too.
class StoredOutbox final : public Outbox {
 public:
  struct Limits {
    std::chrono::milliseconds retry_delay_first{500};
    std::chrono::milliseconds retry_delay_max{60'000};
    int attempt_count_max = 100;
  };
  StoredOutbox(MetadataStore& store, const Clock& clock);
  StoredOutbox(MetadataStore& store, const Clock& clock, Limits limits);

  // Finds what an earlier process left. Call once, before the first emit.
  Async<void> open();
  // Delivers in the background until stop() or the destructor. Call after the last subscribe.
  void start_deliveries();
  void stop();

  void emit(Transaction& tx, DomainEvent event) override;
  void subscribe(std::string topic, std::function<Async<void>(const DomainEvent&)> deliver) override;
  void wake() override;

  // One round over everything that is due; what the background loop runs. Blocks: for plain threads, one at a time.
  Result<void> deliver_due();

 private:
  // A key whose first event could not be delivered.
  struct Delay {
    int attempt_count = 0;
    TimePoint next_attempt_at{};
  };
  struct Row {
    std::string topic;
    std::string key;
    std::string payload;
    std::string ordering_prefix;  // what all events of its topic and key start with
  };

  static Result<Row> read_row(const KeyValue& stored);
  // True when the event is done with: delivered, or given up.
  bool deliver(const Row& event);
  Result<void> remove_rows(const std::vector<std::string>& keys);

  MetadataStore& store_;
  const Clock& clock_;
  const Limits limits_;
  std::atomic<std::uint64_t> next_sequence_ = 1;
  std::map<std::string, std::vector<std::function<Async<void>(const DomainEvent&)>>> subscribers_;
  std::map<std::string, Delay> delays_;  // by ordering prefix
  std::unique_ptr<BackgroundLoop> loop_;
};

}  // namespace hearth
