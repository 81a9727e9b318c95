#include "llm/infer/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <utility>

namespace hearth::llm::infer {
namespace json = boost::json;

namespace {

constexpr std::size_t body_bytes_max = 8u << 20;
using SteadyClock = std::chrono::steady_clock;

double milliseconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

http::Response json_response(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

http::Response error_response(const ApiError& error) {
  http::Response response = json_response(error.status, to_json(error));
  if (error.status == 429 || error.status == 503) response.headers.set("Retry-After", "1");
  return response;
}

http::Response method_not_allowed(std::string_view allowed) {
  http::Response response =
      error_response({.status = 405, .message = fmt::format("this route takes {} only", allowed)});
  response.headers.set("Allow", std::string(allowed));
  return response;
}

ApiResult<ApiRequest> parse(std::string_view body, Surface surface, bool any_form) {
  if (any_form) return parse_invocation(body);
  return surface == Surface::chat ? parse_chat_request(body) : parse_completion_request(body);
}

}  // namespace

http::Response still_loading() {
  return error_response(
      {.status = 503, .message = "the model is still being loaded", .type = "server_error", .code = "model_loading"});
}

// The facts about one request. When its last owner lets go, they become a line of the access log and metrics.
class InferenceService::Record {
 public:
  Record(InferenceService& service, const http::Request& request)
      : service_(service), arrived_(SteadyClock::now()), id_("req_" + service.ids_.hex(24)) {
    line_ = {{"time", format_iso8601(service.clock_.now())},
             {"id", id_},
             {"peer", request.peer_address},
             {"method", request.method},
             {"path", request.path.substr(0, 200)}};
  }

  ~Record() {
    const auto now = SteadyClock::now();
    line_["status"] = status_;
    if (!finish_.empty()) line_["finish_reason"] = finish_;
    std::string line = json::serialize(line_);
    line.pop_back();  // Boost.JSON writes 71.3 as 7.13E1: valid, but not for eyes
    line += fmt::format(R"(,"latency_ms":{:.3f})", milliseconds_between(arrived_, now));
    if (outcome_) {
      line += fmt::format(R"(,"ttft_ms":{:.3f},"prompt_tokens":{},"completion_tokens":{},"reused_tokens":{})",
                          milliseconds_between(arrived_, outcome_->first_token_at), outcome_->prompt_tokens,
                          outcome_->completion_tokens, outcome_->reused_tokens);
      service_.metrics_.record_first_token(outcome_->first_token_at - arrived_);
      service_.metrics_.record_answer(now - arrived_, outcome_->prompt_tokens, outcome_->completion_tokens);
    }
    service_.metrics_.count_request(route_, status_);
    service_.options_.access_log(line + "}");
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  const std::string& id() const { return id_; }
  void set_route(std::string route) { route_ = std::move(route); }
  void set_status(int status) { status_ = status; }
  void set_stream(bool stream) { line_["stream"] = stream; }
  void finished(const Outcome& outcome) {
    outcome_ = outcome;
    finish_ = std::string(to_string(outcome.reason));
  }
  void broken_off(std::string_view why) { finish_ = std::string(why); }

 private:
  InferenceService& service_;
  SteadyClock::time_point arrived_;
  std::string id_;
  std::string route_ = "other";
  int status_ = 500;
  std::optional<Outcome> outcome_;
  std::string finish_;
  json::object line_;
};

// Server-sent events of one answer. The server drops it when the client has gone, and that frees the slot.
class InferenceService::EventStream final : public ByteSource {
 public:
  EventStream(AnswerHead head, bool include_usage, std::shared_ptr<Answer> answer, Recorded record)
      : head_(std::move(head)), include_usage_(include_usage), answer_(std::move(answer)), record_(std::move(record)) {
    waiting_ = first_event(head_);
  }

  ~EventStream() override {
    if (ended_) return;
    answer_->cancel();
    record_->broken_off("disconnected");
  }

  Async<std::size_t> read(std::span<char> into) override {
    if (waiting_.empty() && !ended_) CO_TRY_DO(co_await load_next_events());
    const std::size_t size = std::min(into.size(), waiting_.size());
    std::memcpy(into.data(), waiting_.data(), size);
    waiting_.erase(0, size);
    co_return size;
  }

 private:
  Async<void> load_next_events() {
    auto piece = co_await answer_->next();
    if (piece && *piece) {
      waiting_ = piece_event(head_, **piece);
      co_return ok;
    }
    ended_ = true;
    if (!piece) {
      record_->broken_off("error");
      waiting_ = error_event(to_api_error(piece.error()));
      co_return ok;
    }
    const Outcome outcome = answer_->outcome();
    record_->finished(outcome);
    waiting_ = last_events(head_, outcome, include_usage_);
    co_return ok;
  }

  const AnswerHead head_;
  const bool include_usage_;
  const std::shared_ptr<Answer> answer_;
  const Recorded record_;
  std::string waiting_;  // events not read yet
  bool ended_ = false;
};

InferenceService::InferenceService(const Model& model, Scheduler& scheduler, const Clock& clock, IdSource& ids,
                                   Executor& pool, ServiceOptions options)
    : model_(model),
      scheduler_(scheduler),
      clock_(clock),
      ids_(ids),
      pool_(pool),
      options_(std::move(options)),
      started_(clock.now()) {}

Async<http::Response> InferenceService::handle(http::Request& request) {
  auto record = std::make_shared<Record>(*this, request);
  Result<http::Response> routed = co_await route(request, record);
  http::Response response = routed ? *std::move(routed) : error_response(to_api_error(routed.error()));
  response.headers.set("X-Request-Id", record->id());
  record->set_status(response.status);
  record.reset();  // logged before the caller goes on, unless a stream still owns it
  co_return response;
}

Async<http::Response> InferenceService::route(http::Request& request, Recorded record) {
  const std::string path = http::percent_decode(request.path);
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  const bool is_post = request.method == "POST";

  if (path == "/health" || path == "/ping") {
    record->set_route(path);
    co_return is_get ? health() : method_not_allowed("GET");
  }
  if (path == "/metrics") {
    record->set_route(path);
    if (!is_get) co_return method_not_allowed("GET");
    http::Response response;
    response.headers.set("Content-Type", "text/plain; version=0.0.4");
    response.body = metrics_.render(scheduler_.state(), scheduler_.slot_count());
    co_return response;
  }

  if (const auto allowed = check_api_key(request); !allowed) co_return error_response(allowed.error());
  if (path == "/v1/models" || path.starts_with("/v1/models/")) {
    record->set_route("/v1/models");
    if (!is_get) co_return method_not_allowed("GET");
    co_return list_models(std::string_view(path).substr(std::min(path.size(), std::size_t{11})));
  }
  if (path == "/v1/chat/completions" || path == "/v1/completions" || path == "/invocations") {
    record->set_route(path);
    if (!is_post) co_return method_not_allowed("POST");
    const Surface surface = path == "/v1/completions" ? Surface::completion : Surface::chat;
    co_return co_await generate(request, surface, path == "/invocations", record);
  }
  co_return error_response({.status = 404, .message = "there is no such route", .code = "unknown_url"});
}

Async<http::Response> InferenceService::generate(http::Request& request, Surface surface, bool any_form,
                                                 Recorded record) {
  if (request.stream) {
    Result<std::string> body = co_await read_all(*request.stream, body_bytes_max);
    if (!body && body.error().kind() == ErrorKind::invalid)
      co_return error_response({.status = 413, .message = "the body is larger than 8 MiB"});
    if (!body) co_return std::move(body).error();
    request.body = *std::move(body);
  }

  struct Prepared {
    ApiRequest request;
    Generation generation;
  };
  ApiResult<Prepared> prepared = co_await offload(pool_, [&]() -> ApiResult<Prepared> {
    auto parsed = parse(request.body, surface, any_form);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    auto generation = prepare(*parsed);
    if (!generation) return std::unexpected(std::move(generation).error());
    return Prepared{*std::move(parsed), *std::move(generation)};
  });
  if (!prepared) co_return error_response(prepared.error());
  const ApiRequest& asked = prepared->request;
  record->set_stream(asked.stream);

  Result<std::shared_ptr<Answer>> answer = scheduler_.submit(std::move(prepared->generation));
  if (!answer) co_return error_response(to_api_error(answer.error()));

  AnswerHead head = {.surface = asked.surface,
                     .id = (asked.surface == Surface::chat ? "chatcmpl-" : "cmpl-") + ids_.hex(24),
                     .model = options_.model_name,
                     .created = to_ms(clock_.now()) / 1000,
                     .bytes_of = [this](Token token) { return model_.bytes_of(token); }};
  if (asked.stream) {
    http::Response response;
    response.headers.set("Content-Type", "text/event-stream");
    response.headers.set("Cache-Control", "no-cache");
    response.stream = std::make_unique<EventStream>(std::move(head), asked.include_usage, *std::move(answer), record);
    co_return response;
  }
  std::string prompt;
  if (asked.echo_prompt) prompt = std::get<std::string>(asked.prompt);
  std::shared_ptr<Cancellation> client = request.watch_client ? request.watch_client() : nullptr;
  co_return co_await answer_whole(std::move(head), std::move(prompt), *std::move(answer), std::move(client), record);
}

Async<http::Response> InferenceService::answer_whole(AnswerHead head, std::string prompt,
                                                     std::shared_ptr<Answer> answer,
                                                     std::shared_ptr<Cancellation> client, Recorded record) {
  Cancellation::Registration watching;
  if (client) watching = client->on_cancel([answer] { answer->cancel(); });
  Piece all;
  for (;;) {
    auto piece = co_await answer->next();
    if (!piece && answer->cancelled()) record->broken_off("disconnected");
    if (!piece) co_return std::move(piece).error();
    if (!*piece) break;
    all.text += (*piece)->text;
    std::ranges::move((*piece)->logprobs, std::back_inserter(all.logprobs));
  }
  const Outcome outcome = answer->outcome();
  record->finished(outcome);
  co_return json_response(200, whole_answer(head, all, outcome, prompt));
}

ApiResult<Generation> InferenceService::prepare(const ApiRequest& request) const {
  if (!request.model.empty() && request.model != options_.model_name)
    return std::unexpected(ApiError{.status = 404,
                                    .message = fmt::format("the model '{}' does not exist", request.model),
                                    .param = "model",
                                    .code = "model_not_found"});

  Generation generation;
  if (request.surface == Surface::chat) {
    auto tokens = model_.render_chat(request.messages);
    if (!tokens) return std::unexpected(invalid_request("messages", tokens.error().message()));
    generation.prompt = *std::move(tokens);
  } else if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    generation.prompt = model_.tokenize(*text, true, true);
  } else {
    generation.prompt = std::get<std::vector<Token>>(request.prompt);
  }

  const char* param = request.surface == Surface::chat         ? "messages"
                      : request.surface == Surface::completion ? "prompt"
                                                               : "inputs";
  if (generation.prompt.empty()) return std::unexpected(invalid_request(param, fmt::format("'{}' is empty", param)));
  for (const Token token : generation.prompt) {
    if (static_cast<std::uint32_t>(token) >= model_.vocab_size())
      return std::unexpected(invalid_request(param, fmt::format("token id {} is not in the vocabulary", token)));
  }

  const std::size_t context = scheduler_.context_length();
  const std::size_t prompt_size = generation.prompt.size();
  const std::size_t wanted = request.token_count_max.value_or(1);
  if (prompt_size + wanted > context) {
    ApiError error =
        invalid_request(param, fmt::format("this model's context is {} tokens; the prompt has {} and {} were asked for",
                                           context, prompt_size, wanted));
    error.code = "context_length_exceeded";
    return std::unexpected(std::move(error));
  }
  generation.token_count_max =
      static_cast<std::uint32_t>(request.token_count_max ? *request.token_count_max : context - prompt_size);
  generation.sampling = request.sampling;
  generation.stops = request.stops;
  generation.top_logprobs = request.top_logprobs;
  return generation;
}

ApiResult<void> InferenceService::check_api_key(const http::Request& request) const {
  if (options_.api_key.empty()) return {};
  constexpr std::string_view scheme = "bearer ";
  std::string_view given = request.headers.get("Authorization");
  if (given.size() >= scheme.size() && equal_ignoring_case(given.substr(0, scheme.size()), scheme)) {
    given.remove_prefix(scheme.size());
    if (equal_constant_time(given, options_.api_key)) return {};
  }
  return std::unexpected(ApiError{.status = 401,
                                  .message = "send the API key as 'Authorization: Bearer …'",
                                  .type = "authentication_error",
                                  .code = "invalid_api_key"});
}

http::Response InferenceService::list_models(std::string_view id) const {
  const json::object model = {{"id", options_.model_name},
                              {"object", "model"},
                              {"created", to_ms(started_) / 1000},
                              {"owned_by", "hearth"},
                              {"context_length", scheduler_.context_length()}};
  if (id.empty())
    return json_response(200, json::serialize(json::object{{"object", "list"}, {"data", json::array{model}}}));
  if (id == options_.model_name) return json_response(200, json::serialize(model));
  return error_response({.status = 404,
                         .message = fmt::format("the model '{}' does not exist", id),
                         .param = "model",
                         .code = "model_not_found"});
}

http::Response InferenceService::health() const {
  const bool draining = scheduler_.draining();
  return json_response(draining ? 503 : 200, draining ? R"({"status":"stopping"})" : R"({"status":"ok"})");
}

}  // namespace hearth::llm::infer
