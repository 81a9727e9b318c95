// Forwards one model call to an endpoint's machine and streams the answer back, recording it on the way.
// Shared by InvokeEndpoint, InvokeEndpointWithResponseStream and the OpenAI-compatible /v1 paths.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/http_caller.h"
#include "ports/metadata_store.h"
#include "ports/service.h"
#include "services/sagemaker/invocation_log.h"
#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

struct ModelCall {
  std::string endpoint_name;
  std::string target_variant;  // empty: one by the variants' weights
  std::string operation;       // "InvokeEndpoint", "/v1/chat/completions"
  std::string path;            // on the model server: "/invocations", "/v1/chat/completions"
  std::string content_type;
  std::string accept;
  std::string custom_attributes;  // handed on as they are
  std::string inference_id;       // the client's, or empty
  std::string body;
};

struct ModelAnswer {
  int status = 200;
  std::string content_type;
  std::string custom_attributes;
  std::string retry_after;  // when a model server that is busy wants to be asked again
  std::string variant_name;
  // Never null. The call's record is durable before its last byte is read. Destroying it before its end cancels the
  // work on the model server and records the call as cancelled.
  std::unique_ptr<ByteSource> body;
};

class Forwarder {
 public:
  Forwarder(MetadataStore& store, HttpCaller& http, InvocationLog& log, const Clock& clock, IdSource& ids)
      : store_(store), http_(http), log_(log), clock_(clock), ids_(ids) {}

  // not_found: no such endpoint in the caller's account and region, or no such variant. invalid: it is not in service.
  // unavailable: no machine answers. The message says which. An error status of the model server itself is an answer,
  // not an error.
  Async<ModelAnswer> forward(const RequestContext& ctx, ModelCall call);

 private:
  // A healthy machine for the call.
  Result<EndpointInstance> choose_machine(const EndpointRow& endpoint, const std::string& target_variant);

  MetadataStore& store_;
  HttpCaller& http_;
  InvocationLog& log_;
  const Clock& clock_;
  IdSource& ids_;
  std::atomic<std::uint64_t> turn_ = 0;  // round robin over a variant's healthy machines
};

}  // namespace hearth::sagemaker
