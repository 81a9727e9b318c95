#include "services/sagemaker/invocation_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>

#include "base/log.h"
#include "services/sagemaker/names.h"
#include "services/sagemaker/recorded_body.h"

namespace hearth::sagemaker {
namespace {

constexpr std::size_t batch_count_max = 500, batch_bytes_max = 8 << 20, scan_count = 16;
constexpr std::string_view log_stream = "invocations";
constexpr std::size_t later_count_max = 10'000;
// Of each body in a log line: CloudWatch Logs takes 1 MiB a line, and escaping may make six bytes of one.
constexpr std::size_t logged_body_bytes_max = 32 << 10;

std::string record_prefix() {
  return make_key("sagemaker", "invocation");
}
std::string batch_row_key() {
  return make_key("sagemaker", "invocation-batch");
}

// The batch being delivered. Written before its first delivery, so that a repetition after a crash is the same batch.
struct BatchRow {
  std::string id;
  std::vector<std::string> keys;  // hex
};
BOOST_DESCRIBE_STRUCT(BatchRow, (), (id, keys))

// AWS: JSON and CSV are kept as text, everything else in base64.
boost::json::object captured_data(std::string_view mode, const RecordedBody& body) {
  std::string_view encoding = "BASE64";
  if (!body.is_base64 && body.content_type.find("json") != std::string::npos) encoding = "JSON";
  if (!body.is_base64 && body.content_type.starts_with("text/csv")) encoding = "CSV";
  const bool must_encode = encoding == "BASE64" && !body.is_base64;
  return {{"observedContentType", body.content_type},
          {"mode", mode},
          {"data", must_encode ? to_base64(body.data) : body.data},
          {"encoding", encoding}};
}

// Ours, beyond SageMaker's: who called, and how it went. Readers of the SageMaker format ignore unknown members.
boost::json::object call_facts(const InvocationRow& row) {
  boost::json::object call{{"endpointName", row.endpoint_name},
                           {"variantName", row.variant_name},
                           {"operation", row.operation},
                           {"callerArn", row.caller_arn},
                           {"status", row.status},
                           {"latencyMicroseconds", row.latency_us},
                           {"modelLatencyMicroseconds", row.model_latency_us},
                           {"cancelled", row.cancelled},
                           {"truncated", row.truncated}};
  if (row.time_to_first_token_us >= 0) call["timeToFirstTokenMicroseconds"] = row.time_to_first_token_us;
  if (row.input_tokens >= 0) call["inputTokens"] = row.input_tokens;
  if (row.output_tokens >= 0) call["outputTokens"] = row.output_tokens;
  return call;
}

boost::json::object event_facts(const InvocationRow& row) {
  boost::json::object facts{{"eventId", row.event_id}};
  if (!row.inference_id.empty()) facts["inferenceId"] = row.inference_id;
  facts["inferenceTime"] = format_iso8601_seconds(from_ms(row.started_ms));
  return facts;
}

std::string capture_line(const InvocationRow& row) {
  boost::json::object capture;
  if (row.captures_input) capture["endpointInput"] = captured_data("INPUT", row.request);
  if (row.captures_output) capture["endpointOutput"] = captured_data("OUTPUT", row.response);
  boost::json::object line{
      {"captureData", std::move(capture)}, {"eventMetadata", event_facts(row)}, {"eventVersion", "0"}};
  line["hearth"] = call_facts(row);
  return boost::json::serialize(line) + "\n";
}

// The same facts for people: what can be read as text stays text.
std::string log_line(const InvocationRow& row) {
  const auto shown = [](const RecordedBody& body) -> std::string {
    if (body.is_base64) return "(" + std::to_string(body.data.size()) + " bytes in base64)";
    return std::string(whole_characters(body.data, logged_body_bytes_max));
  };
  boost::json::object line = call_facts(row);
  line["eventId"] = row.event_id;
  if (!row.inference_id.empty()) line["inferenceId"] = row.inference_id;
  line["input"] = shown(row.request);
  line["output"] = shown(row.response);
  return boost::json::serialize(line);
}

// https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-endpoint-invocation
void add_metrics(const InvocationRow& row, std::vector<MetricPoint>& points) {
  const auto add = [&](std::string name, double value, std::string unit) {
    points.push_back({"AWS/SageMaker",
                      std::move(name),
                      {{"EndpointName", row.endpoint_name}, {"VariantName", row.variant_name}},
                      value,
                      std::move(unit),
                      row.started_ms});
  };
  const auto microseconds = [&](std::string name, std::int64_t value) {
    add(std::move(name), static_cast<double>(value), "Microseconds");
  };
  add("Invocations", 1, "Count");
  add("Invocation4XXErrors", row.status >= 400 && row.status < 500 ? 1 : 0, "Count");
  add("Invocation5XXErrors", row.status >= 500 ? 1 : 0, "Count");
  microseconds("ModelLatency", row.model_latency_us);
  microseconds("OverheadLatency", std::max<std::int64_t>(0, row.latency_us - row.model_latency_us));
  // Ours: AWS has no metrics of tokens.
  if (row.time_to_first_token_us >= 0) microseconds("TimeToFirstToken", row.time_to_first_token_us);
  if (row.input_tokens >= 0) add("InputTokens", static_cast<double>(row.input_tokens), "Count");
  if (row.output_tokens >= 0) add("OutputTokens", static_cast<double>(row.output_tokens), "Count");
  if (row.cancelled) add("InvocationsCancelled", 1, "Count");
}

// s3://bucket/prefix -> bucket, "prefix/".
std::pair<std::string, std::string> split_uri(const std::string& uri) {
  std::string rest = uri.substr(std::string_view("s3://").size());
  const auto slash = rest.find('/');
  std::string prefix = slash == rest.npos ? "" : rest.substr(slash + 1);
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  return {rest.substr(0, slash), prefix};
}

}  // namespace

Async<void> InvocationLog::record(InvocationRow row) {
  KeyBuilder key;
  key.text("sagemaker").text("invocation").number(static_cast<std::uint64_t>(row.started_ms)).text(row.event_id);
  const std::string key_bytes = std::move(key).take();
  const std::string value = row::encode(row);
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    tx.put(key_bytes, value);
    co_return ok;
  };
  co_return co_await transact(store_, body);
}

void InvocationLog::record_later(InvocationRow row) {
  std::lock_guard lock(mutex_);
  if (later_.size() >= later_count_max) return;
  later_.push_back(std::move(row));
  if (later_.size() == later_count_max)
    log::error("records of calls whose clients left are dropped until those that wait can be stored");
}

Async<void> InvocationLog::deliver() {
  std::vector<InvocationRow> later;
  {
    std::lock_guard lock(mutex_);
    later.swap(later_);
  }
  for (auto row = later.begin(); row != later.end(); ++row) {
    auto recorded = co_await record(*row);
    if (recorded) continue;
    std::lock_guard lock(mutex_);  // this one and the rest wait for another try
    later_.insert(later_.begin(), std::make_move_iterator(row), std::make_move_iterator(later.end()));
    co_return recorded;
  }
  for (;;) {
    CO_TRY(const std::size_t count, co_await deliver_batch());
    if (count == 0) co_return ok;
  }
}

Async<std::size_t> InvocationLog::deliver_batch() {
  BatchRow batch;
  CO_TRY(const auto unfinished, co_await store_.get(batch_row_key()));
  if (unfinished) {
    CO_TRY(batch, row::decode<BatchRow>(*unfinished));
  } else {
    CO_TRY(batch.keys, co_await oldest_keys());
    if (batch.keys.empty()) co_return std::size_t{0};
    batch.id = ids_.uuid();
    const TransactionBody claim = [&](Transaction& tx) -> Async<void> {
      tx.put(batch_row_key(), row::encode(batch));
      co_return ok;
    };
    CO_TRY_DO(co_await transact(store_, claim));
  }

  std::vector<InvocationRow> rows;
  for (const std::string& key : batch.keys) {
    CO_TRY(const auto value, co_await store_.get(from_hex(key).value_or("")));
    if (!value) continue;
    auto row = row::decode<InvocationRow>(*value);
    if (row)
      rows.push_back(std::move(*row));
    else  // nothing can be delivered of it, and it must not hold up the others
      log::error("an invocation record is damaged and left out", {{"batch", batch.id}});
  }
  CO_TRY_DO(co_await deliver_rows(batch.id, rows));

  const TransactionBody finish = [&](Transaction& tx) -> Async<void> {
    for (const std::string& key : batch.keys) tx.remove(from_hex(key).value_or(""));
    tx.remove(batch_row_key());
    co_return ok;
  };
  CO_TRY_DO(co_await transact(store_, finish));
  co_return batch.keys.size();
}

// As many of the oldest records as make a batch; hex.
Async<std::vector<std::string>> InvocationLog::oldest_keys() {
  std::vector<std::string> keys;
  std::size_t size_bytes = 0;
  KeyRange range = KeyRange::prefix(record_prefix());
  while (keys.size() < batch_count_max && size_bytes < batch_bytes_max) {
    CO_TRY(const auto waiting, co_await store_.scan(range, scan_count));
    for (const KeyValue& entry : waiting) {
      keys.push_back(to_hex(entry.key));
      size_bytes += entry.value.size();
    }
    if (waiting.size() < scan_count) break;
    range.begin = waiting.back().key + '\0';
  }
  co_return keys;
}

Async<void> InvocationLog::deliver_rows(const std::string& batch_id, const std::vector<InvocationRow>& rows) {
  struct Destination {
    std::string account_id, uri, endpoint, variant;
    auto operator<=>(const Destination&) const = default;
  };
  std::map<Destination, std::string> objects;
  std::map<std::array<std::string, 3>, std::vector<std::pair<std::int64_t, std::string>>> log_lines;
  std::map<std::array<std::string, 2>, std::vector<MetricPoint>> metrics;
  const std::int64_t oldest_ms = rows.empty() ? 0 : rows.front().started_ms;
  for (const InvocationRow& row : rows) {
    if (!row.capture_uri.empty())
      objects[{row.account_id, row.capture_uri, row.endpoint_name, row.variant_name}] += capture_line(row);
    log_lines[{row.account_id, row.region, row.endpoint_name}].emplace_back(row.started_ms, log_line(row));
    add_metrics(row, metrics[{row.account_id, row.region}]);
  }

  for (auto& [destination, lines] : objects) {
    const auto [bucket, prefix] = split_uri(destination.uri);
    const std::string time = format_iso8601_seconds(from_ms(oldest_ms));  // 2026-11-23T12:…
    const std::string key = fmt::format("{}{}/{}/{}/{}/{}/{}/{}-{}.jsonl", prefix, destination.endpoint,
                                        destination.variant, time.substr(0, 4), time.substr(5, 2), time.substr(8, 2),
                                        time.substr(11, 2), time.substr(14, 2) + time.substr(17, 2), batch_id);
    auto written = co_await objects_.put_object(destination.account_id, bucket, key, lines, "application/jsonlines");
    if (written) continue;
    const ErrorKind kind = written.error().kind();
    // A bucket that is gone cannot be waited for; the record is still kept in Logs. Everything else passes.
    if (kind != ErrorKind::not_found && kind != ErrorKind::aws && kind != ErrorKind::invalid)
      co_return std::move(written).error();
    log::warning("invocation records not written to S3", {{"bucket", bucket}, {"why", written.error().message()}});
  }
  for (auto& [place, lines] : log_lines) {
    const auto& [account_id, region, endpoint_name] = place;
    CO_TRY_DO(co_await logs_.put_log_lines(account_id, region, endpoint_log_group(endpoint_name), log_stream,
                                           std::move(lines)));
  }
  for (auto& [place, points] : metrics) {
    const auto& [account_id, region] = place;
    CO_TRY_DO(co_await metrics_.put_metrics(account_id, region, std::move(points)));
  }
  co_return ok;
}

}  // namespace hearth::sagemaker
