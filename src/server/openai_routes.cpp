#include "server/openai_routes.h"

namespace hearth::server {
namespace {

Async<http::Response> answer(sagemaker::OpenAiDoor& door, const RequestContext& ctx, http::Request& request) {
  sagemaker::OpenAiRequest asked;
  asked.method = request.method;
  asked.path = request.path;
  asked.content_type = request.headers.get("content-type");
  asked.body = std::move(request.body);
  CO_TRY(sagemaker::OpenAiAnswer answered, co_await door.handle(ctx, std::move(asked)));
  http::Response response;
  response.status = answered.status;
  response.headers.add("Content-Type", std::move(answered.content_type));
  if (!answered.retry_after.empty()) response.headers.add("Retry-After", std::move(answered.retry_after));
  response.body = std::move(answered.body);
  response.stream = std::move(answered.stream);
  co_return response;
}

}  // namespace

std::vector<gateway::PlainRoute> openai_routes(sagemaker::OpenAiDoor& door) {
  // All of /v1, so that what is not served is refused in OpenAI's form too. No S3 bucket can be called "v1": names have
  // three characters at least.
  gateway::PlainRoute route;
  route.path = "/v1";
  route.has_children = true;
  route.authenticates = true;
  route.handle = [&door](const RequestContext& ctx, http::Request& request) { return answer(door, ctx, request); };
  std::vector<gateway::PlainRoute> routes;
  routes.push_back(std::move(route));
  return routes;
}

}  // namespace hearth::server
