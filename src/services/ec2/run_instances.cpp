// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
#include <fmt/format.h>

#include <algorithm>

#include "api/ec2/errors.h"
#include "base/bytes.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/instances.h"
#include "services/ec2/network.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"
#include "services/ec2/tags.h"

namespace hearth {

namespace op = api::ec2::op;

// AWS checks every kind of resource that a launch uses or makes. Defined at the end of this file.
template <>
struct AccessRule<op::RunInstances> {
  static std::vector<Access> of(const RequestContext& ctx, const api::ec2::RunInstancesRequest& in);
};

namespace ec2 {
namespace errors = api::ec2::errors;

// What one launch will make, checked: what is left is whether it fits and which addresses are free.
struct Ec2Service::LaunchPlan {
  InstanceRow prototype;  // of every instance; names and addresses are added
  int count_min = 1, count_max = 1;
  std::optional<std::uint32_t> wanted_address;
  SubnetFacts subnet;
  std::string client_token;
  std::string parameters;  // of the call, to compare with those of an earlier one with the same token
};

namespace {

constexpr std::size_t user_data_bytes_max = 16'384;
constexpr int volume_gib_default = 8, volume_gib_max = 16'384;
constexpr int launch_count_max = 1'000;
constexpr std::size_t groups_per_instance_max = 5;

// The volume a launch asks for, which is the root volume.
Result<void> take_root_volume(const wire::Opt<std::vector<api::ec2::BlockDeviceMapping>>& mappings, InstanceRow& row) {
  row.volume_gib = volume_gib_default;
  if (!mappings) return ok;
  for (const auto& mapping : *mappings) {
    const std::string device = mapping.device_name.value_or("");
    if (device != root_device && device != "/dev/sda1")
      return errors::invalid_block_device_mapping("Only the root device " + std::string(root_device) +
                                                  " can be mapped; '" + device + "' is not supported.");
    if (!mapping.ebs) continue;
    if (!mapping.ebs->delete_on_termination.value_or(true))
      return errors::unsupported("A root volume that outlives its instance is not supported by this installation.");
    // Volumes are as fast as the host's disk: nobody is promised more or less.
    row.volume_type = mapping.ebs->volume_type.value_or(row.volume_type);
    if (row.volume_type != "gp3" && row.volume_type != "gp2")
      return not_served("BlockDeviceMappings.Ebs.VolumeType " + row.volume_type);
    row.volume_gib = mapping.ebs->volume_size.value_or(row.volume_gib);
    if (row.volume_gib < 1 || row.volume_gib > volume_gib_max)
      return errors::invalid_parameter_value(
          fmt::format("Volume of {}GiB is out of range; expecting 1 to {} GiB.", row.volume_gib, volume_gib_max));
  }
  return ok;
}

Result<void> take_metadata_options(const api::ec2::RunInstancesRequest& in, InstanceRow& row) {
  if (!in.metadata_options) return ok;
  const auto& options = *in.metadata_options;
  const auto one_of = [](const wire::Opt<std::string>& value, const char* name, std::string& into, const char* a,
                         const char* b) -> Result<void> {
    if (!value) return ok;
    if (*value != a && *value != b)
      return errors::invalid_parameter_value("Value (" + *value + ") for parameter " + name + " is invalid.");
    into = *value;
    return ok;
  };
  TRY_DO(one_of(options.http_tokens, "HttpTokens", row.http_tokens, "optional", "required"));
  TRY_DO(one_of(options.http_endpoint, "HttpEndpoint", row.http_endpoint, "enabled", "disabled"));
  TRY_DO(one_of(options.instance_metadata_tags, "InstanceMetadataTags", row.metadata_tags, "enabled", "disabled"));
  row.hop_limit = options.http_put_response_hop_limit.value_or(1);
  if (row.hop_limit < 1 || row.hop_limit > 64)
    return errors::invalid_parameter_value("HttpPutResponseHopLimit must be between 1 and 64.");
  return ok;
}

// The members of the first (and only) network interface mean the same as those of the call itself.
struct NetworkChoice {
  wire::Opt<std::string> subnet_id, private_address;
  wire::Opt<std::vector<std::string>> group_ids;
  std::string description;
};
Result<NetworkChoice> network_choice(const api::ec2::RunInstancesRequest& in) {
  NetworkChoice choice{in.subnet_id, in.private_ip_address, in.security_group_ids, {}};
  if (!in.network_interfaces || in.network_interfaces->empty()) return choice;
  const auto& interface = in.network_interfaces->front();
  if (in.network_interfaces->size() > 1 || interface.device_index.value_or(0) != 0)
    return errors::unsupported("An instance has one network interface, with device index 0, on this installation.");
  if (interface.associate_public_ip_address.value_or(false))
    return errors::unsupported("Public IP addresses are not supported by this installation.");
  if (!interface.delete_on_termination.value_or(true))
    return errors::unsupported("A network interface that outlives its instance is not supported by this installation.");
  if (in.subnet_id || in.security_group_ids)
    return errors::invalid_parameter_combination(
        "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same "
        "request");
  return NetworkChoice{interface.subnet_id, interface.private_ip_address, interface.groups,
                       interface.description.value_or("")};
}

// Where a launch lies: in the subnet it names, else in the zone it names, else in the first one.
Result<SubnetFacts> chosen_subnet(const RequestContext& ctx, const api::ec2::RunInstancesRequest& in,
                                  const wire::Opt<std::string>& subnet_id) {
  const auto subnets = default_subnets(ctx.account_id, ctx.region);
  SubnetFacts chosen = subnets.front();
  if (subnet_id) {
    auto found = find_subnet(ctx.account_id, ctx.region, *subnet_id);
    if (!found) return no_such_subnet(*subnet_id);
    chosen = *std::move(found);
  }
  if (!in.placement) return chosen;
  for (const auto& [zone, of] :
       {std::pair{in.placement->availability_zone, &Zone::name}, {in.placement->availability_zone_id, &Zone::id}}) {
    if (zone.value_or("").empty()) continue;
    const auto found =
        std::ranges::find_if(subnets, [&](const SubnetFacts& subnet) { return subnet.zone.*of == *zone; });
    if (found == subnets.end()) return errors::invalid_parameter_value("Invalid availability zone: [" + *zone + "]");
    if (subnet_id && found->id != chosen.id)
      return errors::invalid_parameter_combination("The subnet " + chosen.id +
                                                   " does not lie in the availability zone " + *zone + ".");
    chosen = *found;
  }
  return chosen;
}

}  // namespace

void Ec2Service::register_launch(OperationTable& table) {
  table.serve<op::RunInstances>(*this, &Ec2Service::run_instances);
}

Async<Ec2Service::LaunchPlan> Ec2Service::plan_launch(const RequestContext& ctx,
                                                      const api::ec2::RunInstancesRequest& in) {
  CO_TRY_DO(refuse_unserved_members(op::RunInstances::index, &in));
  LaunchPlan plan;
  InstanceRow& row = plan.prototype;
  row.account_id = ctx.account_id;
  row.region = ctx.region;
  row.service_principal = "ec2.amazonaws.com";

  plan.count_min = in.min_count;
  plan.count_max = in.max_count;
  if (plan.count_min < 1 || plan.count_max < plan.count_min || plan.count_max > launch_count_max)
    co_return errors::invalid_parameter_value(fmt::format(
        "Value ({}, {}) for parameters MinCount and MaxCount is invalid. Expecting 1 <= MinCount <= MaxCount "
        "<= {}.",
        plan.count_min, plan.count_max, launch_count_max));
  if (!in.image_id) co_return errors::missing_parameter("The request must contain the parameter ImageId");
  if (!in.image_id->starts_with("ami-"))
    co_return errors::invalid_amiid_malformed("Invalid id: \"" + *in.image_id + "\" (expecting \"ami-...\")");
  const auto tx = ports_.store.begin();
  CO_TRY_DO(co_await require_image(*tx, ctx.account_id, ctx.region, *in.image_id));
  row.image_id = *in.image_id;

  row.instance_type = in.instance_type.value_or("t3.micro");
  if (!find_instance_type(row.instance_type))
    co_return errors::invalid_instance_type("The instance type '" + row.instance_type + "' does not exist.");

  if (in.user_data && !in.user_data->empty()) {
    const auto decoded = from_base64(*in.user_data);
    if (!decoded) co_return errors::invalid_user_data_malformed("Invalid BASE64 encoding of user data.");
    if (decoded->size() > user_data_bytes_max)
      co_return errors::invalid_parameter_value("User data is limited to 16384 bytes");
    row.user_data = *in.user_data;
  }
  if (in.key_name) {
    const std::string key = key_pair_key(ctx.account_id, ctx.region, *in.key_name);
    CO_TRY(const auto stored, co_await ports_.store.get(key));
    if (!stored) co_return no_such_key_pair(*in.key_name);
    row.key_name = *in.key_name;
  }
  CO_TRY_DO(take_root_volume(in.block_device_mappings, row));
  CO_TRY_DO(take_metadata_options(in, row));
  row.shutdown_behavior = in.instance_initiated_shutdown_behavior.value_or("stop");
  if (row.shutdown_behavior != "stop" && row.shutdown_behavior != "terminate")
    co_return errors::invalid_parameter_value("Value (" + row.shutdown_behavior +
                                              ") for parameter InstanceInitiatedShutdownBehavior is invalid.");
  row.disable_api_termination = in.disable_api_termination.value_or(false);
  row.disable_api_stop = in.disable_api_stop.value_or(false);
  row.ebs_optimized = in.ebs_optimized.value_or(false);
  row.is_monitored = in.monitoring && in.monitoring->enabled;
  if (in.credit_specification && !find_instance_type(row.instance_type)->is_burstable())
    co_return errors::invalid_parameter_combination("The parameter CreditSpecification is not supported for " +
                                                    row.instance_type + " instances.");

  CO_TRY_DO(check_tag_specifications(in.tag_specifications, {"instance", "volume", "network-interface"}));
  CO_TRY(row.tags, tags_for(in.tag_specifications, "instance"));
  CO_TRY(row.volume_tags, tags_for(in.tag_specifications, "volume"));

  CO_TRY(const NetworkChoice network, network_choice(in));
  CO_TRY(plan.subnet, chosen_subnet(ctx, in, network.subnet_id));
  row.subnet_id = plan.subnet.id;
  row.availability_zone = plan.subnet.zone.name;
  row.interface_description = network.description;
  if (network.private_address) {
    plan.wanted_address = parse_address(*network.private_address);
    if (!plan.wanted_address || *plan.wanted_address < plan.subnet.first_address + 4 ||
        *plan.wanted_address >= plan.subnet.first_address + subnet_address_count - 1)
      co_return errors::invalid_parameter_value("Address " + *network.private_address +
                                                " does not fall within the subnet's address range");
    if (plan.count_max > 1)
      co_return errors::invalid_parameter_combination("A private IP address can be given to one instance only.");
  }

  std::vector<std::string> group_ids = network.group_ids.value_or(std::vector<std::string>());
  if (in.security_groups)
    for (const auto& name : *in.security_groups) {
      const wire::Opt<std::string> no_id, by_name(name);
      CO_TRY(const auto group, co_await group_by_id_or_name(ctx, no_id, by_name));
      group_ids.push_back(group.id);
    }
  if (group_ids.empty()) group_ids.push_back(default_group_id(ctx.account_id, ctx.region));
  if (group_ids.size() > groups_per_instance_max)
    co_return errors::invalid_parameter_value("At most 5 security groups can be given to an instance.");
  for (const auto& id : group_ids) {
    CO_TRY(const auto group, co_await find_group(ctx.account_id, ctx.region, id));
    row.groups.push_back({group.id, group.name});
  }

  if (in.iam_instance_profile) {
    const auto& wanted = *in.iam_instance_profile;
    const std::string name = wanted.arn.value_or(wanted.name.value_or(""));
    auto profile = co_await ports_.roles.find_instance_profile(ctx.account_id, name);
    if (!profile && profile.error().kind() == ErrorKind::not_found)
      co_return errors::invalid_parameter_value("Value (" + name + ") for parameter iamInstanceProfile is invalid. " +
                                                "Invalid IAM Instance Profile");
    if (!profile) co_return profile.error();
    if (profile->role_arn.empty())
      co_return errors::invalid_parameter_value("IAM Instance Profile \"" + profile->arn +
                                                "\" has no associated IAM Roles");
    // Whoever launches a machine with a role gives that role away.
    std::vector<Access> pass_role = {
        {"iam:PassRole", profile->role_arn, {{"iam:passedtoservice", {"ec2.amazonaws.com"}}}}};
    auto allowed = co_await ports_.authorizer.authorize(ctx.caller, std::move(pass_role), ctx.condition_context);
    if (!allowed && allowed.error().kind() == ErrorKind::denied)
      co_return errors::unauthorized_operation("You are not authorized to perform this operation. " +
                                               allowed.error().message());
    if (!allowed) co_return allowed.error();
    row.profile_arn = profile->arn;
    row.profile_id = profile->id;
  }
  plan.client_token = in.client_token.value_or("");
  // Whatever would make other instances is another call.
  plan.parameters = to_hex(sha256(
      fmt::format("{}|{}|{}|{}", row::encode(row), plan.count_min, plan.count_max, plan.wanted_address.value_or(0))));
  co_return plan;
}

// One transaction: capacity, addresses, rows, token. What is written is what the caller gets.
Async<std::vector<InstanceRow>> Ec2Service::launch_planned(LaunchPlan plan) {
  if (const auto missing = ports_.runtime.missing_requirements(); !missing.empty())
    co_return errors::unsupported(fmt::format("Instances cannot run on this host: {}", fmt::join(missing, " ")));
  const InstanceType& type = *find_instance_type(plan.prototype.instance_type);
  const HostCapacity host = ports_.runtime.capacity();
  std::vector<InstanceRow> launched;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    launched.clear();
    const InstanceRow& wanted = plan.prototype;
    const std::string token_key = client_token_key(wanted.account_id, wanted.region, plan.client_token);
    if (!plan.client_token.empty()) {
      CO_TRY(const auto stored, co_await tx.get(token_key));
      if (stored) {
        CO_TRY(const auto earlier, row::decode<ClientTokenRow>(*stored));
        if (earlier.parameters != plan.parameters)
          co_return errors::idempotent_parameter_mismatch(
              "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).");
        for (const auto& id : earlier.instance_ids) {
          const std::string key = instance_key(wanted.account_id, wanted.region, id);
          CO_TRY(const auto bytes, co_await tx.get(key));
          if (!bytes) continue;
          CO_TRY(auto row, row::decode<InstanceRow>(*bytes));
          launched.push_back(std::move(row));
        }
        co_return ok;
      }
    }

    // Again, here: an image that is deregistered meanwhile is one that no instance uses.
    CO_TRY_DO(co_await require_image(tx, wanted.account_id, wanted.region, wanted.image_id));
    CO_TRY(const auto others, co_await read_rows<InstanceRow>(tx, instance_prefix()));
    CapacityInUse in_use = capacity_in_use(others);
    std::set<std::uint32_t> taken_addresses;
    for (const auto& other : others)
      if (other.state != state::terminated)
        if (const auto address = parse_address(other.private_address)) taken_addresses.insert(*address);

    ClientTokenRow token{.parameters = plan.parameters, .reservation_id = ports_.ids.aws_id("r-")};
    for (int index = 0; index < plan.count_max; ++index) {
      const std::string reason = why_it_does_not_fit(type, host, in_use);
      if (!reason.empty()) {
        if (index >= plan.count_min) break;  // AWS: as many as there is room for, but at least MinCount
        co_return errors::insufficient_instance_capacity("We currently do not have sufficient " +
                                                         std::string(type.name) + " capacity. " + reason);
      }
      InstanceRow row = wanted;
      row.id = ports_.ids.aws_id("i-");
      row.reservation_id = token.reservation_id;
      row.client_token = plan.client_token;
      row.launch_index = index;
      row.volume_id = ports_.ids.aws_id("vol-");
      row.interface_id = ports_.ids.aws_id("eni-");
      row.interface_attachment_id = ports_.ids.aws_id("eni-attach-");
      row.launched_ms = row.changed_ms = now_ms();

      // Any free address, from a random one on: two servers on one host seldom meet.
      std::uint32_t address = plan.wanted_address.value_or(0);
      if (plan.wanted_address && taken_addresses.contains(address))
        co_return errors::invalid_parameter_value("Address " + to_address(address) + " is in use.");
      if (!plan.wanted_address) {
        constexpr std::uint32_t usable = subnet_address_count - subnet_reserved_count;
        const std::string random = ports_.ids.random_bytes(4);
        std::uint32_t offset = 0;
        for (const char c : random) offset = offset << 8 | static_cast<unsigned char>(c);
        for (std::uint32_t tries = 0; tries < usable && address == 0; ++tries)
          if (const std::uint32_t candidate = plan.subnet.first_address + 4 + (offset + tries) % usable;
              !taken_addresses.contains(candidate))
            address = candidate;
        if (address == 0)
          co_return errors::insufficient_instance_capacity("There are no free addresses in the subnet " +
                                                           plan.subnet.id);
      }
      taken_addresses.insert(address);
      row.private_address = to_address(address);
      row.mac_address = mac_of(address);

      row.gpu_uuids = in_use.free_gpus(type, host);
      in_use.add(type, row.gpu_uuids);

      const std::string key = instance_key(row.account_id, row.region, row.id);
      tx.put(key, row::encode(row));
      tx.put(instance_index_key(row.id), key);
      emit_state(tx, row);
      token.instance_ids.push_back(row.id);
      launched.push_back(std::move(row));
    }
    if (!plan.client_token.empty()) tx.put(token_key, row::encode(token));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  wake();
  co_return launched;
}

Async<api::ec2::Reservation> Ec2Service::run_instances(const RequestContext& ctx,
                                                       const api::ec2::RunInstancesRequest& in) {
  CO_TRY(LaunchPlan plan, co_await plan_launch(ctx, in));
  CO_TRY_DO(check_dry_run(in.dry_run));
  CO_TRY(const auto rows, co_await launch_planned(std::move(plan)));
  if (rows.empty()) co_return errors::invalid_instance_id_not_found("The instances of this client token are gone.");
  co_return std::move(reservations_view(rows).front());
}

// --- for our own services ---

namespace {
LaunchedInstance launched_view(const InstanceRow& row) {
  return {row.id, row.state, row.private_address, row.state_reason_message};
}
}  // namespace

Async<LaunchedInstance> Ec2Service::launch(LaunchRequest request) {
  LaunchPlan plan;
  InstanceRow& row = plan.prototype;
  row.account_id = request.account_id;
  row.region = request.region;
  row.instance_type = request.instance_type;
  row.image_id = host_image_id();
  row.role_arn = request.role_arn;
  row.service_principal = request.service_principal;
  row.user_data = to_base64(request.user_data);
  row.tags = std::move(request.tags);
  row.http_tokens = "required";
  row.shutdown_behavior = "terminate";
  row.platform_may_connect = true;
  plan.subnet = default_subnets(request.account_id, request.region).front();
  row.subnet_id = plan.subnet.id;
  row.availability_zone = plan.subnet.zone.name;
  row.groups = {{default_group_id(request.account_id, request.region), "default"}};
  plan.client_token = request.client_token;
  plan.parameters = to_hex(sha256(request.instance_type + "|" + request.role_arn + "|" + request.user_data));
  if (!find_instance_type(row.instance_type))
    co_return Error(ErrorKind::invalid, "The instance type '" + row.instance_type + "' does not exist.");
  CO_TRY(const auto rows, co_await launch_planned(std::move(plan)));
  if (rows.empty()) co_return Error(ErrorKind::not_found, "the instance of this client token is gone");
  co_return launched_view(rows.front());
}

Async<LaunchedInstance> Ec2Service::describe(std::string_view account_id, std::string_view instance_id) {
  const std::string account(account_id), id(instance_id);
  CO_TRY(const InstanceRow row, co_await find_instance_by_id(id));
  if (row.account_id != account) co_return Error(ErrorKind::not_found, "no such instance");
  co_return launched_view(row);
}

Async<void> Ec2Service::terminate(std::string_view account_id, std::string_view instance_id) {
  const std::string account(account_id), id(instance_id);
  CO_TRY(const InstanceRow found, co_await find_instance_by_id(id));
  if (found.account_id != account) co_return Error(ErrorKind::not_found, "no such instance");
  const RowChange change = [](InstanceRow& row) -> Result<void> {
    if (row.state != state::terminated) row.state = state::shutting_down;
    row.transition_reason = "Service initiated";
    return ok;
  };
  co_return co_await change_instance(found.account_id, found.region, id, change);
}

}  // namespace ec2

std::vector<Access> AccessRule<op::RunInstances>::of(const RequestContext& ctx,
                                                     const api::ec2::RunInstancesRequest& in) {
  std::vector<Access> accesses;
  const auto add = [&](std::string resource, ConditionContext context = {}, std::string named = {}) {
    accesses.push_back({"ec2:RunInstances", std::move(resource), std::move(context), std::move(named)});
  };
  const auto tagged = [&](std::string_view type) {
    ConditionContext context;
    if (in.instance_type) context["ec2:instancetype"] = {*in.instance_type};
    if (in.metadata_options)
      context["ec2:metadatahttptokens"] = {in.metadata_options->http_tokens.value_or("optional")};
    ec2::add_specified_tag_conditions(in.tag_specifications, context, type);
    return context;
  };
  add(ec2::arn(ctx, "instance", "*"), tagged("instance"));
  add(ec2::arn(ctx, "volume", "*"), tagged("volume"));
  ConditionContext interface_context;
  ec2::add_specified_tag_conditions(in.tag_specifications, interface_context, "network-interface");
  add(ec2::arn(ctx, "network-interface", "*"), std::move(interface_context));
  add(ec2::image_arn(ctx, in.image_id.value_or("*")));
  if (in.key_name) add(ec2::arn(ctx, "key-pair", *in.key_name));

  // What a call leaves out is chosen for it, and judged like what it names.
  std::vector<std::string> subnet_ids, group_ids;
  if (in.subnet_id) subnet_ids.push_back(*in.subnet_id);
  if (in.security_group_ids) group_ids = *in.security_group_ids;
  if (in.network_interfaces)
    for (const auto& interface : *in.network_interfaces) {
      if (interface.subnet_id) subnet_ids.push_back(*interface.subnet_id);
      if (interface.groups) group_ids.insert(group_ids.end(), interface.groups->begin(), interface.groups->end());
    }
  const bool names_groups = in.security_groups && !in.security_groups->empty();
  if (group_ids.empty() && !names_groups) group_ids.push_back(ec2::default_group_id(ctx.account_id, ctx.region));
  if (subnet_ids.empty()) {
    const Result<ec2::SubnetFacts> chosen = ec2::chosen_subnet(ctx, in, {});
    subnet_ids.push_back(chosen ? chosen->id : "*");
  }
  for (const std::string& id : subnet_ids) add(ec2::arn(ctx, "subnet", id));
  for (const std::string& id : group_ids) add(ec2::arn(ctx, "security-group", id));
  if (names_groups)
    for (const std::string& name : *in.security_groups) add(ec2::arn(ctx, "security-group", "*"), {}, name);
  ec2::add_tagging<op::RunInstances>(ctx, in, accesses);
  return accesses;
}

}  // namespace hearth
