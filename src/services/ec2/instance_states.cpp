// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html, StopInstances, RebootInstances,
// TerminateInstances: what should be is written down; the reconciler makes it so.
#include <algorithm>

#include "api/ec2/errors.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/instances.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"

namespace hearth {

namespace op = api::ec2::op;
template <>
struct AccessRule<op::StartInstances> : ec2::OnInstances<op::StartInstances> {};
template <>
struct AccessRule<op::StopInstances> : ec2::OnInstances<op::StopInstances> {};
template <>
struct AccessRule<op::RebootInstances> : ec2::OnInstances<op::RebootInstances> {};
template <>
struct AccessRule<op::TerminateInstances> : ec2::OnInstances<op::TerminateInstances> {};

namespace ec2 {
namespace errors = api::ec2::errors;
namespace {

Error incorrect_state(const InstanceRow& row, const char* wish) {
  return errors::incorrect_instance_state("The instance '" + row.id + "' is not in a state from which it can be " +
                                          wish + ".");
}

void end_by_user(InstanceRow& row, const char* state, std::int64_t now_ms) {
  std::string time = format_iso8601_seconds(from_ms(now_ms));
  time[10] = ' ';
  time.pop_back();
  row.state = state;
  row.transition_reason = "User initiated (" + time + " GMT)";
  row.state_reason_code = "Client.UserInitiatedShutdown";
  row.state_reason_message = "Client.UserInitiatedShutdown: User initiated shutdown";
}

}  // namespace

void Ec2Service::register_states(OperationTable& table) {
  table.serve<op::StartInstances>(*this, &Ec2Service::start_instances);
  table.serve<op::StopInstances>(*this, &Ec2Service::stop_instances);
  table.serve<op::RebootInstances>(*this, &Ec2Service::reboot_instances);
  table.serve<op::TerminateInstances>(*this, &Ec2Service::terminate_instances);
}

Result<void> Ec2Service::apply(Transaction& tx, InstanceRow& row, const RowChange& change) {
  const std::string state_before = row.state;
  TRY_DO(change(row));
  if (row.state != state_before) {
    row.changed_ms = now_ms();
    emit_state(tx, row);
  }
  tx.put(instance_key(row.account_id, row.region, row.id), row::encode(row));
  return ok;
}

Async<void> Ec2Service::change_instance(std::string account_id, std::string region, std::string id, RowChange change) {
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    const std::string key = instance_key(account_id, region, id);
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return ok;
    CO_TRY(InstanceRow row, row::decode<InstanceRow>(*stored));
    CO_TRY_DO(apply(tx, row, change));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  wake();
  co_return ok;
}

Async<std::vector<api::ec2::InstanceStateChange>> Ec2Service::change_states(const RequestContext& ctx,
                                                                            std::vector<std::string> ids,
                                                                            RowChange change, TransactionBody first) {
  std::vector<api::ec2::InstanceStateChange> changes;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    changes.clear();
    if (first) {
      CO_TRY_DO(co_await first(tx));
    }
    for (const auto& id : ids) {
      const std::string key = instance_key(ctx.account_id, ctx.region, id);
      CO_TRY(const auto stored, co_await tx.get(key));
      if (!stored) {
        const auto found = co_await find_instance(ctx, id);  // for its error
        co_return found ? Error(ErrorKind::conflict, "try again") : found.error();
      }
      CO_TRY(InstanceRow row, row::decode<InstanceRow>(*stored));
      auto& view = changes.emplace_back();
      view.instance_id = id;
      view.previous_state = state_view(row.state);
      CO_TRY_DO(apply(tx, row, change));
      view.current_state = state_view(row.state);
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  wake();
  co_return changes;
}

Async<api::ec2::StartInstancesResult> Ec2Service::start_instances(const RequestContext& ctx,
                                                                  const api::ec2::StartInstancesRequest& in) {
  CO_TRY_DO(check_request<op::StartInstances>(in));
  const HostCapacity host = ports_.runtime.capacity();
  CapacityInUse in_use;
  const TransactionBody count_capacity = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto all, co_await read_rows<InstanceRow>(tx, instance_prefix()));
    in_use = capacity_in_use(all);
    co_return ok;
  };
  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    if (row.state == state::pending || row.state == state::running) return ok;
    if (row.state != state::stopped) return incorrect_state(row, "started");
    const InstanceType* type = find_instance_type(row.instance_type);
    if (const std::string reason = type ? why_it_does_not_fit(*type, host, in_use) : "Its type is not known.";
        !reason.empty())
      return errors::insufficient_instance_capacity("We currently do not have sufficient " + row.instance_type +
                                                    " capacity. " + reason);
    row.gpu_uuids = in_use.free_gpus(*type, host);
    in_use.add(*type, row.gpu_uuids);
    row.state = state::pending;
    row.launched_ms = now_ms();
    row.transition_reason.clear();
    row.state_reason_code.clear();
    row.state_reason_message.clear();
    return ok;
  };
  CO_TRY(auto changes, co_await change_states(ctx, in.instance_ids, change, count_capacity));
  api::ec2::StartInstancesResult out;
  out.starting_instances = std::move(changes);
  co_return out;
}

Async<api::ec2::StopInstancesResult> Ec2Service::stop_instances(const RequestContext& ctx,
                                                                const api::ec2::StopInstancesRequest& in) {
  CO_TRY_DO(check_request<op::StopInstances>(in));
  if (in.hibernate.value_or(false))
    co_return errors::unsupported_operation("Hibernation is not supported by this installation.");
  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    if (row.state == state::stopping || row.state == state::stopped) return ok;
    if (row.state != state::running && row.state != state::pending) return incorrect_state(row, "stopped");
    if (row.disable_api_stop)
      return errors::operation_not_permitted(
          "The instance '" + row.id +
          "' may not be stopped. Modify its 'disableApiStop' instance attribute and try "
          "again.");
    end_by_user(row, state::stopping, now_ms());
    row.skip_os_shutdown = in.skip_os_shutdown.value_or(false);
    return ok;
  };
  CO_TRY(auto changes, co_await change_states(ctx, in.instance_ids, change));
  api::ec2::StopInstancesResult out;
  out.stopping_instances = std::move(changes);
  co_return out;
}

Async<api::ec2::TerminateInstancesResult> Ec2Service::terminate_instances(
    const RequestContext& ctx, const api::ec2::TerminateInstancesRequest& in) {
  CO_TRY_DO(check_request<op::TerminateInstances>(in));
  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    if (row.state == state::shutting_down || row.state == state::terminated) return ok;
    if (row.disable_api_termination)
      return errors::operation_not_permitted(
          "The instance '" + row.id +
          "' may not be terminated. Modify its 'disableApiTermination' instance attribute "
          "and try again.");
    end_by_user(row, state::shutting_down, now_ms());
    row.skip_os_shutdown = in.skip_os_shutdown.value_or(false);
    return ok;
  };
  CO_TRY(auto changes, co_await change_states(ctx, in.instance_ids, change));
  api::ec2::TerminateInstancesResult out;
  out.terminating_instances = std::move(changes);
  co_return out;
}

Async<wire::Unit> Ec2Service::reboot_instances(const RequestContext& ctx, const api::ec2::RebootInstancesRequest& in) {
  CO_TRY_DO(check_request<op::RebootInstances>(in));
  const RowChange change = [&](InstanceRow& row) -> Result<void> {
    if (row.state != state::running) return incorrect_state(row, "rebooted");
    row.reboot_wanted = true;
    return ok;
  };
  CO_TRY_DO(co_await change_states(ctx, in.instance_ids, change));
  co_return wire::Unit{};
}

}  // namespace ec2
}  // namespace hearth
