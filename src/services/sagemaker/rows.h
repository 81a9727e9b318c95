// What SageMaker keeps: models, endpoint configurations, endpoints, and invocation records on their way to S3 and Logs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/key.h"
#include "base/row.h"
#include "services/sagemaker/names.h"

namespace hearth::sagemaker {

struct ModelRow {
  std::string name, arn, execution_role_arn;
  std::string image;
  std::string container_hostname;
  std::string model_uri;  // s3://bucket/prefix/ of an HF-layout folder or a .gguf object
  // How the caller named it, for DescribeModel: ModelDataUrl, or ModelDataSource with this S3DataType.
  std::string s3_data_type;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> tags;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (),
                      (name, arn, execution_role_arn, image, container_hostname, model_uri, s3_data_type, environment,
                       tags, created_ms))

struct VariantRow {
  std::string variant_name, model_name, instance_type;
  int initial_instance_count = 1;
  double weight = 1;
  int model_download_timeout_s = 0;  // 0: not given
  int startup_timeout_s = 0;
};
BOOST_DESCRIBE_STRUCT(VariantRow, (),
                      (variant_name, model_name, instance_type, initial_instance_count, weight,
                       model_download_timeout_s, startup_timeout_s))

// Where invocation records go (DataCaptureConfig); empty destination: Logs only.
struct CaptureRow {
  bool enabled = false;
  std::string destination_uri;  // s3://bucket/prefix
  int sampling_percentage = 100;
  bool input = true, output = true;
};
BOOST_DESCRIBE_STRUCT(CaptureRow, (), (enabled, destination_uri, sampling_percentage, input, output))

struct EndpointConfigRow {
  std::string name, arn, execution_role_arn;
  std::vector<VariantRow> variants;
  CaptureRow capture;
  std::map<std::string, std::string> tags;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointConfigRow, (), (name, arn, execution_role_arn, variants, capture, tags, created_ms))

// One machine of an endpoint, as wanted and as last seen.
struct EndpointInstance {
  std::string variant_name;
  int index = 0;
  int generation = 0;             // rises when a lost machine is replaced
  std::int64_t launch_ms = 0;     // when its launch was first asked for, written before the asking; 0: never
  std::string script;             // its user data, kept until it is launched
  std::string instance_id;        // empty until launched
  std::string address;            // private address
  bool healthy = false;           // answered /ping
  std::int64_t ill_since_ms = 0;  // when it stopped answering /ping; 0: healthy, or never was
};
BOOST_DESCRIBE_STRUCT(EndpointInstance, (),
                      (variant_name, index, generation, launch_ms, script, instance_id, address, healthy, ill_since_ms))

struct EndpointRow {
  std::string account_id, region;
  std::string name, arn, config_name;
  std::string status;  // Creating, InService, Deleting, Failed
  std::string failure_reason;
  std::string unique_id;  // tells this endpoint from an earlier one of the same name
  // The configuration as it was when the endpoint was made: configurations and models may be deleted under it.
  std::vector<VariantRow> variants;
  std::vector<ModelRow> models;
  CaptureRow capture;
  std::vector<EndpointInstance> instances;
  std::map<std::string, std::string> tags;
  std::int64_t created_ms = 0, modified_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointRow, (),
                      (account_id, region, name, arn, config_name, status, failure_reason, unique_id, variants, models,
                       capture, instances, tags, created_ms, modified_ms))

// Bytes of a request or an answer as a record holds them: rows and JSON hold UTF-8 only.
struct RecordedBody {
  std::string content_type;
  std::string data;  // UTF-8, or base64
  bool is_base64 = false;
};
BOOST_DESCRIBE_STRUCT(RecordedBody, (), (content_type, data, is_base64))

// One model call, durable before its answer ends, then batched to S3 and Logs.
struct InvocationRow {
  std::string event_id;
  std::string account_id, region, endpoint_name, variant_name;
  std::string inference_id;  // the client's; empty: none
  std::string caller_arn, operation;
  std::int64_t started_ms = 0;
  std::int64_t latency_us = 0;               // until the last byte of the answer was ready
  std::int64_t model_latency_us = 0;         // of it, spent waiting for the model server
  std::int64_t time_to_first_token_us = -1;  // streams only
  int status = 0;
  bool cancelled = false;                              // the client went away first
  std::int64_t input_tokens = -1, output_tokens = -1;  // -1: the model did not say
  RecordedBody request, response;
  bool truncated = false;  // a body was longer than what records hold
  // s3://bucket/prefix; empty: Logs only. Which of the bodies go there.
  std::string capture_uri;
  bool captures_input = true, captures_output = true;
};
BOOST_DESCRIBE_STRUCT(InvocationRow, (),
                      (event_id, account_id, region, endpoint_name, variant_name, inference_id, caller_arn, operation,
                       started_ms, latency_us, model_latency_us, time_to_first_token_us, status, cancelled,
                       input_tokens, output_tokens, request, response, truncated, capture_uri, captures_input,
                       captures_output))

// AWS: names differ in more than case: two that do not are one.
inline std::string model_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "model", account, region, to_lower(name));
}
inline std::string config_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "endpoint-config", account, region, to_lower(name));
}
inline std::string endpoint_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "endpoint", account, region, to_lower(name));
}

}  // namespace hearth::sagemaker
