// The routes of the inference server, from an HTTP request to its answer: the OpenAI API, SageMaker's container
// contract, health and metrics. Has no socket; tests call handle() directly. Safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "base/ids.h"
#include "base/time.h"
#include "http/message.h"
#include "llm/infer/api_request.h"
#include "llm/infer/api_response.h"
#include "llm/infer/metrics.h"
#include "llm/infer/scheduler.h"

namespace hearth::llm::infer {

struct ServiceOptions {
  std::string model_name;
  std::string api_key;  // "": anybody may ask
  // One JSON document per request, without prompt or answer. Called from any thread.
  std::function<void(std::string_view line)> access_log = [](std::string_view) {};
};

// What a server that has no model yet answers to everything: a probe sees one that starts, not one that is missing.
http::Response still_loading();

class InferenceService {
 public:
  // Parsing and tokenizing run on `pool`.
  InferenceService(const Model& model, Scheduler& scheduler, const Clock& clock, IdSource& ids, Executor& pool,
                   ServiceOptions options);

  // Never fails: errors are answers. A streamed answer refers to this service until it is gone.
  Async<http::Response> handle(http::Request& request);

  // The request as the scheduler takes it: rendered, tokenized, and known to fit the context.
  ApiResult<Generation> prepare(const ApiRequest& request) const;

 private:
  class Record;
  class EventStream;
  using Recorded = std::shared_ptr<Record>;

  Async<http::Response> route(http::Request& request, Recorded record);
  Async<http::Response> generate(http::Request& request, Surface surface, bool any_form, Recorded record);
  Async<http::Response> answer_whole(AnswerHead head, std::string prompt, std::shared_ptr<Answer> answer,
                                     std::shared_ptr<Cancellation> client, Recorded record);
  ApiResult<void> check_api_key(const http::Request& request) const;
  http::Response list_models(std::string_view id) const;
  http::Response health() const;

  const Model& model_;
  Scheduler& scheduler_;
  const Clock& clock_;
  IdSource& ids_;
  Executor& pool_;
  const ServiceOptions options_;
  Metrics metrics_;
  const TimePoint started_;
};

}  // namespace hearth::llm::infer
