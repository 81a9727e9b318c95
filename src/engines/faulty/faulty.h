// Stores that fail when told to. For tests. As safe from threads as the store behind them.
#pragma once

#include <mutex>

#include "ports/blob_store.h"
#include "ports/metadata_store.h"
#include "ports/telemetry_store.h"

namespace hearth {

class FaultPlan {
 public:
  // Whether a failing change fails without happening, or happens and only its answer is lost.
  enum class Moment { before, after };

  // The n-th call from now on fails, once; 0: none does.
  void fail_call(int n, Error error = Error(ErrorKind::unavailable, "failed on purpose"),
                 Moment moment = Moment::before);
  // Every call fails until the next plan.
  void fail_always(Error error = Error(ErrorKind::unavailable, "failed on purpose"));

  int call_count() const;   // since the last plan
  bool has_failed() const;  // since the last plan

  // What a decorator asks at each call: should it fail, and when?
  struct Fault {
    Error error;
    Moment moment;
  };
  std::optional<Fault> next_call();

 private:
  mutable std::mutex mutex_;
  Error error_{ErrorKind::unavailable, "failed on purpose"};
  Moment moment_ = Moment::before;
  int failing_call_ = 0;
  bool fails_always_ = false;
  int call_count_ = 0;
  bool has_failed_ = false;
};

// Counted calls: get, scan, commit, clear, and the reads of transactions.
class FaultyMetadataStore final : public MetadataStore {
 public:
  FaultyMetadataStore(MetadataStore& store, FaultPlan& plan) : store_(store), plan_(plan) {}
  Async<std::optional<std::string>> get(std::string_view key) override;
  Async<std::vector<KeyValue>> scan(KeyRange range, std::size_t limit, bool reverse = false) override;
  std::unique_ptr<Transaction> begin() override;
  Async<void> commit(std::unique_ptr<Transaction> transaction) override;
  Async<void> clear() override;

 private:
  class FaultyTransaction;
  MetadataStore& store_;
  FaultPlan& plan_;
};

// Counted calls: all of them. Reading an opened blob does not fail.
class FaultyBlobStore final : public BlobStore {
 public:
  FaultyBlobStore(BlobStore& store, FaultPlan& plan) : store_(store), plan_(plan) {}
  Async<BlobInfo> put(ByteSource& body) override;
  Async<std::unique_ptr<ByteSource>> open(const BlobId& id, ByteRange range) override;
  Async<void> remove(const BlobId& id) override;
  Async<std::vector<BlobInfo>> list(const BlobId& after, TimePoint before, std::size_t limit) override;
  Async<void> clear() override;

 private:
  BlobStore& store_;
  FaultPlan& plan_;
};

// Counted calls: all of them.
class FaultyTelemetryStore final : public TelemetryStore {
 public:
  FaultyTelemetryStore(TelemetryStore& store, FaultPlan& plan) : store_(store), plan_(plan) {}
  Async<void> append_samples(std::vector<SeriesSample> samples) override;
  Async<void> append_events(std::string_view stream, std::vector<LogEvent> events) override;
  Async<std::vector<Sample>> samples(std::string_view series, TimeSpan span) override;
  Async<std::vector<std::string>> series(std::string_view prefix, std::string_view after, std::size_t limit) override;
  Async<std::vector<LogEvent>> events(std::string_view stream, TimeSpan span, const EventPosition* from,
                                      EventLimit limit, bool backwards) override;
  Async<void> remove_stream(std::string_view stream) override;
  Async<void> remove_events_before(std::string_view stream, std::int64_t before_ms) override;
  Async<void> remove_samples_before(std::int64_t before_ms) override;
  Async<void> clear() override;

 private:
  TelemetryStore& store_;
  FaultPlan& plan_;
};

}  // namespace hearth
