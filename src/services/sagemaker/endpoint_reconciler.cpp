#include "services/sagemaker/endpoint_reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "api/sagemaker/types.h"
#include "base/bytes.h"
#include "base/log.h"
#include "services/sagemaker/access.h"
#include "services/sagemaker/listing.h"
#include "services/sagemaker/machine_script.h"

namespace hearth::sagemaker {
namespace {

using Status = api::sagemaker::EndpointStatus;

// How long a model may take to arrive and to answer, where the variant does not say.
constexpr int model_download_timeout_s = 600;
constexpr int startup_timeout_s = 300;
// A machine that runs and does not answer is given this long before it is replaced.
constexpr std::chrono::minutes ill_time_max{3};
constexpr std::chrono::milliseconds ping_timeout{2000};

const VariantRow* find_variant(const EndpointRow& endpoint, const std::string& name) {
  const auto found = std::ranges::find(endpoint.variants, name, &VariantRow::variant_name);
  return found == endpoint.variants.end() ? nullptr : &*found;
}
const ModelRow* find_model(const EndpointRow& endpoint, const std::string& name) {
  const auto found = std::ranges::find_if(endpoint.models,
                                          [&](const ModelRow& model) { return equal_ignoring_case(model.name, name); });
  return found == endpoint.models.end() ? nullptr : &*found;
}

std::chrono::seconds start_limit(const VariantRow& variant) {
  const int download_s = variant.model_download_timeout_s ? variant.model_download_timeout_s : model_download_timeout_s;
  const int startup_s = variant.startup_timeout_s ? variant.startup_timeout_s : startup_timeout_s;
  return std::chrono::seconds(download_s + startup_s);
}

bool is_gone(const LaunchedInstance& machine) {
  return machine.state == "terminated" || machine.state == "shutting-down" || machine.state == "stopped" ||
         machine.state == "stopping";
}

// The machine's successor takes its place: another token gives another instance.
void replace(EndpointInstance& machine) {
  EndpointInstance successor;
  successor.variant_name = machine.variant_name;
  successor.index = machine.index;
  successor.generation = machine.generation + 1;
  machine = std::move(successor);
}

// AWS's own words where it has some.
std::string not_provisioned(const std::string& why) {
  return "Unable to provision requested ML compute capacity: " + why;
}
std::string never_answered(const std::string& variant) {
  return "The primary container for production variant " + variant +
         " did not pass the ping health check. Please check CloudWatch logs for this endpoint.";
}

}  // namespace

void EndpointReconciler::reconcile() {
  auto endpoints = sync_wait(read_rows<EndpointRow>(store_, make_key("sagemaker", "endpoint")));
  if (!endpoints) {
    log::warning("endpoints cannot be read", {{"why", endpoints.error().message()}});
    return;
  }
  answering_ = ping(*endpoints);
  for (EndpointRow& endpoint : *endpoints) {
    const std::string arn = endpoint.arn;
    const auto advanced = sync_wait(advance(std::move(endpoint)));
    if (!advanced)
      log::warning("an endpoint has to wait",
                   {{"arn", arn}, {"why", advanced.error().message()}, {"detail", advanced.error().detail()}});
  }
}

std::set<std::string> EndpointReconciler::ping(const std::vector<EndpointRow>& endpoints) {
  std::set<std::string> running;
  for (const EndpointRow& endpoint : endpoints) {
    if (endpoint.status == Status::Deleting || endpoint.status == Status::Failed) continue;
    for (const EndpointInstance& machine : endpoint.instances) {
      if (machine.instance_id.empty()) continue;
      const auto seen = sync_wait(machines_.describe(endpoint.account_id, machine.instance_id));
      if (seen && seen->state == "running" && !seen->private_address.empty()) running.insert(seen->private_address);
    }
  }
  std::mutex mutex;
  std::condition_variable all_done;
  std::set<std::string> answering;
  std::size_t waiting = running.size();
  for (const std::string& address : running) {
    start(answers_ping(address), [&](const Result<bool>& answered) {
      const std::lock_guard lock(mutex);
      if (answered && *answered) answering.insert(address);
      if (--waiting == 0) all_done.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  all_done.wait(lock, [&] { return waiting == 0; });
  return answering;
}

Async<void> EndpointReconciler::advance(EndpointRow endpoint) {
  if (endpoint.status == Status::Deleting || endpoint.status == Status::Failed)
    co_return co_await release_machines(endpoint);
  co_return co_await keep_serving(endpoint);
}

// Creating and InService: every wanted machine is launched, looked at, replaced when it is lost.
Async<void> EndpointReconciler::keep_serving(EndpointRow& endpoint) {
  const bool is_new = endpoint.status == Status::Creating;
  for (std::size_t i = 0; i < endpoint.instances.size(); ++i) {
    auto done =
        endpoint.instances[i].instance_id.empty() ? co_await launch(endpoint, i) : co_await observe(endpoint, i);
    if (done) continue;
    if (done.error().kind() == ErrorKind::cancelled) co_return ok;  // the endpoint is deleted, or another by now
    // An endpoint in service waits for capacity; a new one tells its maker.
    if (!is_new || done.error().kind() == ErrorKind::unavailable) {
      log::warning("a machine of an endpoint is not to be had now",
                   {{"arn", endpoint.arn}, {"why", done.error().message()}, {"detail", done.error().detail()}});
      continue;
    }
    co_return co_await fail(endpoint, not_provisioned(done.error().message()));
  }
  if (!is_new) co_return ok;

  if (std::ranges::all_of(endpoint.instances, &EndpointInstance::healthy)) {
    const auto in_service = [&](EndpointRow& row) {
      row.status = Status::InService;
      row.modified_ms = to_ms(clock_.now());
    };
    CO_TRY_DO(co_await update(endpoint, in_service));
    co_return ok;
  }
  for (const EndpointInstance& machine : endpoint.instances) {
    const VariantRow* variant = find_variant(endpoint, machine.variant_name);
    if (machine.healthy || !variant) continue;
    if (clock_.now() - from_ms(endpoint.created_ms) < start_limit(*variant)) continue;
    co_return co_await fail(endpoint, machine.instance_id.empty() ? not_provisioned("no machine was free in time")
                                                                  : never_answered(machine.variant_name));
  }
  co_return ok;
}

LaunchRequest EndpointReconciler::launch_request(const EndpointRow& endpoint, const EndpointInstance& machine) const {
  const VariantRow& variant = *find_variant(endpoint, machine.variant_name);
  const ModelRow& model = *find_model(endpoint, variant.model_name);
  LaunchRequest request;
  request.account_id = endpoint.account_id;
  request.region = endpoint.region;
  request.instance_type = variant.instance_type;
  if (request.instance_type.starts_with("ml.")) request.instance_type.erase(0, 3);
  request.role_arn = model.execution_role_arn;
  request.service_principal = service_principal;
  // What was asked for once is asked for again: with another script, as after an upgrade, the same token is refused.
  request.user_data = machine.script.empty() ? machine_script(endpoint, variant, model) : machine.script;
  request.tags = {{"Name", fmt::format("{}/{}/{}", endpoint.name, variant.variant_name, machine.index)},
                  {"sagemaker:endpoint-arn", endpoint.arn}};
  // The same machine of the same endpoint always has the same token, so asking twice launches once.
  const std::string identity =
      fmt::format("{}/{}/{}/{}", endpoint.unique_id, machine.variant_name, machine.index, machine.generation);
  request.client_token = "sagemaker-" + to_hex(sha256(identity)).substr(0, 40);
  return request;
}

Async<void> EndpointReconciler::launch(EndpointRow& endpoint, std::size_t machine) {
  const VariantRow* variant = find_variant(endpoint, endpoint.instances[machine].variant_name);
  if (!variant || !find_model(endpoint, variant->model_name))
    co_return Error(ErrorKind::corrupt, "the endpoint's configuration is damaged");
  // Told before it is done: DeleteEndpoint then knows that there may be a machine, also after a crash right here.
  if (endpoint.instances[machine].launch_ms == 0) {
    const std::string script = launch_request(endpoint, endpoint.instances[machine]).user_data;
    const auto intend = [&](EndpointRow& row) {
      row.instances[machine].launch_ms = to_ms(clock_.now());
      row.instances[machine].script = script;
    };
    CO_TRY(const bool is_ours, co_await update(endpoint, intend));
    if (!is_ours) co_return Error(ErrorKind::cancelled, "the endpoint changed");
  }
  LaunchRequest request = launch_request(endpoint, endpoint.instances[machine]);
  CO_TRY(const LaunchedInstance launched, co_await machines_.launch(std::move(request)));
  const auto note = [&](EndpointRow& row) {
    row.instances[machine].instance_id = launched.id;
    row.instances[machine].address = launched.private_address;
    row.instances[machine].script.clear();
  };
  CO_TRY(const bool is_ours, co_await update(endpoint, note));
  if (!is_ours) co_return Error(ErrorKind::cancelled, "the endpoint changed");
  log::info("a machine of an endpoint was launched", {{"arn", endpoint.arn}, {"instance", launched.id}});
  co_return ok;
}

Async<void> EndpointReconciler::observe(EndpointRow& endpoint, std::size_t machine) {
  const EndpointInstance known = endpoint.instances[machine];
  const auto seen = co_await machines_.describe(endpoint.account_id, known.instance_id);
  if (!seen && seen.error().kind() != ErrorKind::not_found) co_return seen.error();
  if (!seen || is_gone(*seen)) {
    log::warning("a machine of an endpoint is lost; another takes its place",
                 {{"arn", endpoint.arn},
                  {"instance", known.instance_id},
                  {"state", seen ? seen->state : "unknown"},
                  {"why", seen ? seen->state_reason : ""}});
    // A stopped machine would keep its place on the host.
    if (seen && seen->state.starts_with("stop"))
      CO_TRY_DO(co_await machines_.terminate(endpoint.account_id, known.instance_id));
    const auto lost = [&](EndpointRow& row) { replace(row.instances[machine]); };
    CO_TRY_DO(co_await update(endpoint, lost));
    co_return ok;
  }

  const bool healthy = seen->state == "running" && answering_.contains(seen->private_address);
  const std::int64_t now_ms = to_ms(clock_.now());
  const bool was_healthy = known.healthy || known.ill_since_ms != 0;
  const auto is_past = [&](std::int64_t since_ms, auto limit) { return from_ms(now_ms) - from_ms(since_ms) >= limit; };
  const bool stays_ill = !healthy && known.ill_since_ms != 0 && is_past(known.ill_since_ms, ill_time_max);
  // A replacement that never begins to answer is as lost. (That of a new endpoint is its maker's to know.)
  const VariantRow* variant = find_variant(endpoint, known.variant_name);
  const bool never_came = !healthy && !was_healthy && endpoint.status == Status::InService && variant &&
                          is_past(known.launch_ms, start_limit(*variant));
  if (stays_ill || never_came) {
    log::warning("a machine of an endpoint does not answer; another takes its place",
                 {{"arn", endpoint.arn}, {"instance", known.instance_id}});
    CO_TRY_DO(co_await machines_.terminate(endpoint.account_id, known.instance_id));
    const auto lost = [&](EndpointRow& row) { replace(row.instances[machine]); };
    CO_TRY_DO(co_await update(endpoint, lost));
    co_return ok;
  }
  std::int64_t ill_since_ms = known.ill_since_ms;
  if (healthy) ill_since_ms = 0;
  if (!healthy && was_healthy && ill_since_ms == 0) ill_since_ms = now_ms;
  if (healthy == known.healthy && ill_since_ms == known.ill_since_ms && seen->private_address == known.address)
    co_return ok;
  const auto note = [&](EndpointRow& row) {
    EndpointInstance& noted = row.instances[machine];
    noted.healthy = healthy;
    noted.ill_since_ms = ill_since_ms;
    noted.address = seen->private_address;
  };
  CO_TRY_DO(co_await update(endpoint, note));
  co_return ok;
}

Async<bool> EndpointReconciler::answers_ping(const std::string& address) {
  OutgoingRequest request;
  request.method = "GET";
  request.url = fmt::format("http://{}:{}/ping", address, model_server_port);
  request.connect_timeout = ping_timeout;
  request.idle_timeout = ping_timeout;
  const auto response = co_await http_.call(std::move(request));
  co_return response && response->status == 200;
}

// Deleting and Failed: nothing may be left running. A deleted endpoint's row goes last.
Async<void> EndpointReconciler::release_machines(EndpointRow& endpoint) {
  bool all_released = true;
  for (std::size_t i = 0; i < endpoint.instances.size(); ++i) {
    CO_TRY(const bool released, co_await release(endpoint, i));
    all_released = all_released && released;
  }
  if (!all_released) co_return ok;
  if (endpoint.status == Status::Deleting) co_return co_await remove(endpoint);
  // What a failed endpoint had is gone; it waits for DeleteEndpoint, and rounds pass it by.
  if (!endpoint.instances.empty()) {
    const auto forget = [](EndpointRow& row) { row.instances.clear(); };
    CO_TRY_DO(co_await update(endpoint, forget));
  }
  co_return ok;
}

Async<bool> EndpointReconciler::release(EndpointRow& endpoint, std::size_t machine) {
  std::string id = endpoint.instances[machine].instance_id;
  if (id.empty()) {
    if (endpoint.instances[machine].launch_ms == 0) co_return true;
    // A launch was on its way when the endpoint was deleted, or when we crashed. Asking again with the same token names
    // that machine.
    LaunchRequest request = launch_request(endpoint, endpoint.instances[machine]);
    const auto launched = co_await machines_.launch(std::move(request));
    if (!launched) {
      if (launched.error().kind() == ErrorKind::unavailable) co_return launched.error();
      co_return true;  // it could never be launched
    }
    id = launched->id;
    const auto note = [&](EndpointRow& row) { row.instances[machine].instance_id = id; };
    CO_TRY_DO(co_await update(endpoint, note));
  }
  const auto seen = co_await machines_.describe(endpoint.account_id, id);
  if (!seen) {
    if (seen.error().kind() == ErrorKind::not_found) co_return true;
    co_return seen.error();
  }
  if (seen->state == "terminated") co_return true;
  if (seen->state != "shutting-down") CO_TRY_DO(co_await machines_.terminate(endpoint.account_id, id));
  co_return false;
}

Async<bool> EndpointReconciler::update(EndpointRow& endpoint, const std::function<void(EndpointRow&)>& change) {
  const std::string key = endpoint_key(endpoint.account_id, endpoint.region, endpoint.name);
  std::optional<EndpointRow> updated;
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    updated.reset();
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return ok;
    CO_TRY(EndpointRow row, row::decode<EndpointRow>(*stored));
    if (row.unique_id != endpoint.unique_id || row.status != endpoint.status) co_return ok;
    change(row);
    tx.put(key, row::encode(row));
    updated = std::move(row);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, body));
  if (updated) endpoint = std::move(*updated);
  co_return updated.has_value();
}

Async<void> EndpointReconciler::fail(EndpointRow& endpoint, std::string reason) {
  log::warning("an endpoint failed", {{"arn", endpoint.arn}, {"why", reason}});
  const auto failed = [&](EndpointRow& row) {
    row.status = Status::Failed;
    row.failure_reason = reason;
    row.modified_ms = to_ms(clock_.now());
  };
  CO_TRY(const bool is_ours, co_await update(endpoint, failed));
  if (!is_ours) co_return ok;
  co_return co_await release_machines(endpoint);
}

Async<void> EndpointReconciler::remove(const EndpointRow& endpoint) {
  const std::string key = endpoint_key(endpoint.account_id, endpoint.region, endpoint.name);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (!stored) co_return ok;
    CO_TRY(const EndpointRow row, row::decode<EndpointRow>(*stored));
    if (row.unique_id == endpoint.unique_id) tx.remove(key);
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

}  // namespace hearth::sagemaker
