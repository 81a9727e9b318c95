// What machines say and use, without their doing: consoles into Logs, counters into CloudWatch.
#include <algorithm>

#include "base/log.h"
#include "services/ec2/service.h"

namespace hearth::ec2 {
namespace {

constexpr const char* console_group = "/hearth/ec2/console";
constexpr std::size_t console_piece_bytes = 256 << 10;
constexpr std::size_t line_bytes_max = 16 << 10;  // longer ones are cut: a line without end must not wait for its end

// Counters since start, as the difference to the last look.
double since(std::uint64_t now, std::uint64_t before) {
  return now >= before ? static_cast<double>(now - before) : static_cast<double>(now);  // it was started anew
}

// Named as the CloudWatch agent names what nvidia-smi shows, without units like the agent's, memory in MiB. Each point
// is written twice, as by an agent with "aggregation_dimensions": [["InstanceId"]]: for its GPU, and for the machine,
// where the points of all its GPUs come together.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-NVIDIA-GPU.html
void add_gpu_metrics(const std::string& instance_id, const std::vector<GpuUsage>& gpus, std::int64_t timestamp_ms,
                     std::vector<MetricPoint>& points) {
  constexpr double mib = 1 << 20;
  for (std::size_t index = 0; index < gpus.size(); ++index) {
    const GpuUsage& gpu = gpus[index];
    const auto add = [&](const char* name, const auto& value, double divisor = 1) {
      if (!value) return;
      MetricPoint point{.metric_namespace = "CWAgent",
                        .name = std::string("nvidia_smi_") + name,
                        .dimensions = {{"InstanceId", instance_id}},
                        .value = static_cast<double>(*value) / divisor,
                        .timestamp_ms = timestamp_ms};
      points.push_back(point);
      point.dimensions.emplace_back("index", std::to_string(index));
      point.dimensions.emplace_back("name", gpu.name);
      points.push_back(std::move(point));
    };
    add("utilization_gpu", gpu.utilization_percent);
    add("utilization_memory", gpu.memory_utilization_percent);
    add("memory_used", gpu.memory_used_bytes, mib);
    add("memory_total", gpu.memory_total_bytes, mib);
    add("temperature_gpu", gpu.temperature_celsius);
    add("power_draw", gpu.power_watts);
  }
}

}  // namespace

// Reads on from the stored offset. The offset moves when the lines are durable in Logs: a crash in between repeats the
// last piece, never loses one.
Result<void> Ec2Service::follow_console(const InstanceRow& row, bool is_over) {
  std::lock_guard reading(console_mutex_);
  const std::string key = console_key(row.id);
  ConsoleRow progress;
  TRY(const auto stored, sync_wait(ports_.store.get(key)));
  if (stored) {
    TRY(progress, row::decode<ConsoleRow>(*stored));
  }
  for (;;) {
    auto piece = sync_wait(ports_.runtime.console(row.id, progress.offset, console_piece_bytes));
    if (!piece && piece.error().kind() == ErrorKind::not_found) return ok;
    if (!piece) return piece.error();
    std::vector<std::pair<std::int64_t, std::string>> lines;
    std::size_t taken = 0;
    const bool is_last_piece = is_over && piece->size() < console_piece_bytes;
    while (taken < piece->size()) {
      const auto end = piece->find('\n', taken);
      if (end == std::string::npos && piece->size() - taken < line_bytes_max && !is_last_piece) break;
      const std::size_t length =
          std::min(end == std::string::npos ? piece->size() - taken : end - taken, line_bytes_max);
      std::string line = piece->substr(taken, length);
      while (line.ends_with('\r')) line.pop_back();
      taken += length + (end == taken + length ? 1 : 0);
      if (!line.empty()) lines.emplace_back(now_ms(), std::move(line));  // Logs takes no empty messages
    }
    if (taken == 0) return ok;
    if (!lines.empty())
      TRY_DO(sync_wait(ports_.logs.put_log_lines(row.account_id, row.region, console_group, row.id, std::move(lines))));
    progress.offset += taken;
    const TransactionBody body = [&](Transaction& tx) -> Async<void> {
      tx.put(key, row::encode(progress));
      co_return ok;
    };
    TRY_DO(sync_wait(transact(ports_.store, body)));
  }
}

Result<void> Ec2Service::follow_consoles_once() {
  TRY(const auto rows, sync_wait(all_instances()));
  for (const auto& row : rows)
    if (row.state != state::terminated)
      if (const auto followed = follow_console(row); !followed)
        log_failure("read the console", row.id, followed.error());
  return ok;
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
Result<void> Ec2Service::report_metrics_once() {
  TRY(const auto rows, sync_wait(all_instances()));
  for (const auto& row : rows) {
    if (row.state != state::running) continue;
    const TimePoint now = ports_.clock.now();
    std::vector<MetricPoint> points;
    const auto add = [&](const char* metric_namespace, std::string name, double value, const char* unit) {
      points.push_back({.metric_namespace = metric_namespace,
                        .name = std::move(name),
                        .dimensions = {{"InstanceId", row.id}},
                        .value = value,
                        .unit = unit,
                        .timestamp_ms = to_ms(now)});
    };
    const auto usage = sync_wait(ports_.runtime.usage(row.id));
    add("AWS/EC2", "StatusCheckFailed", usage ? 0 : 1, "Count");
    if (usage) {
      std::optional<std::pair<TimePoint, InstanceUsage>> before;
      {
        std::lock_guard lock(mutex_);
        if (const auto found = last_usage_.find(row.id); found != last_usage_.end()) before = found->second;
        last_usage_[row.id] = {now, *usage};
      }
      if (before && now > before->first) {
        const InstanceUsage &is = *usage, &was = before->second;
        const double seconds = std::chrono::duration<double>(now - before->first).count();
        const InstanceType* type = find_instance_type(row.instance_type);
        const double cpu_seconds = since(is.cpu_nanoseconds, was.cpu_nanoseconds) / 1e9;
        add("AWS/EC2", "CPUUtilization",
            std::clamp(100 * cpu_seconds / seconds / (type ? type->vcpu_count : 1), 0.0, 100.0), "Percent");
        add("AWS/EC2", "NetworkIn", since(is.network_in_bytes, was.network_in_bytes), "Bytes");
        add("AWS/EC2", "NetworkOut", since(is.network_out_bytes, was.network_out_bytes), "Bytes");
        add("AWS/EC2", "NetworkPacketsIn", since(is.network_in_packets, was.network_in_packets), "Count");
        add("AWS/EC2", "NetworkPacketsOut", since(is.network_out_packets, was.network_out_packets), "Count");
        // Root volumes are EBS volumes, whose traffic AWS shows under these names. What is written under the older ones
        // is the same: whoever looks for the traffic of a machine's disks finds it.
        for (const std::string kind : {"Disk", "EBS"}) {
          add("AWS/EC2", kind + "ReadBytes", since(is.disk_read_bytes, was.disk_read_bytes), "Bytes");
          add("AWS/EC2", kind + "WriteBytes", since(is.disk_write_bytes, was.disk_write_bytes), "Bytes");
          add("AWS/EC2", kind + "ReadOps", since(is.disk_read_count, was.disk_read_count), "Count");
          add("AWS/EC2", kind + "WriteOps", since(is.disk_write_count, was.disk_write_count), "Count");
        }
      }
      if (usage->memory_limit_bytes > 0)
        add("CWAgent", "mem_used_percent",
            100 * static_cast<double>(usage->memory_bytes) / static_cast<double>(usage->memory_limit_bytes), "Percent");
      add("CWAgent", "mem_used", static_cast<double>(usage->memory_bytes), "Bytes");
      const double volume_bytes = static_cast<double>(static_cast<std::uint64_t>(row.volume_gib) << 30);
      add("CWAgent", "disk_used_percent", 100 * static_cast<double>(usage->root_used_bytes) / volume_bytes, "Percent");
      add_gpu_metrics(row.id, usage->gpus, to_ms(now), points);
    }
    if (const auto put = sync_wait(ports_.metrics.put_metrics(row.account_id, row.region, std::move(points))); !put)
      log_failure("report metrics", row.id, put.error());
  }
  return ok;
}

}  // namespace hearth::ec2
