// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html, DescribeInstanceStatus,
// DescribeVolumes; finding instances and how they look.
#include "services/ec2/instances.h"

#include <algorithm>

#include "api/ec2/errors.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/network.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::DescribeInstances> : ec2::OnAnything<op::DescribeInstances> {};
template <>
struct AccessRule<op::DescribeInstanceStatus> : ec2::OnAnything<op::DescribeInstanceStatus> {};
template <>
struct AccessRule<op::DescribeVolumes> : ec2::OnAnything<op::DescribeVolumes> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

api::ec2::InstanceNetworkInterface interface_view(const InstanceRow& row) {
  api::ec2::InstanceNetworkInterface view;
  view.network_interface_id = row.interface_id;
  view.mac_address = row.mac_address;
  view.private_ip_address = row.private_address;
  view.private_dns_name = private_dns_name(row.private_address, row.region);
  view.subnet_id = row.subnet_id;
  view.vpc_id = default_vpc_id(row.account_id, row.region);
  view.owner_id = row.account_id;
  view.status = "in-use";
  view.source_dest_check = true;
  view.interface_type = "interface";
  view.description = row.interface_description;
  view.groups = groups_view(row.groups);
  auto& attachment = view.attachment.emplace();
  attachment.attachment_id = row.interface_attachment_id;
  attachment.device_index = 0;
  attachment.network_card_index = 0;
  attachment.status = row.state == state::pending ? "attaching" : "attached";
  attachment.attach_time = wire::Timestamp{row.launched_ms};
  attachment.delete_on_termination = true;
  api::ec2::InstancePrivateIpAddress address;
  address.primary = true;
  address.private_ip_address = row.private_address;
  address.private_dns_name = view.private_dns_name;
  view.private_ip_addresses = std::vector{address};
  return view;
}

bool matches_malformed_id(const std::string& id) {
  return !id.starts_with("i-") || id.find_first_not_of("0123456789abcdef", 2) != std::string::npos ||
         (id.size() != 19 && id.size() != 10);
}

}  // namespace

std::vector<api::ec2::GroupIdentifier> groups_view(const std::vector<GroupRef>& groups) {
  std::vector<api::ec2::GroupIdentifier> views;
  for (const auto& group : groups) {
    auto& view = views.emplace_back();
    view.group_id = group.id;
    view.group_name = group.name;
  }
  return views;
}

api::ec2::InstanceState state_view(std::string_view state) {
  api::ec2::InstanceState view;
  view.name = std::string(state);
  view.code = state == state::pending         ? 0
              : state == state::running       ? 16
              : state == state::shutting_down ? 32
              : state == state::terminated    ? 48
              : state == state::stopping      ? 64
                                              : 80;
  return view;
}

api::ec2::Instance instance_view(const InstanceRow& row) {
  api::ec2::Instance view;
  view.instance_id = row.id;
  view.image_id = row.image_id;
  view.instance_type = row.instance_type;
  view.state = state_view(row.state);
  view.launch_time = wire::Timestamp{row.launched_ms};
  view.ami_launch_index = row.launch_index;
  view.architecture = "x86_64";
  view.hypervisor = "nitro";
  view.virtualization_type = "hvm";
  view.root_device_type = "ebs";
  view.root_device_name = root_device;
  view.ena_support = true;
  view.ebs_optimized = row.ebs_optimized;
  view.platform_details = "Linux/UNIX";
  view.usage_operation = "RunInstances";
  view.public_dns_name = "";
  view.private_dns_name = "";
  view.state_transition_reason = row.transition_reason;
  if (!row.key_name.empty()) view.key_name = row.key_name;
  if (!row.client_token.empty()) view.client_token = row.client_token;
  auto& placement = view.placement.emplace();
  placement.availability_zone = row.availability_zone;
  placement.group_name = "";
  placement.tenancy = "default";
  view.monitoring.emplace().state = row.is_monitored ? "enabled" : "disabled";
  if (!row.state_reason_code.empty()) {
    auto& reason = view.state_reason.emplace();
    reason.code = row.state_reason_code;
    reason.message = row.state_reason_message;
  }
  if (!row.profile_arn.empty()) {
    auto& profile = view.iam_instance_profile.emplace();
    profile.arn = row.profile_arn;
    profile.id = row.profile_id;
  }
  auto& metadata = view.metadata_options.emplace();
  metadata.state = "applied";
  metadata.http_tokens = row.http_tokens;
  metadata.http_endpoint = row.http_endpoint;
  metadata.http_put_response_hop_limit = row.hop_limit;
  metadata.instance_metadata_tags = row.metadata_tags;
  metadata.http_protocol_ipv6 = "disabled";
  if (const InstanceType* type = find_instance_type(row.instance_type)) {
    auto& cpus = view.cpu_options.emplace();
    cpus.core_count = std::max(1, type->vcpu_count / 2);
    cpus.threads_per_core = type->vcpu_count > 1 ? 2 : 1;
  }
  view.tags = tags_view(row.tags);
  // AWS: a terminated instance is a name and a reason; its disk, network and groups are gone.
  view.security_groups.emplace();
  view.network_interfaces.emplace();
  view.block_device_mappings.emplace();
  if (is_on_network(row)) {
    view.private_ip_address = row.private_address;
    view.private_dns_name = private_dns_name(row.private_address, row.region);
    view.subnet_id = row.subnet_id;
    view.vpc_id = default_vpc_id(row.account_id, row.region);
    view.source_dest_check = true;
    view.security_groups = groups_view(row.groups);
    view.network_interfaces = std::vector{interface_view(row)};
    api::ec2::InstanceBlockDeviceMapping disk;
    disk.device_name = root_device;
    auto& ebs = disk.ebs.emplace();
    ebs.volume_id = row.volume_id;
    ebs.status = row.state == state::pending ? "attaching" : "attached";
    ebs.attach_time = wire::Timestamp{row.launched_ms};
    ebs.delete_on_termination = true;
    view.block_device_mappings = std::vector{disk};
  }
  return view;
}

std::vector<api::ec2::Reservation> reservations_view(const std::vector<InstanceRow>& rows) {
  std::vector<api::ec2::Reservation> reservations;
  for (const auto& row : rows) {
    auto found = std::ranges::find_if(reservations,
                                      [&](const auto& seen) { return *seen.reservation_id == row.reservation_id; });
    if (found == reservations.end()) {
      auto& made = reservations.emplace_back();
      made.reservation_id = row.reservation_id;
      made.owner_id = row.account_id;
      made.groups.emplace();
      made.instances.emplace();
      found = std::prev(reservations.end());
    }
    found->instances->push_back(instance_view(row));
  }
  return reservations;
}

namespace {

std::string zone_id_of(const InstanceRow& row) {
  for (const auto& zone : zones_of(row.region))
    if (zone.name == row.availability_zone) return zone.id;
  return {};
}

}  // namespace

FieldsOf instance_fields(const InstanceRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    const auto one = [](std::string value) { return std::vector{std::move(value)}; };
    if (name == "instance-id") return one(row.id);
    if (name == "instance-type") return one(row.instance_type);
    if (name == "instance-state-name") return one(row.state);
    if (name == "instance-state-code") return one(std::to_string(*state_view(row.state).code));
    if (name == "image-id") return one(row.image_id);
    if (name == "key-name") return one(row.key_name);
    if (name == "reservation-id") return one(row.reservation_id);
    if (name == "client-token") return one(row.client_token);
    if (name == "owner-id") return one(row.account_id);
    if (name == "availability-zone" || name == "network-interface.availability-zone") return one(row.availability_zone);
    if (name == "availability-zone-id") return one(zone_id_of(row));
    if (name == "subnet-id" || name == "network-interface.subnet-id") return one(row.subnet_id);
    if (name == "vpc-id" || name == "network-interface.vpc-id") return one(default_vpc_id(row.account_id, row.region));
    if (name == "private-ip-address" || name == "network-interface.addresses.private-ip-address")
      return one(row.private_address);
    if (name == "private-dns-name") return one(private_dns_name(row.private_address, row.region));
    if (name == "network-interface.network-interface-id") return one(row.interface_id);
    if (name == "block-device-mapping.volume-id") return one(row.volume_id);
    if (name == "root-device-name" || name == "block-device-mapping.device-name") return one(root_device);
    if (name == "root-device-type") return one("ebs");
    if (name == "architecture") return one("x86_64");
    if (name == "hypervisor") return one("nitro");
    if (name == "virtualization-type") return one("hvm");
    if (name == "tenancy") return one("default");
    if (name == "monitoring-state") return one(row.is_monitored ? "enabled" : "disabled");
    if (name == "iam-instance-profile.arn") return one(row.profile_arn);
    if (name == "iam-instance-profile.id") return one(row.profile_id);
    if (name == "state-reason-code") return one(row.state_reason_code);
    if (name == "launch-index") return one(std::to_string(row.launch_index));
    if (name == "launch-time") return one(format_iso8601(from_ms(row.launched_ms)));
    if (name == "metadata-options.http-tokens") return one(row.http_tokens);
    if (name == "metadata-options.http-endpoint") return one(row.http_endpoint);
    if (name == "metadata-options.instance-metadata-tags") return one(row.metadata_tags);
    if (name == "metadata-options.http-put-response-hop-limit") return one(std::to_string(row.hop_limit));
    if (name == "network-interface.owner-id") return one(row.account_id);
    if (name == "network-interface.mac-address") return one(row.mac_address);
    if (name == "network-interface.description") return one(row.interface_description);
    if (name == "network-interface.status") return one("in-use");
    if (name == "network-interface.source-dest-check" || name == "source-dest-check" || name == "ena-support" ||
        name == "block-device-mapping.delete-on-termination")
      return one("true");
    if (name == "hibernation-options.configured" || name == "enclave-options.enabled") return one("false");
    if (name == "block-device-mapping.status") return one(row.state == state::pending ? "attaching" : "attached");
    if (name == "platform-details") return one("Linux/UNIX");
    if (name == "usage-operation") return one("RunInstances");
    if (name == "reason") return one(row.transition_reason);
    if (name == "state-reason-message") return one(row.state_reason_message);
    if (name == "placement-group-name") return one("");
    if (name == "instance-lifecycle" || name == "ip-address" || name == "dns-name" || name == "platform")
      return std::vector<std::string>();
    if (name == "instance.group-id" || name == "instance.group-name" || name == "network-interface.group-id" ||
        name == "network-interface.group-name") {
      std::vector<std::string> values;
      for (const auto& group : row.groups) values.push_back(name.ends_with("-id") ? group.id : group.name);
      return values;
    }
    return tag_fields(name, row.tags);
  };
}

CapacityInUse capacity_in_use(const std::vector<InstanceRow>& rows) {
  CapacityInUse in_use;
  for (const auto& row : rows)
    if (const InstanceType* type = find_instance_type(row.instance_type); type && holds_capacity(row))
      in_use.add(*type, row.gpu_uuids);
  return in_use;
}

void Ec2Service::register_instances(OperationTable& table) {
  table.serve<op::DescribeInstances>(*this, &Ec2Service::describe_instances);
  table.serve<op::DescribeInstanceStatus>(*this, &Ec2Service::describe_instance_status);
  table.serve<op::DescribeVolumes>(*this, &Ec2Service::describe_volumes);
}

Async<std::vector<InstanceRow>> Ec2Service::instances_of(std::string account_id, std::string region) {
  co_return co_await read_rows<InstanceRow>(ports_.store, instance_prefix(account_id, region));
}

Async<std::vector<InstanceRow>> Ec2Service::all_instances() {
  co_return co_await read_rows<InstanceRow>(ports_.store, instance_prefix());
}

Async<InstanceRow> Ec2Service::find_instance(const RequestContext& ctx, std::string id) {
  const std::string key = instance_key(ctx.account_id, ctx.region, id);
  CO_TRY(const auto stored, co_await ports_.store.get(key));
  if (stored) co_return row::decode<InstanceRow>(*stored);
  if (matches_malformed_id(id)) co_return errors::invalid_instance_id_malformed("Invalid id: \"" + id + "\"");
  co_return no_such_instance(id);
}

Async<InstanceRow> Ec2Service::find_instance_by_id(std::string id) {
  const std::string index_key = instance_index_key(id);
  CO_TRY(const auto key, co_await ports_.store.get(index_key));
  if (!key) co_return Error(ErrorKind::not_found, "no such instance");
  CO_TRY(const auto stored, co_await ports_.store.get(*key));
  if (!stored) co_return Error(ErrorKind::not_found, "no such instance");
  co_return row::decode<InstanceRow>(*stored);
}

namespace {

std::string status_of(const InstanceRow& row) {
  if (row.state == state::running) return "ok";
  return row.state == state::pending ? "initializing" : "not-applicable";
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html, Filter.N
FieldsOf status_fields(const InstanceRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "instance-status.status" || name == "system-status.status") return std::vector{status_of(row)};
    if (name == "instance-status.reachability" || name == "system-status.reachability")
      return row.state == state::running ? std::vector<std::string>{"passed"} : std::vector<std::string>();
    return instance_fields(row)(name);
  };
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html, Filter.N
FieldsOf volume_fields(const InstanceRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "volume-id") return std::vector{row.volume_id};
    if (name == "attachment.instance-id") return std::vector{row.id};
    if (name == "attachment.device") return std::vector<std::string>{root_device};
    if (name == "attachment.status") return std::vector<std::string>{"attached"};
    if (name == "attachment.delete-on-termination") return std::vector<std::string>{"true"};
    if (name == "status") return std::vector<std::string>{"in-use"};
    if (name == "size") return std::vector{std::to_string(row.volume_gib)};
    if (name == "volume-type") return std::vector{row.volume_type};
    if (name == "availability-zone") return std::vector{row.availability_zone};
    if (name == "encrypted") return std::vector<std::string>{"false"};
    return tag_fields(name, row.volume_tags);
  };
}

}  // namespace

// Those with the ids, each of which must exist; all when there are no ids.
Async<std::vector<InstanceRow>> Ec2Service::find_instances(const RequestContext& ctx,
                                                           const wire::Opt<std::vector<std::string>>& ids) {
  if (!ids || ids->empty()) co_return co_await instances_of(ctx.account_id, ctx.region);
  std::vector<InstanceRow> rows;
  for (const auto& id : *ids) {
    CO_TRY(InstanceRow row, co_await find_instance(ctx, id));
    if (std::ranges::find(rows, row.id, &InstanceRow::id) == rows.end()) rows.push_back(std::move(row));
  }
  co_return rows;
}

Async<api::ec2::DescribeInstancesResult> Ec2Service::describe_instances(const RequestContext& ctx,
                                                                        const api::ec2::DescribeInstancesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstances>(in));
  CO_TRY_DO(check_filters(in.filters, instance_fields(InstanceRow())));
  if (in.instance_ids && !in.instance_ids->empty() && in.max_results)
    co_return errors::invalid_parameter_combination(
        "The parameter instancesSet cannot be used with the parameter maxResults");
  CO_TRY(auto rows, co_await find_instances(ctx, in.instance_ids));
  std::vector<InstanceRow> passed;
  for (auto& row : rows) {
    CO_TRY(const bool holds, passes(in.filters, instance_fields(row)));
    if (holds) passed.push_back(std::move(row));
  }
  api::ec2::DescribeInstancesResult out;
  CO_TRY(const auto page, cut_page(std::move(passed), in, out.next_token));
  out.reservations = reservations_view(page);
  co_return out;
}

Async<api::ec2::DescribeInstanceStatusResult> Ec2Service::describe_instance_status(
    const RequestContext& ctx, const api::ec2::DescribeInstanceStatusRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstanceStatus>(in));
  CO_TRY_DO(check_filters(in.filters, status_fields(InstanceRow())));
  CO_TRY(auto rows, co_await find_instances(ctx, in.instance_ids));
  std::vector<api::ec2::InstanceStatus> statuses;
  for (const auto& row : rows) {
    const bool is_running = row.state == state::running;
    if (!is_running && !in.include_all_instances.value_or(false)) continue;  // AWS: only running ones by default
    const std::string status = status_of(row);
    CO_TRY(const bool holds, passes(in.filters, status_fields(row)));
    if (!holds) continue;
    auto& view = statuses.emplace_back();
    view.instance_id = row.id;
    view.availability_zone = row.availability_zone;
    view.instance_state = state_view(row.state);
    for (auto* summary : {&view.instance_status.emplace(), &view.system_status.emplace()}) {
      summary->status = status;
      auto& detail = summary->details.emplace().emplace_back();
      detail.name = "reachability";
      detail.status = is_running ? "passed" : status == "initializing" ? "initializing" : "insufficient-data";
      if (status == "not-applicable") summary->details->clear();
    }
  }
  api::ec2::DescribeInstanceStatusResult out;
  CO_TRY(auto page, cut_page(std::move(statuses), in, out.next_token));
  out.instance_statuses = std::move(page);
  co_return out;
}

// Root volumes of instances are the volumes there are.
Async<api::ec2::DescribeVolumesResult> Ec2Service::describe_volumes(const RequestContext& ctx,
                                                                    const api::ec2::DescribeVolumesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeVolumes>(in));
  CO_TRY_DO(check_filters(in.filters, volume_fields(InstanceRow())));
  CO_TRY(const auto rows, co_await instances_of(ctx.account_id, ctx.region));
  if (in.volume_ids)
    for (const auto& id : *in.volume_ids)
      if (std::ranges::none_of(rows, [&](const auto& row) { return row.volume_id == id && is_on_network(row); }))
        co_return no_such_volume(id);
  std::vector<api::ec2::Volume> volumes;
  for (const auto& row : rows) {
    if (!is_on_network(row)) continue;
    if (in.volume_ids && !in.volume_ids->empty() &&
        std::ranges::find(*in.volume_ids, row.volume_id) == in.volume_ids->end())
      continue;
    CO_TRY(const bool holds, passes(in.filters, volume_fields(row)));
    if (!holds) continue;
    auto& volume = volumes.emplace_back();
    volume.volume_id = row.volume_id;
    volume.size = row.volume_gib;
    volume.volume_type = row.volume_type;
    volume.availability_zone = row.availability_zone;
    volume.state = "in-use";
    volume.create_time = wire::Timestamp{row.launched_ms};
    volume.encrypted = false;
    volume.snapshot_id = "";
    volume.multi_attach_enabled = false;
    volume.tags = tags_view(row.volume_tags);
    auto& attachment = volume.attachments.emplace().emplace_back();
    attachment.instance_id = row.id;
    attachment.volume_id = row.volume_id;
    attachment.device = root_device;
    attachment.state = "attached";
    attachment.attach_time = wire::Timestamp{row.launched_ms};
    attachment.delete_on_termination = true;
  }
  api::ec2::DescribeVolumesResult out;
  CO_TRY(auto page, cut_page(std::move(volumes), in, out.next_token));
  out.volumes = std::move(page);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
