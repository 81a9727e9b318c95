// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportImage.html, DescribeImportImageTasks,
// CancelImportTask
#include <fmt/format.h>

#include <algorithm>

#include "api/ec2/errors.h"
#include "base/bytes.h"
#include "base/text.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::ImportImage> {
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::ImportImageRequest& in) {
    ConditionContext context;
    ec2::add_specified_tag_conditions(in.tag_specifications, context);
    std::vector<Access> accesses{{"ec2:ImportImage", ec2::arn(ctx, "import-image-task", "*"), std::move(context)},
                                 {"ec2:ImportImage", ec2::image_arn(ctx, "*"), {}}};
    ec2::add_tagging<op::ImportImage>(ctx, in, accesses);
    return accesses;
  }
};
template <>
struct AccessRule<op::DescribeImportImageTasks> : ec2::OnAnything<op::DescribeImportImageTasks> {};
template <>
struct AccessRule<op::CancelImportTask> {
  static Access of(const RequestContext& ctx, const api::ec2::CancelImportTaskRequest& in) {
    return {"ec2:CancelImportTask", ec2::arn(ctx, "import-image-task", in.import_task_id.value_or("*")), {}};
  }
};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

constexpr std::size_t active_task_count_max = 20;  // AWS's quota

Error no_such_task(const std::string& id) {
  return errors::invalid_conversion_task_id_malformed("Tasks " + id + " do not exist");
}

// S3Bucket and S3Key, or an s3:// URL.
Result<void> take_source(const api::ec2::ImageDiskContainer& disk, ImportTaskRow& task) {
  if (disk.snapshot_id) return errors::unsupported("There are no snapshots to import from; give an object in S3.");
  if (disk.user_bucket) {
    task.bucket = disk.user_bucket->s3_bucket.value_or("");
    task.key = disk.user_bucket->s3_key.value_or("");
  } else if (disk.url) {
    constexpr std::string_view scheme = "s3://";
    const std::string& url = *disk.url;
    const auto slash = url.find('/', scheme.size());
    if (!url.starts_with(scheme) || slash == std::string::npos)
      return errors::invalid_parameter_value("Value (" + url +
                                             ") for parameter Url is invalid. Expecting s3://BUCKET/KEY.");
    task.bucket = url.substr(scheme.size(), slash - scheme.size());
    task.key = url.substr(slash + 1);
  }
  if (task.bucket.empty() || task.key.empty())
    return errors::missing_parameter("The disk container must say where the image is: UserBucket or Url");
  task.format = disk.format.value_or("");
  const std::string format = to_lower(task.format);
  if (!format.empty() && format != "tar" && format != "oci" && format != "docker")
    return errors::unsupported(
        "The format " + task.format +
        " is a disk image. Instances here have no kernel of their own: give a tar file of a root "
        "file system (tar), or a container image (oci, docker).");
  task.disk_description = disk.description.value_or("");
  task.device_name = disk.device_name.value_or("");
  return ok;
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImportImageTasks.html, Filters
FieldsOf task_fields(const ImportTaskRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "task-state") return std::vector{row.status};
    return tag_fields(name, row.tags);
  };
}

std::vector<api::ec2::SnapshotDetail> snapshot_details(const ImportTaskRow& row) {
  std::vector<api::ec2::SnapshotDetail> details(1);
  auto& detail = details.front();
  if (!row.disk_description.empty()) detail.description = row.disk_description;
  if (!row.device_name.empty()) detail.device_name = row.device_name;
  if (!row.format.empty()) detail.format = row.format;
  detail.disk_image_size = static_cast<double>(row.size_bytes);
  detail.status = row.status;
  auto& bucket = detail.user_bucket.emplace();
  bucket.s3_bucket = row.bucket;
  bucket.s3_key = row.key;
  return details;
}

// What ImportImage and DescribeImportImageTasks say of a task.
template <class View>
View task_view(const ImportTaskRow& row, const ImportProgress& progress) {
  View view;
  view.import_task_id = row.id;
  view.architecture = "x86_64";
  view.platform = "Linux";
  view.license_type = "BYOL";
  view.encrypted = false;
  view.usage_operation = "RunInstances";
  if (!row.description.empty()) view.description = row.description;
  view.status = row.status;
  if (row.status == import_status::active) {
    view.progress = std::to_string(progress.percent);
    view.status_message = progress.step;
  } else if (!row.status_message.empty()) {
    view.status_message = row.status_message;
  }
  if (row.status == import_status::completed) view.image_id = row.image_id;
  view.snapshot_details = snapshot_details(row);
  if (!row.tags.empty()) view.tags = tags_view(row.tags);
  return view;
}

}  // namespace

void Ec2Service::register_image_imports(OperationTable& table) {
  table.serve<op::ImportImage>(*this, &Ec2Service::import_image);
  table.serve<op::DescribeImportImageTasks>(*this, &Ec2Service::describe_import_image_tasks);
  table.serve<op::CancelImportTask>(*this, &Ec2Service::cancel_import_task);
}

// Whoever imports an object must be allowed to read it: the image would show its content.
Async<void> Ec2Service::take_object(const RequestContext& ctx, ImportTaskRow& task) {
  if (const auto missing = ports_.images.missing_requirements(); !missing.empty())
    co_return errors::unsupported(fmt::format("Images cannot be imported on this host: {}", fmt::join(missing, " ")));
  std::vector<Access> read = {{"s3:GetObject", "arn:aws:s3:::" + task.bucket + "/" + task.key, {}}};
  auto allowed = co_await ports_.authorizer.authorize(ctx.caller, std::move(read), ctx.condition_context);
  if (!allowed && allowed.error().kind() == ErrorKind::denied)
    co_return errors::unauthorized_operation("You are not authorized to perform this operation. " +
                                             allowed.error().message());
  if (!allowed) co_return allowed.error();
  const auto object = co_await ports_.objects.open_object(task.bucket, task.key);
  if (!object && object.error().kind() == ErrorKind::not_found)
    co_return errors::invalid_parameter_value("The given S3 object cannot be read: " + task.bucket + "/" + task.key +
                                              ". " + object.error().message());
  if (!object) co_return object.error();
  task.etag = object->etag;
  task.size_bytes = object->size_bytes;
  co_return ok;
}

Async<api::ec2::ImportImageResult> Ec2Service::import_image(const RequestContext& ctx,
                                                            const api::ec2::ImportImageRequest& in) {
  CO_TRY_DO(refuse_unserved_members(op::ImportImage::index, &in));
  if (!in.disk_containers || in.disk_containers->size() != 1)
    co_return errors::invalid_parameter_value("An import takes one disk container: the root of the image.");
  ImportTaskRow task{
      .account_id = ctx.account_id, .region = ctx.region, .description = in.description.value_or(""), .created_ms = 0};
  CO_TRY_DO(take_source(in.disk_containers->front(), task));
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"import-image-task"}));
  CO_TRY(task.tags, tags_for(in.tag_specifications, "import-image-task"));
  task.parameters = to_hex(sha256(row::encode(task)));
  task.client_token = in.client_token.value_or("");
  task.id = ports_.ids.aws_id("import-ami-");
  task.image_id = ports_.ids.aws_id("ami-");
  task.created_ms = now_ms();
  CO_TRY_DO(co_await take_object(ctx, task));
  CO_TRY_DO(check_dry_run(in.dry_run));

  ImportTaskRow begun;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    begun = task;
    CO_TRY(const auto others, co_await read_rows<ImportTaskRow>(tx, import_task_prefix(ctx.account_id, ctx.region)));
    std::size_t active_count = 0;
    for (const auto& other : others) {
      if (other.status == import_status::active) ++active_count;
      if (task.client_token.empty() || other.client_token != task.client_token) continue;
      if (other.parameters != task.parameters)
        co_return errors::idempotent_parameter_mismatch(
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).");
      begun = other;
      co_return ok;
    }
    if (active_count >= active_task_count_max)
      co_return errors::resource_count_exceeded(
          fmt::format("There are {} imports under way, the most there may be.", active_task_count_max));
    tx.put(import_task_key(task.account_id, task.region, task.id), row::encode(task));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  importer_.wake();
  co_return task_view<api::ec2::ImportImageResult>(begun, importer_.progress(begun.id));
}

Async<api::ec2::DescribeImportImageTasksResult> Ec2Service::describe_import_image_tasks(
    const RequestContext& ctx, const api::ec2::DescribeImportImageTasksRequest& in) {
  CO_TRY_DO(check_request<op::DescribeImportImageTasks>(in));
  CO_TRY_DO(check_filters(in.filters, task_fields(ImportTaskRow())));
  CO_TRY(auto rows, co_await read_rows<ImportTaskRow>(ports_.store, import_task_prefix(ctx.account_id, ctx.region)));
  std::erase_if(rows, [](const ImportTaskRow& row) { return row.is_registration; });
  const auto& wanted = in.import_task_ids;
  if (wanted)
    for (const auto& id : *wanted)
      if (std::ranges::find(rows, id, &ImportTaskRow::id) == rows.end()) co_return no_such_task(id);
  std::vector<api::ec2::ImportImageTask> tasks;
  for (const ImportTaskRow& row : rows) {
    if (wanted && !wanted->empty() && std::ranges::find(*wanted, row.id) == wanted->end()) continue;
    CO_TRY(const bool holds, passes(in.filters, task_fields(row)));
    if (holds) tasks.push_back(task_view<api::ec2::ImportImageTask>(row, importer_.progress(row.id)));
  }
  api::ec2::DescribeImportImageTasksResult out;
  CO_TRY(auto page, cut_page(std::move(tasks), in, out.next_token));
  out.import_image_tasks = std::move(page);
  co_return out;
}

Async<api::ec2::CancelImportTaskResult> Ec2Service::cancel_import_task(const RequestContext& ctx,
                                                                       const api::ec2::CancelImportTaskRequest& in) {
  CO_TRY_DO(refuse_unserved_members(op::CancelImportTask::index, &in));
  if (!in.import_task_id) co_return errors::missing_parameter("The request must contain the parameter ImportTaskId");
  CO_TRY_DO(check_dry_run(in.dry_run));
  const std::string& id = *in.import_task_id;
  const std::string key = import_task_key(ctx.account_id, ctx.region, id);
  api::ec2::CancelImportTaskResult out;
  out.import_task_id = id;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return no_such_task(id);
    CO_TRY(ImportTaskRow row, row::decode<ImportTaskRow>(*stored));
    if (row.is_registration) co_return no_such_task(id);
    if (row.status != import_status::active)
      co_return errors::incorrect_state("The task " + id + " is " + row.status + " and cannot be cancelled.");
    out.previous_state = row.status;
    row.status = import_status::deleting;
    row.status_message = in.cancel_reason.value_or("");
    out.state = row.status;
    tx.put(key, row::encode(row));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  importer_.cancel(id);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
