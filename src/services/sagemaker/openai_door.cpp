#include "services/sagemaker/openai_door.h"

#include <boost/json.hpp>

#include "api/sagemaker/types.h"
#include "services/sagemaker/access.h"
#include "services/sagemaker/listing.h"
#include "services/sagemaker/recorded_body.h"

namespace hearth::sagemaker {
namespace {

constexpr std::string_view models_path = "/v1/models";

OpenAiAnswer json_answer(int status, const boost::json::object& body) {
  OpenAiAnswer answer;
  answer.status = status;
  answer.body = boost::json::serialize(body);
  return answer;
}

// https://platform.openai.com/docs/guides/error-codes
OpenAiAnswer refusal(int status, std::string_view type, std::string_view code, std::string_view message) {
  return json_answer(status, {{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", code}}}});
}
OpenAiAnswer invalid_request(std::string_view message) {
  return refusal(400, "invalid_request_error", "invalid_request", message);
}
OpenAiAnswer no_such_model(std::string_view name) {
  return refusal(404, "invalid_request_error", "model_not_found",
                 "The model `" + std::string(name) + "` does not exist or you do not have access to it.");
}

// What of a completion request we need; the model server checks the rest.
struct Asked {
  std::string model;
  bool stream = false;
};
std::optional<Asked> read_request(const std::string& body) {
  boost::system::error_code error;
  const boost::json::value json = boost::json::parse(body, error);
  if (error || !json.is_object()) return std::nullopt;
  Asked asked;
  if (const auto* model = json.get_object().if_contains("model"); model && model->is_string())
    asked.model = std::string(model->get_string());
  if (const auto* stream = json.get_object().if_contains("stream"); stream && stream->is_bool())
    asked.stream = stream->get_bool();
  return asked;
}

boost::json::object describe(const EndpointRow& endpoint) {
  return {{"id", endpoint.name},
          {"object", "model"},
          {"created", endpoint.created_ms / 1000},
          {"owned_by", endpoint.account_id}};
}

}  // namespace

Async<OpenAiAnswer> OpenAiDoor::handle(const RequestContext& ctx, OpenAiRequest request) {
  if (request.path == "/v1/chat/completions" || request.path == "/v1/completions") {
    if (request.method != "POST")
      co_return refusal(405, "invalid_request_error", "method_not_allowed", "Completions are asked for with POST.");
    co_return co_await complete(ctx, std::move(request));
  }
  if (request.path == models_path || request.path.starts_with(std::string(models_path) + "/")) {
    if (request.method != "GET")
      co_return refusal(405, "invalid_request_error", "method_not_allowed", "Models are asked for with GET.");
    if (request.path.size() <= models_path.size() + 1) co_return co_await list_models(ctx);
    co_return co_await find_model(ctx, request.path.substr(models_path.size() + 1));
  }
  co_return refusal(404, "invalid_request_error", "unknown_url", "Unknown request URL: " + request.path);
}

Async<OpenAiAnswer> OpenAiDoor::complete(const RequestContext& ctx, OpenAiRequest request) {
  const std::optional<Asked> asked = read_request(request.body);
  if (!asked) co_return invalid_request("We could not parse the JSON body of your request.");
  if (asked->model.empty()) co_return invalid_request("you must provide a model parameter");

  const std::string action = asked->stream ? "sagemaker:InvokeEndpointWithResponseStream" : "sagemaker:InvokeEndpoint";
  std::vector<Access> accesses = {on_endpoint(ctx, action, asked->model)};
  const auto authorized = co_await authorizer_.authorize(ctx.caller, std::move(accesses), ctx.condition_context);
  if (!authorized) {
    if (authorized.error().kind() != ErrorKind::denied) co_return authorized.error();
    co_return refusal(403, "permission_error", "access_denied", authorized.error().message());
  }

  ModelCall call;
  call.endpoint_name = asked->model;
  call.operation = call.path = request.path;
  call.content_type = std::move(request.content_type);
  call.body = std::move(request.body);
  auto answered = co_await forwarder_.forward(ctx, std::move(call));
  if (!answered) {
    switch (answered.error().kind()) {
      case ErrorKind::not_found:
        co_return no_such_model(asked->model);
      case ErrorKind::invalid:
      case ErrorKind::unavailable: {
        OpenAiAnswer not_ready = refusal(503, "service_unavailable", "model_not_ready", answered.error().message());
        not_ready.retry_after = "1";
        co_return not_ready;
      }
      default:
        co_return std::move(answered).error();
    }
  }
  OpenAiAnswer answer;
  answer.status = answered->status;
  if (!answered->content_type.empty()) answer.content_type = answered->content_type;
  answer.retry_after = std::move(answered->retry_after);
  answer.stream = std::move(answered->body);
  co_return answer;
}

Async<Decision> OpenAiDoor::may_invoke(const RequestContext& ctx, const std::string& endpoint_name) {
  const Access access = on_endpoint(ctx, "sagemaker:InvokeEndpoint", endpoint_name);
  co_return co_await authorizer_.decide(ctx.caller, access, ctx.condition_context);
}

// The endpoints in service that the caller may invoke; of others they do not learn.
Async<OpenAiAnswer> OpenAiDoor::list_models(const RequestContext& ctx) {
  const std::string prefix = make_key("sagemaker", "endpoint", ctx.account_id, ctx.region);
  CO_TRY(const auto endpoints, co_await read_rows<EndpointRow>(store_, prefix));
  boost::json::array models;
  for (const EndpointRow& endpoint : endpoints) {
    if (endpoint.status != api::sagemaker::EndpointStatus::InService) continue;
    CO_TRY(const Decision decision, co_await may_invoke(ctx, endpoint.name));
    if (decision.allowed) models.push_back(describe(endpoint));
  }
  co_return json_answer(200, {{"object", "list"}, {"data", std::move(models)}});
}

Async<OpenAiAnswer> OpenAiDoor::find_model(const RequestContext& ctx, const std::string& id) {
  CO_TRY(const Decision decision, co_await may_invoke(ctx, id));
  if (!decision.allowed) co_return no_such_model(id);
  CO_TRY(const auto stored, co_await store_.get(endpoint_key(ctx.account_id, ctx.region, id)));
  if (!stored) co_return no_such_model(id);
  CO_TRY(const EndpointRow endpoint, row::decode<EndpointRow>(*stored));
  if (endpoint.name != id || endpoint.status != api::sagemaker::EndpointStatus::InService) co_return no_such_model(id);
  co_return json_answer(200, describe(endpoint));
}

}  // namespace hearth::sagemaker
