// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html and its kin.
// Rules are enforced: the reconciler compiles them into the runtime's firewall of each member.
#include <fmt/format.h>

#include <algorithm>

#include "api/ec2/errors.h"
#include "base/text.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/network.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;
namespace ec2 {

template <class Op>
struct OnGroup {
  static std::vector<Access> of(const RequestContext& ctx, const typename Op::Input& in) {
    Access access{action_of<Op>(), arn(ctx, "security-group", "*"), {}};
    if constexpr (requires { in.group_id.has; }) {
      if (in.group_id)
        access.resource = arn(ctx, "security-group", *in.group_id);
      else
        access.named = in.group_name.value_or("");
    } else {
      access.resource = arn(ctx, "security-group", in.group_id);
    }
    std::vector<Access> accesses{std::move(access)};
    if constexpr (requires { in.tag_specifications.has; }) {
      if (in.tag_specifications && !in.tag_specifications->empty()) {
        Access rule{action_of<Op>(), arn(ctx, "security-group-rule", "*"), {}};
        add_specified_tag_conditions(in.tag_specifications, rule.context);
        accesses.push_back(std::move(rule));
        add_tagging<Op>(ctx, in, accesses);
      }
    }
    return accesses;
  }
};

}  // namespace ec2

template <>
struct AccessRule<op::CreateSecurityGroup> {
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::CreateSecurityGroupRequest& in) {
    const std::string vpc_id = in.vpc_id.value_or(ec2::default_vpc_id(ctx.account_id, ctx.region));
    Access group{"ec2:CreateSecurityGroup", ec2::arn(ctx, "security-group", "*"), {}};
    ec2::add_specified_tag_conditions(in.tag_specifications, group.context);
    std::vector<Access> accesses{std::move(group)};
    accesses.push_back({"ec2:CreateSecurityGroup", ec2::arn(ctx, "vpc", vpc_id), {}});
    ec2::add_tagging<op::CreateSecurityGroup>(ctx, in, accesses);
    return accesses;
  }
};
template <>
struct AccessRule<op::DeleteSecurityGroup> : ec2::OnGroup<op::DeleteSecurityGroup> {};
template <>
struct AccessRule<op::AuthorizeSecurityGroupIngress> : ec2::OnGroup<op::AuthorizeSecurityGroupIngress> {};
template <>
struct AccessRule<op::AuthorizeSecurityGroupEgress> : ec2::OnGroup<op::AuthorizeSecurityGroupEgress> {};
template <>
struct AccessRule<op::RevokeSecurityGroupIngress> : ec2::OnGroup<op::RevokeSecurityGroupIngress> {};
template <>
struct AccessRule<op::RevokeSecurityGroupEgress> : ec2::OnGroup<op::RevokeSecurityGroupEgress> {};
template <>
struct AccessRule<op::DescribeSecurityGroups> : ec2::OnAnything<op::DescribeSecurityGroups> {};
template <>
struct AccessRule<op::DescribeSecurityGroupRules> : ec2::OnAnything<op::DescribeSecurityGroupRules> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

constexpr std::size_t rules_per_group_max = 60;  // in each direction, AWS's default quota

// --- rules as rows ---

Result<std::string> protocol_of(std::string_view name) {
  const std::string text = to_lower(name);
  if (text == "all" || text == "-1") return std::string("-1");
  if (text == "6") return std::string("tcp");
  if (text == "17") return std::string("udp");
  if (text == "1") return std::string("icmp");
  if (text == "tcp" || text == "udp" || text == "icmp" || text == "icmpv6") return text;
  if (!text.empty() && text.size() <= 3 && text.find_first_not_of("0123456789") == std::string::npos &&
      std::stoi(text) <= 255)
    return text;
  return errors::invalid_parameter_value("Invalid value '" + text + "' for IP protocol. Unknown protocol.");
}

Result<void> check_ports(const RuleRow& rule) {
  if (rule.protocol != "tcp" && rule.protocol != "udp") return ok;
  if (rule.from_port < 0 || rule.to_port < 0 || rule.from_port > 65535 || rule.to_port > 65535)
    return errors::invalid_parameter_value(fmt::format(
        "Invalid value '{}-{}' for port range. Must be between 0 and 65535.", rule.from_port, rule.to_port));
  if (rule.from_port > rule.to_port)
    return errors::invalid_parameter_value("Invalid TCP/UDP port range (" + std::to_string(rule.from_port) + ":" +
                                           std::to_string(rule.to_port) + ")");
  return ok;
}

// One IpPermission holds a rule for each of its sources.
Result<void> add_permission(const std::string& account_id, const api::ec2::IpPermission& permission, bool is_egress,
                            std::vector<RuleRow>& rules) {
  RuleRow base;
  base.is_egress = is_egress;
  TRY(base.protocol, protocol_of(permission.ip_protocol.value_or("")));
  base.from_port = base.protocol == "-1" ? -1 : permission.from_port.value_or(-1);
  base.to_port = base.protocol == "-1" ? -1 : permission.to_port.value_or(-1);
  TRY_DO(check_ports(base));
  const std::size_t count_before = rules.size();
  const auto add = [&](const auto& source) -> RuleRow& {
    rules.push_back(base);
    rules.back().description = source.description.value_or("");
    return rules.back();
  };
  const auto malformed = [](const std::string& cidr) {
    return errors::invalid_parameter_value("CIDR block " + cidr + " is malformed");
  };
  if (permission.ip_ranges)
    for (const auto& range : *permission.ip_ranges) {
      const std::string& cidr = add(range).cidr = range.cidr_ip.value_or("");
      if (!is_cidr(cidr)) return malformed(cidr);
    }
  if (permission.ipv6_ranges)
    for (const auto& range : *permission.ipv6_ranges) {
      const std::string& cidr = add(range).cidr6 = range.cidr_ipv6.value_or("");
      if (!is_cidr6(cidr)) return malformed(cidr);
    }
  if (permission.user_id_group_pairs)
    for (const auto& pair : *permission.user_id_group_pairs) {
      if (pair.user_id.value_or(account_id) != account_id)  // there is no way to another account's network
        return no_such_security_group(*pair.user_id + "/" + pair.group_id.value_or(pair.group_name.value_or("")));
      std::string& group_id = add(pair).group_id = pair.group_id.value_or("");
      if (group_id.empty() && pair.group_name) group_id = "name:" + *pair.group_name;
    }
  if (rules.size() == count_before)
    return errors::missing_parameter("A rule must have a source or destination: a CIDR block or a security group.");
  return ok;
}

// The rules of a call, in either of its two forms.
template <class In>
Result<std::vector<RuleRow>> rules_of(const RequestContext& ctx, const In& in, bool is_egress) {
  std::vector<RuleRow> rules;
  if (in.ip_permissions)
    for (const auto& permission : *in.ip_permissions)
      TRY_DO(add_permission(ctx.account_id, permission, is_egress, rules));
  if (in.ip_protocol || in.cidr_ip || in.source_security_group_name) {
    api::ec2::IpPermission permission;
    permission.ip_protocol = in.ip_protocol.value_or("-1");
    permission.from_port = in.from_port;
    permission.to_port = in.to_port;
    if (in.cidr_ip) permission.ip_ranges.emplace().emplace_back().cidr_ip = *in.cidr_ip;
    if (in.source_security_group_name)
      permission.user_id_group_pairs.emplace().emplace_back().group_name = *in.source_security_group_name;
    TRY_DO(add_permission(ctx.account_id, permission, is_egress, rules));
  }
  return rules;
}

std::string describe_rule(const RuleRow& rule) {
  return fmt::format("peer: {}, {}, from port: {}, to port: {}, ALLOW",
                     rule.group_id.empty() ? rule.cidr + rule.cidr6 : rule.group_id,
                     rule.protocol == "-1" ? "ALL" : rule.protocol, rule.from_port, rule.to_port);
}

// --- rules and groups on the wire ---

api::ec2::SecurityGroupRule rule_view(const SecurityGroupRow& group, const RuleRow& rule) {
  api::ec2::SecurityGroupRule view;
  view.security_group_rule_id = rule.id;
  view.security_group_rule_arn =
      "arn:aws:ec2:" + group.region + ":" + group.account_id + ":security-group-rule/" + rule.id;
  view.group_id = group.id;
  view.group_owner_id = group.account_id;
  view.is_egress = rule.is_egress;
  view.ip_protocol = rule.protocol;
  view.from_port = rule.from_port;
  view.to_port = rule.to_port;
  if (!rule.cidr.empty()) view.cidr_ipv4 = rule.cidr;
  if (!rule.cidr6.empty()) view.cidr_ipv6 = rule.cidr6;
  if (!rule.group_id.empty()) {
    auto& peer = view.referenced_group_info.emplace();
    peer.group_id = rule.group_id;
    peer.user_id = group.account_id;
  }
  if (!rule.description.empty()) view.description = rule.description;
  view.tags = tags_view(rule.tags);
  return view;
}

// AWS groups rules of the same protocol and ports into one permission.
std::vector<api::ec2::IpPermission> permissions_view(const SecurityGroupRow& group, bool is_egress) {
  std::vector<api::ec2::IpPermission> permissions;
  for (const auto& rule : group.rules) {
    if (rule.is_egress != is_egress) continue;
    auto found = std::ranges::find_if(permissions, [&](const auto& seen) {
      return *seen.ip_protocol == rule.protocol && seen.from_port.value_or(-1) == rule.from_port &&
             seen.to_port.value_or(-1) == rule.to_port;
    });
    if (found == permissions.end()) {
      auto& made = permissions.emplace_back();
      made.ip_protocol = rule.protocol;
      if (rule.protocol != "-1") {
        made.from_port = rule.from_port;
        made.to_port = rule.to_port;
      }
      made.ip_ranges.emplace();
      made.ipv6_ranges.emplace();
      made.user_id_group_pairs.emplace();
      made.prefix_list_ids.emplace();
      found = std::prev(permissions.end());
    }
    if (!rule.cidr.empty()) {
      auto& range = found->ip_ranges->emplace_back();
      range.cidr_ip = rule.cidr;
      if (!rule.description.empty()) range.description = rule.description;
    } else if (!rule.cidr6.empty()) {
      auto& range = found->ipv6_ranges->emplace_back();
      range.cidr_ipv6 = rule.cidr6;
      if (!rule.description.empty()) range.description = rule.description;
    } else {
      auto& pair = found->user_id_group_pairs->emplace_back();
      pair.group_id = rule.group_id;
      pair.user_id = group.account_id;
      if (!rule.description.empty()) pair.description = rule.description;
    }
  }
  return permissions;
}

std::string group_arn(const SecurityGroupRow& group) {
  return "arn:aws:ec2:" + group.region + ":" + group.account_id + ":security-group/" + group.id;
}

FieldsOf rule_fields(const SecurityGroupRow& group, const RuleRow& rule) {
  return [&group, &rule](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "group-id") return std::vector{group.id};
    if (name == "security-group-rule-id") return std::vector{rule.id};
    return tag_fields(name, rule.tags);
  };
}

FieldsOf group_fields(const SecurityGroupRow& group) {
  return [&group](std::string_view name) -> std::optional<std::vector<std::string>> {
    if (name == "group-id") return std::vector{group.id};
    if (name == "group-name") return std::vector{group.name};
    if (name == "description") return std::vector{group.description};
    if (name == "owner-id") return std::vector{group.account_id};
    if (name == "vpc-id") return std::vector{default_vpc_id(group.account_id, group.region)};
    const bool egress = name.starts_with("egress.ip-permission.");
    if (egress || name.starts_with("ip-permission.")) {
      const std::string_view field = name.substr(name.find("permission.") + 11);
      std::vector<std::string> values;
      for (const auto& rule : group.rules) {
        if (rule.is_egress != egress) continue;
        if (field == "cidr" && !rule.cidr.empty())
          values.push_back(rule.cidr);
        else if (field == "protocol")
          values.push_back(rule.protocol);
        else if (field == "from-port")
          values.push_back(std::to_string(rule.from_port));
        else if (field == "to-port")
          values.push_back(std::to_string(rule.to_port));
        else if (field == "group-id" && !rule.group_id.empty())
          values.push_back(rule.group_id);
        else if (field != "cidr" && field != "group-id")
          return std::nullopt;
      }
      return values;
    }
    return tag_fields(name, group.tags);
  };
}

Error no_such_group_id(const std::string& id) {
  if (!id.starts_with("sg-"))
    return errors::invalid_group_id_malformed("Invalid id: \"" + id + "\" (expecting \"sg-...\")");
  return no_such_security_group(id);
}

}  // namespace

SecurityGroupRow default_group(std::string_view account_id, std::string_view region) {
  SecurityGroupRow group;
  group.account_id = account_id;
  group.region = region;
  group.id = default_group_id(account_id, region);
  group.name = "default";
  group.description = "default VPC security group";
  RuleRow among_members, out;
  among_members.id = "sgr-" + group.id.substr(3, 16) + "0";
  among_members.group_id = group.id;
  out.id = "sgr-" + group.id.substr(3, 16) + "1";
  out.is_egress = true;
  out.cidr = "0.0.0.0/0";
  group.rules = {among_members, out};
  return group;
}

void Ec2Service::register_security_groups(OperationTable& table) {
  table.serve<op::CreateSecurityGroup>(*this, &Ec2Service::create_security_group);
  table.serve<op::DeleteSecurityGroup>(*this, &Ec2Service::delete_security_group);
  table.serve<op::DescribeSecurityGroups>(*this, &Ec2Service::describe_security_groups);
  table.serve<op::DescribeSecurityGroupRules>(*this, &Ec2Service::describe_security_group_rules);
  table.serve<op::AuthorizeSecurityGroupIngress>(*this, &Ec2Service::authorize_security_group_ingress);
  table.serve<op::AuthorizeSecurityGroupEgress>(*this, &Ec2Service::authorize_security_group_egress);
  table.serve<op::RevokeSecurityGroupIngress>(*this, &Ec2Service::revoke_security_group_ingress);
  table.serve<op::RevokeSecurityGroupEgress>(*this, &Ec2Service::revoke_security_group_egress);
}

Async<std::vector<SecurityGroupRow>> Ec2Service::groups_of(std::string account_id, std::string region) {
  CO_TRY(auto groups, co_await read_rows<SecurityGroupRow>(ports_.store, group_prefix(account_id, region)));
  if (std::ranges::find(groups, default_group_id(account_id, region), &SecurityGroupRow::id) == groups.end())
    groups.push_back(default_group(account_id, region));
  co_return groups;
}

Async<SecurityGroupRow> Ec2Service::find_group(std::string account_id, std::string region, std::string id) {
  CO_TRY(const auto groups, co_await groups_of(account_id, region));
  const auto found = std::ranges::find(groups, id, &SecurityGroupRow::id);
  if (found != groups.end()) co_return *found;
  co_return no_such_group_id(id);
}

Async<SecurityGroupRow> Ec2Service::group_by_id_or_name(const RequestContext& ctx, const wire::Opt<std::string>& id,
                                                        const wire::Opt<std::string>& name) {
  if (id) co_return co_await find_group(ctx.account_id, ctx.region, *id);
  if (!name) co_return errors::missing_parameter("The request must contain the parameter groupName or groupId");
  CO_TRY(const auto groups, co_await groups_of(ctx.account_id, ctx.region));
  const auto found = std::ranges::find(groups, *name, &SecurityGroupRow::name);
  if (found == groups.end()) co_return no_such_security_group(*name);
  co_return *found;
}

Async<api::ec2::CreateSecurityGroupResult> Ec2Service::create_security_group(
    const RequestContext& ctx, const api::ec2::CreateSecurityGroupRequest& in) {
  CO_TRY_DO(check_request<op::CreateSecurityGroup>(in));
  if (in.vpc_id && *in.vpc_id != default_vpc_id(ctx.account_id, ctx.region)) co_return no_such_vpc(*in.vpc_id);
  constexpr std::size_t name_length_max = 255;
  if (in.group_name.empty() || in.group_name.size() > name_length_max || in.group_name.starts_with("sg-"))
    co_return errors::invalid_parameter_value("Invalid security group name: '" + in.group_name + "'");
  if (in.description.empty() || in.description.size() > name_length_max)
    co_return errors::invalid_parameter_value("Invalid security group description.");
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"security-group"}));

  SecurityGroupRow group;
  group.account_id = ctx.account_id;
  group.region = ctx.region;
  group.id = ports_.ids.aws_id("sg-");
  group.name = in.group_name;
  group.description = in.description;
  CO_TRY(group.tags, tags_for(in.tag_specifications, "security-group"));
  RuleRow out_rule;  // AWS: a new group lets everything out and nothing in
  out_rule.id = ports_.ids.aws_id("sgr-");
  out_rule.is_egress = true;
  out_rule.cidr = "0.0.0.0/0";
  group.rules.push_back(std::move(out_rule));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto others, co_await read_rows<SecurityGroupRow>(tx, group_prefix(ctx.account_id, ctx.region)));
    const bool is_taken =
        group.name == "default" || std::ranges::find(others, group.name, &SecurityGroupRow::name) != others.end();
    if (is_taken)
      co_return errors::invalid_group_duplicate("The security group '" + group.name + "' already exists for VPC '" +
                                                default_vpc_id(ctx.account_id, ctx.region) + "'");
    tx.put(group_key(ctx.account_id, ctx.region, group.id), row::encode(group));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  api::ec2::CreateSecurityGroupResult out;
  out.group_id = group.id;
  out.security_group_arn = group_arn(group);
  out.tags = tags_view(group.tags);
  co_return out;
}

Async<api::ec2::DeleteSecurityGroupResult> Ec2Service::delete_security_group(
    const RequestContext& ctx, const api::ec2::DeleteSecurityGroupRequest& in) {
  CO_TRY_DO(check_request<op::DeleteSecurityGroup>(in));
  CO_TRY(const auto group, co_await group_by_id_or_name(ctx, in.group_id, in.group_name));
  if (group.name == "default")
    co_return errors::cannot_delete("the specified group: \"" + group.id +
                                    "\" name: \"default\" cannot be deleted by a user");
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    const Error in_use = errors::dependency_violation("resource " + group.id + " has a dependent object");
    CO_TRY(const auto instances, co_await read_rows<InstanceRow>(tx, instance_prefix(ctx.account_id, ctx.region)));
    for (const auto& row : instances)
      if (row.state != state::terminated && std::ranges::find(row.groups, group.id, &GroupRef::id) != row.groups.end())
        co_return in_use;
    CO_TRY(const auto others, co_await read_rows<SecurityGroupRow>(tx, group_prefix(ctx.account_id, ctx.region)));
    for (const auto& other : others)
      if (other.id != group.id && std::ranges::find(other.rules, group.id, &RuleRow::group_id) != other.rules.end())
        co_return in_use;
    tx.remove(group_key(ctx.account_id, ctx.region, group.id));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  api::ec2::DeleteSecurityGroupResult out;
  out.return_ = true;
  out.group_id = group.id;
  co_return out;
}

Async<api::ec2::DescribeSecurityGroupsResult> Ec2Service::describe_security_groups(
    const RequestContext& ctx, const api::ec2::DescribeSecurityGroupsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeSecurityGroups>(in));
  CO_TRY_DO(check_filters(in.filters, group_fields(SecurityGroupRow())));
  CO_TRY(auto groups, co_await groups_of(ctx.account_id, ctx.region));
  if (in.group_ids)
    for (const auto& id : *in.group_ids)
      if (std::ranges::find(groups, id, &SecurityGroupRow::id) == groups.end()) co_return no_such_group_id(id);
  if (in.group_names)
    for (const auto& name : *in.group_names)
      if (std::ranges::find(groups, name, &SecurityGroupRow::name) == groups.end())
        co_return no_such_security_group(name);
  const auto is_wanted = [](const auto& list, const std::string& value) {
    return !list || list->empty() || std::ranges::find(*list, value) != list->end();
  };
  std::vector<api::ec2::SecurityGroup> views;
  for (const auto& group : groups) {
    if (!is_wanted(in.group_ids, group.id) || !is_wanted(in.group_names, group.name)) continue;
    CO_TRY(const bool holds, passes(in.filters, group_fields(group)));
    if (!holds) continue;
    auto& view = views.emplace_back();
    view.group_id = group.id;
    view.group_name = group.name;
    view.description = group.description;
    view.owner_id = group.account_id;
    view.vpc_id = default_vpc_id(group.account_id, group.region);
    view.security_group_arn = group_arn(group);
    view.ip_permissions = permissions_view(group, false);
    view.ip_permissions_egress = permissions_view(group, true);
    view.tags = tags_view(group.tags);
  }
  api::ec2::DescribeSecurityGroupsResult out;
  CO_TRY(auto page, cut_page(std::move(views), in, out.next_token));
  out.security_groups = std::move(page);
  co_return out;
}

Async<api::ec2::DescribeSecurityGroupRulesResult> Ec2Service::describe_security_group_rules(
    const RequestContext& ctx, const api::ec2::DescribeSecurityGroupRulesRequest& in) {
  CO_TRY_DO(check_request<op::DescribeSecurityGroupRules>(in));
  CO_TRY_DO(check_filters(in.filters, rule_fields(SecurityGroupRow(), RuleRow())));
  CO_TRY(const auto groups, co_await groups_of(ctx.account_id, ctx.region));
  std::vector<api::ec2::SecurityGroupRule> views;
  std::vector<std::string> unseen = in.security_group_rule_ids.value_or(std::vector<std::string>());
  const bool any = unseen.empty();
  for (const auto& group : groups)
    for (const auto& rule : group.rules) {
      if (!any && std::erase(unseen, rule.id) == 0) continue;
      CO_TRY(const bool holds, passes(in.filters, rule_fields(group, rule)));
      if (holds) views.push_back(rule_view(group, rule));
    }
  if (!unseen.empty())
    co_return errors::invalid_security_group_rule_id_not_found("The security group rule ID '" + unseen.front() +
                                                               "' does not exist");
  api::ec2::DescribeSecurityGroupRulesResult out;
  CO_TRY(auto page, cut_page(std::move(views), in, out.next_token));
  out.security_group_rules = std::move(page);
  co_return out;
}

namespace {

// The group as stored, or as every account has it.
Async<SecurityGroupRow> load_group(Transaction& tx, std::string account_id, std::string region, std::string id) {
  const std::string key = group_key(account_id, region, id);
  CO_TRY(const auto stored, co_await tx.get(key));
  if (stored) co_return row::decode<SecurityGroupRow>(*stored);
  if (id == default_group_id(account_id, region)) co_return default_group(account_id, region);
  co_return no_such_security_group(id);
}

// Peers given by name become ids, and each must exist.
Async<void> resolve_peers(Transaction& tx, const RequestContext& ctx, std::vector<RuleRow>& rules) {
  CO_TRY(const auto groups, co_await read_rows<SecurityGroupRow>(tx, group_prefix(ctx.account_id, ctx.region)));
  std::map<std::string, std::string> id_by_name = {{"default", default_group_id(ctx.account_id, ctx.region)}};
  for (const auto& group : groups) id_by_name[group.name] = group.id;
  for (auto& rule : rules) {
    if (rule.group_id.empty()) continue;
    if (rule.group_id.starts_with("name:")) {
      const auto found = id_by_name.find(rule.group_id.substr(5));
      if (found == id_by_name.end()) co_return no_such_security_group(rule.group_id.substr(5));
      rule.group_id = found->second;
    } else if (std::ranges::none_of(id_by_name, [&](const auto& known) { return known.second == rule.group_id; })) {
      co_return no_such_security_group(rule.group_id);
    }
  }
  co_return ok;
}

}  // namespace

Async<std::vector<RuleRow>> Ec2Service::add_rules(const RequestContext& ctx, std::string group_id,
                                                  std::vector<RuleRow> rules) {
  if (rules.empty()) co_return errors::missing_parameter("The request must contain the parameter ipPermissions");
  for (auto& rule : rules) rule.id = ports_.ids.aws_id("sgr-");
  std::vector<RuleRow> added;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    added = rules;
    CO_TRY_DO(co_await resolve_peers(tx, ctx, added));
    CO_TRY(SecurityGroupRow group, co_await load_group(tx, ctx.account_id, ctx.region, group_id));
    for (const auto& rule : added) {
      if (std::ranges::any_of(group.rules, [&](const RuleRow& known) { return known.same_as(rule); }))
        co_return errors::invalid_permission_duplicate("the specified rule \"" + describe_rule(rule) +
                                                       "\" already exists");
      group.rules.push_back(rule);
    }
    for (const bool egress : {false, true})
      if (static_cast<std::size_t>(std::ranges::count(group.rules, egress, &RuleRow::is_egress)) > rules_per_group_max)
        co_return errors::rules_per_security_group_limit_exceeded(
            "The maximum number of rules per security group has been reached.");
    tx.put(group_key(ctx.account_id, ctx.region, group.id), row::encode(group));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  if (reconciler_) reconciler_->wake();
  co_return added;
}

Async<std::vector<RuleRow>> Ec2Service::remove_rules(const RequestContext& ctx, std::string group_id,
                                                     std::vector<RuleRow> rules, std::vector<std::string> rule_ids,
                                                     bool is_egress) {
  if (rules.empty() && rule_ids.empty())
    co_return errors::missing_parameter("The request must contain the parameter ipPermissions or securityGroupRuleIds");
  std::vector<RuleRow> removed;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    removed.clear();
    std::vector<RuleRow> unwanted = rules;
    CO_TRY_DO(co_await resolve_peers(tx, ctx, unwanted));
    CO_TRY(SecurityGroupRow group, co_await load_group(tx, ctx.account_id, ctx.region, group_id));
    const auto take = [&](auto is_it) {
      const auto found = std::ranges::find_if(group.rules, is_it);
      if (found == group.rules.end()) return false;
      removed.push_back(*found);
      group.rules.erase(found);
      return true;
    };
    for (const auto& rule : unwanted)
      if (!take([&](const RuleRow& known) { return known.same_as(rule); }))
        co_return errors::invalid_permission_not_found("The specified rule does not exist in this security group.");
    for (const auto& id : rule_ids)
      if (!take([&](const RuleRow& known) { return known.id == id && known.is_egress == is_egress; }))
        co_return errors::invalid_security_group_rule_id_not_found("The security group rule ID '" + id +
                                                                   "' does not exist");
    tx.put(group_key(ctx.account_id, ctx.region, group.id), row::encode(group));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  if (reconciler_) reconciler_->wake();
  co_return removed;
}

namespace {

template <class Out>
Out authorized(const SecurityGroupRow& group, const std::vector<RuleRow>& rules) {
  Out out;
  out.return_ = true;
  out.security_group_rules.emplace();
  for (const auto& rule : rules) out.security_group_rules->push_back(rule_view(group, rule));
  return out;
}

template <class Out>
Out revoked(const SecurityGroupRow& group, const std::vector<RuleRow>& rules) {
  Out out;
  out.return_ = true;
  out.revoked_security_group_rules.emplace();
  for (const auto& rule : rules) {
    auto& view = out.revoked_security_group_rules->emplace_back();
    view.security_group_rule_id = rule.id;
    view.group_id = group.id;
    view.is_egress = rule.is_egress;
    view.ip_protocol = rule.protocol;
    view.from_port = rule.from_port;
    view.to_port = rule.to_port;
    if (!rule.cidr.empty()) view.cidr_ipv4 = rule.cidr;
    if (!rule.cidr6.empty()) view.cidr_ipv6 = rule.cidr6;
    if (!rule.group_id.empty()) view.referenced_group_id = rule.group_id;
  }
  return out;
}

}  // namespace

Async<api::ec2::AuthorizeSecurityGroupIngressResult> Ec2Service::authorize_security_group_ingress(
    const RequestContext& ctx, const api::ec2::AuthorizeSecurityGroupIngressRequest& in) {
  CO_TRY_DO(check_request<op::AuthorizeSecurityGroupIngress>(in));
  CO_TRY(const auto group, co_await group_by_id_or_name(ctx, in.group_id, in.group_name));
  CO_TRY(auto rules, rules_of(ctx, in, false));
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"security-group-rule"}));
  CO_TRY(const Tags tags, tags_for(in.tag_specifications, "security-group-rule"));
  for (auto& rule : rules) rule.tags = tags;
  CO_TRY(const auto added, co_await add_rules(ctx, group.id, std::move(rules)));
  co_return authorized<api::ec2::AuthorizeSecurityGroupIngressResult>(group, added);
}

Async<api::ec2::AuthorizeSecurityGroupEgressResult> Ec2Service::authorize_security_group_egress(
    const RequestContext& ctx, const api::ec2::AuthorizeSecurityGroupEgressRequest& in) {
  CO_TRY_DO(check_request<op::AuthorizeSecurityGroupEgress>(in));
  CO_TRY(const auto group, co_await find_group(ctx.account_id, ctx.region, in.group_id));
  CO_TRY(auto rules, rules_of(ctx, in, true));
  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"security-group-rule"}));
  CO_TRY(const Tags tags, tags_for(in.tag_specifications, "security-group-rule"));
  for (auto& rule : rules) rule.tags = tags;
  CO_TRY(const auto added, co_await add_rules(ctx, group.id, std::move(rules)));
  co_return authorized<api::ec2::AuthorizeSecurityGroupEgressResult>(group, added);
}

Async<api::ec2::RevokeSecurityGroupIngressResult> Ec2Service::revoke_security_group_ingress(
    const RequestContext& ctx, const api::ec2::RevokeSecurityGroupIngressRequest& in) {
  CO_TRY_DO(check_request<op::RevokeSecurityGroupIngress>(in));
  CO_TRY(const auto group, co_await group_by_id_or_name(ctx, in.group_id, in.group_name));
  CO_TRY(auto rules, rules_of(ctx, in, false));
  CO_TRY(const auto removed,
         co_await remove_rules(ctx, group.id, std::move(rules),
                               in.security_group_rule_ids.value_or(std::vector<std::string>()), false));
  co_return revoked<api::ec2::RevokeSecurityGroupIngressResult>(group, removed);
}

Async<api::ec2::RevokeSecurityGroupEgressResult> Ec2Service::revoke_security_group_egress(
    const RequestContext& ctx, const api::ec2::RevokeSecurityGroupEgressRequest& in) {
  CO_TRY_DO(check_request<op::RevokeSecurityGroupEgress>(in));
  CO_TRY(const auto group, co_await find_group(ctx.account_id, ctx.region, in.group_id));
  CO_TRY(auto rules, rules_of(ctx, in, true));
  CO_TRY(const auto removed,
         co_await remove_rules(ctx, group.id, std::move(rules),
                               in.security_group_rule_ids.value_or(std::vector<std::string>()), true));
  co_return revoked<api::ec2::RevokeSecurityGroupEgressResult>(group, removed);
}

Firewall compile_firewall(const InstanceRow& instance, const std::vector<SecurityGroupRow>& groups,
                          const std::vector<InstanceRow>& instances) {
  Firewall firewall;
  for (const auto& membership : instance.groups) {
    const auto group = std::ranges::find(groups, membership.id, &SecurityGroupRow::id);
    if (group == groups.end()) continue;
    for (const auto& rule : group->rules) {
      FirewallRule compiled{.protocol = rule.protocol, .from_port = rule.from_port, .to_port = rule.to_port};
      if (!rule.cidr.empty()) compiled.cidrs.push_back(rule.cidr);
      if (!rule.group_id.empty())
        for (const auto& peer : instances)
          if (peer.account_id == instance.account_id && peer.region == instance.region &&
              peer.state != state::terminated &&
              std::ranges::find(peer.groups, rule.group_id, &GroupRef::id) != peer.groups.end())
            compiled.peer_addresses.push_back(peer.private_address);
      if (compiled.cidrs.empty() && compiled.peer_addresses.empty()) continue;  // IPv6: instances have none
      (rule.is_egress ? firewall.egress : firewall.ingress).push_back(std::move(compiled));
    }
  }
  if (instance.platform_may_connect)
    firewall.ingress.push_back({.protocol = "tcp", .from_port = 1, .to_port = 65535, .cidrs = {"169.254.1.1/32"}});
  return firewall;
}

}  // namespace ec2
}  // namespace hearth
