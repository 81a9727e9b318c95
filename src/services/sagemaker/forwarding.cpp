#include "services/sagemaker/forwarding.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "services/sagemaker/sse.h"

namespace hearth::sagemaker {
namespace {

constexpr std::size_t recorded_body_bytes_max = 256 << 10;
constexpr int model_server_port = 8080;

using SteadyTime = std::chrono::steady_clock::time_point;
std::int64_t microseconds_since(SteadyTime start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}

// Passes the model's answer through and keeps the record of the call. The record is durable before the last byte is
// handed on; when the client leaves first, it is written afterwards, marked as cancelled.
class RecordedAnswer final : public ByteSource {
 public:
  RecordedAnswer(std::unique_ptr<ByteSource> upstream, InvocationRow row, SteadyTime started, InvocationLog& log,
                 bool is_event_stream, bool hide_usage)
      : upstream_(std::move(upstream)),
        row_(std::move(row)),
        started_(started),
        log_(log),
        is_event_stream_(is_event_stream),
        filter_(hide_usage) {}

  ~RecordedAnswer() override {
    if (recorded_) return;
    row_.cancelled = true;
    complete_row();
    log_.record_later(std::move(row_));
  }

  Async<std::size_t> read(std::span<char> into) override {
    while (ready_.size() == ready_at_ && !ended_) CO_TRY_DO(co_await pull());
    if (ready_.size() == ready_at_) {
      if (!recorded_) {
        complete_row();
        recorded_ = true;
        CO_TRY_DO(co_await log_.record(std::move(row_)));
      }
      co_return std::size_t{0};
    }
    const std::size_t count = std::min(into.size(), ready_.size() - ready_at_);
    std::memcpy(into.data(), ready_.data() + ready_at_, count);
    ready_at_ += count;
    co_return count;
  }

 private:
  Async<void> pull() {
    buffer_.resize(16 << 10);
    auto count = co_await upstream_->read(buffer_);
    if (!count) {
      row_.status = 502;
      co_return std::move(count).error();
    }
    if (*count == 0) {
      ended_ = true;
      ready_ = is_event_stream_ ? filter_.finish() : std::string();
      ready_at_ = 0;
      co_return ok;
    }
    if (row_.time_to_first_byte_us == 0) row_.time_to_first_byte_us = microseconds_since(started_);
    const std::string_view bytes(buffer_.data(), *count);
    ready_ = is_event_stream_ ? filter_.feed(bytes) : std::string(bytes);
    ready_at_ = 0;
    const std::size_t room = recorded_body_bytes_max - row_.response_body.size();
    row_.response_body.append(ready_, 0, room);
    if (ready_.size() > room) row_.truncated = true;
    co_return ok;
  }

  void complete_row() {
    row_.latency_us = microseconds_since(started_);
    TokenUsage usage = filter_.usage();
    if (!is_event_stream_ && !row_.truncated) usage = usage_of(row_.response_body).value_or(TokenUsage{});
    row_.input_tokens = usage.input_tokens;
    row_.output_tokens = usage.output_tokens;
  }

  std::unique_ptr<ByteSource> upstream_;
  InvocationRow row_;
  SteadyTime started_;
  InvocationLog& log_;
  bool is_event_stream_;
  SseFilter filter_;
  std::string buffer_;
  std::string ready_;
  std::size_t ready_at_ = 0;
  bool ended_ = false;
  bool recorded_ = false;
};

std::string header_of(const IncomingResponse& response, std::string_view lower_name) {
  for (const auto& [name, value] : response.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (lower == lower_name) return value;
  }
  return {};
}

bool is_sampled(const CaptureRow& capture) {
  if (!capture.enabled) return false;
  if (capture.sampling_percentage >= 100) return true;
  thread_local std::minstd_rand random{std::random_device{}()};
  return static_cast<int>(random() % 100) < capture.sampling_percentage;
}

}  // namespace

Async<ModelAnswer> Forwarder::forward(const RequestContext& ctx, ModelCall call) {
  CO_TRY(const auto stored, co_await store_.get(endpoint_key(ctx.account_id, ctx.region, call.endpoint_name)));
  if (!stored)
    co_return Error(ErrorKind::not_found,
                    "Endpoint " + call.endpoint_name + " of account " + ctx.account_id + " not found.");
  CO_TRY(const EndpointRow endpoint, row::decode<EndpointRow>(*stored));
  if (endpoint.status != "InService")
    co_return Error(ErrorKind::unavailable,
                    "Endpoint " + call.endpoint_name + " is " + endpoint.status +
                        (endpoint.failure_reason.empty() ? "." : ": " + endpoint.failure_reason));
  std::vector<const EndpointInstance*> candidates;
  for (const EndpointInstance& instance : endpoint.instances)
    if (instance.healthy && (call.target_variant.empty() || call.target_variant == instance.variant_name))
      candidates.push_back(&instance);
  if (candidates.empty())
    co_return Error(ErrorKind::unavailable, "Endpoint " + call.endpoint_name + " has no healthy machine right now.");
  const EndpointInstance& target = *candidates[turn_++ % candidates.size()];

  InvocationRow row;
  row.account_id = ctx.account_id;
  row.region = ctx.region;
  row.endpoint_name = call.endpoint_name;
  row.variant_name = target.variant_name;
  row.inference_id = call.inference_id.empty() ? ids_.uuid() : call.inference_id;
  row.caller_arn = ctx.caller.arn;
  row.operation = call.operation;
  row.started_ms = to_ms(clock_.now());
  row.request_content_type = call.content_type;
  row.request_body = call.body.substr(0, recorded_body_bytes_max);
  row.truncated = call.body.size() > recorded_body_bytes_max;
  if (is_sampled(endpoint.capture)) row.capture_uri = endpoint.capture.destination_uri;

  OutgoingRequest request;
  request.url = "http://" + target.address + ":" + std::to_string(model_server_port) + call.path;
  request.headers = {{"Content-Type", call.content_type.empty() ? "application/json" : call.content_type}};
  if (!call.accept.empty()) request.headers.emplace_back("Accept", call.accept);
  const std::optional<std::string> counted = with_usage_requested(call.body);
  request.body = counted ? *counted : std::move(call.body);
  request.idle_timeout = std::chrono::minutes(5);

  const SteadyTime started = std::chrono::steady_clock::now();
  auto response = co_await http_.call(std::move(request));
  if (!response) {
    row.status = 503;
    row.latency_us = microseconds_since(started);
    row.response_body = response.error().message();
    CO_TRY_DO(co_await log_.record(std::move(row)));
    co_return Error(ErrorKind::unavailable, "The model server of endpoint " + endpoint.name + " does not answer.",
                    response.error().message());
  }
  row.status = response->status;
  row.response_content_type = header_of(*response, "content-type");
  const bool is_event_stream = row.response_content_type.starts_with("text/event-stream");

  ModelAnswer answer;
  answer.status = response->status;
  answer.content_type = row.response_content_type;
  answer.variant_name = row.variant_name;
  answer.body = std::make_unique<RecordedAnswer>(std::move(response->body), std::move(row), started, log_,
                                                 is_event_stream, counted.has_value());
  co_return answer;
}

}  // namespace hearth::sagemaker
