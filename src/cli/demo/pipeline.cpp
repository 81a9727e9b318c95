#include "cli/demo/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <fstream>
#include <map>
#include <thread>

#include "cli/apis.h"
#include "cli/demo/manual_pages.h"
#include "cli/log_follower.h"
#include "cli/machine.h"
#include "cli/metric_query.h"
#include "cli/plot.h"
#include "cli/text.h"

namespace hearth::cli {
namespace json = boost::json;
namespace {

constexpr const char *dev_bucket = "dev-llm", *prod_bucket = "prod-llm";
constexpr const char *endpoint_name = "chat", *profile_name = "trainer", *dashboard_name = "training";
constexpr std::size_t corpus_bytes_max = 2 << 20;
constexpr const char *cpu_type = "t3.medium", *serving_type = "ml.c5.large";
constexpr const char *credentials_file = "credentials", *curl_file = "dev.curl";
constexpr std::chrono::milliseconds look_period{500};
constexpr std::chrono::seconds endpoint_time_max{120}, record_time_max{60}, end_time_max{90};

// A role that `service` takes on, as IAM's policy language says it.
std::string trust_of(const std::string& service) {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}})",
      service);
}

// Reading and writing in the dev bucket and nowhere else, and what `more` (statements) adds.
std::string dev_bucket_policy(const std::string& more = "") {
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[)"
      R"({{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::{0}/*"}},)"
      R"({{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::{0}"}}{1}]}})",
      dev_bucket, more.empty() ? "" : "," + more);
}

// What the machine does with itself: says who it is, trains a base model on the corpus, and fine-tunes that on the
// questions and answers. No key anywhere: the role's credentials come from instance metadata.
std::string training_script() {
  const std::string common =
      "--threads 2 --batch-size 8 --context 128 --validation-rows 32 --validation s3://dev-llm/data/held_out.json";
  return fmt::format(
      R"script(#!/bin/sh
set -e
metadata=http://169.254.169.254/latest
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' $metadata/api/token)
ask() {{ curl -sf -H "X-aws-ec2-metadata-token: $token" $metadata/meta-data/$1; }}
echo "machine $(ask instance-id), type $(ask instance-type), role $(ask iam/security-credentials/)"
echo "access keys in its environment: $(env | grep -c AWS_ACCESS_KEY_ID || true)"
/opt/hearth/hearth-train --job-name base --train s3://dev-llm/train/corpus.txt --output s3://dev-llm/models/base {0} \
  --steps 200 --vocab-size 2048 --hidden-size 128 --layers 3 --heads 4 --kv-heads 2 --learning-rate 3e-3 --validate-every 100
/opt/hearth/hearth-train --job-name demo --model s3://dev-llm/models/base --train s3://dev-llm/train/training_data.json \
  --output s3://dev-llm/models/demo {0} --steps 300 --learning-rate 2e-3 --validate-every 100
)script",
      common);
}

Error not_shown(std::string what) {
  return Error(ErrorKind::internal, std::move(what));
}

// Until `look` says true. Everything the demo waits for, it waits for here.
Result<void> wait_until(std::string_view what, std::chrono::seconds limit, const std::function<Result<bool>()>& look,
                        const std::function<bool()>& interrupted) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    TRY(const bool found, look());
    if (found) return ok;
    if (interrupted()) return Error(ErrorKind::cancelled, "interrupted");
    if (std::chrono::steady_clock::now() > deadline)
      return Error(ErrorKind::unavailable, fmt::format("{} within {} s", what, limit.count()));
    std::this_thread::sleep_for(look_period);
  }
}

// What GetMetricData takes, for one metric.
std::string metric_query(const std::string& metric_namespace, const std::string& name, const std::string& dimension,
                         const std::string& value, int period_s, const std::vector<std::string>& stats) {
  json::array queries;
  for (const std::string& stat : stats) {
    json::array dimensions;
    dimensions.push_back(json::object{{"Name", dimension}, {"Value", value}});
    const json::object metric = {
        {"Namespace", metric_namespace}, {"MetricName", name}, {"Dimensions", std::move(dimensions)}};
    std::string id = stat;
    std::ranges::transform(id, id.begin(), [](unsigned char c) { return std::tolower(c); });
    queries.push_back(
        json::object{{"Id", id}, {"MetricStat", {{"Metric", metric}, {"Period", period_s}, {"Stat", stat}}}});
  }
  return json::serialize(queries);
}

// As a dashboard's widget names a metric: ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"].
json::array dashboard_metric(const MetricName& metric) {
  json::array named;
  named.emplace_back(metric.metric_namespace);
  named.emplace_back(metric.name);
  for (const auto& [name, value] : metric.dimensions) {
    named.emplace_back(name);
    named.emplace_back(value);
  }
  return named;
}

std::string get_metric_data_command(const std::string& file, TimePoint start, TimePoint end) {
  return fmt::format("aws cloudwatch get-metric-data --metric-data-queries file://{} --start-time {} --end-time {}",
                     file, format_iso8601_seconds(start), format_iso8601_seconds(end));
}

json::object parse_object(std::string_view text) {
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  return !failed && value.is_object() ? std::move(value.get_object()) : json::object();
}

// The beginning, whole characters only.
std::string cut(const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

double number_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_number() ? value->to_number<double>() : 0;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

// What the trainer tells about each step, as it stands in Logs.
struct TrainingLine {
  std::string job;
  double step = 0, value = 0;
};

Result<std::vector<TrainingLine>> read_training(const Client& client, const std::string& machine_id,
                                                const std::string& measurement) {
  const LogQuery query{
      .group = console_log_group, .streams = {machine_id}, .pattern = fmt::format("{{ $.{} = * }}", measurement)};
  TRY(const auto events, fetch_from(client)(query));
  std::vector<TrainingLine> lines;
  for (const auto& event : events) {
    const json::object line = parse_object(event.message.value_or(""));
    lines.push_back({text_in(line, "JobName"), number_in(line, "Step"), number_in(line, measurement)});
  }
  return lines;
}

}  // namespace

Result<void> DemoPipeline::check_interrupted() const {
  if (interrupted_()) return Error(ErrorKind::cancelled, "interrupted");
  return ok;
}

Result<void> DemoPipeline::run() {
  for (Result<void> (DemoPipeline::*step)() :
       {&DemoPipeline::make_identities, &DemoPipeline::store_dataset, &DemoPipeline::launch_machine_step,
        &DemoPipeline::watch_training, &DemoPipeline::show_logs, &DemoPipeline::show_resources,
        &DemoPipeline::serve_model, &DemoPipeline::show_records, &DemoPipeline::show_isolation}) {
    TRY_DO(check_interrupted());
    TRY_DO((this->*step)());
  }
  return ok;
}

// --- what steps share

Result<void> DemoPipeline::wait_for(std::string_view what, std::chrono::seconds limit,
                                    const std::function<Result<bool>()>& look) const {
  return wait_until(what, limit, look, interrupted_);
}

Result<void> DemoPipeline::write_file(std::string_view name, std::string_view content) const {
  const std::filesystem::path path = files_ / name;
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) return Error(ErrorKind::no_space, fmt::format("cannot write {}", path.string()));
  return ok;
}

Result<void> DemoPipeline::put_object(const std::string& bucket, const std::string& key, const std::string& body) {
  api::s3::PutObjectRequest in;
  in.bucket = bucket;
  in.key = key;
  in.content_length = static_cast<std::int64_t>(body.size());
  in.body = std::make_shared<StringSource>(body);
  TRY_DO(call<api::s3::op::PutObject>(root_, std::move(in)));
  return ok;
}

Result<std::string> DemoPipeline::get_object(const Client& client, const std::string& bucket, const std::string& key) {
  api::s3::GetObjectRequest in;
  in.bucket = bucket;
  in.key = key;
  TRY(const auto out, call<api::s3::op::GetObject>(client, std::move(in)));
  if (!out.body) return std::string();
  return sync_wait(read_all(*out.body, 16 << 20));
}

Result<std::vector<std::string>> DemoPipeline::list_keys(const std::string& bucket, const std::string& prefix) {
  api::s3::ListObjectsV2Request in;
  in.bucket = bucket;
  in.prefix = prefix;
  TRY(const auto out, call<api::s3::op::ListObjectsV2>(root_, std::move(in)));
  std::vector<std::string> keys;
  if (out.contents)
    for (const auto& object : *out.contents) keys.push_back(object.key.value_or(""));
  return keys;
}

// --- before the first step: who there is

Result<void> DemoPipeline::make_role(const std::string& name, const std::string& service, std::string& arn) {
  const std::string trust = trust_of(service), policy = dev_bucket_policy();
  const std::string trust_file = name + "-trust.json";
  TRY_DO(write_file(trust_file, trust));
  TRY_DO(write_file("dev-bucket.json", policy));
  story_.command(
      fmt::format("aws iam create-role --role-name {} --assume-role-policy-document file://{}", name, trust_file));
  api::iam::CreateRoleRequest role;
  role.role_name = name;
  role.assume_role_policy_document = trust;
  TRY(const auto made, call<api::iam::op::CreateRole>(root_, std::move(role)));
  story_.command(fmt::format(
      "aws iam put-role-policy --role-name {} --policy-name dev-bucket --policy-document file://dev-bucket.json",
      name));
  api::iam::PutRolePolicyRequest put;
  put.role_name = name;
  put.policy_name = "dev-bucket";
  put.policy_document = policy;
  TRY_DO(call<api::iam::op::PutRolePolicy>(root_, std::move(put)));
  arn = made.role.arn;
  return ok;
}

// May read and write in the dev bucket, and call the one endpoint.
Result<void> DemoPipeline::make_developer() {
  const std::string policy = dev_bucket_policy(fmt::format(
      R"({{"Effect":"Allow","Action":"sagemaker:InvokeEndpoint","Resource":"arn:aws:sagemaker:{}:{}:endpoint/{}"}})",
      root_.options().region, account_, endpoint_name));
  TRY_DO(write_file("dev-only.json", policy));
  story_.command("aws iam create-user --user-name dev");
  api::iam::CreateUserRequest user;
  user.user_name = "dev";
  TRY_DO(call<api::iam::op::CreateUser>(root_, std::move(user)));
  story_.command(
      "aws iam put-user-policy --user-name dev --policy-name dev-only --policy-document file://dev-only.json");
  api::iam::PutUserPolicyRequest put;
  put.user_name = "dev";
  put.policy_name = "dev-only";
  put.policy_document = policy;
  TRY_DO(call<api::iam::op::PutUserPolicy>(root_, std::move(put)));
  story_.command("aws iam create-access-key --user-name dev");
  api::iam::CreateAccessKeyRequest key;
  key.user_name = "dev";
  TRY(const auto made, call<api::iam::op::CreateAccessKey>(root_, std::move(key)));
  const std::string &id = made.access_key.access_key_id, &secret = made.access_key.secret_access_key;
  dev_ = root_.with_credentials({.access_key_id = id, .secret_access_key = secret});
  story_.say("its key becomes the profile dev of ./credentials, and ./dev.curl");
  TRY_DO(write_file(credentials_file,
                    fmt::format("[dev]\naws_access_key_id = {}\naws_secret_access_key = {}\n", id, secret)));
  return write_file(curl_file, fmt::format("user = \"{}:{}\"\n", id, secret));
}

Result<void> DemoPipeline::make_identities() {
  story_.step("P0", "who there is: a role for training, a role for serving, a developer");
  TRY(const auto caller, call<api::sts::op::GetCallerIdentity>(root_, {}));
  account_ = caller.account.value_or("");
  TRY_DO(make_role("trainer", "ec2.amazonaws.com", trainer_role_arn_));
  TRY_DO(make_role("model-server", "sagemaker.amazonaws.com", server_role_arn_));

  story_.command(fmt::format("aws iam create-instance-profile --instance-profile-name {}", profile_name));
  api::iam::CreateInstanceProfileRequest profile;
  profile.instance_profile_name = profile_name;
  TRY_DO(call<api::iam::op::CreateInstanceProfile>(root_, std::move(profile)));
  story_.command(
      fmt::format("aws iam add-role-to-instance-profile --instance-profile-name {} --role-name trainer", profile_name));
  api::iam::AddRoleToInstanceProfileRequest add;
  add.instance_profile_name = profile_name;
  add.role_name = "trainer";
  TRY_DO(call<api::iam::op::AddRoleToInstanceProfile>(root_, std::move(add)));
  TRY_DO(make_developer());

  api::iam::GetRoleRequest get;
  get.role_name = "trainer";
  story_.command("aws iam get-role --role-name trainer");
  TRY(const auto found, call<api::iam::op::GetRole>(root_, std::move(get)));
  story_.proof(
      fmt::format("{}, for {}: the dev bucket and nothing else, without a key", found.role.arn, "machines of EC2"));
  return ok;
}

// --- P1

Result<void> DemoPipeline::store_dataset() {
  story_.step("P1", "store the data set in S3");
  TRY(const auto pages, read_manual_pages("/usr/share/man", demo_packages()));
  const Dataset dataset = make_dataset(pages, corpus_bytes_max);
  story_.say(fmt::format("{} manual pages of this machine make a corpus, {} questions with answers, and {} held out",
                         dataset.page_count, dataset.pair_count, dataset.held_out_count));
  for (const char* bucket : {dev_bucket, prod_bucket}) {
    story_.command(fmt::format("aws s3 mb s3://{}", bucket));
    api::s3::CreateBucketRequest in;
    in.bucket = bucket;
    TRY_DO(call<api::s3::op::CreateBucket>(root_, std::move(in)));
  }
  const std::string customers = "name,prompt\nsecret,secret\n";
  const std::tuple<const char*, const char*, const char*, const std::string&> files[] = {
      {"corpus.txt", dev_bucket, "train/corpus.txt", dataset.corpus},
      {"training_data.json", dev_bucket, "train/training_data.json", dataset.training_json},
      {"prompts.csv", dev_bucket, "data/prompts.csv", dataset.prompts_csv},
      {"held_out.json", dev_bucket, "data/held_out.json", dataset.held_out_json},
      {"customers.csv", prod_bucket, "customers.csv", customers}};
  for (const auto& [file, bucket, key, content] : files) {
    TRY_DO(write_file(file, content));
    story_.command(fmt::format("aws s3 cp {} s3://{}/{}", file, bucket, key));
    TRY_DO(put_object(bucket, key, content));
    api::s3::HeadObjectRequest in;
    in.bucket = bucket;
    in.key = key;
    TRY(const auto head, call<api::s3::op::HeadObject>(root_, std::move(in)));
    if (head.content_length.value_or(-1) != static_cast<std::int64_t>(content.size()))
      return not_shown(fmt::format("s3://{}/{} has not the size that was stored", bucket, key));
    story_.proof(fmt::format("{}, ETag {}", show_bytes(static_cast<double>(content.size())), head.e_tag.value_or("")));
  }
  return ok;
}

// --- P2

// A type with a GPU where the host has one to give, else a CPU type.
Result<void> DemoPipeline::choose_and_launch(const std::string& script) {
  TRY(const std::string image, find_image(root_));
  story_.command(
      "aws ec2 describe-instance-type-offerings --filters 'Name=instance-type,Values=g*,p*' "
      "--query 'InstanceTypeOfferings[].InstanceType'");
  TRY(std::vector<std::string> types, gpu_types_on_offer(root_));
  if (types.empty())
    story_.proof("no type with a GPU: this host has none that fits one, so a CPU type it is");
  else
    story_.proof(fmt::format("{}", fmt::join(types, ", ")));
  types.resize(std::min<std::size_t>(types.size(), 1));
  types.emplace_back(cpu_type);

  MachineRequest request;
  request.name = "training";
  request.instance_profile = profile_name;
  request.user_data = script;
  for (const std::string& type : types) {
    story_.command(
        fmt::format("aws ec2 run-instances --instance-type {} --image-id {} --iam-instance-profile Name={} "
                    "--user-data file://train.sh --instance-initiated-shutdown-behavior terminate",
                    type, image, profile_name));
    request.instance_type = type;
    auto launched = launch_machine(root_, request);
    const bool is_taken = !launched && launched.error().code() == "InsufficientInstanceCapacity";
    if (is_taken && type != cpu_type) {
      story_.say(fmt::format("not now: {}", launched.error().message()));
      continue;
    }
    TRY(machine_id_, std::move(launched));
    break;
  }
  return ok;
}

Result<void> DemoPipeline::launch_machine_step() {
  story_.step("P2", "launch a machine for training, with a role and no keys");
  const std::string script = script_that_reports(training_script(), true);
  TRY_DO(write_file("train.sh", script));
  TRY_DO(choose_and_launch(script));
  TRY_DO(wait_until_running(root_, machine_id_, interrupted_));
  TRY(const auto machine, find_machine(root_, machine_id_));
  story_.command(fmt::format("aws ec2 describe-instances --instance-ids {}", machine_id_));
  story_.proof(fmt::format("{} is {}: {}, address {}, profile {}", machine_id_, state_of(machine),
                           machine.instance_type.value_or(""), machine.private_ip_address.value_or(""),
                           machine.iam_instance_profile ? machine.iam_instance_profile->arn.value_or("") : "none"));
  return ok;
}

// --- P3

Result<void> DemoPipeline::watch_training() {
  story_.step("P3", "the machine loads the data by its role, and trains");
  story_.command(fmt::format("aws logs get-log-events --log-group-name {} --log-stream-name {} --start-from-head",
                             console_log_group, machine_id_));
  story_.say(fmt::format("as it comes: hearth logs -f {} {}", console_log_group, machine_id_));
  bool named_role = false;
  const auto show = [&](std::string_view line) {
    if (line.starts_with("machine ") && line.contains("role trainer")) named_role = true;
    // Measurements are for the next steps, and progress is one line in a terminal.
    if (line.starts_with('{')) return;
    if (line.starts_with("step ") && line.contains("tokens/s"))
      story_.progress(line);
    else
      story_.say(line);
  };
  TRY(const int status, follow_console(root_, machine_id_, show, interrupted_));
  if (status != 0) return not_shown(fmt::format("the training script ended with exit code {}", status));
  if (!named_role) return not_shown("the machine did not get its role's name from instance metadata");

  api::s3::ListObjectsV2Request in;
  in.bucket = dev_bucket;
  in.prefix = "models/demo/";
  in.delimiter = "/";  // as `aws s3 ls`
  story_.command(fmt::format("aws s3 ls s3://{}/models/demo/", dev_bucket));
  TRY(const auto listed, call<api::s3::op::ListObjectsV2>(root_, std::move(in)));
  bool has_weights = false;
  if (listed.contents) {
    for (const auto& object : *listed.contents) {
      const std::string key = object.key.value_or("");
      has_weights = has_weights || key == "models/demo/model.safetensors";
      story_.proof(fmt::format("{:<34} {:>9}  ETag {}", key, show_bytes(static_cast<double>(object.size.value_or(0))),
                               object.e_tag.value_or("")));
    }
  }
  if (!has_weights) return not_shown("the trained model is not in S3");
  return ok;
}

// --- P4

Result<void> DemoPipeline::show_logs() {
  story_.step("P4", "its log is in CloudWatch Logs");
  story_.command(fmt::format(
      "aws logs filter-log-events --log-group-name {} --log-stream-names {} --filter-pattern '{{ $.Loss = * }}'",
      console_log_group, machine_id_));
  TRY(const auto losses, read_training(root_, machine_id_, "Loss"));
  std::vector<PlotPoint> fine_tuning;
  for (const TrainingLine& line : losses)
    if (line.job == "demo") fine_tuning.push_back({line.step, line.value});
  if (fine_tuning.empty()) return not_shown("the training loss is not in CloudWatch Logs");
  story_.proof(fmt::format("{} events; the loss of fine-tuning over its steps:", losses.size()));
  story_.lines(draw_plot(fine_tuning, {.width = 64, .height = 10}, fmt::format("step {}", fine_tuning.front().x),
                         fmt::format("step {}", fine_tuning.back().x)));

  TRY(const auto validation, read_training(root_, machine_id_, "ValidationLoss"));
  std::string path;
  for (const TrainingLine& line : validation) path += fmt::format("{}{:.2f}", path.empty() ? "" : " → ", line.value);
  if (validation.size() < 2 || validation.back().value > validation.front().value - 1)
    return not_shown(fmt::format("the validation loss did not fall clearly: {}", path));
  story_.proof(fmt::format("validation loss on pages it never saw: {}", path));
  return ok;
}

// --- P5

Result<void> DemoPipeline::show_cpu_use(TimePoint start, TimePoint now) {
  TRY_DO(write_file("cpu.json", metric_query("AWS/EC2", "CPUUtilization", "InstanceId", machine_id_, 10, {"Average"})));
  story_.command(get_metric_data_command("cpu.json", start, now));
  TRY(const auto cpu,
      query_metric(root_, {"AWS/EC2", "CPUUtilization", {{"InstanceId", machine_id_}}, "Average", 10, start, now}));
  if (cpu.empty()) return not_shown("the machine's CPU use is not in CloudWatch");
  std::vector<PlotPoint> drawn;
  for (const MetricPoint& point : cpu) drawn.push_back({static_cast<double>(to_ms(point.time)), point.value});
  const auto busiest = std::ranges::max(cpu, {}, &MetricPoint::value);
  story_.proof(fmt::format("{} points of CPU use in percent, at most {}", cpu.size(), show_number(busiest.value)));
  story_.lines(draw_plot(drawn, {.width = 64, .height = 5}, show_clock(cpu.front().time), show_clock(cpu.back().time)));
  return ok;
}

Result<void> DemoPipeline::show_loss(TimePoint start, TimePoint now) {
  constexpr int period_s = 3600;
  TRY_DO(write_file("loss.json",
                    metric_query("Hearth/Training", "Loss", "JobName", "demo", period_s, {"Minimum", "Maximum"})));
  story_.command(get_metric_data_command("loss.json", start, now));
  std::map<std::string, double> extremes;
  for (const char* stat : {"Minimum", "Maximum"}) {
    TRY(const auto loss,
        query_metric(root_, {"Hearth/Training", "Loss", {{"JobName", "demo"}}, stat, period_s, start, now}));
    if (loss.empty()) return not_shown("the loss is not a CloudWatch metric");
    extremes[stat] = loss.back().value;
  }
  story_.proof(
      fmt::format("loss between {} and {}", show_number(extremes["Maximum"]), show_number(extremes["Minimum"])));
  return ok;
}

Result<void> DemoPipeline::keep_dashboard(const std::vector<MetricName>& of_machine) {
  json::array machine, gpus, loss;
  for (const MetricName& metric : of_machine) {
    const bool is_shown = metric.name == "CPUUtilization" || metric.name == "NetworkIn" ||
                          metric.name == "NetworkOut" || metric.name == "mem_used_percent";
    if (is_shown) machine.push_back(dashboard_metric(metric));
    if (metric.name.starts_with("nvidia_smi_")) gpus.push_back(dashboard_metric(metric));
  }
  loss.push_back(dashboard_metric({"Hearth/Training", "Loss", {{"JobName", "demo"}}}));
  json::array widgets;
  for (auto& [title, metrics] : {std::pair{"training machine", &machine}, {"its GPUs", &gpus}, {"loss", &loss}}) {
    if (metrics->empty()) continue;
    const json::object properties = {{"title", title},       {"region", root_.options().region},
                                     {"view", "timeSeries"}, {"stat", "Average"},
                                     {"period", 10},         {"metrics", std::move(*metrics)}};
    widgets.push_back(json::object{{"type", "metric"},
                                   {"x", 12 * (widgets.size() % 2)},
                                   {"y", 6 * (widgets.size() / 2)},
                                   {"width", 12},
                                   {"height", 6},
                                   {"properties", properties}});
  }
  const std::string body = json::serialize(json::object{{"widgets", std::move(widgets)}});
  TRY_DO(write_file("dashboard.json", body));
  story_.command(fmt::format("aws cloudwatch put-dashboard --dashboard-name {} --dashboard-body file://dashboard.json",
                             dashboard_name));
  api::cloudwatch::PutDashboardInput put;
  put.dashboard_name = dashboard_name;
  put.dashboard_body = body;
  TRY_DO(call<api::cloudwatch::op::PutDashboard>(root_, std::move(put)));
  story_.command(fmt::format("aws cloudwatch get-dashboard --dashboard-name {}", dashboard_name));
  api::cloudwatch::GetDashboardInput get;
  get.dashboard_name = dashboard_name;
  TRY(const auto dashboard, call<api::cloudwatch::op::GetDashboard>(root_, std::move(get)));
  if (dashboard.dashboard_body.value_or("") != body) return not_shown("the dashboard is not what was stored");
  story_.proof(
      fmt::format("{} holds {}", dashboard.dashboard_arn.value_or(""), show_bytes(static_cast<double>(body.size()))));
  return ok;
}

Result<void> DemoPipeline::show_resources() {
  story_.step("P5", "its resources and its loss are CloudWatch metrics");
  const TimePoint now = std::chrono::system_clock::now();
  TRY_DO(show_cpu_use(now - std::chrono::minutes(15), now));
  story_.command(fmt::format("aws cloudwatch list-metrics --dimensions Name=InstanceId,Value={}", machine_id_));
  TRY(const auto metrics, list_metrics(root_, "", "", {{"InstanceId", machine_id_}}));
  std::string names;
  for (const MetricName& metric : metrics) names += (names.empty() ? "" : ", ") + metric.name;
  story_.proof(names);
  TRY_DO(show_loss(now - std::chrono::hours(1), now));
  return keep_dashboard(metrics);
}

// --- P6

Result<void> DemoPipeline::create_model() {
  const std::string uri = fmt::format("s3://{}/models/demo/", dev_bucket);
  story_.command(
      fmt::format("aws sagemaker create-model --model-name {} --execution-role-arn {} --primary-container "
                  "'Image=hearth-infer,ModelDataSource={{S3DataSource={{S3Uri={},S3DataType=S3Prefix,"
                  "CompressionType=None}}}}'",
                  endpoint_name, server_role_arn_, uri));
  api::sagemaker::CreateModelInput model;
  model.model_name = endpoint_name;
  model.execution_role_arn = server_role_arn_;
  auto& container = model.primary_container.emplace();
  container.image = "hearth-infer";
  auto& source = container.model_data_source.emplace().s3_data_source.emplace();
  source.s3_uri = uri;
  source.s3_data_type = "S3Prefix";
  source.compression_type = "None";
  TRY_DO(call<api::sagemaker::op::CreateModel>(root_, std::move(model)));
  return ok;
}

Result<void> DemoPipeline::create_endpoint_config() {
  const std::string kept_at = fmt::format("s3://{}/outputs", dev_bucket);
  story_.command(
      fmt::format("aws sagemaker create-endpoint-config --endpoint-config-name {0} --production-variants "
                  "VariantName=AllTraffic,ModelName={0},InstanceType={1},InitialInstanceCount=1 --data-capture-config "
                  "'EnableCapture=true,InitialSamplingPercentage=100,DestinationS3Uri={2},"
                  "CaptureOptions=[{{CaptureMode=Input}},{{CaptureMode=Output}}]'",
                  endpoint_name, serving_type, kept_at));
  api::sagemaker::CreateEndpointConfigInput config;
  config.endpoint_config_name = endpoint_name;
  api::sagemaker::ProductionVariant variant;
  variant.variant_name = "AllTraffic";
  variant.model_name = endpoint_name;
  variant.instance_type = serving_type;
  variant.initial_instance_count = 1;
  config.production_variants.push_back(std::move(variant));
  auto& capture = config.data_capture_config.emplace();
  capture.enable_capture = true;
  capture.initial_sampling_percentage = 100;
  capture.destination_s3_uri = kept_at;
  for (const char* mode : {"Input", "Output"}) {
    api::sagemaker::CaptureOption option;
    option.capture_mode = mode;
    capture.capture_options.push_back(option);
  }
  TRY_DO(call<api::sagemaker::op::CreateEndpointConfig>(root_, std::move(config)));
  return ok;
}

Result<void> DemoPipeline::create_endpoint() {
  story_.command(
      fmt::format("aws sagemaker create-endpoint --endpoint-name {0} --endpoint-config-name {0}", endpoint_name));
  api::sagemaker::CreateEndpointInput endpoint;
  endpoint.endpoint_name = endpoint.endpoint_config_name = endpoint_name;
  TRY_DO(call<api::sagemaker::op::CreateEndpoint>(root_, std::move(endpoint)));

  story_.command(fmt::format("aws sagemaker wait endpoint-in-service --endpoint-name {}", endpoint_name));
  std::string arn;
  const auto serves = [&]() -> Result<bool> {
    api::sagemaker::DescribeEndpointInput in;
    in.endpoint_name = endpoint_name;
    TRY(const auto found, call<api::sagemaker::op::DescribeEndpoint>(root_, std::move(in)));
    story_.progress(fmt::format("the endpoint is {}", found.endpoint_status));
    if (found.endpoint_status == "Failed")
      return not_shown("the endpoint failed: " + found.failure_reason.value_or(""));
    arn = found.endpoint_arn;
    return found.endpoint_status == "InService";
  };
  TRY_DO(wait_for("the endpoint was not in service", endpoint_time_max, serves));
  story_.proof(fmt::format("{} is InService", arn));
  return ok;
}

Result<void> DemoPipeline::serve_model() {
  story_.step("P6", "serve the model");
  TRY_DO(create_model());
  TRY_DO(create_endpoint_config());
  TRY_DO(create_endpoint());
  story_.say(
      "a model of 0.8 million parameters that learnt for a minute: it has the form of an answer, few of the facts");
  for (const char* question : {"What does tar do?", "What does basename do?"}) TRY_DO(ask(question));
  return ok;
}

// As the developer, who may call this endpoint and no other.
Result<void> DemoPipeline::ask(const std::string& question) {
  json::array messages;
  messages.push_back(json::object{{"role", "user"}, {"content", question}});
  const json::object body = {
      {"model", endpoint_name}, {"messages", std::move(messages)}, {"max_tokens", 32}, {"temperature", 0}};
  const std::string text = json::serialize(body);
  story_.command(
      fmt::format("curl -sK {} --aws-sigv4 aws:amz:{}:sagemaker $AWS_ENDPOINT_URL/v1/chat/completions --json '{}'",
                  curl_file, root_.options().region, text));
  TRY(const PlainAnswer answer, dev_.send({.method = "POST",
                                           .path = "/v1/chat/completions",
                                           .body = text,
                                           .content_type = "application/json",
                                           .signing_service = "sagemaker"}));
  if (answer.status != 200) return not_shown(fmt::format("the model answered HTTP {}: {}", answer.status, answer.body));
  const json::object found = parse_object(answer.body);
  const json::value* choices = found.if_contains("choices");
  if (!choices || !choices->is_array() || choices->get_array().empty() || !choices->get_array().front().is_object())
    return not_shown("the model's answer has no choices: " + answer.body);
  const json::object& choice = choices->get_array().front().get_object();
  const json::value* message = choice.if_contains("message");
  const json::value* usage = found.if_contains("usage");
  const std::string content = message && message->is_object() ? text_in(message->get_object(), "content") : "";
  if (content.empty()) return not_shown("the model answered nothing: " + answer.body);
  story_.proof(fmt::format("{} → {} ({} tokens)", question, json::serialize(json::value(content)),
                           usage && usage->is_object() ? number_in(usage->get_object(), "completion_tokens") : 0));
  return ok;
}

// --- P7

Result<void> DemoPipeline::show_records() {
  story_.step("P7", "the answers are kept in S3 and in Logs");
  const std::string prefix = fmt::format("outputs/{}/", endpoint_name);
  story_.command(fmt::format("aws s3 cp --recursive s3://{}/{} outputs", dev_bucket, prefix));
  std::size_t record_count = 0;
  std::string shown, key_shown;
  const auto kept_in_s3 = [&]() -> Result<bool> {
    record_count = 0;
    TRY(const auto keys, list_keys(dev_bucket, prefix));
    for (const std::string& key : keys) {
      TRY(const std::string content, get_object(root_, dev_bucket, key));
      record_count += static_cast<std::size_t>(std::ranges::count(content, '\n'));
      shown = content.substr(0, content.find('\n'));
      key_shown = key;
    }
    return record_count >= 2;
  };
  TRY_DO(wait_for("the answers did not reach S3", record_time_max, kept_in_s3));
  story_.proof(fmt::format("{} records; s3://{}/{} begins", record_count, dev_bucket, key_shown));
  story_.say(cut(shown, 160));

  const std::string group = fmt::format("/aws/sagemaker/Endpoints/{}", endpoint_name);
  story_.command(fmt::format("aws logs filter-log-events --log-group-name {} --log-stream-names invocations", group));
  std::vector<LogFollower::Event> events;
  const auto kept_in_logs = [&]() -> Result<bool> {
    auto found = fetch_from(root_)({.group = group, .streams = {"invocations"}});
    if (!found && found.error().code() == "ResourceNotFoundException") return false;
    TRY(events, std::move(found));
    return events.size() >= 2;
  };
  TRY_DO(wait_for("the answers did not reach Logs", record_time_max, kept_in_logs));
  story_.proof(fmt::format("{} log events; the last:", events.size()));
  story_.say(cut(events.back().message.value_or(""), 200));
  return ok;
}

// --- P8

Result<void> DemoPipeline::show_isolation() {
  story_.step("P8", "a developer stays in dev");
  story_.command(fmt::format("aws --profile dev s3 cp s3://{}/data/prompts.csv -", dev_bucket));
  TRY(const std::string own, get_object(dev_, dev_bucket, "data/prompts.csv"));
  story_.proof(fmt::format("user dev reads {} from the dev bucket", show_bytes(static_cast<double>(own.size()))));

  const auto refused = [&](const std::string& command, const Result<void>& result) -> Result<void> {
    story_.command(command);
    if (result) return not_shown("user dev was not refused at the prod bucket");
    if (result.error().code() != "AccessDenied") return result.error();
    story_.proof(describe(result.error()));
    return ok;
  };
  const auto read = get_object(dev_, prod_bucket, "customers.csv");
  TRY_DO(refused(
      fmt::format("aws --profile dev s3api get-object --bucket {} --key customers.csv customers.txt", prod_bucket),
      read ? Result<void>(ok) : Result<void>(read.error())));
  api::s3::PutObjectRequest write;
  write.bucket = prod_bucket;
  write.key = "leak";
  write.content_length = 1;
  write.body = std::make_shared<StringSource>("x");
  const auto written = call<api::s3::op::PutObject>(dev_, std::move(write));
  return refused(fmt::format("aws --profile dev s3 cp prompts.csv s3://{}/leak", prod_bucket),
                 written ? Result<void>(ok) : Result<void>(written.error()));
}

// --- the end

namespace {

// Asks for the end of every machine that has not ended; how many are left.
Result<std::vector<std::string>> end_those_left(const Client& root) {
  TRY(const auto described, call<api::ec2::op::DescribeInstances>(root, {}));
  std::vector<std::string> left;
  api::ec2::TerminateInstancesRequest terminate;
  if (described.reservations)
    for (const auto& reservation : *described.reservations)
      for (const auto& instance : *reservation.instances) {
        if (state_of(instance) == "terminated") continue;
        left.push_back(instance.instance_id.value_or(""));
        if (state_of(instance) != "shutting-down") terminate.instance_ids.push_back(left.back());
      }
  if (!terminate.instance_ids.empty()) (void)call<api::ec2::op::TerminateInstances>(root, std::move(terminate));
  return left;
}

}  // namespace

Result<void> end_machines(const Client& root) {
  api::sagemaker::DeleteEndpointInput endpoint;
  endpoint.endpoint_name = endpoint_name;
  // There may be none: not served, or not made yet. What matters is asked below.
  (void)call<api::sagemaker::op::DeleteEndpoint>(root, std::move(endpoint));

  std::vector<std::string> left;
  const auto nothing_left = [&]() -> Result<bool> {
    TRY(left, end_those_left(root));
    const auto endpoints = call<api::sagemaker::op::ListEndpoints>(root, {});
    if (endpoints && !endpoints->endpoints.empty()) left.emplace_back("the endpoint");
    return left.empty();
  };
  const auto ended = wait_until("", end_time_max, nothing_left, [] { return false; });
  if (ended || left.empty()) return ended;
  return Error(ErrorKind::unavailable,
               fmt::format("{} did not end within {} s", fmt::join(left, ", "), end_time_max.count()));
}

}  // namespace hearth::cli
