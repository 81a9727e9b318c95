#include "services/ec2/image_importer.h"

#include "base/log.h"
#include "ports/read_rows.h"

namespace hearth::ec2 {
namespace {

constexpr std::chrono::seconds look_period{10};
// Ended tasks are shown this long.
constexpr std::chrono::hours task_kept_for{24 * 7};

// AWS's form of the reason: whose fault it was comes first.
std::string reason_of(const Error& error) {
  const bool is_clients = error.kind() == ErrorKind::invalid || error.kind() == ErrorKind::not_found;
  return (is_clients ? "ClientError: " : "ServerError: ") + error.message();
}

}  // namespace

void ImageImporter::start() {
  stopping_ = false;
  loop_ = std::make_unique<BackgroundLoop>("ec2-images", look_period, [this] {
    if (const auto done = run_once(); !done)
      log::error("ec2: importing images failed",
                 {{"error", done.error().message()}, {"detail", done.error().detail()}});
  });
  loop_->wake();
}

void ImageImporter::stop() {
  stopping_ = true;
  if (loop_) loop_->stop();
}

void ImageImporter::wake() {
  if (loop_) loop_->wake();
}

void ImageImporter::cancel(const std::string& task_id) {
  {
    std::lock_guard lock(mutex_);
    if (progress_.contains(task_id)) cancelled_.insert(task_id);
  }
  wake();
}

ImportProgress ImageImporter::progress(const std::string& task_id) const {
  std::lock_guard lock(mutex_);
  const auto found = progress_.find(task_id);
  return found == progress_.end() ? ImportProgress{.step = "pending"} : found->second;
}

Result<void> ImageImporter::run_once() {
  TRY(const auto tasks, sync_wait(read_rows<ImportTaskRow>(store_, import_task_prefix())));
  for (const auto& task : tasks) {
    if (stopping_) return ok;
    if (task.status == import_status::active || task.status == import_status::deleting) {
      TRY_DO(perform(task));
    } else if (clock_.now() - from_ms(task.ended_ms) > task_kept_for) {
      const TransactionBody forget = [&](Transaction& tx) -> Async<void> {
        tx.remove(import_task_key(task.account_id, task.region, task.id));
        co_return ok;
      };
      TRY_DO(sync_wait(transact(store_, forget)));
    }
  }
  return remove_unused_images();
}

Result<void> ImageImporter::perform(const ImportTaskRow& task) {
  Result<StoredImage> image = Error(ErrorKind::cancelled, "the import was cancelled");
  if (task.status == import_status::active) {
    {
      std::lock_guard lock(mutex_);
      progress_[task.id] = {.step = "validating"};
    }
    image = sync_wait(make_image(task));
  }
  // The same task again after the next start.
  const bool is_cut_off = !image && image.error().kind() == ErrorKind::cancelled && stopping_;
  const Result<void> written = is_cut_off ? Result<void>(ok) : sync_wait(write_outcome(task, image));
  std::lock_guard lock(mutex_);
  progress_.erase(task.id);
  cancelled_.erase(task.id);
  return written;
}

Async<StoredImage> ImageImporter::make_image(const ImportTaskRow& task) {
  CO_TRY(const ReadableObject object, co_await objects_.open_object(task.bucket, task.key));
  // What the caller was allowed to read is what was there when the caller asked.
  if (object.etag != task.etag)
    co_return Error(ErrorKind::invalid, "The object was replaced while it waited for its import.");
  const ImportObserver observer = [&](const ImportProgress& progress) {
    std::lock_guard lock(mutex_);
    progress_[task.id] = progress;
    return !stopping_ && !cancelled_.contains(task.id);
  };
  co_return co_await images_.import_image(task.image_id, *object.body, observer);
}

// One transaction: the task ends, and its image begins.
Async<void> ImageImporter::write_outcome(const ImportTaskRow& task, const Result<StoredImage>& image) {
  if (!image && image.error().kind() != ErrorKind::cancelled)
    log::warning("ec2: an image could not be imported",
                 {{"task", task.id}, {"error", image.error().message()}, {"detail", image.error().detail()}});
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    const std::string task_place = import_task_key(task.account_id, task.region, task.id),
                      image_place = image_key(task.account_id, task.region, task.image_id);
    CO_TRY(const auto stored_task, co_await tx.get(task_place));
    CO_TRY(const auto stored_image, co_await tx.get(image_place));
    if (!stored_task) co_return ok;  // forgotten meanwhile; so is the image
    CO_TRY(ImportTaskRow row, row::decode<ImportTaskRow>(*stored_task));
    const bool is_done = image && row.status == import_status::active;
    row.status = is_done ? import_status::completed : import_status::deleted;
    if (image)
      row.status_message.clear();
    else if (image.error().kind() != ErrorKind::cancelled)  // then it holds what whoever cancelled said
      row.status_message = reason_of(image.error());
    row.ended_ms = to_ms(clock_.now());
    if (row.is_registration)
      tx.remove(task_place);
    else
      tx.put(task_place, row::encode(row));

    // Deregistered before it was made: then it is not to be.
    if (row.is_registration && !stored_image) co_return ok;
    if (!row.is_registration && !is_done) co_return ok;
    ImageRow made{.account_id = row.account_id,
                  .region = row.region,
                  .id = row.image_id,
                  .name = row.id,
                  .description = row.description,
                  .location = row.bucket + "/" + row.key,
                  .created_ms = row.ended_ms};
    if (stored_image) {
      CO_TRY(made, row::decode<ImageRow>(*stored_image));
    }
    made.state = is_done ? "available" : "failed";
    made.state_reason = row.status_message;
    tx.put(image_place, row::encode(made));
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

// An image is used by its row, by instances that were launched from it, and by the task that just made it.
Result<void> ImageImporter::remove_unused_images() {
  TRY(const auto stored, sync_wait(images_.list()));
  if (stored.empty()) return ok;
  std::set<std::string> used;
  // In this order: a launch reads the image's row in the transaction that writes its instance's.
  TRY(const auto rows, sync_wait(read_rows<ImageRow>(store_, image_prefix())));
  for (const auto& row : rows)
    if (row.state != "failed") used.insert(row.id);
  TRY(const auto tasks, sync_wait(read_rows<ImportTaskRow>(store_, import_task_prefix())));
  for (const auto& task : tasks)
    if (task.status == import_status::active) used.insert(task.image_id);
  TRY(const auto instances, sync_wait(read_rows<InstanceRow>(store_, instance_prefix())));
  for (const auto& row : instances)
    if (row.state != state::terminated) used.insert(row.image_id);
  for (const auto& id : stored)
    if (!used.contains(id)) TRY_DO(sync_wait(images_.remove(id)));
  return ok;
}

}  // namespace hearth::ec2
