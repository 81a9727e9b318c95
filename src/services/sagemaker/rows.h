// What SageMaker keeps: models, endpoint configurations, endpoints, and invocation records on their way to S3 and Logs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/key.h"
#include "base/row.h"

namespace hearth::sagemaker {

struct ModelRow {
  std::string name, arn, execution_role_arn;
  std::string image;
  std::string model_uri;  // s3://bucket/prefix/ of an HF-layout folder or a .gguf object
  std::map<std::string, std::string> environment;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (name, arn, execution_role_arn, image, model_uri, environment, created_ms))

struct VariantRow {
  std::string variant_name, model_name, instance_type;
  int initial_instance_count = 1;
};
BOOST_DESCRIBE_STRUCT(VariantRow, (), (variant_name, model_name, instance_type, initial_instance_count))

// Where invocation records go (DataCaptureConfig); empty destination: Logs only.
struct CaptureRow {
  bool enabled = false;
  std::string destination_uri;  // s3://bucket/prefix
  int sampling_percentage = 100;
  bool input = true, output = true;
};
BOOST_DESCRIBE_STRUCT(CaptureRow, (), (enabled, destination_uri, sampling_percentage, input, output))

struct EndpointConfigRow {
  std::string name, arn;
  std::vector<VariantRow> variants;
  CaptureRow capture;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointConfigRow, (), (name, arn, variants, capture, created_ms))

struct EndpointInstance {
  std::string variant_name;
  int index = 0;
  int generation = 0;       // rises when a lost machine is replaced
  std::string instance_id;  // empty until launched
  std::string address;      // private address
  bool healthy = false;     // answered /ping
  std::int64_t launched_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointInstance, (),
                      (variant_name, index, generation, instance_id, address, healthy, launched_ms))

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
  std::int64_t created_ms = 0, modified_ms = 0;
};
BOOST_DESCRIBE_STRUCT(EndpointRow, (),
                      (account_id, region, name, arn, config_name, status, failure_reason, unique_id, variants, models,
                       capture, instances, created_ms, modified_ms))

// One model call, durable before its answer ends, then batched to S3 and Logs.
struct InvocationRow {
  std::string account_id, region, endpoint_name, variant_name, inference_id;
  std::string caller_arn, operation;
  std::int64_t started_ms = 0;
  std::int64_t latency_us = 0;             // until the last byte of the answer
  std::int64_t time_to_first_byte_us = 0;  // for streams: time to first token
  int status = 0;
  bool cancelled = false;                              // the client went away first
  std::int64_t input_tokens = -1, output_tokens = -1;  // -1: the model did not say
  std::string request_content_type, request_body;
  std::string response_content_type, response_body;
  bool truncated = false;   // a body was longer than what records hold
  std::string capture_uri;  // s3://bucket/prefix; empty: Logs only
};
BOOST_DESCRIBE_STRUCT(InvocationRow, (),
                      (account_id, region, endpoint_name, variant_name, inference_id, caller_arn, operation, started_ms,
                       latency_us, time_to_first_byte_us, status, cancelled, input_tokens, output_tokens,
                       request_content_type, request_body, response_content_type, response_body, truncated,
                       capture_uri))

inline std::string model_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "model", account, region, name);
}
inline std::string config_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "endpoint-config", account, region, name);
}
inline std::string endpoint_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("sagemaker", "endpoint", account, region, name);
}

}  // namespace hearth::sagemaker
