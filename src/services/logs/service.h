// CloudWatch Logs: groups and streams as rows, events in the TelemetryStore, embedded metrics to the MetricSink. Safe
// from any thread. Each operation lies in the file named after it, with its AccessRule in access.h.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/logs/types.h"
#include "base/background.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/metadata_store.h"
#include "ports/observability.h"
#include "ports/service.h"
#include "ports/telemetry_store.h"
#include "services/logs/rows.h"

namespace hearth::logs {

namespace types = api::logs;

class LogsService final : public LogSink {
 public:
  LogsService(MetadataStore& store, TelemetryStore& telemetry, MetricSink& metrics, const Clock& clock, IdSource& ids)
      : store_(store), telemetry_(telemetry), metrics_(metrics), clock_(clock), ids_(ids) {}

  void register_operations(OperationTable& table);
  // For Authorizer::add_resource_tags("arn:aws:logs:", …).
  ResourceTagSource resource_tags();

  // LogSink
  Async<void> put_log_lines(std::string_view account_id, std::string_view region, std::string_view group,
                            std::string_view stream,
                            std::vector<std::pair<std::int64_t, std::string>> timestamped_lines) override;

  // Forgets events older than their group's retention. What the background loop runs every hour.
  Async<void> sweep();
  void start_sweeping();
  void stop_sweeping() { sweeper_.reset(); }

  Async<wire::Unit> create_log_group(const RequestContext& ctx, const types::CreateLogGroupRequest& in);
  Async<wire::Unit> delete_log_group(const RequestContext& ctx, const types::DeleteLogGroupRequest& in);
  Async<types::DescribeLogGroupsResponse> describe_log_groups(const RequestContext& ctx,
                                                              const types::DescribeLogGroupsRequest& in);
  Async<wire::Unit> create_log_stream(const RequestContext& ctx, const types::CreateLogStreamRequest& in);
  Async<wire::Unit> delete_log_stream(const RequestContext& ctx, const types::DeleteLogStreamRequest& in);
  Async<types::DescribeLogStreamsResponse> describe_log_streams(const RequestContext& ctx,
                                                                const types::DescribeLogStreamsRequest& in);
  Async<types::PutLogEventsResponse> put_log_events(const RequestContext& ctx, const types::PutLogEventsRequest& in);
  Async<types::GetLogEventsResponse> get_log_events(const RequestContext& ctx, const types::GetLogEventsRequest& in);
  Async<types::FilterLogEventsResponse> filter_log_events(const RequestContext& ctx,
                                                          const types::FilterLogEventsRequest& in);
  Async<wire::Unit> put_retention_policy(const RequestContext& ctx, const types::PutRetentionPolicyRequest& in);
  Async<wire::Unit> delete_retention_policy(const RequestContext& ctx, const types::DeleteRetentionPolicyRequest& in);
  Async<wire::Unit> tag_resource(const RequestContext& ctx, const types::TagResourceRequest& in);
  Async<wire::Unit> untag_resource(const RequestContext& ctx, const types::UntagResourceRequest& in);
  Async<types::ListTagsForResourceResponse> list_tags_for_resource(const RequestContext& ctx,
                                                                   const types::ListTagsForResourceRequest& in);

 private:
  // ResourceNotFoundException when it is not there.
  Async<GroupRow> find_group(std::string_view account, std::string_view region, std::string_view name);
  Async<StreamRow> find_stream(const GroupRow& group, std::string_view name);
  Async<ConditionContext> group_tags(std::string resource_arn);
  // Changes a group's row in a transaction of its own.
  Async<void> change_group(const RequestContext& ctx, const std::string& name,
                           const std::function<void(GroupRow&)>& change);
  // Stores events, keeps the stream's row up to date and sends embedded metrics on.
  Async<void> append(std::string_view account, std::string_view region, const GroupRow& group, const StreamRow& stream,
                     std::vector<LogEvent> events);
  Async<void> put_embedded_metrics(std::string_view account, std::string_view region, std::vector<std::string> lines,
                                   std::int64_t now_ms);
  Async<std::vector<StreamRow>> streams_of(const GroupRow& group, std::string_view name_prefix);

  MetadataStore& store_;
  TelemetryStore& telemetry_;
  MetricSink& metrics_;
  const Clock& clock_;
  IdSource& ids_;
  std::unique_ptr<BackgroundLoop> sweeper_;
};

// arn:aws:logs:REGION:ACCOUNT:log-group:NAME
std::string group_arn(std::string_view region, std::string_view account, std::string_view name);
// The name in a request that gives a name or an ARN.
std::string group_name_of(const wire::Opt<std::string>& name, const wire::Opt<std::string>& identifier);
// The same, of requests that must give just one of them; an ARN must be of the caller's account and region.
Result<std::string> one_group_name(const RequestContext& ctx, const wire::Opt<std::string>& name,
                                   const wire::Opt<std::string>& identifier);

}  // namespace hearth::logs
