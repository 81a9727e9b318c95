// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html, DescribeSubnets, DescribeRegions,
// DescribeAvailabilityZones: what every account has from the start.
#include <algorithm>

#include "api/ec2/errors.h"
#include "base/bytes.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/instances.h"
#include "services/ec2/network.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::DescribeRegions> : ec2::OnAnything<op::DescribeRegions> {};
template <>
struct AccessRule<op::DescribeAvailabilityZones> : ec2::OnAnything<op::DescribeAvailabilityZones> {};
template <>
struct AccessRule<op::DescribeVpcs> : ec2::OnAnything<op::DescribeVpcs> {};
template <>
struct AccessRule<op::DescribeVpcAttribute> {
  static Access of(const RequestContext& ctx, const api::ec2::DescribeVpcAttributeRequest& in) {
    return {"ec2:DescribeVpcAttribute", ec2::arn(ctx, "vpc", in.vpc_id), {}};
  }
};
template <>
struct AccessRule<op::DescribeSubnets> : ec2::OnAnything<op::DescribeSubnets> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

template <class List>
bool is_wanted(const List& wanted, const std::string& id) {
  return !wanted || wanted->empty() || std::ranges::find(*wanted, id) != wanted->end();
}
// The first wanted id that is not there.
template <class List>
std::optional<std::string> first_missing(const List& wanted, const std::vector<std::string>& present) {
  if (wanted)
    for (const auto& id : *wanted)
      if (std::ranges::find(present, id) == present.end()) return id;
  return std::nullopt;
}

}  // namespace

void Ec2Service::register_network(OperationTable& table) {
  table.serve<op::DescribeRegions>(*this, &Ec2Service::describe_regions);
  table.serve<op::DescribeAvailabilityZones>(*this, &Ec2Service::describe_availability_zones);
  table.serve<op::DescribeVpcs>(*this, &Ec2Service::describe_vpcs);
  table.serve<op::DescribeVpcAttribute>(*this, &Ec2Service::describe_vpc_attribute);
  table.serve<op::DescribeSubnets>(*this, &Ec2Service::describe_subnets);
}

// There is one region: the one that was asked.
Async<api::ec2::DescribeRegionsResult> Ec2Service::describe_regions(const RequestContext& ctx,
                                                                    const api::ec2::DescribeRegionsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeRegions>(in));
  if (const auto missing = first_missing(in.region_names, {ctx.region}))
    co_return errors::invalid_parameter_value("Invalid region name: " + *missing);
  const std::string endpoint = "ec2." + ctx.region + ".amazonaws.com";
  const FieldsOf fields = [&](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "region-name") return std::vector{ctx.region};
    if (name == "endpoint") return std::vector{endpoint};
    if (name == "opt-in-status") return std::vector<std::string>{"opt-in-not-required"};
    return std::nullopt;
  };
  api::ec2::DescribeRegionsResult out;
  out.regions.emplace();
  CO_TRY(const bool holds, passes(in.filters, fields));
  if (holds) {
    auto& region = out.regions->emplace_back();
    region.region_name = ctx.region;
    region.endpoint = endpoint;
    region.opt_in_status = "opt-in-not-required";
  }
  co_return out;
}

Async<api::ec2::DescribeAvailabilityZonesResult> Ec2Service::describe_availability_zones(
    const RequestContext& ctx, const api::ec2::DescribeAvailabilityZonesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeAvailabilityZones>(in));
  std::vector<std::string> names, ids;
  for (const auto& zone : zones_of(ctx.region)) {
    names.push_back(zone.name);
    ids.push_back(zone.id);
  }
  for (const auto& missing : {first_missing(in.zone_names, names), first_missing(in.zone_ids, ids)})
    if (missing) co_return errors::invalid_parameter_value("Invalid availability zone: [" + *missing + "]");
  api::ec2::DescribeAvailabilityZonesResult out;
  out.availability_zones.emplace();
  for (const auto& zone : zones_of(ctx.region)) {
    if (!is_wanted(in.zone_names, zone.name) || !is_wanted(in.zone_ids, zone.id)) continue;
    const FieldsOf fields = [&](std::string_view name) -> std::optional<std::vector<std::string>> {
      if (name == "zone-name") return std::vector{zone.name};
      if (name == "zone-id") return std::vector{zone.id};
      if (name == "region-name" || name == "group-name") return std::vector{ctx.region};
      if (name == "state") return std::vector<std::string>{"available"};
      if (name == "zone-type") return std::vector<std::string>{"availability-zone"};
      if (name == "opt-in-status") return std::vector<std::string>{"opt-in-not-required"};
      return std::nullopt;
    };
    CO_TRY(const bool holds, passes(in.filters, fields));
    if (!holds) continue;
    auto& view = out.availability_zones->emplace_back();
    view.zone_name = zone.name;
    view.zone_id = zone.id;
    view.region_name = ctx.region;
    view.group_name = ctx.region;
    view.network_border_group = ctx.region;
    view.state = "available";
    view.zone_type = "availability-zone";
    view.opt_in_status = "opt-in-not-required";
  }
  co_return out;
}

Async<api::ec2::DescribeVpcsResult> Ec2Service::describe_vpcs(const RequestContext& ctx,
                                                              const api::ec2::DescribeVpcsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeVpcs>(in));
  const std::string id = default_vpc_id(ctx.account_id, ctx.region);
  if (const auto missing = first_missing(in.vpc_ids, {id})) co_return no_such_vpc(*missing);
  const FieldsOf fields = [&](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "vpc-id") return std::vector{id};
    if (name == "cidr" || name == "cidr-block-association.cidr-block") return std::vector{std::string(vpc_cidr)};
    if (name == "is-default" || name == "isDefault") return std::vector<std::string>{"true"};
    if (name == "state") return std::vector<std::string>{"available"};
    if (name == "owner-id") return std::vector{ctx.account_id};
    return tag_fields(name, {});
  };
  std::vector<api::ec2::Vpc> vpcs;
  CO_TRY(const bool holds, passes(in.filters, fields));
  if (holds) {
    auto& vpc = vpcs.emplace_back();
    vpc.vpc_id = id;
    vpc.owner_id = ctx.account_id;
    vpc.is_default = true;
    vpc.state = "available";
    vpc.cidr_block = std::string(vpc_cidr);
    vpc.dhcp_options_id = "default";
    vpc.instance_tenancy = "default";
    auto& association = vpc.cidr_block_association_set.emplace().emplace_back();
    association.association_id = "vpc-cidr-assoc-" + id.substr(4);
    association.cidr_block = std::string(vpc_cidr);
    association.cidr_block_state.emplace().state = "associated";
  }
  api::ec2::DescribeVpcsResult out;
  CO_TRY(auto page, cut_page(std::move(vpcs), in, out.next_token));
  out.vpcs = std::move(page);
  co_return out;
}

// Names of instances resolve inside, as in a default VPC of AWS.
Async<api::ec2::DescribeVpcAttributeResult> Ec2Service::describe_vpc_attribute(
    const RequestContext& ctx, const api::ec2::DescribeVpcAttributeRequest& in) {
  CO_TRY_DO(check_request<op::DescribeVpcAttribute>(in));
  if (in.vpc_id != default_vpc_id(ctx.account_id, ctx.region)) co_return no_such_vpc(in.vpc_id);
  api::ec2::DescribeVpcAttributeResult out;
  out.vpc_id = in.vpc_id;
  if (in.attribute == "enableDnsSupport")
    out.enable_dns_support.emplace().value = true;
  else if (in.attribute == "enableDnsHostnames")
    out.enable_dns_hostnames.emplace().value = true;
  else if (in.attribute == "enableNetworkAddressUsageMetrics")
    out.enable_network_address_usage_metrics.emplace().value = false;
  else
    co_return errors::invalid_parameter_value("Value (" + in.attribute + ") for parameter attribute is invalid.");
  co_return out;
}

Async<api::ec2::DescribeSubnetsResult> Ec2Service::describe_subnets(const RequestContext& ctx,
                                                                    const api::ec2::DescribeSubnetsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeSubnets>(in));
  CO_TRY(const auto instances, co_await instances_of(ctx.account_id, ctx.region));
  const std::string vpc_id = default_vpc_id(ctx.account_id, ctx.region);
  std::vector<std::string> ids;
  for (const auto& subnet : default_subnets(ctx.account_id, ctx.region)) ids.push_back(subnet.id);
  if (const auto missing = first_missing(in.subnet_ids, ids)) co_return no_such_subnet(*missing);
  std::vector<api::ec2::Subnet> subnets;
  for (const auto& subnet : default_subnets(ctx.account_id, ctx.region)) {
    if (!is_wanted(in.subnet_ids, subnet.id)) continue;
    const FieldsOf fields = [&](std::string_view name) -> std::optional<std::vector<std::string>> {
      if (name == "subnet-id") return std::vector{subnet.id};
      if (name == "vpc-id") return std::vector{vpc_id};
      if (name == "availability-zone" || name == "availabilityZone") return std::vector{subnet.zone.name};
      if (name == "availability-zone-id") return std::vector{subnet.zone.id};
      if (name == "cidr-block" || name == "cidr") return std::vector{subnet.cidr};
      if (name == "default-for-az" || name == "defaultForAz") return std::vector<std::string>{"true"};
      if (name == "map-public-ip-on-launch") return std::vector<std::string>{"false"};
      if (name == "state") return std::vector<std::string>{"available"};
      if (name == "owner-id") return std::vector{ctx.account_id};
      return tag_fields(name, {});
    };
    CO_TRY(const bool holds, passes(in.filters, fields));
    if (!holds) continue;
    const auto used = std::ranges::count_if(instances, [&](const InstanceRow& row) {
      return row.subnet_id == subnet.id && row.state != state::terminated;
    });
    auto& view = subnets.emplace_back();
    view.subnet_id = subnet.id;
    view.subnet_arn = arn(ctx, "subnet", subnet.id);
    view.vpc_id = vpc_id;
    view.owner_id = ctx.account_id;
    view.cidr_block = subnet.cidr;
    view.availability_zone = subnet.zone.name;
    view.availability_zone_id = subnet.zone.id;
    view.available_ip_address_count = subnet_address_count - subnet_reserved_count - static_cast<int>(used);
    view.default_for_az = true;
    view.map_public_ip_on_launch = false;  // there are no public addresses here
    view.assign_ipv6_address_on_creation = false;
    view.state = "available";
  }
  api::ec2::DescribeSubnetsResult out;
  CO_TRY(auto page, cut_page(std::move(subnets), in, out.next_token));
  out.subnets = std::move(page);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
