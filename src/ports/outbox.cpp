#include "ports/outbox.h"

#include <algorithm>

#include "base/log.h"

namespace hearth {
namespace {

// A row per pending event: outbox / topic / key / sequence -> payload. Scanning them is delivering them in order per
// key.
constexpr std::string_view table = "outbox";

std::string ordering_prefix(std::string_view topic, std::string_view key) {
  return make_key(table, topic, key);
}

}  // namespace

StoredOutbox::StoredOutbox(MetadataStore& store, const Clock& clock) : StoredOutbox(store, clock, Limits()) {}

StoredOutbox::StoredOutbox(MetadataStore& store, const Clock& clock, Limits limits)
    : store_(store), clock_(clock), limits_(limits) {}

// New events must come after those that are still waiting, whatever the clock did while we were away.
Async<void> StoredOutbox::open() {
  constexpr std::size_t page_size = 1000;
  std::uint64_t newest = 0;
  KeyRange range = KeyRange::prefix(make_key(table));
  for (;;) {
    CO_TRY(const auto rows, co_await store_.scan(range, page_size));
    for (const KeyValue& row : rows) {
      KeyReader reader(row.key);
      for (int part = 0; part < 3; ++part) (void)reader.take_text();
      newest = std::max(newest, reader.take_number());
    }
    if (rows.size() < page_size) break;
    range.begin = rows.back().key + '\0';
  }
  next_sequence_ = newest + 1;
  co_return ok;
}

void StoredOutbox::start_deliveries() {
  constexpr std::chrono::milliseconds period(500);
  const auto step = [this] {
    if (const auto delivered = deliver_due(); !delivered)
      log::warning("cannot read the outbox", {{"why", delivered.error().message()}});
  };
  loop_ = std::make_unique<BackgroundLoop>("outbox", period, step);
}

void StoredOutbox::stop() {
  if (loop_) loop_->stop();
}

void StoredOutbox::emit(Transaction& tx, DomainEvent event) {
  KeyBuilder key;
  key.text(table).text(event.topic).text(event.key).number(next_sequence_++);
  tx.put(key.bytes(), std::move(event.payload));
}

void StoredOutbox::subscribe(std::string topic, std::function<Async<void>(const DomainEvent&)> deliver) {
  subscribers_[std::move(topic)].push_back(std::move(deliver));
}

void StoredOutbox::wake() {
  if (loop_) loop_->wake();
}

Result<void> StoredOutbox::deliver_due() {
  constexpr std::size_t page_size = 256;
  KeyRange range = KeyRange::prefix(make_key(table));
  for (;;) {
    TRY(const std::vector<KeyValue> page, sync_wait(store_.scan(range, page_size)));
    std::vector<std::string> done;
    std::string held_prefix;  // an event with this prefix has to wait, so all later ones of its key wait too
    for (const KeyValue& stored : page) {
      TRY(const Row event, read_row(stored));
      if (event.ordering_prefix == held_prefix) continue;
      if (deliver(event))
        done.push_back(stored.key);
      else
        held_prefix = event.ordering_prefix;
    }
    TRY_DO(remove_rows(done));
    if (page.size() < page_size) return ok;
    range.begin = held_prefix.empty() || !page.back().key.starts_with(held_prefix) ? page.back().key + '\0'
                                                                                   : after_prefix(held_prefix);
  }
}

Result<StoredOutbox::Row> StoredOutbox::read_row(const KeyValue& stored) {
  KeyReader reader(stored.key);
  (void)reader.take_text();
  Row row{.topic = reader.take_text(), .key = reader.take_text(), .payload = stored.value};
  row.ordering_prefix = ordering_prefix(row.topic, row.key);
  return row;
}

bool StoredOutbox::deliver(const Row& row) {
  const auto delayed = delays_.find(row.ordering_prefix);
  if (delayed != delays_.end() && clock_.now() < delayed->second.next_attempt_at) return false;

  const DomainEvent event{.topic = row.topic, .key = row.key, .payload = row.payload};
  Result<void> delivered = ok;
  if (const auto subscribers = subscribers_.find(row.topic); subscribers != subscribers_.end())
    for (const auto& take : subscribers->second)
      if (delivered) delivered = sync_wait(take(event));
  if (delivered) {
    if (delayed != delays_.end()) delays_.erase(delayed);
    return true;
  }

  Delay& delay = delays_[row.ordering_prefix];
  ++delay.attempt_count;
  if (delay.attempt_count >= limits_.attempt_count_max) {
    log::error("gave up delivering an event",
               {{"topic", row.topic}, {"key", row.key}, {"why", delivered.error().message()}});
    delays_.erase(row.ordering_prefix);
    return true;
  }
  const int doublings = std::min(delay.attempt_count - 1, 20);
  delay.next_attempt_at =
      clock_.now() + std::min(limits_.retry_delay_first * (std::int64_t{1} << doublings), limits_.retry_delay_max);
  return false;
}

Result<void> StoredOutbox::remove_rows(const std::vector<std::string>& keys) {
  if (keys.empty()) return ok;
  auto tx = store_.begin();
  for (const std::string& key : keys) tx->remove(key);
  return sync_wait(store_.commit(std::move(tx)));
}

}  // namespace hearth
