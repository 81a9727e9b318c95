#include "gateway/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "gateway/bearer_key.h"
#include "gateway/service_errors.h"
#include "wire/aws_chunked.h"
#include "wire/codec.h"
#include "wire/scalars.h"
#include "wire/sigv4.h"

namespace hearth::gateway {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
constexpr std::string_view streaming_prefix = "STREAMING-";

// An operation's input or output, made and destroyed by its own type.
class OwnedValue {
 public:
  OwnedValue(void* (*make)(), void (*destroy)(void*)) : value_(make()), destroy_(destroy) {}
  ~OwnedValue() { destroy_(value_); }
  OwnedValue(const OwnedValue&) = delete;
  OwnedValue& operator=(const OwnedValue&) = delete;
  void* get() const { return value_; }

 private:
  void* value_;
  void (*destroy_)(void*);
};

// Counts a body whose length nobody told.
class CountedSource final : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> body, std::uint64_t& bytes) : body_(std::move(body)), bytes_(bytes) {}
  Async<std::size_t> read(std::span<char> into) override {
    CO_TRY(const std::size_t count, co_await body_->read(into));
    bytes_ += count;
    co_return count;
  }
  std::optional<std::uint64_t> remaining() const override { return body_->remaining(); }

 private:
  std::unique_ptr<ByteSource> body_;
  std::uint64_t& bytes_;
};

// The form OpenAI's clients read: https://platform.openai.com/docs/guides/error-codes
http::Response plain_refusal(int status, std::string_view code, std::string_view message) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  std::string& body = response.body;
  body = "{\"error\":{\"message\":";
  wire::append_json_string(body, message);
  body += ",\"type\":";
  wire::append_json_string(body, code);
  body += ",\"param\":null,\"code\":";
  wire::append_json_string(body, code);
  body += "}}";
  return response;
}

// The name in a credential scope: sagemaker for sagemaker-runtime, and "s3express" where directory buckets are meant.
bool is_signing_name(const wire::ServiceSchema& service, std::string_view name) {
  return name == service.signing_name || name == service.endpoint_prefix ||
         (service.name == "s3" && name == "s3express");
}

bool is_form(const http::Request& request) {
  return request.headers.get("content-type").starts_with("application/x-www-form-urlencoded");
}
bool is_zipped(const http::Request& request) {
  return to_lower(request.headers.get("content-encoding")) == "gzip";
}

Error invalid_api_key(std::string message) {
  return Error::aws("invalid_api_key", 401, std::move(message));
}

}  // namespace

// One request on its way through the stages.
struct Gateway::Exchange {
  explicit Exchange(http::Request& r) : request(r) {
    if (!request.stream)
      bytes_in = request.body.size();
    else if (const auto length = request.stream->remaining())
      bytes_in = *length;
    else
      request.stream = std::make_unique<CountedSource>(std::move(request.stream), bytes_in);
  }
  http::Request& request;
  std::uint64_t bytes_in = 0;
  http::Response response;
  RequestContext ctx;
  steady_clock::time_point started = steady_clock::now();

  const wire::ServiceSchema* service = nullptr;  // after identify
  wire::Route route;
  const OperationHandler* handler = nullptr;
  std::optional<wire::ParsedSignature> signature;  // after authenticate
  std::string secret;
  wire::Stream body_stream;  // after prepare_body, for operations that stream their input
  std::optional<OwnedValue> input, output;

  bool is_s3() const { return service && service->name == "s3"; }
};

Gateway::Gateway(GatewayOptions options, CredentialDirectory& credentials, Authorizer& authorizer, const Clock& clock,
                 IdSource& ids)
    : options_(std::move(options)), credentials_(credentials), authorizer_(authorizer), clock_(clock), ids_(ids) {
  for (const std::string& suffix : options_.s3_host_suffixes) router_.add_s3_host_suffix(suffix);
}
Gateway::~Gateway() = default;

void Gateway::add_service(const wire::ServiceSchema& schema, const OperationTable* table) {
  router_.add_service(schema);
  tables_[&schema] = table;
}

void Gateway::add_route(PlainRoute route) {
  routes_.push_back(std::move(route));
}

const PlainRoute* Gateway::find_plain(const http::Request& request) const {
  for (const PlainRoute& route : routes_) {
    if (!request.path.starts_with(route.path)) continue;
    const std::string_view below = std::string_view(request.path).substr(route.path.size());
    if (below.empty() || (route.has_children && below.starts_with('/')))
      return router_.host_bucket(request).empty() ? &route : nullptr;
  }
  return nullptr;
}

Async<http::Response> Gateway::handle(http::Request& request) {
  Exchange exchange(request);
  exchange.ctx.request_id = ids_.uuid();
  exchange.ctx.deadline = clock_.now() + options_.request_timeout;
  exchange.ctx.watch_client = request.watch_client;
  if (const PlainRoute* route = find_plain(request)) co_return co_await handle_plain(*route, exchange);

  Result<void> done = co_await run_pipeline(exchange);
  http::Response response;
  if (done)
    response = std::move(exchange.response);
  else
    response = refuse(exchange, done.error());
  account(exchange, exchange.service ? exchange.service->name : "unknown", response);
  co_return response;
}

// The stages, in the order a client sees them fail.
Async<void> Gateway::run_pipeline(Exchange& exchange) {
  CO_TRY_DO(co_await read_form_early(exchange));       // a form's Action may be in its body
  CO_TRY_DO(co_await identify(exchange));              // which service, operation, protocol
  CO_TRY_DO(co_await authenticate(exchange));          // whose signature: ctx.caller
  CO_TRY_DO(co_await prepare_body(exchange));          // unpacked, checked, read or left streaming
  CO_TRY_DO(co_await decode(exchange));                // the operation's input, validated
  CO_TRY_DO(co_await authorize_and_invoke(exchange));  // the AccessRule, the Authorizer, the handler
  encode(exchange);
  co_return ok;
}

Async<void> Gateway::read_form_early(Exchange& exchange) {
  http::Request& request = exchange.request;
  if (!request.stream || !is_form(request)) co_return ok;
  const auto scope = wire::find_credential_scope(request);
  if (scope && scope->service == "s3") co_return ok;  // an object may well be of this type
  CO_TRY(request.body, co_await read_all(*request.stream, options_.body_bytes_max));
  request.stream.reset();
  co_return ok;
}

Async<void> Gateway::identify(Exchange& exchange) {
  http::Request& request = exchange.request;
  // A zipped form is opened to see what it asks for; it stays as it came, for that is what was signed.
  std::optional<std::string> zipped_form;
  if (is_form(request) && is_zipped(request))
    if (auto plain = wire::gunzip(request.body, options_.body_bytes_max))
      zipped_form = std::exchange(request.body, *std::move(plain));
  auto route = router_.route(request);
  if (zipped_form) request.body = *std::move(zipped_form);
  if (!route) co_return Error::aws("UnknownService", 404, "The request is for no service that Cloudhearth knows.");
  exchange.route = std::move(*route);
  exchange.service = exchange.route.service;
  const OperationTable* table = tables_.at(exchange.service);
  if (exchange.route.operation && table) exchange.handler = table->find(exchange.route.operation_index);
  co_return ok;
}

Async<KeySecret> Gateway::find_key(Exchange& exchange, std::string_view access_key_id, std::string_view session_token) {
  auto found = session_token.empty() ? co_await credentials_.find_key(access_key_id)
                                     : co_await credentials_.find_session_key(access_key_id, session_token);
  const auto refused = [&](Refusal what) { return refusal(*exchange.service, exchange.route.protocol, what); };
  if (!found) {
    if (found.error().kind() == ErrorKind::aws || found.error().kind() == ErrorKind::unavailable)
      co_return std::move(found).error();
    co_return refused(Refusal::unknown_key);
  }
  if (!found->session_token.empty() && !equal_constant_time(found->session_token, session_token))
    co_return refused(Refusal::invalid_token);
  if (found->expires_at != TimePoint{} && clock_.now() >= found->expires_at) co_return refused(Refusal::expired_token);
  co_return std::move(*found);
}

Async<void> Gateway::authenticate(Exchange& exchange) {
  const wire::ServiceSchema& service = *exchange.service;
  const wire::Protocol protocol = exchange.route.protocol;
  http::Request& request = exchange.request;
  auto parsed = wire::parse_signature(request);
  if (!parsed) co_return signature_refusal(service, protocol, parsed.error());
  RequestContext& ctx = exchange.ctx;
  ctx.region = options_.region;
  if (!*parsed) {
    const bool is_open = exchange.route.operation && (exchange.route.operation->flags & wire::OperationFlag::unsigned_);
    // S3 takes anonymous requests: a bucket policy may let everybody in.
    if (!exchange.is_s3() && !is_open) co_return refusal(service, protocol, Refusal::missing_credentials);
    ctx.caller.kind = PrincipalKind::anonymous;
    fill_facts(exchange);
    co_return ok;
  }
  exchange.signature = std::move(**parsed);
  exchange.signature->host_bucket = exchange.route.host_bucket;
  const wire::ParsedSignature& signature = *exchange.signature;
  // What was signed for one service is good for no other. A presigned URL of an object, above all, must not become a
  // call of IAM by the parameters, headers or body that its signature leaves open.
  if (!is_signing_name(service, signature.service)) {
    const std::string name(service.signing_name);
    co_return signature_refusal(
        service, protocol,
        {wire::SignatureProblem::mismatch, "Credential should be scoped to correct service: '" + name + "'."});
  }
  CO_TRY(KeySecret key, co_await find_key(exchange, signature.access_key_id, signature.session_token));

  // Without a digest in the request the body itself is what was signed: read it now.
  std::string payload_hash;
  if (signature.payload_hash.empty()) {
    if (request.stream) {
      auto body = co_await read_all(*request.stream, options_.body_bytes_max);
      if (!body) {
        if (body.error().kind() == ErrorKind::invalid) co_return refusal(service, protocol, Refusal::body_too_large);
        co_return std::move(body).error();
      }
      request.body = std::move(*body);
      request.stream.reset();
    }
    payload_hash = to_hex(sha256(request.body));
  }
  if (const auto failure =
          wire::verify_signature(signature, request, key.secret_access_key, payload_hash, clock_.now()))
    co_return signature_refusal(service, protocol, *failure);
  ctx.caller = std::move(key.principal);
  ctx.caller.access_key_id = signature.access_key_id;
  ctx.account_id = ctx.caller.account_id;
  if (!signature.region.empty() && signature.region != "*") ctx.region = signature.region;
  exchange.secret = std::move(key.secret_access_key);
  fill_facts(exchange);
  co_return ok;
}

void Gateway::fill_facts(Exchange& exchange) {
  RequestContext& ctx = exchange.ctx;
  const http::Request& request = exchange.request;
  ctx.source_ip = request.peer_address;
  ctx.host = request.headers.get("host");
  ctx.user_agent = request.headers.get("user-agent");
  ctx.is_tls = request.is_tls;
}

// What policies may ask about the request. Costs more than the rest of a small call's way, so it waits until something
// is to be authorised.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
void Gateway::fill_conditions(Exchange& exchange) {
  RequestContext& ctx = exchange.ctx;
  const http::Request& request = exchange.request;
  ConditionContext& context = ctx.condition_context;
  const TimePoint now = clock_.now();
  context["aws:sourceip"] = {ctx.source_ip};
  context["aws:useragent"] = {ctx.user_agent};
  context["aws:securetransport"] = {ctx.is_tls ? "true" : "false"};
  context["aws:currenttime"] = {format_iso8601_seconds(now)};
  context["aws:epochtime"] = {std::to_string(to_ms(now) / 1000)};
  context["aws:requestedregion"] = {ctx.region};
  if (const std::string_view referer = request.headers.get("referer"); !referer.empty())
    context["aws:referer"] = {std::string(referer)};
  if (exchange.signature) {
    context["s3:authtype"] = {exchange.signature->form == wire::SignatureForm::header ? "REST-HEADER"
                                                                                      : "REST-QUERY-STRING"};
    context["s3:signatureversion"] = {exchange.signature->form == wire::SignatureForm::v2_query ? "AWS"
                                                                                                : "AWS4-HMAC-SHA256"};
    if (exchange.signature->form == wire::SignatureForm::query)
      context["s3:signatureage"] = {std::to_string(to_ms(now) - to_ms(exchange.signature->time))};
  }
}

Async<void> Gateway::prepare_body(Exchange& exchange) {
  http::Request& request = exchange.request;
  const wire::ServiceSchema& service = *exchange.service;
  const wire::Protocol protocol = exchange.route.protocol;
  const bool is_streamed =
      exchange.route.operation && (exchange.route.operation->flags & wire::OperationFlag::streams_input);
  const std::string payload(exchange.signature ? std::string_view(exchange.signature->payload_hash)
                                               : request.headers.get("x-amz-content-sha256"));

  std::string encoding = to_lower(request.headers.get("content-encoding"));
  const bool is_chunked = payload.starts_with(streaming_prefix) || encoding.contains("aws-chunked");
  const bool was_read = !request.stream;
  // Most calls: authenticate() has read the body, and nothing is wrapped around it.
  if (was_read && !is_streamed && !is_chunked && (payload.empty() || payload == unsigned_payload))
    co_return unpack(exchange, encoding);
  std::unique_ptr<ByteSource> body = std::move(request.stream);
  if (was_read) body = std::make_unique<StringSource>(std::move(request.body));
  request.body.clear();

  if (is_chunked) {
    std::int64_t decoded_length = 0;
    const std::string_view length_text = request.headers.get("x-amz-decoded-content-length");
    const auto [end, failed] =
        std::from_chars(length_text.data(), length_text.data() + length_text.size(), decoded_length);
    if (failed != std::errc() || end != length_text.data() + length_text.size() || decoded_length < 0)
      co_return Error::aws("MissingContentLength", 411,
                           "You must provide the x-amz-decoded-content-length header with an aws-chunked body.");
    wire::ChunkSigning signing;
    if (exchange.signature && payload.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) {
      const wire::ParsedSignature& s = *exchange.signature;
      signing = {wire::signing_key(exchange.secret, s.date, s.region, s.service), s.signature, s.amz_date,
                 s.date + "/" + s.region + "/" + s.service + "/aws4_request"};
    } else if (payload != "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
      co_return Error::aws("InvalidArgument", 400,
                           "x-amz-content-sha256 names a body encoding that is not served: " + payload);
    }
    body = wire::decode_aws_chunked(std::move(body), static_cast<std::uint64_t>(decoded_length), std::move(signing),
                                    std::string(request.headers.get("x-amz-trailer")));
    // The rest of Content-Encoding belongs to the object.
    std::string kept;
    for (std::size_t at = 0; at < encoding.size();) {
      const auto comma = std::min(encoding.find(',', at), encoding.size());
      std::string token = encoding.substr(at, comma - at);
      std::erase(token, ' ');
      if (token != "aws-chunked" && !token.empty()) kept += (kept.empty() ? "" : ",") + token;
      at = comma + 1;
    }
    encoding = kept;
    request.headers.remove("content-encoding");
    if (!kept.empty()) request.headers.add("Content-Encoding", kept);
  } else if (payload.size() == 64 && payload.find_first_not_of("0123456789abcdefABCDEF") == payload.npos) {
    body = wire::check_sha256(std::move(body), to_lower(payload));
  } else if (!payload.empty() && payload != unsigned_payload) {
    co_return Error::aws("InvalidArgument", 400,
                         "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-…, or a valid sha256 value.");
  }

  if (is_streamed) {
    if (exchange.is_s3() && !was_read && !body->remaining())
      co_return Error::aws("MissingContentLength", 411, "You must provide the Content-Length HTTP header.");
    exchange.body_stream = std::move(body);
    co_return ok;
  }
  auto all = co_await read_all(*body, options_.body_bytes_max);
  if (!all) {
    if (all.error().kind() == ErrorKind::invalid) co_return refusal(service, protocol, Refusal::body_too_large);
    co_return std::move(all).error();
  }
  request.body = std::move(*all);
  co_return unpack(exchange, encoding);
}

// Small bodies may be zipped; an object's encoding is the object's own business.
Result<void> Gateway::unpack(Exchange& exchange, std::string_view encoding) {
  if (encoding != "gzip" || exchange.is_s3()) return ok;
  http::Request& request = exchange.request;
  auto plain = wire::gunzip(request.body, options_.body_bytes_max);
  if (!plain)
    return refusal(*exchange.service, exchange.route.protocol, Refusal::malformed_body, plain.error().message());
  request.body = std::move(*plain);
  return ok;
}

Async<void> Gateway::decode(Exchange& exchange) {
  const wire::ServiceSchema& service = *exchange.service;
  const wire::Route& route = exchange.route;
  if (!exchange.handler) {
    // A browser's upload is signed in its form, which nobody reads here: to say that it is not signed would be untrue.
    if (exchange.is_s3() && exchange.request.method == "POST" &&
        exchange.request.headers.get("content-type").starts_with("multipart/form-data"))
      co_return refusal(service, route.protocol, Refusal::not_implemented,
                        "Cloudhearth does not serve uploads by HTML forms (POST Object); presign a PUT instead.");
    // Honest, and only for callers we know: what is not served says so in the service's own form.
    if (exchange.ctx.caller.kind == PrincipalKind::anonymous)
      co_return refusal(service, route.protocol, Refusal::missing_credentials);
    if (route.is_known)
      co_return refusal(
          service, route.protocol, Refusal::not_implemented,
          fmt::format(
              "Cloudhearth does not serve the operation {} of the service {}; docs/services/{}.md in its sources "
              "lists those it serves.",
              route.operation_name, service.name, service.name));
    co_return refusal(service, route.protocol, Refusal::unknown_operation,
                      exchange.is_s3() ? "The specified method is not allowed against this resource."
                                       : "The action or operation requested is invalid: " + route.operation_name);
  }
  exchange.input.emplace(exchange.handler->make_input, exchange.handler->destroy_input);
  exchange.output.emplace(exchange.handler->make_output, exchange.handler->destroy_output);
  void* in = exchange.input->get();
  CO_TRY_DO(wire::decode_request(service, *route.operation, route.protocol, exchange.request, route.labels, in));
  CO_TRY_DO(wire::validate(service, *route.operation, in));
  if (exchange.body_stream)
    if (wire::Stream* member = wire::input_stream(service, *route.operation, in))
      *member = std::move(exchange.body_stream);
  co_return ok;
}

Async<void> Gateway::authorize_and_invoke(Exchange& exchange) {
  const OperationHandler& handler = *exchange.handler;
  std::vector<Access> accesses = handler.accesses(exchange.ctx, exchange.input->get());
  if (!accesses.empty()) fill_conditions(exchange);
  CO_TRY(Authorized authorized,
         co_await authorizer_.authorize(exchange.ctx.caller, std::move(accesses), exchange.ctx.condition_context));
  co_return co_await handler.invoke(std::move(authorized), exchange.ctx, exchange.input->get(), exchange.output->get());
}

void Gateway::encode(Exchange& exchange) {
  http::Response& response = exchange.response;
  wire::encode_response(*exchange.service, *exchange.route.operation, exchange.route.protocol, exchange.output->get(),
                        exchange.ctx.request_id, response);
  if (exchange.ctx.success_status) response.status = exchange.ctx.success_status;
  for (auto& [name, value] : exchange.ctx.extra_headers) response.headers.set(name, std::move(value));
  response.headers.add("x-amzn-RequestId", exchange.ctx.request_id);
  if (exchange.is_s3()) {
    response.headers.add("x-amz-request-id", exchange.ctx.request_id);
    response.headers.add("x-amz-id-2", exchange.ctx.request_id);
  }
}

http::Response Gateway::refuse(Exchange& exchange, const Error& error) {
  http::Response response;
  const std::string& request_id = exchange.ctx.request_id;
  if (!exchange.service) {
    response.status = error.kind() == ErrorKind::aws ? error.http_status() : 400;
    response.headers.add("Content-Type", "application/json");
    response.headers.add("x-amzn-RequestId", request_id);
    response.body = "{\"__type\":\"UnknownService\",\"message\":\"" + error.message() + "\"}";
    return response;
  }
  const wire::ServiceSchema& service = *exchange.service;
  const wire::Protocol protocol = exchange.route.protocol;
  const auto translated = [&]() -> Error {
    switch (error.kind()) {
      case ErrorKind::aws:
        return error;
      case ErrorKind::denied:
        return refusal(service, protocol, Refusal::access_denied, error.message());
      case ErrorKind::unavailable:
        return refusal(service, protocol, Refusal::unavailable, error.message());
      case ErrorKind::conflict:
        return refusal(service, protocol, Refusal::unavailable);
      case ErrorKind::no_space:
        return refusal(service, protocol, Refusal::no_space);
      case ErrorKind::cancelled:
        return Error::aws(
            "RequestTimeout", 400,
            "Your socket connection to the server was not read from or written to within the timeout period.");
      default:
        return refusal(service, protocol, Refusal::internal);
    }
  };
  const Error answer = translated();
  if (answer.http_status() >= 500 && answer.http_status() != 501) {
    // A service that answers with an error of its own model (InsufficientInstanceCapacity) does what it should.
    const bool is_meant = error.kind() == ErrorKind::aws;
    const auto write = is_meant ? log::warning : log::error;
    write("request failed", {{"request_id", request_id},
                             {"service", service.name},
                             {"operation", exchange.route.operation_name},
                             {"kind", to_string(error.kind())},
                             {"message", error.message()},
                             {"detail", error.detail()}});
  }
  wire::encode_error(service, protocol, answer, request_id, exchange.request.path, response);
  response.headers.add("x-amzn-RequestId", request_id);
  if (exchange.is_s3()) {
    response.headers.add("x-amz-request-id", request_id);
    response.headers.add("x-amz-id-2", request_id);
    if (exchange.request.method == "HEAD") response.body.clear();
    // A delete marker and the like are told in headers, on errors too.
    for (auto& [name, value] : exchange.ctx.extra_headers) response.headers.set(name, std::move(value));
  }
  return response;
}

void Gateway::account(const Exchange& exchange, std::string_view service, const http::Response& response) {
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - exchange.started).count();
  const std::uint64_t bytes_out = response.stream ? response.stream->remaining().value_or(0) : response.body.size();
  // Names that are not the model's come from the client: they are not kept apart.
  const std::string_view operation =
      exchange.route.is_known ? std::string_view(exchange.route.operation_name) : "unknown";
  metrics_.record(
      service, operation,
      {.status = response.status, .latency_us = elapsed, .bytes_in = exchange.bytes_in, .bytes_out = bytes_out});
  if (options_.log_requests)
    log::info("request", {{"request_id", exchange.ctx.request_id},
                          {"service", service},
                          {"operation", operation},
                          {"status", std::to_string(response.status)},
                          {"caller", exchange.ctx.caller.arn},
                          {"us", std::to_string(elapsed)}});
}

// --- beside the AWS protocols

// Who calls a plain route: the signer of the request (SigV4), or of the one inside its bearer key.
Async<void> Gateway::authenticate_plain(Exchange& exchange) {
  http::Request& request = exchange.request;
  if (request.stream) {
    auto body = co_await read_all(*request.stream, options_.body_bytes_max);
    if (!body) co_return Error::aws("invalid_request_error", 413, "The request body is too large or did not arrive.");
    request.stream.reset();
    request.body = std::move(*body);
  }
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view authorization = request.headers.get("authorization");
  const bool is_bearer = authorization.starts_with(bearer);
  std::optional<http::Request> inside_key;
  if (is_bearer) {
    auto read = read_bearer_key(authorization.substr(bearer.size()));
    if (!read) co_return invalid_api_key(read.error().message());
    inside_key = std::move(*read);
  }
  const http::Request& presented = inside_key ? *inside_key : request;

  auto parsed = wire::parse_signature(presented);
  if (!parsed) co_return invalid_api_key(parsed.error().message);
  if (!*parsed) co_return invalid_api_key("Sign the request with SigV4, or send a bearer API key.");
  const wire::ParsedSignature& signature = **parsed;
  if (signature.form == wire::SignatureForm::v2_query)
    co_return invalid_api_key("A URL that was presigned for an object is no API key.");
  auto key = signature.session_token.empty()
                 ? co_await credentials_.find_key(signature.access_key_id)
                 : co_await credentials_.find_session_key(signature.access_key_id, signature.session_token);
  if (!key && key.error().kind() == ErrorKind::unavailable) co_return std::move(key).error();
  const bool is_usable =
      key && (key->expires_at == TimePoint{} || clock_.now() < key->expires_at) &&
      (key->session_token.empty() || equal_constant_time(key->session_token, signature.session_token));
  if (!is_usable) co_return invalid_api_key("The API key is unknown or has expired.");

  const std::string payload_hash = to_hex(sha256(presented.body));
  if (const auto failure =
          wire::verify_signature(signature, presented, key->secret_access_key, payload_hash, clock_.now()))
    co_return invalid_api_key(failure->message);
  // A digest in a header covers the body only if it is the body's; a body that nobody signed could be anybody's.
  if (!signature.payload_hash.empty() && signature.payload_hash != payload_hash)
    co_return invalid_api_key("The body is not the one that was signed.");

  RequestContext& ctx = exchange.ctx;
  ctx.caller = std::move(key->principal);
  ctx.caller.access_key_id = signature.access_key_id;
  ctx.account_id = ctx.caller.account_id;
  if (!signature.region.empty()) ctx.region = signature.region;
  fill_facts(exchange);
  fill_conditions(exchange);
  if (is_bearer) {
    std::vector<Access> accesses = {{"bedrock:CallWithBearerToken", "*", {}}};
    CO_TRY_DO(co_await authorizer_.authorize(ctx.caller, std::move(accesses), ctx.condition_context));
  }
  co_return ok;
}

Async<http::Response> Gateway::answer_plain(const PlainRoute& route, Exchange& exchange) {
  exchange.ctx.region = options_.region;
  fill_facts(exchange);
  if (route.authenticates) CO_TRY_DO(co_await authenticate_plain(exchange));
  co_return co_await route.handle(exchange.ctx, exchange.request);
}

Async<http::Response> Gateway::handle_plain(const PlainRoute& route, Exchange& exchange) {
  auto answered = co_await answer_plain(route, exchange);
  http::Response response;
  if (answered) {
    response = std::move(*answered);
  } else {
    const Error& error = answered.error();
    switch (error.kind()) {
      case ErrorKind::not_found:
        response = plain_refusal(404, "not_found", error.message());
        break;
      case ErrorKind::invalid:
        response = plain_refusal(400, "invalid_request_error", error.message());
        break;
      case ErrorKind::denied:
        response = plain_refusal(403, "permission_denied", error.message());
        break;
      case ErrorKind::unavailable:
        response = plain_refusal(503, "service_unavailable", error.message());
        break;
      case ErrorKind::cancelled:  // the client has left: nobody reads this
        response = plain_refusal(408, "request_cancelled", error.message());
        break;
      case ErrorKind::aws:
        response = plain_refusal(error.http_status(), error.code(), error.message());
        break;
      default:
        log::error("request failed", {{"request_id", exchange.ctx.request_id},
                                      {"path", exchange.request.path},
                                      {"message", error.message()},
                                      {"detail", error.detail()}});
        response = plain_refusal(500, "server_error", "internal error");
    }
  }
  if (!response.headers.contains("x-request-id")) response.headers.add("x-request-id", exchange.ctx.request_id);
  exchange.route.is_known = true;
  exchange.route.operation_name = route.path;
  account(exchange, "hearth", response);
  co_return response;
}

}  // namespace hearth::gateway
