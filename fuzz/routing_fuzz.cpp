// Any request through the router with every service known: it must find the same place twice, and a place it finds must
// exist. Input is a request (request_text.h).
#include <cstdint>
#include <cstdlib>

#include "api/cloudwatch/service.h"
#include "api/ec2/service.h"
#include "api/lambda/service.h"
#include "api/logs/service.h"
#include "api/s3/service.h"
#include "api/sagemaker_runtime/service.h"
#include "api/sts/service.h"
#include "fuzz/request_text.h"
#include "wire/routing.h"

using namespace hearth;

namespace {

const wire::Router& router() {
  static wire::Router instance;
  static const bool filled = [] {
    for (const wire::ServiceSchema* service :
         {&api::cloudwatch::schema, &api::ec2::schema, &api::lambda::schema, &api::logs::schema, &api::s3::schema,
          &api::sagemaker_runtime::schema, &api::sts::schema})
      instance.add_service(*service);
    instance.add_s3_host_suffix("s3.us-east-1.amazonaws.com");
    return true;
  }();
  (void)filled;
  return instance;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const http::Request request = fuzz::read_request({reinterpret_cast<const char*>(data), size});
  const auto first = router().route(request);
  const auto second = router().route(request);
  if (first.has_value() != second.has_value()) std::abort();
  if (!first) return 0;
  if (first->service != second->service || first->operation != second->operation) std::abort();
  if (!first->service && first->operation) std::abort();
  if (first->operation && first->operation != &first->service->operations[first->operation_index]) std::abort();
  return 0;
}
