// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html: each instance has one.
#include <algorithm>

#include "api/ec2/errors.h"
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
struct AccessRule<op::DescribeNetworkInterfaces> : ec2::OnAnything<op::DescribeNetworkInterfaces> {};

namespace ec2 {
namespace {

std::string attachment_status(const InstanceRow& row) {
  return row.state == state::pending ? "attaching" : "attached";
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html, Filter.N
FieldsOf interface_fields(const InstanceRow& row) {
  return [&row](std::string_view name) -> std::optional<std::vector<std::string>> {
    const auto one = [](std::string value) { return std::vector{std::move(value)}; };
    if (name == "network-interface-id") return one(row.interface_id);
    if (name == "attachment.attachment-id") return one(row.interface_attachment_id);
    if (name == "attachment.instance-id") return one(row.id);
    if (name == "attachment.instance-owner-id" || name == "owner-id") return one(row.account_id);
    if (name == "attachment.device-index") return one("0");
    if (name == "attachment.status") return one(attachment_status(row));
    if (name == "attachment.delete-on-termination" || name == "addresses.primary" || name == "source-dest-check")
      return one("true");
    if (name == "requester-managed") return one("false");
    if (name == "private-ip-address" || name == "addresses.private-ip-address") return one(row.private_address);
    if (name == "private-dns-name") return one(private_dns_name(row.private_address, row.region));
    if (name == "mac-address") return one(row.mac_address);
    if (name == "description") return one(row.interface_description);
    if (name == "interface-type") return one("interface");
    if (name == "status") return one("in-use");
    if (name == "availability-zone") return one(row.availability_zone);
    if (name == "subnet-id") return one(row.subnet_id);
    if (name == "vpc-id") return one(default_vpc_id(row.account_id, row.region));
    if (name == "group-id" || name == "group-name") {
      std::vector<std::string> values;
      for (const auto& group : row.groups) values.push_back(name == "group-id" ? group.id : group.name);
      return values;
    }
    // Of public addresses and requesters there are none.
    if (name.starts_with("association.") || name.starts_with("addresses.association.") || name == "requester-id")
      return std::vector<std::string>();
    return tag_fields(name, {});
  };
}

api::ec2::NetworkInterface interface_view(const InstanceRow& row) {
  api::ec2::NetworkInterface view;
  view.network_interface_id = row.interface_id;
  view.description = row.interface_description;
  view.interface_type = "interface";
  view.status = "in-use";
  view.mac_address = row.mac_address;
  view.private_ip_address = row.private_address;
  view.private_dns_name = private_dns_name(row.private_address, row.region);
  view.availability_zone = row.availability_zone;
  view.subnet_id = row.subnet_id;
  view.vpc_id = default_vpc_id(row.account_id, row.region);
  view.owner_id = row.account_id;
  view.requester_managed = false;
  view.source_dest_check = true;
  view.groups = groups_view(row.groups);
  auto& attachment = view.attachment.emplace();
  attachment.attachment_id = row.interface_attachment_id;
  attachment.instance_id = row.id;
  attachment.instance_owner_id = row.account_id;
  attachment.device_index = 0;
  attachment.network_card_index = 0;
  attachment.status = attachment_status(row);
  attachment.attach_time = wire::Timestamp{row.launched_ms};
  attachment.delete_on_termination = true;
  auto& address = view.private_ip_addresses.emplace().emplace_back();
  address.primary = true;
  address.private_ip_address = row.private_address;
  address.private_dns_name = view.private_dns_name;
  return view;
}

}  // namespace

void Ec2Service::register_network_interfaces(OperationTable& table) {
  table.serve<op::DescribeNetworkInterfaces>(*this, &Ec2Service::describe_network_interfaces);
}

Async<api::ec2::DescribeNetworkInterfacesResult> Ec2Service::describe_network_interfaces(
    const RequestContext& ctx, const api::ec2::DescribeNetworkInterfacesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeNetworkInterfaces>(in));
  CO_TRY_DO(check_filters(in.filters, interface_fields(InstanceRow())));
  CO_TRY(auto rows, co_await instances_of(ctx.account_id, ctx.region));
  std::erase_if(rows, [](const InstanceRow& row) { return !is_on_network(row); });
  const auto& wanted = in.network_interface_ids;
  if (wanted)
    for (const auto& id : *wanted)
      if (std::ranges::find(rows, id, &InstanceRow::interface_id) == rows.end())
        co_return no_such_network_interface(id);
  std::vector<api::ec2::NetworkInterface> interfaces;
  for (const InstanceRow& row : rows) {
    if (wanted && !wanted->empty() && std::ranges::find(*wanted, row.interface_id) == wanted->end()) continue;
    CO_TRY(const bool holds, passes(in.filters, interface_fields(row)));
    if (holds) interfaces.push_back(interface_view(row));
  }
  api::ec2::DescribeNetworkInterfacesResult out;
  CO_TRY(auto page, cut_page(std::move(interfaces), in, out.next_token));
  out.network_interfaces = std::move(page);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
