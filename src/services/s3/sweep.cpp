// Removes blobs that nothing needs any more.
#include "base/log.h"
#include "services/s3/service.h"

namespace hearth::s3 {
namespace {

constexpr std::chrono::seconds sweep_period{30};
// Between storing a blob and committing its row; an upload that takes longer than this after its last byte is not one.
constexpr std::chrono::hours orphan_age_min{1};
constexpr std::chrono::hours orphan_sweep_period{1};
constexpr std::size_t batch_size = 1000;

}  // namespace

void S3Service::start_sweeping() {
  sweeper_ = std::make_unique<BackgroundLoop>("s3 sweep", sweep_period, [this] {
    const Result<void> swept = sweep();
    if (!swept) log::warning("the s3 sweep could not finish", {{"why", swept.error().detail()}});
  });
}

void S3Service::stop_sweeping() {
  sweeper_.reset();
}

Result<void> S3Service::sweep() {
  TRY_DO(sweep_garbage());
  if (clock_.now() < next_orphan_sweep_) return ok;
  next_orphan_sweep_ = clock_.now() + orphan_sweep_period;
  return sweep_orphans();
}

// The blob goes before its rows: a crash in between only means that it is removed twice.
Result<void> S3Service::sweep_garbage() {
  const std::string end = keys::garbage(to_ms(clock_.now()) + 1, BlobId());
  for (;;) {
    TRY(const std::vector<KeyValue> due, sync_wait(metadata_.scan({keys::all_garbage(), end}, batch_size)));
    for (const KeyValue& row : due) TRY_DO(sync_wait(blobs_.remove(keys::read_garbage(row.key).blob)));
    const TransactionBody body = [&](Transaction& tx) -> Async<void> {
      for (const KeyValue& row : due) {
        tx.remove(row.key);
        tx.remove(keys::blob(keys::read_garbage(row.key).blob));
      }
      co_return ok;
    };
    if (!due.empty()) TRY_DO(sync_wait(transact(metadata_, body)));
    if (due.size() < batch_size) return ok;
  }
}

Result<void> S3Service::sweep_orphans() {
  BlobId after;
  for (;;) {
    TRY(const std::vector<BlobInfo> old, sync_wait(blobs_.list(after, clock_.now() - orphan_age_min, batch_size)));
    for (const BlobInfo& blob : old) {
      after = blob.id;
      TRY(const std::optional<std::string> row, sync_wait(metadata_.get(keys::blob(blob.id))));
      if (!row) TRY_DO(sync_wait(blobs_.remove(blob.id)));
    }
    if (old.size() < batch_size) return ok;
  }
}

}  // namespace hearth::s3
