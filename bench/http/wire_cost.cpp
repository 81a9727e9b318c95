// What our own part of a call costs without sockets, signatures or a service: routing, decoding, validation and
// encoding of small calls, in thread CPU time.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <stdexcept>

#include "api/all_services.h"
#include "api/s3/types.h"
#include "api/sts/types.h"
#include "wire/codec.h"
#include "wire/routing.h"

namespace hearth {
namespace {

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::string scope_of(std::string_view service) {
  return fmt::format(
      "AWS4-HMAC-SHA256 Credential=AKIABENCHBENCHBENCHB/20260101/us-east-1/{}/aws4_request, "
      "SignedHeaders=content-type;host;x-amz-date, Signature={:064}",
      service, 0);
}

http::Request request_of(std::string_view service, std::string_view method, std::string_view type, std::string body) {
  http::Request request;
  request.method = method;
  request.path = "/";
  request.headers.add("Host", "127.0.0.1:4566");
  request.headers.add("Authorization", scope_of(service));
  request.headers.add("X-Amz-Date", "20260101T000000Z");
  if (!type.empty()) request.headers.add("Content-Type", std::string(type));
  request.body = std::move(body);
  return request;
}

// One call from request to response; `fill` is what a handler would answer.
template <class Input, class Output, class Fill>
void call(const wire::Router& router, const http::Request& request, const Fill& fill) {
  const auto route = router.route(request);
  if (!route || !route->operation) throw std::runtime_error("not routed");
  Input in;
  Output out;
  if (!wire::decode_request(*route->service, *route->operation, route->protocol, request, route->labels, &in) ||
      !wire::validate(*route->service, *route->operation, &in))
    throw std::runtime_error("not decoded");
  fill(out);
  http::Response response;
  wire::encode_response(*route->service, *route->operation, route->protocol, &out,
                        "00000000-0000-4000-8000-000000000000", response);
  if (response.body.empty()) throw std::runtime_error("not encoded");
}

// The best of many rounds: other work on the machine only ever adds.
template <class Call>
void measure(std::string_view name, const Call& once) {
  constexpr int rounds = 200, calls_per_round = 500;
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const double before = cpu_us();
    for (int i = 0; i < calls_per_round; ++i) once();
    best = std::min(best, (cpu_us() - before) / calls_per_round);
  }
  fmt::print("{:36}{:8.2f} µs\n", name, best);
}

void run() {
  wire::Router router;
  for (const wire::ServiceSchema* schema : api::all_services) router.add_service(*schema);

  const auto identity = request_of("sts", "POST", "application/x-www-form-urlencoded; charset=utf-8",
                                   "Action=GetCallerIdentity&Version=2011-06-15");
  measure("query: sts GetCallerIdentity", [&] {
    call<api::sts::GetCallerIdentityRequest, api::sts::GetCallerIdentityResponse>(router, identity, [](auto& out) {
      out.account = "000000000000";
      out.arn = "arn:aws:iam::000000000000:root";
      out.user_id = "000000000000";
    });
  });
  const auto buckets = request_of("s3", "GET", "", "");
  measure("rest-xml: s3 ListBuckets, of 2", [&] {
    call<api::s3::ListBucketsRequest, api::s3::ListBucketsOutput>(router, buckets, [](auto& out) {
      out.buckets.emplace();
      out.buckets->resize(2);
      out.buckets->at(0).name = "datasets";
      out.buckets->at(1).name = "models";
    });
  });
}

}  // namespace
}  // namespace hearth

int main() {
  hearth::run();
}
