// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html, DescribeInstanceTypeOfferings
#include <algorithm>

#include "api/ec2/errors.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/network.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::DescribeInstanceTypes> : ec2::OnAnything<op::DescribeInstanceTypes> {};
template <>
struct AccessRule<op::DescribeInstanceTypeOfferings> : ec2::OnAnything<op::DescribeInstanceTypeOfferings> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

api::ec2::InstanceTypeInfo type_view(const InstanceType& type) {
  api::ec2::InstanceTypeInfo view;
  view.instance_type = std::string(type.name);
  view.current_generation = true;
  view.free_tier_eligible = false;
  view.supported_usage_classes = std::vector<std::string>{"on-demand"};
  view.supported_root_device_types = std::vector<std::string>{"ebs"};
  view.supported_virtualization_types = std::vector<std::string>{"hvm"};
  view.bare_metal = false;
  view.hypervisor = "nitro";
  auto& processor = view.processor_info.emplace();
  processor.supported_architectures = std::vector<std::string>{"x86_64"};
  processor.sustained_clock_speed_in_ghz = type.clock_ghz;
  processor.manufacturer = std::string(type.manufacturer);
  auto& vcpus = view.v_cpu_info.emplace();
  vcpus.default_v_cpus = type.vcpu_count;
  vcpus.default_cores = std::max(1, type.vcpu_count / 2);
  vcpus.default_threads_per_core = type.vcpu_count > 1 ? 2 : 1;
  view.memory_info.emplace().size_in_mi_b = type.memory_mib;
  view.instance_storage_supported = false;
  auto& ebs = view.ebs_info.emplace();
  ebs.ebs_optimized_support = "default";
  ebs.encryption_support = "unsupported";
  ebs.nvme_support = "unsupported";
  auto& network = view.network_info.emplace();
  network.network_performance = std::string(type.network_performance);
  network.maximum_network_interfaces = 1;
  network.ipv4_addresses_per_interface = 1;
  network.ipv6_addresses_per_interface = 0;
  network.ipv6_supported = false;
  network.ena_support = "supported";
  network.efa_supported = false;
  if (type.gpu_count > 0) {
    auto& gpus = view.gpu_info.emplace();
    auto& gpu = gpus.gpus.emplace().emplace_back();
    gpu.name = std::string(type.gpu_name);
    gpu.manufacturer = "NVIDIA";
    gpu.count = type.gpu_count;
    gpu.memory_info.emplace().size_in_mi_b = type.gpu_memory_mib;
    gpus.total_gpu_memory_in_mi_b = type.gpu_count * type.gpu_memory_mib;
  }
  view.placement_group_info.emplace().supported_strategies = std::vector<std::string>();
  view.hibernation_supported = false;
  view.burstable_performance_supported = type.is_burstable();
  view.dedicated_hosts_supported = false;
  view.auto_recovery_supported = true;
  return view;
}

FieldsOf type_fields(const InstanceType& type) {
  return [&type](std::string_view name) -> std::optional<std::vector<std::string>> {
    const auto yes_if = [](bool holds) { return std::vector<std::string>{holds ? "true" : "false"}; };
    if (name == "instance-type") return std::vector{std::string(type.name)};
    if (name == "vcpu-info.default-vcpus") return std::vector{std::to_string(type.vcpu_count)};
    if (name == "vcpu-info.default-cores") return std::vector{std::to_string(std::max(1, type.vcpu_count / 2))};
    if (name == "memory-info.size-in-mib") return std::vector{std::to_string(type.memory_mib)};
    if (name == "processor-info.supported-architecture") return std::vector<std::string>{"x86_64"};
    if (name == "processor-info.manufacturer") return std::vector{std::string(type.manufacturer)};
    if (name == "burstable-performance-supported") return yes_if(type.is_burstable());
    if (name == "current-generation") return yes_if(true);
    if (name == "bare-metal" || name == "hibernation-supported" || name == "instance-storage-supported" ||
        name == "free-tier-eligible")
      return yes_if(false);
    if (name == "hypervisor") return std::vector<std::string>{"nitro"};
    if (name == "supported-usage-class") return std::vector<std::string>{"on-demand"};
    if (name == "supported-root-device-type") return std::vector<std::string>{"ebs"};
    if (name == "supported-virtualization-type") return std::vector<std::string>{"hvm"};
    if (name == "network-info.efa-supported" || name == "network-info.ipv6-supported") return yes_if(false);
    return std::nullopt;
  };
}

FieldsOf offering_fields(const InstanceType& type, const std::string& location) {
  return [&](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "instance-type") return std::vector{std::string(type.name)};
    if (name == "location") return std::vector{location};
    return std::nullopt;
  };
}

}  // namespace

void Ec2Service::register_types(OperationTable& table) {
  table.serve<op::DescribeInstanceTypes>(*this, &Ec2Service::describe_instance_types);
  table.serve<op::DescribeInstanceTypeOfferings>(*this, &Ec2Service::describe_instance_type_offerings);
}

// The whole catalogue: a type this host cannot run is known, and says InsufficientInstanceCapacity when launched.
Async<api::ec2::DescribeInstanceTypesResult> Ec2Service::describe_instance_types(
    const RequestContext&, const api::ec2::DescribeInstanceTypesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstanceTypes>(in));
  CO_TRY_DO(check_filters(in.filters, type_fields(instance_types().front())));
  if (in.instance_types)
    for (const auto& name : *in.instance_types)
      if (!find_instance_type(name))
        co_return errors::invalid_instance_type("The following supplied instance types do not exist: [" + name + "]");
  std::vector<api::ec2::InstanceTypeInfo> views;
  for (const auto& type : instance_types()) {
    if (in.instance_types && !in.instance_types->empty() &&
        std::ranges::find(*in.instance_types, type.name) == in.instance_types->end())
      continue;
    CO_TRY(const bool holds, passes(in.filters, type_fields(type)));
    if (holds) views.push_back(type_view(type));
  }
  api::ec2::DescribeInstanceTypesResult out;
  CO_TRY(auto page, cut_page(std::move(views), in, out.next_token));
  out.instance_types = std::move(page);
  co_return out;
}

// What an empty host could run, unlike DescribeInstanceTypes: the offer depends on where one asks.
Async<api::ec2::DescribeInstanceTypeOfferingsResult> Ec2Service::describe_instance_type_offerings(
    const RequestContext& ctx, const api::ec2::DescribeInstanceTypeOfferingsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeInstanceTypeOfferings>(in));
  CO_TRY_DO(check_filters(in.filters, offering_fields(instance_types().front(), {})));
  const std::string location_type = in.location_type.value_or("region");
  std::vector<std::string> locations;
  if (location_type == "region")
    locations.push_back(ctx.region);
  else if (location_type == "availability-zone" || location_type == "availability-zone-id")
    for (const auto& zone : zones_of(ctx.region))
      locations.push_back(location_type == "availability-zone" ? zone.name : zone.id);
  else
    co_return errors::invalid_parameter_value("Value (" + location_type + ") for parameter LocationType is invalid.");
  const HostCapacity host = ports_.runtime.capacity();
  std::vector<api::ec2::InstanceTypeOffering> offerings;
  for (const auto& type : instance_types()) {
    if (!why_it_does_not_fit(type, host, {}).empty()) continue;
    for (const auto& location : locations) {
      CO_TRY(const bool holds, passes(in.filters, offering_fields(type, location)));
      if (!holds) continue;
      auto& offering = offerings.emplace_back();
      offering.instance_type = std::string(type.name);
      offering.location_type = location_type;
      offering.location = location;
    }
  }
  api::ec2::DescribeInstanceTypeOfferingsResult out;
  CO_TRY(auto page, cut_page(std::move(offerings), in, out.next_token));
  out.instance_type_offerings = std::move(page);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
