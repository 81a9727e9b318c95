// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html, RegisterImage, DeregisterImage
#include <algorithm>

#include "api/ec2/errors.h"
#include "base/bytes.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/instances.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::DescribeImages> : ec2::OnAnything<op::DescribeImages> {};
template <>
struct AccessRule<op::RegisterImage> {
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::RegisterImageRequest& in) {
    Access access{"ec2:RegisterImage", ec2::image_arn(ctx, "*"), {}};
    ec2::add_specified_tag_conditions(in.tag_specifications, access.context);
    std::vector<Access> accesses{std::move(access)};
    ec2::add_tagging<op::RegisterImage>(ctx, in, accesses);
    return accesses;
  }
};
template <>
struct AccessRule<op::DeregisterImage> {
  static Access of(const RequestContext& ctx, const api::ec2::DeregisterImageRequest& in) {
    return {"ec2:DeregisterImage", ec2::image_arn(ctx, in.image_id), {}};
  }
};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

constexpr const char* host_image_name = "cloudhearth-host";
constexpr std::int64_t host_image_created_ms = 1'767'225'600'000;  // 2026-01-01

// The host's own programs and libraries are an image that every account sees.
ImageRow host_image(const RequestContext& ctx) {
  return {.account_id = ctx.account_id,
          .region = ctx.region,
          .id = host_image_id(),
          .name = host_image_name,
          .description = "The programs and libraries of this host, without its data",
          .location = ctx.account_id + "/" + host_image_name,
          .is_public = true,
          .created_ms = host_image_created_ms};
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html, Filter.N
FieldsOf image_fields(const ImageRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "image-id") return std::vector{row.id};
    if (name == "name") return std::vector{row.name};
    if (name == "description") return std::vector{row.description};
    if (name == "manifest-location") return std::vector{row.location};
    if (name == "creation-date") return std::vector{format_iso8601(from_ms(row.created_ms))};
    if (name == "architecture") return std::vector<std::string>{"x86_64"};
    if (name == "state") return std::vector{row.state};
    if (name == "image-type") return std::vector<std::string>{"machine"};
    if (name == "is-public") return std::vector<std::string>{row.is_public ? "true" : "false"};
    if (name == "owner-id") return std::vector{row.account_id};
    if (name == "owner-alias")
      return row.is_public ? std::vector<std::string>{"self", "amazon"} : std::vector<std::string>{"self"};
    if (name == "root-device-name" || name == "block-device-mapping.device-name")
      return std::vector<std::string>{root_device};
    if (name == "root-device-type") return std::vector<std::string>{"ebs"};
    if (name == "virtualization-type") return std::vector<std::string>{"hvm"};
    if (name == "hypervisor") return std::vector<std::string>{"nitro"};
    if (name == "platform") return std::vector<std::string>();
    if (name == "state-reason-message") return std::vector{row.state_reason};
    return tag_fields(name, row.tags);
  };
}

// AWS: those that were shared with a user by name, or with all. Nobody shares one here but the installation its own.
bool can_be_launched_by(const ImageRow& row, const wire::Opt<std::vector<std::string>>& users) {
  return !users || users->empty() || (row.is_public && std::ranges::find(*users, "all") != users->end());
}

bool has_owner(const ImageRow& row, const wire::Opt<std::vector<std::string>>& owners) {
  if (!owners || owners->empty()) return true;
  return std::ranges::any_of(*owners, [&](const std::string& owner) {
    return owner == "self" || owner == row.account_id || (owner == "amazon" && row.is_public);
  });
}

api::ec2::Image image_view(const ImageRow& row) {
  api::ec2::Image image;
  image.image_id = row.id;
  image.name = row.name;
  if (!row.description.empty()) image.description = row.description;
  image.image_location = row.location;
  image.owner_id = row.account_id;
  image.public_ = row.is_public;
  image.state = row.state;
  if (!row.state_reason.empty()) {
    auto& reason = image.state_reason.emplace();
    reason.code = row.state_reason.substr(0, row.state_reason.find(':'));
    reason.message = row.state_reason;
  }
  image.architecture = "x86_64";
  image.image_type = "machine";
  image.hypervisor = "nitro";
  image.virtualization_type = "hvm";
  image.root_device_type = "ebs";
  image.root_device_name = root_device;
  image.ena_support = true;
  image.platform_details = "Linux/UNIX";
  image.usage_operation = "RunInstances";
  image.creation_date = format_iso8601(from_ms(row.created_ms));
  if (!row.tags.empty()) image.tags = tags_view(row.tags);
  auto& disk = image.block_device_mappings.emplace().emplace_back();
  disk.device_name = root_device;
  auto& ebs = disk.ebs.emplace();
  ebs.volume_size = InstanceRow().volume_gib;
  ebs.volume_type = "gp3";
  ebs.delete_on_termination = true;
  ebs.encrypted = false;
  return image;
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html, Name
Result<void> check_image_name(const std::string& name) {
  constexpr std::size_t length_min = 3, length_max = 128;
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789()[] ./-'@_";
  if (name.size() < length_min || name.size() > length_max || name.find_first_not_of(allowed) != std::string::npos)
    return errors::invalid_ami_name_malformed(
        "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', "
        "'/', '_', '[', ']', ' ', ''' and '@'");
  return ok;
}

}  // namespace

std::string host_image_id() {
  return "ami-" + to_hex(sha256(host_image_name)).substr(0, 17);
}

Async<void> require_image(Transaction& tx, std::string account_id, std::string region, std::string image_id) {
  if (image_id == host_image_id()) co_return ok;
  const std::string key = image_key(account_id, region, image_id);
  CO_TRY(const auto stored, co_await tx.get(key));
  if (!stored) co_return no_such_image(image_id);
  CO_TRY(const ImageRow row, row::decode<ImageRow>(*stored));
  if (row.state != "available")
    co_return errors::invalid_amiid_unavailable("The image ID '" + image_id + "' is not available");
  co_return ok;
}

void Ec2Service::register_images(OperationTable& table) {
  table.serve<op::DescribeImages>(*this, &Ec2Service::describe_images);
  table.serve<op::RegisterImage>(*this, &Ec2Service::register_image);
  table.serve<op::DeregisterImage>(*this, &Ec2Service::deregister_image);
}

Async<api::ec2::DescribeImagesResult> Ec2Service::describe_images(const RequestContext& ctx,
                                                                  const api::ec2::DescribeImagesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeImages>(in));
  CO_TRY(auto rows, co_await read_rows<ImageRow>(ports_.store, image_prefix(ctx.account_id, ctx.region)));
  rows.insert(rows.begin(), host_image(ctx));
  if (in.image_ids)
    for (const auto& id : *in.image_ids)
      if (std::ranges::find(rows, id, &ImageRow::id) == rows.end()) co_return no_such_image(id);
  std::vector<api::ec2::Image> images;
  for (const ImageRow& row : rows) {
    if (in.image_ids && !in.image_ids->empty() && std::ranges::find(*in.image_ids, row.id) == in.image_ids->end())
      continue;
    CO_TRY(const bool holds, passes(in.filters, image_fields(row)));
    if (holds && has_owner(row, in.owners) && can_be_launched_by(row, in.executable_users))
      images.push_back(image_view(row));
  }
  api::ec2::DescribeImagesResult out;
  CO_TRY(auto page, cut_page(std::move(images), in, out.next_token));
  out.images = std::move(page);
  co_return out;
}

// AWS: ImageLocation is where the image lies in S3, as BUCKET/KEY. It is available once it is unpacked.
Async<api::ec2::RegisterImageResult> Ec2Service::register_image(const RequestContext& ctx,
                                                                const api::ec2::RegisterImageRequest& in) {
  CO_TRY_DO(refuse_unserved_members(op::RegisterImage::index, &in));
  CO_TRY_DO(check_image_name(in.name));
  if (!in.image_location) co_return errors::missing_parameter("The request must contain the parameter ImageLocation");
  const std::string& location = *in.image_location;
  const auto slash = location.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == location.size())
    co_return errors::invalid_parameter_value("Value (" + location +
                                              ") for parameter ImageLocation is invalid. Expecting BUCKET/KEY.");
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"image"}));
  ImageRow image{.account_id = ctx.account_id,
                 .region = ctx.region,
                 .id = ports_.ids.aws_id("ami-"),
                 .name = in.name,
                 .description = in.description.value_or(""),
                 .location = location,
                 .state = "pending",
                 .created_ms = now_ms()};
  CO_TRY(image.tags, tags_for(in.tag_specifications, "image"));
  ImportTaskRow task{.account_id = ctx.account_id,
                     .region = ctx.region,
                     .id = ports_.ids.aws_id("import-ami-"),
                     .bucket = location.substr(0, slash),
                     .key = location.substr(slash + 1),
                     .image_id = image.id,
                     .is_registration = true,
                     .created_ms = image.created_ms};
  CO_TRY_DO(co_await take_object(ctx, task));
  CO_TRY_DO(check_dry_run(in.dry_run));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto others, co_await read_rows<ImageRow>(tx, image_prefix(ctx.account_id, ctx.region)));
    for (const auto& other : others)
      if (other.name == image.name)
        co_return errors::invalid_ami_name_duplicate("AMI name " + image.name + " is already in use by AMI " +
                                                     other.id);
    tx.put(image_key(ctx.account_id, ctx.region, image.id), row::encode(image));
    tx.put(import_task_key(ctx.account_id, ctx.region, task.id), row::encode(task));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  importer_.wake();
  api::ec2::RegisterImageResult out;
  out.image_id = image.id;
  co_return out;
}

// Its files go when the last instance that was launched from it is terminated.
Async<api::ec2::DeregisterImageResult> Ec2Service::deregister_image(const RequestContext& ctx,
                                                                    const api::ec2::DeregisterImageRequest& in) {
  CO_TRY_DO(refuse_unserved_members(op::DeregisterImage::index, &in));
  if (!in.image_id.starts_with("ami-"))
    co_return errors::invalid_amiid_malformed("Invalid id: \"" + in.image_id + "\" (expecting \"ami-...\")");
  if (in.image_id == host_image_id())
    co_return errors::unauthorized_operation("The image of this host belongs to the installation.");
  CO_TRY_DO(check_dry_run(in.dry_run));
  const std::string key = image_key(ctx.account_id, ctx.region, in.image_id);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return no_such_image(in.image_id);
    tx.remove(key);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  importer_.wake();
  api::ec2::DeregisterImageResult out;
  out.return_ = true;
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
