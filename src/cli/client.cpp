#include "cli/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "wire/codec.h"

namespace hearth::cli {
namespace {

constexpr std::size_t answer_bytes_max = 64 << 20;
constexpr std::chrono::milliseconds pause_max{5'000};

// The codecs read modelled errors of every protocol but CBOR.
wire::Protocol choose_protocol(const wire::ServiceSchema& service) {
  if (service.primary_protocol != wire::Protocol::rpc_cbor) return service.primary_protocol;
  return service.protocols & wire::ProtocolSet::json ? wire::Protocol::json : wire::Protocol::query;
}

bool streams_output(const wire::ServiceSchema& service, const wire::OperationEntry& operation) {
  if (operation.output == wire::no_index) return false;
  const wire::StructEntry& output = service.structs[operation.output];
  for (std::uint16_t i = 0; i < output.member_count; ++i) {
    const wire::MemberEntry& member = service.members[output.first_member + i];
    if (service.types[member.type].kind == wire::Kind::stream) return true;
  }
  return false;
}

std::string request_id_of(const http::Response& response) {
  for (const char* name : {"x-amzn-RequestId", "x-amz-request-id"})
    if (const std::string* id = response.headers.find(name)) return *id;
  return "";
}

// Half of the pause is left to chance, so that clients that failed together do not come back together.
std::chrono::milliseconds jittered(std::chrono::milliseconds pause) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::int64_t>(pause.count() / 2, pause.count())(random));
}

}  // namespace

bool is_worth_retrying(const Error& error) {
  if (error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::cancelled) return true;
  if (error.kind() != ErrorKind::aws) return false;
  constexpr std::array throttled = {"Throttling",           "ThrottlingException",      "ThrottledException",
                                    "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
                                    "RequestTimeout",       "PriorRequestNotComplete"};
  if (std::ranges::find(throttled, error.code()) != throttled.end()) return true;
  // AWS: full is a 500 too, but asking again at once does not make room.
  if (error.code() == "InsufficientInstanceCapacity") return false;
  constexpr std::array passing = {429, 500, 502, 503, 504};
  return std::ranges::find(passing, error.http_status()) != passing.end();
}

std::string describe(const Error& error) {
  std::string text = error.code().empty() ? error.message() : error.code() + ": " + error.message();
  for (const auto& [name, value] : error.fields())
    if (name == "RequestId") text += fmt::format(" (request {})", value);
  if (error.kind() != ErrorKind::aws && !error.detail().empty()) text += fmt::format(" ({})", error.detail());
  return text;
}

Client::Client(ClientOptions options, http::Url endpoint)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      http_(std::make_shared<http::Client>(http::ClientOptions{.ca_file = options_.ca_file})) {}

Result<Client> Client::open(ClientOptions options) {
  TRY(http::Url endpoint, http::parse_url(options.endpoint_url));
  return Client(std::move(options), std::move(endpoint));
}

Client Client::with_credentials(wire::SigningCredentials credentials) const {
  Client other = *this;
  other.options_.credentials = std::move(credentials);
  return other;
}

Result<http::Response> Client::send_once(http::Request request, const std::string& signing_service) const {
  request.headers.set("Host", endpoint_.authority());
  if (!signing_service.empty()) {
    // A stream is read while it is sent, so its digest is not known when the head is signed.
    const std::string_view payload_hash = request.stream ? "UNSIGNED-PAYLOAD" : std::string_view();
    wire::sign_request(request, options_.credentials, {.region = options_.region, .service = signing_service},
                       std::chrono::system_clock::now(), payload_hash);
  }
  return sync_wait(http_->send(endpoint_, std::move(request)));
}

Result<void> Client::call(const wire::ServiceSchema& service, std::size_t operation_index, void* in, void* out) const {
  const wire::OperationEntry& operation = service.operations[operation_index];
  const wire::Protocol protocol = choose_protocol(service);
  const std::string signing_service(service.signing_name);

  const auto attempt = [&](http::Request request) -> Result<void> {
    TRY(http::Response response, send_once(std::move(request), signing_service));
    const bool succeeded = response.status / 100 == 2;
    if (response.stream && !(succeeded && streams_output(service, operation))) {
      TRY(response.body, sync_wait(read_all(*response.stream, answer_bytes_max)));
    }
    if (!succeeded) {
      Error error = wire::decode_error(protocol, response);
      const std::string request_id = request_id_of(response);
      return request_id.empty() ? error : std::move(error).with_field("RequestId", request_id);
    }
    return wire::decode_response(service, operation, protocol, response, out);
  };

  http::Request request;
  wire::encode_request(service, operation, protocol, in, request);
  if (request.stream) return attempt(std::move(request));

  std::chrono::milliseconds pause = options_.first_pause;
  for (int attempts = 1;; ++attempts) {
    http::Request copy;
    copy.method = request.method;
    copy.path = request.path;
    copy.query = request.query;
    copy.headers = request.headers;
    copy.body = request.body;
    Result<void> result = attempt(std::move(copy));
    if (result || attempts >= options_.attempts_max || !is_worth_retrying(result.error())) return result;
    std::this_thread::sleep_for(jittered(pause));
    pause = std::min(pause * 2, pause_max);
  }
}

Result<PlainAnswer> Client::send(const PlainCall& call) const {
  http::Request request;
  request.method = call.method;
  request.path = call.path;
  request.body = call.body;
  if (!call.content_type.empty()) request.headers.set("Content-Type", call.content_type);
  TRY(http::Response response, send_once(std::move(request), call.signing_service));
  PlainAnswer answer{.status = response.status, .body = std::move(response.body)};
  if (response.stream) {
    TRY(answer.body, sync_wait(read_all(*response.stream, answer_bytes_max)));
  }
  return answer;
}

}  // namespace hearth::cli
