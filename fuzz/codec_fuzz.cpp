// Any bytes as the request of an operation, in each protocol: decoding, validating and encoding must neither crash nor
// hang, refusals say which error they are, and what was understood survives our canonical JSON, which is also how it is
// stored. The first byte picks the operation; the rest is a request (request_text.h).
#include <cstdint>
#include <cstdlib>
#include <span>

#include "api/cloudwatch/service.h"
#include "api/cloudwatch/types.h"
#include "api/ec2/service.h"
#include "api/ec2/types.h"
#include "api/logs/service.h"
#include "api/logs/types.h"
#include "api/s3/service.h"
#include "api/s3/types.h"
#include "api/sagemaker_runtime/service.h"
#include "api/sagemaker_runtime/types.h"
#include "api/sns/service.h"
#include "api/sns/types.h"
#include "api/sts/service.h"
#include "api/sts/types.h"
#include "fuzz/request_text.h"
#include "wire/codec.h"

using namespace hearth;
using wire::Protocol;

namespace {

// One operation as requests of one protocol name it.
struct Subject {
  void (*read)(const Subject& subject, const http::Request& request);
  const wire::ServiceSchema* service;
  Protocol protocol;
};

template <class Op>
void read_as(const Subject& subject, const http::Request& request) {
  const wire::ServiceSchema& service = *subject.service;
  const wire::OperationEntry& operation = service.operations[Op::index];
  const wire::Labels labels = {{"Bucket", "photos"}, {"Key", "a/b"}, {"EndpointName", "e"}};
  typename Op::Input in;
  const Result<void> read = wire::decode_request(service, operation, subject.protocol, request, labels, &in);
  if (!read) {
    if (read.error().code().empty() || read.error().http_status() < 400) std::abort();
    http::Response response;
    wire::encode_error(service, subject.protocol, read.error(), "id", request.path, response);
    return;
  }
  (void)wire::validate(service, operation, &in);

  const std::string stored = wire::to_json(service, operation.input, &in);
  typename Op::Input restored;
  if (!wire::from_json(service, operation.input, stored, &restored)) std::abort();
  if (wire::to_json(service, operation.input, &restored) != stored) std::abort();

  // Our own client would send it like this, and must be understood.
  if (operation.flags & wire::OperationFlag::streams_input) return;
  http::Request sent;
  wire::encode_request(service, operation, subject.protocol, &in, sent);
  typename Op::Input again;
  (void)wire::decode_request(service, operation, subject.protocol, sent, labels, &again);
}

#define SUBJECT(api_name, operation, protocol) \
  {&read_as<api::api_name::op::operation>, &api::api_name::schema, Protocol::protocol}

// The order is that of the corpus files' first bytes, from 'A' on.
const Subject subjects[] = {
    SUBJECT(s3, DeleteObjects, rest_xml),                   // A
    SUBJECT(s3, CompleteMultipartUpload, rest_xml),         // B
    SUBJECT(s3, PutObject, rest_xml),                       // C
    SUBJECT(s3, GetObject, rest_xml),                       // D
    SUBJECT(sts, AssumeRole, query),                        // E
    SUBJECT(cloudwatch, PutMetricData, query),              // F
    SUBJECT(cloudwatch, PutMetricData, json),               // G
    SUBJECT(cloudwatch, PutMetricData, rpc_cbor),           // H
    SUBJECT(cloudwatch, GetMetricData, rpc_cbor),           // I
    SUBJECT(ec2, RunInstances, ec2_query),                  // J
    SUBJECT(ec2, DescribeInstances, ec2_query),             // K
    SUBJECT(logs, PutLogEvents, json),                      // L
    SUBJECT(logs, CreateLogGroup, json),                    // M
    SUBJECT(sagemaker_runtime, InvokeEndpoint, rest_json),  // N
    SUBJECT(sns, Publish, query),                           // O
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Subject& subject = subjects[(data[0] + std::size(subjects) * 5 - 'A') % std::size(subjects)];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  subject.read(subject, fuzz::read_request(text));
  return 0;
}
