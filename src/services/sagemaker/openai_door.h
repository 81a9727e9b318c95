// The OpenAI-compatible paths to SageMaker's endpoints: /v1/chat/completions, /v1/completions, /v1/models. The `model`
// of a request is an endpoint's name. Called by the gateway's plain routes, which know who calls. Safe from any thread.
// https://platform.openai.com/docs/api-reference
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "ports/authorizer.h"
#include "ports/metadata_store.h"
#include "ports/service.h"
#include "services/sagemaker/forwarding.h"

namespace hearth::sagemaker {

struct OpenAiRequest {
  std::string method;
  std::string path;  // "/v1/chat/completions"
  std::string content_type;
  std::string body;
};

struct OpenAiAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string retry_after;  // seconds; empty: not said
  std::string body;
  std::unique_ptr<ByteSource> stream;  // used instead of `body` when set; destroying it cancels the model's work
};

class OpenAiDoor {
 public:
  OpenAiDoor(MetadataStore& store, Forwarder& forwarder, Authorizer& authorizer)
      : store_(store), forwarder_(forwarder), authorizer_(authorizer) {}

  // Needs sagemaker:InvokeEndpoint on the endpoint, for streams sagemaker:InvokeEndpointWithResponseStream, as
  // SageMaker's own calls do. What goes wrong for the caller is an answer in OpenAI's form; an error is ours.
  Async<OpenAiAnswer> handle(const RequestContext& ctx, OpenAiRequest request);

 private:
  Async<OpenAiAnswer> complete(const RequestContext& ctx, OpenAiRequest request);
  Async<OpenAiAnswer> list_models(const RequestContext& ctx);
  Async<OpenAiAnswer> find_model(const RequestContext& ctx, const std::string& id);
  Async<Decision> may_invoke(const RequestContext& ctx, const std::string& endpoint_name);

  MetadataStore& store_;
  Forwarder& forwarder_;
  Authorizer& authorizer_;
};

}  // namespace hearth::sagemaker
