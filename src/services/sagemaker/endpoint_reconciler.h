// Makes what endpoints' rows want real: machines that run the model server and answer /ping, no more and no fewer.
// Compares and acts in rounds; every act is either repeatable or told in a row beforehand, so a crash anywhere is
// finished by the next round of the next process. One thread at a time. Owned by SageMakerService.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "ports/http_caller.h"
#include "ports/instance_launcher.h"
#include "ports/metadata_store.h"
#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

class EndpointReconciler {
 public:
  EndpointReconciler(MetadataStore& store, InstanceLauncher& machines, HttpCaller& http, const Clock& clock)
      : store_(store), machines_(machines), http_(http), clock_(clock) {}

  // One round over every endpoint. An endpoint whose turn fails is logged and tried again in the next round. Blocks:
  // for plain threads.
  void reconcile();

 private:
  // What a round does with one endpoint, by its status.
  Async<void> advance(EndpointRow endpoint);
  Async<void> keep_serving(EndpointRow& endpoint);
  Async<void> release_machines(EndpointRow& endpoint);

  // The addresses of running machines that answer /ping. All are asked at once: one that hangs delays no other.
  std::set<std::string> ping(const std::vector<EndpointRow>& endpoints);

  // Each brings one machine forward by as much as can be done now and notes it in `endpoint` and in its row. An error
  // of kind unavailable means later; any other that the endpoint cannot be had.
  Async<void> launch(EndpointRow& endpoint, std::size_t machine);
  Async<void> observe(EndpointRow& endpoint, std::size_t machine);
  // True when nothing of the machine is left.
  Async<bool> release(EndpointRow& endpoint, std::size_t machine);
  Async<bool> answers_ping(const std::string& address);

  LaunchRequest launch_request(const EndpointRow& endpoint, const EndpointInstance& machine) const;
  // Changes the endpoint's row unless it is another endpoint's by now, or has another status: `endpoint` is then what
  // is there, and the answer is false.
  Async<bool> update(EndpointRow& endpoint, const std::function<void(EndpointRow&)>& change);
  Async<void> fail(EndpointRow& endpoint, std::string reason);
  Async<void> remove(const EndpointRow& endpoint);

  MetadataStore& store_;
  InstanceLauncher& machines_;
  HttpCaller& http_;
  const Clock& clock_;
  std::set<std::string> answering_;  // ping() of this round
};

}  // namespace hearth::sagemaker
