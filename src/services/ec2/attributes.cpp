// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html, ModifyInstanceAttribute,
// DescribeInstanceCreditSpecifications, MonitorInstances, UnmonitorInstances, GetConsoleOutput
#include <algorithm>

#include "api/ec2/errors.h"
#include "base/bytes.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/instances.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::DescribeInstanceAttribute> : ec2::OnInstance<op::DescribeInstanceAttribute> {};
template <>
struct AccessRule<op::ModifyInstanceAttribute> {
  // AWS: giving an instance other security groups is using them.
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::ModifyInstanceAttributeRequest& in) {
    std::vector<Access> accesses{ec2::OnInstance<op::ModifyInstanceAttribute>::of(ctx, in)};
    if (in.groups)
      for (const auto& id : *in.groups)
        accesses.push_back({"ec2:ModifyInstanceAttribute", ec2::arn(ctx, "security-group", id), {}});
    return accesses;
  }
};
template <>
struct AccessRule<op::DescribeInstanceCreditSpecifications>
    : ec2::OnAnything<op::DescribeInstanceCreditSpecifications> {};
template <>
struct AccessRule<op::MonitorInstances> : ec2::OnInstances<op::MonitorInstances> {};
template <>
struct AccessRule<op::UnmonitorInstances> : ec2::OnInstances<op::UnmonitorInstances> {};
template <>
struct AccessRule<op::GetConsoleOutput> : ec2::OnInstance<op::GetConsoleOutput> {};

namespace ec2 {
namespace errors = api::ec2::errors;

void Ec2Service::register_attributes(OperationTable& table) {
  table.serve<op::DescribeInstanceAttribute>(*this, &Ec2Service::describe_instance_attribute);
  table.serve<op::ModifyInstanceAttribute>(*this, &Ec2Service::modify_instance_attribute);
  table.serve<op::DescribeInstanceCreditSpecifications>(*this, &Ec2Service::describe_instance_credit_specifications);
  table.serve<op::MonitorInstances>(*this, &Ec2Service::monitor_instances);
  table.serve<op::UnmonitorInstances>(*this, &Ec2Service::unmonitor_instances);
  table.serve<op::GetConsoleOutput>(*this, &Ec2Service::get_console_output);
}

Async<api::ec2::InstanceAttribute> Ec2Service::describe_instance_attribute(
    const RequestContext& ctx, const api::ec2::DescribeInstanceAttributeRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstanceAttribute>(in));
  CO_TRY(const InstanceRow row, co_await find_instance(ctx, in.instance_id));
  api::ec2::InstanceAttribute out;
  out.instance_id = row.id;
  const std::string& name = in.attribute;
  if (name == "instanceType")
    out.instance_type.emplace().value = row.instance_type;
  else if (name == "userData") {
    out.user_data.emplace();
    if (!row.user_data.empty()) out.user_data->value = row.user_data;
  } else if (name == "disableApiTermination")
    out.disable_api_termination.emplace().value = row.disable_api_termination;
  else if (name == "disableApiStop")
    out.disable_api_stop.emplace().value = row.disable_api_stop;
  else if (name == "instanceInitiatedShutdownBehavior")
    out.instance_initiated_shutdown_behavior.emplace().value = row.shutdown_behavior;
  else if (name == "rootDeviceName")
    out.root_device_name.emplace().value = root_device;
  else if (name == "sourceDestCheck")
    out.source_dest_check.emplace().value = true;
  else if (name == "ebsOptimized")
    out.ebs_optimized.emplace().value = row.ebs_optimized;
  else if (name == "enaSupport")
    out.ena_support.emplace().value = true;
  else if (name == "groupSet")
    out.groups = instance_view(row).security_groups;
  else if (name == "blockDeviceMapping")
    out.block_device_mappings = instance_view(row).block_device_mappings;
  else if (name == "kernel")
    out.kernel_id.emplace();
  else if (name == "ramdisk")
    out.ramdisk_id.emplace();
  else if (name == "productCodes")
    out.product_codes.emplace();
  else if (name == "sriovNetSupport")
    out.sriov_net_support.emplace();
  else
    co_return errors::invalid_parameter_value("Value (" + name + ") for parameter attribute is invalid.");
  co_return out;
}

Async<wire::Unit> Ec2Service::modify_instance_attribute(const RequestContext& ctx,
                                                        const api::ec2::ModifyInstanceAttributeRequest& in) {
  CO_TRY_DO(check_request<op::ModifyInstanceAttribute>(in));
  if ((in.source_dest_check && !in.source_dest_check->value.value_or(true)) ||
      (in.ena_support && !in.ena_support->value.value_or(true)))
    co_return errors::unsupported("This attribute cannot be changed on this installation.");

  // The older form names one attribute and its value.
  api::ec2::ModifyInstanceAttributeRequest asked = in;
  if (in.attribute && in.value) {
    if (*in.attribute == "instanceType")
      asked.instance_type.emplace().value = *in.value;
    else if (*in.attribute == "disableApiTermination")
      asked.disable_api_termination.emplace().value = *in.value == "true";
    else if (*in.attribute == "disableApiStop")
      asked.disable_api_stop.emplace().value = *in.value == "true";
    else if (*in.attribute == "instanceInitiatedShutdownBehavior")
      asked.instance_initiated_shutdown_behavior.emplace().value = *in.value;
    else
      co_return errors::unsupported("The attribute " + *in.attribute + " cannot be changed on this installation.");
  }
  std::vector<GroupRef> groups;
  if (asked.groups)
    for (const auto& id : *asked.groups) {
      CO_TRY(const auto group, co_await find_group(ctx.account_id, ctx.region, id));
      groups.push_back({group.id, group.name});
    }
  if (asked.groups && groups.empty())
    co_return errors::invalid_parameter_value("An instance needs at least one security group.");
  CO_TRY(const InstanceRow known, co_await find_instance(ctx, in.instance_id));

  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    const auto must_be_stopped = [&]() -> Result<void> {
      if (row.state != state::stopped)
        return errors::incorrect_instance_state("The instance '" + row.id + "' is not in the 'stopped' state.");
      return ok;
    };
    if (asked.instance_type) {
      TRY_DO(must_be_stopped());
      const std::string type = asked.instance_type->value.value_or("");
      if (!find_instance_type(type))
        return errors::invalid_instance_attribute_value("Invalid value '" + type + "' for InstanceType.");
      row.instance_type = type;
    }
    if (asked.user_data) {
      TRY_DO(must_be_stopped());
      row.user_data = to_base64(asked.user_data->value.value_or(wire::Blob{}).data);
    }
    if (asked.ebs_optimized) {
      TRY_DO(must_be_stopped());
      row.ebs_optimized = asked.ebs_optimized->value.value_or(false);
    }
    if (asked.disable_api_termination)
      row.disable_api_termination = asked.disable_api_termination->value.value_or(false);
    if (asked.disable_api_stop) row.disable_api_stop = asked.disable_api_stop->value.value_or(false);
    if (asked.instance_initiated_shutdown_behavior) {
      const std::string behavior = asked.instance_initiated_shutdown_behavior->value.value_or("");
      if (behavior != "stop" && behavior != "terminate")
        return errors::invalid_parameter_value("Invalid value '" + behavior +
                                               "' for InstanceInitiatedShutdownBehavior.");
      row.shutdown_behavior = behavior;
    }
    if (asked.groups) row.groups = groups;
    return ok;
  };
  CO_TRY_DO(co_await change_instance(known.account_id, known.region, known.id, change));
  co_return wire::Unit{};
}

namespace {

FieldsOf credit_fields(const InstanceRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "instance-id") return std::vector{row.id};
    return std::nullopt;
  };
}

}  // namespace

// AWS: of burstable instances. A host without other tenants has no credits to count.
Async<api::ec2::DescribeInstanceCreditSpecificationsResult> Ec2Service::describe_instance_credit_specifications(
    const RequestContext& ctx, const api::ec2::DescribeInstanceCreditSpecificationsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstanceCreditSpecifications>(in));
  CO_TRY_DO(check_filters(in.filters, credit_fields(InstanceRow())));
  CO_TRY(const auto rows, co_await find_instances(ctx, in.instance_ids));
  std::vector<api::ec2::InstanceCreditSpecification> credits;
  for (const auto& row : rows) {
    const InstanceType* type = find_instance_type(row.instance_type);
    CO_TRY(const bool holds, passes(in.filters, credit_fields(row)));
    if (!type || !type->is_burstable() || row.state == state::terminated || !holds) continue;
    auto& view = credits.emplace_back();
    view.instance_id = row.id;
    view.cpu_credits = "unlimited";
  }
  api::ec2::DescribeInstanceCreditSpecificationsResult out;
  CO_TRY(auto page, cut_page(std::move(credits), in, out.next_token));
  out.instance_credit_specifications = std::move(page);
  co_return out;
}

Async<std::vector<api::ec2::InstanceMonitoring>> Ec2Service::set_monitoring(const RequestContext& ctx,
                                                                            std::vector<std::string> ids,
                                                                            bool is_monitored) {
  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    row.is_monitored = is_monitored;
    return ok;
  };
  CO_TRY_DO(co_await change_states(ctx, ids, change));
  std::vector<api::ec2::InstanceMonitoring> views;
  for (auto& id : ids) {
    auto& view = views.emplace_back();
    view.instance_id = std::move(id);
    view.monitoring.emplace().state = is_monitored ? "enabled" : "disabled";
  }
  co_return views;
}

Async<api::ec2::MonitorInstancesResult> Ec2Service::monitor_instances(const RequestContext& ctx,
                                                                      const api::ec2::MonitorInstancesRequest& in) {
  CO_TRY_DO(check_request<op::MonitorInstances>(in));
  api::ec2::MonitorInstancesResult out;
  CO_TRY(out.instance_monitorings, co_await set_monitoring(ctx, in.instance_ids, true));
  co_return out;
}

Async<api::ec2::UnmonitorInstancesResult> Ec2Service::unmonitor_instances(
    const RequestContext& ctx, const api::ec2::UnmonitorInstancesRequest& in) {
  CO_TRY_DO(check_request<op::UnmonitorInstances>(in));
  api::ec2::UnmonitorInstancesResult out;
  CO_TRY(out.instance_monitorings, co_await set_monitoring(ctx, in.instance_ids, false));
  co_return out;
}

// AWS: the last 64 KiB of what the machine wrote to its console.
Async<api::ec2::GetConsoleOutputResult> Ec2Service::get_console_output(const RequestContext& ctx,
                                                                       const api::ec2::GetConsoleOutputRequest& in) {
  CO_TRY_DO(check_request<op::GetConsoleOutput>(in));
  CO_TRY(const InstanceRow row, co_await find_instance(ctx, in.instance_id));
  constexpr std::size_t kept_bytes = 64 << 10, piece_bytes = 1 << 20;
  const std::string key = console_key(row.id);
  CO_TRY(const auto stored, co_await ports_.store.get(key));
  std::uint64_t offset = 0;
  if (stored) {
    CO_TRY(const auto progress, row::decode<ConsoleRow>(*stored));
    offset = progress.offset > kept_bytes ? progress.offset - kept_bytes : 0;
  }
  std::string text;
  for (;;) {
    auto piece = co_await ports_.runtime.console(row.id, offset, piece_bytes);
    if (!piece && piece.error().kind() == ErrorKind::not_found) break;  // not started yet, or terminated
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    offset += piece->size();
    text += *piece;
    if (text.size() > kept_bytes) text.erase(0, text.size() - kept_bytes);
  }
  api::ec2::GetConsoleOutputResult out;
  out.instance_id = row.id;
  out.timestamp = wire::Timestamp{now_ms()};
  out.output = to_base64(text);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
