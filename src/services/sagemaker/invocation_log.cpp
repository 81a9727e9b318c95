#include "services/sagemaker/invocation_log.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/log.h"

namespace hearth::sagemaker {
namespace {

constexpr std::size_t batch_count_max = 500;
constexpr std::size_t later_count_max = 10'000;

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

boost::json::object captured_data(const std::string& mode, const std::string& content_type, const std::string& body) {
  return {{"observedContentType", content_type}, {"mode", mode}, {"data", body}, {"encoding", "JSON"}};
}

boost::json::object capture_line(const InvocationRow& row) {
  boost::json::object capture;
  capture["endpointInput"] = captured_data("INPUT", row.request_content_type, row.request_body);
  capture["endpointOutput"] = captured_data("OUTPUT", row.response_content_type, row.response_body);
  boost::json::object line;
  line["captureData"] = std::move(capture);
  line["eventMetadata"] = {{"eventId", row.inference_id},
                           {"inferenceTime", format_iso8601_seconds(from_ms(row.started_ms))}};
  line["eventVersion"] = "0";
  // Ours, beyond SageMaker's: who called, and how it went. Readers of the SageMaker format ignore unknown members.
  boost::json::object call{{"endpointName", row.endpoint_name},
                           {"variantName", row.variant_name},
                           {"operation", row.operation},
                           {"callerArn", row.caller_arn},
                           {"status", row.status},
                           {"latencyMicroseconds", row.latency_us},
                           {"timeToFirstByteMicroseconds", row.time_to_first_byte_us},
                           {"cancelled", row.cancelled},
                           {"truncated", row.truncated}};
  if (row.input_tokens >= 0) call["inputTokenCount"] = row.input_tokens;
  if (row.output_tokens >= 0) call["outputTokenCount"] = row.output_tokens;
  line["hearth"] = std::move(call);
  return line;
}

void add_metrics(const InvocationRow& row, std::vector<MetricPoint>& points) {
  const auto add = [&](std::string name, double value, std::string unit) {
    points.push_back({"AWS/SageMaker",
                      std::move(name),
                      {{"EndpointName", row.endpoint_name}, {"VariantName", row.variant_name}},
                      value,
                      std::move(unit),
                      row.started_ms});
  };
  add("Invocations", 1, "Count");
  add("Invocation4XXErrors", row.status >= 400 && row.status < 500, "Count");
  add("Invocation5XXErrors", row.status >= 500, "Count");
  add("ModelLatency", static_cast<double>(row.latency_us), "Microseconds");
  add("TimeToFirstToken", static_cast<double>(row.time_to_first_byte_us), "Microseconds");
  if (row.cancelled) add("InvocationsCancelled", 1, "Count");
  if (row.input_tokens >= 0) add("InputTokenCount", static_cast<double>(row.input_tokens), "Count");
  if (row.output_tokens >= 0) add("OutputTokenCount", static_cast<double>(row.output_tokens), "Count");
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
  key.text("sagemaker").text("invocation").number(static_cast<std::uint64_t>(row.started_ms)).text(row.inference_id);
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
  if (later_.size() < later_count_max) later_.push_back(std::move(row));
}

Async<void> InvocationLog::deliver() {
  std::vector<InvocationRow> later;
  {
    std::lock_guard lock(mutex_);
    later.swap(later_);
  }
  for (InvocationRow& row : later) CO_TRY_DO(co_await record(std::move(row)));
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
    CO_TRY(const auto waiting, co_await store_.scan(KeyRange::prefix(record_prefix()), batch_count_max));
    if (waiting.empty()) co_return std::size_t{0};
    batch.id = ids_.uuid();
    for (const KeyValue& entry : waiting) batch.keys.push_back(to_hex(entry.key));
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
    CO_TRY(InvocationRow row, row::decode<InvocationRow>(*value));
    rows.push_back(std::move(row));
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

Async<void> InvocationLog::deliver_rows(const std::string& batch_id, const std::vector<InvocationRow>& rows) {
  struct Destination {
    std::string account_id, uri, endpoint, variant;
    auto operator<=>(const Destination&) const = default;
  };
  std::map<Destination, std::string> objects;
  std::map<std::array<std::string, 3>, std::vector<std::pair<std::int64_t, std::string>>> log_lines;
  std::map<std::array<std::string, 2>, std::vector<MetricPoint>> metrics;
  std::int64_t oldest_ms = rows.empty() ? 0 : rows.front().started_ms;
  for (const InvocationRow& row : rows) {
    const boost::json::object line = capture_line(row);
    if (!row.capture_uri.empty()) {
      std::string& object = objects[{row.account_id, row.capture_uri, row.endpoint_name, row.variant_name}];
      object += boost::json::serialize(line);
      object += '\n';
    }
    log_lines[{row.account_id, row.region, row.endpoint_name}].emplace_back(row.started_ms,
                                                                            boost::json::serialize(line));
    add_metrics(row, metrics[{row.account_id, row.region}]);
  }

  for (auto& [destination, lines] : objects) {
    const auto [bucket, prefix] = split_uri(destination.uri);
    const std::string time = format_iso8601_seconds(from_ms(oldest_ms));  // 2026-11-23T12:…
    const std::string key = fmt::format("{}{}/{}/{}/{}/{}/{}/{}-{}.jsonl", prefix, destination.endpoint,
                                        destination.variant, time.substr(0, 4), time.substr(5, 2), time.substr(8, 2),
                                        time.substr(11, 2), time.substr(14, 2) + time.substr(17, 2), batch_id);
    auto written = co_await objects_.put_object(destination.account_id, bucket, key, lines, "application/jsonlines");
    if (!written && written.error().kind() == ErrorKind::unavailable) co_return std::move(written).error();
    // A bucket that is gone cannot be waited for; the record is still kept in Logs.
    if (!written)
      log::warning("invocation records not written to S3", {{"bucket", bucket}, {"why", written.error().message()}});
  }
  for (auto& [place, lines] : log_lines) {
    const std::string group = "/aws/sagemaker/Endpoints/" + place[2];
    CO_TRY_DO(co_await logs_.put_log_lines(place[0], place[1], group, "invocations", std::move(lines)));
  }
  for (auto& [place, points] : metrics) CO_TRY_DO(co_await metrics_.put_metrics(place[0], place[1], std::move(points)));
  co_return ok;
}

}  // namespace hearth::sagemaker
