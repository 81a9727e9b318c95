#include "services/sagemaker/forwarding.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "api/sagemaker/types.h"
#include "services/sagemaker/machine_script.h"
#include "services/sagemaker/recorded_body.h"
#include "services/sagemaker/sse.h"

namespace hearth::sagemaker {
namespace {

constexpr std::size_t piece_bytes = 16 << 10;
constexpr std::chrono::minutes silence_max{5};  // of a model that works on a long prompt

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
constexpr std::string_view custom_attributes_header = "X-Amzn-SageMaker-Custom-Attributes";
constexpr std::string_view inference_id_header = "X-Amzn-SageMaker-Inference-Id";

using Steady = std::chrono::steady_clock;
std::int64_t microseconds_since(Steady::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count();
}

// Passes the model's answer through and keeps the record of the call. Holds one piece at a time.
class RecordedAnswer final : public ByteSource {
 public:
  RecordedAnswer(std::unique_ptr<ByteSource> upstream, InvocationRow row, Steady::time_point started,
                 InvocationLog& log, bool is_event_stream, bool hide_usage, std::shared_ptr<Cancellation> cancellation)
      : upstream_(std::move(upstream)),
        row_(std::move(row)),
        started_(started),
        log_(log),
        is_event_stream_(is_event_stream),
        filter_(hide_usage),
        cancellation_(std::move(cancellation)) {}

  ~RecordedAnswer() override {
    if (recorded_) return;
    row_.cancelled = true;
    complete_row();
    log_.record_later(std::move(row_));
  }

  Async<std::size_t> read(std::span<char> into) override {
    while (ready_at_ == ready_.size() && !ended_) CO_TRY_DO(co_await pull());
    const std::size_t count = std::min(into.size(), ready_.size() - ready_at_);
    std::memcpy(into.data(), ready_.data() + ready_at_, count);
    ready_at_ += count;
    co_return count;
  }

  // Events may be left out on the way, so the length of a stream of them is not known.
  std::optional<std::uint64_t> remaining() const override {
    const auto left = is_event_stream_ ? std::nullopt : upstream_->remaining();
    return left ? std::optional(*left + ready_.size() - ready_at_) : std::nullopt;
  }

  // The next piece from the model. The record is written before the piece that ends the answer is handed on: a client
  // that saw the end can rely on it. A stream of events ends for its client with "[DONE]".
  Async<void> pull() {
    buffer_.resize(piece_bytes);
    const Steady::time_point asked = Steady::now();
    auto count = co_await upstream_->read(buffer_);
    row_.model_latency_us += microseconds_since(asked);
    ready_.clear();
    ready_at_ = 0;
    if (!count) {
      row_.cancelled = cancellation_ && cancellation_->is_cancelled();
      if (!row_.cancelled) row_.status = 502;
      ended_ = true;
      CO_TRY_DO(co_await record());
      co_return Error::aws("ModelStreamError", 502, "The connection to the model server broke.");
    }
    if (*count == 0) {
      ended_ = true;
      if (is_event_stream_) ready_ = filter_.finish();
      keep(ready_);
      co_return co_await record();
    }
    const std::string_view bytes(buffer_.data(), *count);
    ready_ = is_event_stream_ ? filter_.feed(bytes) : std::string(bytes);
    if (is_event_stream_ && filter_.saw_token() && row_.time_to_first_token_us < 0)
      row_.time_to_first_token_us = microseconds_since(started_);
    keep(ready_);
    const bool is_last = is_event_stream_ ? filter_.saw_done() : upstream_->remaining() == 0u;
    if (is_last) CO_TRY_DO(co_await record());
    co_return ok;
  }

 private:
  // One byte more than a record holds, so that record_body() sees where a character was cut.
  void keep(std::string_view bytes) { kept_.append(bytes.substr(0, recorded_body_bytes_max + 1 - kept_.size())); }

  void complete_row() {
    row_.latency_us = microseconds_since(started_);
    const bool is_cut = kept_.size() > recorded_body_bytes_max;
    row_.truncated = row_.truncated || is_cut;
    TokenUsage usage = filter_.usage();
    if (!is_event_stream_ && !is_cut) usage = usage_of(kept_).value_or(TokenUsage{});
    row_.input_tokens = usage.input_tokens;
    row_.output_tokens = usage.output_tokens;
    row_.response = record_body(row_.response.content_type, kept_);
  }

  Async<void> record() {
    if (recorded_) co_return ok;
    recorded_ = true;
    complete_row();
    co_return co_await log_.record(std::move(row_));
  }

  std::unique_ptr<ByteSource> upstream_;
  InvocationRow row_;
  Steady::time_point started_;
  InvocationLog& log_;
  bool is_event_stream_;
  SseFilter filter_;
  std::shared_ptr<Cancellation> cancellation_;  // may be null
  std::string buffer_;
  std::string ready_;  // read from the model, not yet by the client
  std::size_t ready_at_ = 0;
  std::string kept_;  // for the record
  bool ended_ = false;
  bool recorded_ = false;
};

std::string header_of(const IncomingResponse& response, std::string_view name) {
  for (const auto& [field, value] : response.headers)
    if (equal_ignoring_case(field, name)) return value;
  return {};
}

std::minstd_rand& random_source() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return random;
}

bool is_sampled(const CaptureRow& capture) {
  if (!capture.enabled) return false;
  if (capture.sampling_percentage >= 100) return true;
  return static_cast<int>(random_source()() % 100) < capture.sampling_percentage;
}

// One of the variants that have healthy machines, by weight; the first of them where all weights are 0.
std::string choose_variant(const EndpointRow& endpoint, const std::vector<EndpointInstance>& healthy) {
  std::vector<std::pair<std::string, double>> candidates;
  double total = 0;
  for (const VariantRow& variant : endpoint.variants) {
    const auto machine = std::ranges::find(healthy, variant.variant_name, &EndpointInstance::variant_name);
    if (machine == healthy.end()) continue;
    candidates.emplace_back(variant.variant_name, variant.weight);
    total += variant.weight;
  }
  double drawn = std::uniform_real_distribution<double>(0, total)(random_source());
  for (const auto& [name, weight] : candidates) {
    if (drawn < weight) return name;
    drawn -= weight;
  }
  return candidates.front().first;
}

}  // namespace

Result<EndpointInstance> Forwarder::choose_machine(const EndpointRow& endpoint, const std::string& target_variant) {
  if (endpoint.status != api::sagemaker::EndpointStatus::InService)
    return Error(ErrorKind::invalid,
                 fmt::format("Endpoint {} of account {} is not in service: its status is {}{}", endpoint.name,
                             endpoint.account_id, endpoint.status,
                             endpoint.failure_reason.empty() ? "." : ": " + endpoint.failure_reason));
  if (!target_variant.empty() &&
      std::ranges::find(endpoint.variants, target_variant, &VariantRow::variant_name) == endpoint.variants.end())
    return Error(ErrorKind::not_found,
                 fmt::format("Variant {} of endpoint {} not found.", target_variant, endpoint.name));
  std::vector<EndpointInstance> healthy;
  for (const EndpointInstance& machine : endpoint.instances)
    if (machine.healthy && (target_variant.empty() || target_variant == machine.variant_name))
      healthy.push_back(machine);
  if (healthy.empty())
    return Error(ErrorKind::unavailable, "Endpoint " + endpoint.name + " has no healthy machine right now.");
  const std::string variant = choose_variant(endpoint, healthy);
  std::erase_if(healthy, [&](const EndpointInstance& machine) { return machine.variant_name != variant; });
  return healthy[turn_++ % healthy.size()];
}

Async<ModelAnswer> Forwarder::forward(const RequestContext& ctx, ModelCall call) {
  const Steady::time_point started = Steady::now();
  CO_TRY(const auto stored, co_await store_.get(endpoint_key(ctx.account_id, ctx.region, call.endpoint_name)));
  EndpointRow endpoint;
  if (stored) {
    CO_TRY(endpoint, row::decode<EndpointRow>(*stored));
  }
  // AWS: here, unlike when it is made, the endpoint's name must be right in its case too.
  if (endpoint.name != call.endpoint_name)
    co_return Error(ErrorKind::not_found,
                    fmt::format("Endpoint {} of account {} not found.", call.endpoint_name, ctx.account_id));
  CO_TRY(const EndpointInstance machine, choose_machine(endpoint, call.target_variant));

  InvocationRow row;
  row.event_id = ids_.uuid();
  row.account_id = ctx.account_id;
  row.region = ctx.region;
  row.endpoint_name = endpoint.name;
  row.variant_name = machine.variant_name;
  row.inference_id = is_utf8(call.inference_id) ? call.inference_id : "";
  row.caller_arn = ctx.caller.arn;
  row.operation = call.operation;
  row.started_ms = to_ms(clock_.now());
  row.request = record_body(call.content_type, call.body);
  row.truncated = call.body.size() > recorded_body_bytes_max;
  if (is_sampled(endpoint.capture)) {
    row.capture_uri = endpoint.capture.destination_uri;
    row.captures_input = endpoint.capture.input;
    row.captures_output = endpoint.capture.output;
  }

  OutgoingRequest request;
  request.url = fmt::format("http://{}:{}{}", machine.address, model_server_port, call.path);
  request.headers.emplace_back("Content-Type", call.content_type.empty() ? "application/json" : call.content_type);
  if (!call.accept.empty()) request.headers.emplace_back("Accept", call.accept);
  if (!call.custom_attributes.empty()) request.headers.emplace_back(custom_attributes_header, call.custom_attributes);
  if (!call.inference_id.empty()) request.headers.emplace_back(inference_id_header, call.inference_id);
  const std::optional<std::string> counted = with_usage_requested(call.body);
  request.body = counted ? *counted : std::move(call.body);
  request.idle_timeout = silence_max;
  // Nobody computes for a client that has left, whether it waits for a whole answer or for the next token.
  const std::shared_ptr<Cancellation> client_left = ctx.watch_client ? ctx.watch_client() : nullptr;
  request.cancellation = client_left;

  const Steady::time_point asked = Steady::now();
  auto response = co_await http_.call(std::move(request));
  row.model_latency_us = microseconds_since(asked);
  if (!response && client_left && client_left->is_cancelled()) {
    row.cancelled = true;
    row.latency_us = microseconds_since(started);
    CO_TRY_DO(co_await log_.record(std::move(row)));
    co_return Error(ErrorKind::cancelled, "The client left before the model answered.");
  }
  if (!response) {
    row.status = 503;
    row.latency_us = microseconds_since(started);
    row.response = record_body("text/plain", response.error().message());
    CO_TRY_DO(co_await log_.record(std::move(row)));
    co_return Error(ErrorKind::unavailable, "The model server of endpoint " + endpoint.name + " does not answer.",
                    response.error().message());
  }
  ModelAnswer answer;
  answer.status = row.status = response->status;
  answer.content_type = row.response.content_type = header_of(*response, "content-type");
  answer.custom_attributes = header_of(*response, custom_attributes_header);
  answer.retry_after = header_of(*response, "retry-after");
  answer.variant_name = row.variant_name;
  const bool is_event_stream = answer.content_type.starts_with("text/event-stream");
  if (!response->body) response->body = std::make_unique<StringSource>("");
  const bool is_empty = response->body->remaining() == 0u;
  auto body = std::make_unique<RecordedAnswer>(std::move(response->body), std::move(row), started, log_,
                                               is_event_stream, counted.has_value(), client_left);
  // Nobody reads a body that is known to be empty, and its record would wait.
  if (is_empty) CO_TRY_DO(co_await body->pull());
  answer.body = std::move(body);
  co_return answer;
}

}  // namespace hearth::sagemaker
