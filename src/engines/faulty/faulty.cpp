#include "engines/faulty/faulty.h"

namespace hearth {

void FaultPlan::fail_call(int n, Error error, Moment moment) {
  std::lock_guard lock(mutex_);
  error_ = std::move(error);
  moment_ = moment;
  failing_call_ = n;
  fails_always_ = false;
  call_count_ = 0;
  has_failed_ = false;
}

void FaultPlan::fail_always(Error error) {
  fail_call(0, std::move(error));
  std::lock_guard lock(mutex_);
  fails_always_ = true;
}

int FaultPlan::call_count() const {
  std::lock_guard lock(mutex_);
  return call_count_;
}

bool FaultPlan::has_failed() const {
  std::lock_guard lock(mutex_);
  return has_failed_;
}

std::optional<FaultPlan::Fault> FaultPlan::next_call() {
  std::lock_guard lock(mutex_);
  ++call_count_;
  if (!fails_always_ && call_count_ != failing_call_) return std::nullopt;
  has_failed_ = true;
  return Fault{error_, moment_};
}

namespace {

// A call that only looks: when it happened makes no difference.
template <class T>
Async<T> read(FaultPlan& plan, Async<T> call) {
  if (const auto fault = plan.next_call()) co_return fault->error;
  co_return co_await std::move(call);
}

template <class T>
Async<T> change(FaultPlan& plan, Async<T> call) {
  const auto fault = plan.next_call();
  if (fault && fault->moment == FaultPlan::Moment::before) co_return fault->error;
  Result<T> result = co_await std::move(call);
  if (fault) co_return fault->error;
  co_return std::move(result);
}

}  // namespace

class FaultyMetadataStore::FaultyTransaction final : public Transaction {
 public:
  FaultyTransaction(std::unique_ptr<Transaction> transaction, FaultPlan& plan)
      : transaction_(std::move(transaction)), plan_(plan) {}
  Async<std::optional<std::string>> get(std::string_view key) override { return read(plan_, transaction_->get(key)); }
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse) override {
    return read(plan_, transaction_->scan(std::move(range), limit, reverse));
  }
  void put(std::string_view key, std::string value) override { transaction_->put(key, std::move(value)); }
  void remove(std::string_view key) override { transaction_->remove(key); }
  std::unique_ptr<Transaction> take() { return std::move(transaction_); }

 private:
  std::unique_ptr<Transaction> transaction_;
  FaultPlan& plan_;
};

Async<std::optional<std::string>> FaultyMetadataStore::get(std::string_view key) {
  return read(plan_, store_.get(key));
}
Async<std::vector<KeyValue>> FaultyMetadataStore::scan(KeyRange range, std::size_t limit, bool reverse) {
  return read(plan_, store_.scan(std::move(range), limit, reverse));
}
std::unique_ptr<Transaction> FaultyMetadataStore::begin() {
  return std::make_unique<FaultyTransaction>(store_.begin(), plan_);
}
Async<void> FaultyMetadataStore::commit(std::unique_ptr<Transaction> transaction) {
  return change(plan_, store_.commit(static_cast<FaultyTransaction&>(*transaction).take()));
}
Async<void> FaultyMetadataStore::clear() {
  return change(plan_, store_.clear());
}

Async<BlobInfo> FaultyBlobStore::put(ByteSource& body) {
  return change(plan_, store_.put(body));
}
Async<std::unique_ptr<ByteSource>> FaultyBlobStore::open(const BlobId& id, ByteRange range) {
  return read(plan_, store_.open(id, range));
}
Async<void> FaultyBlobStore::remove(const BlobId& id) {
  return change(plan_, store_.remove(id));
}
Async<std::vector<BlobInfo>> FaultyBlobStore::list(const BlobId& after, TimePoint before, std::size_t limit) {
  return read(plan_, store_.list(after, before, limit));
}
Async<void> FaultyBlobStore::clear() {
  return change(plan_, store_.clear());
}

Async<void> FaultyTelemetryStore::append_samples(std::vector<SeriesSample> samples) {
  return change(plan_, store_.append_samples(std::move(samples)));
}
Async<void> FaultyTelemetryStore::append_events(std::string_view stream, std::vector<LogEvent> events) {
  return change(plan_, store_.append_events(stream, std::move(events)));
}
Async<std::vector<Sample>> FaultyTelemetryStore::samples(std::string_view series, TimeSpan span) {
  return read(plan_, store_.samples(series, span));
}
Async<std::vector<std::string>> FaultyTelemetryStore::series(std::string_view prefix, std::string_view after,
                                                             std::size_t limit) {
  return read(plan_, store_.series(prefix, after, limit));
}
Async<std::vector<LogEvent>> FaultyTelemetryStore::events(std::string_view stream, TimeSpan span,
                                                          const EventPosition* from, EventLimit limit, bool backwards) {
  return read(plan_, store_.events(stream, span, from, limit, backwards));
}
Async<void> FaultyTelemetryStore::remove_stream(std::string_view stream) {
  return change(plan_, store_.remove_stream(stream));
}
Async<void> FaultyTelemetryStore::remove_events_before(std::string_view stream, std::int64_t before_ms) {
  return change(plan_, store_.remove_events_before(stream, before_ms));
}
Async<void> FaultyTelemetryStore::remove_samples_before(std::int64_t before_ms) {
  return change(plan_, store_.remove_samples_before(before_ms));
}
Async<void> FaultyTelemetryStore::clear() {
  return change(plan_, store_.clear());
}

}  // namespace hearth
