// Lets a test in another language drive the codecs: one JSON command a line on stdin, one JSON answer a line on stdout.
//
//   {"do": "decode_request", "service", "operation", "protocol", "request", "labels"}  -> {"value"}
//   {"do": "encode_request", "service", "operation", "protocol", "value"}              -> {"request"}
//   {"do": "decode_response", "service", "operation", "protocol", "response"}          -> {"value"}
//   {"do": "encode_response", "service", "operation", "protocol", "value"}             -> {"response"}
//   {"do": "route", "request"}                                  -> {"service", "operation", "protocol", "labels"}
//
// Values are canonical JSON (wire/codec.h), bodies base64. What goes wrong is answered as {"error"}.
#include "probe.h"

#include <boost/json.hpp>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include "base/bytes.h"
#include "wire/codec.h"
#include "wire/routing.h"

namespace json = boost::json;

namespace hearth::probe {

#define HEARTH_SERVICE(name) Service name();
#include "services.inc"
#undef HEARTH_SERVICE

namespace {

std::vector<Service> all_services() {
  return {
#define HEARTH_SERVICE(name) name(),
#include "services.inc"
#undef HEARTH_SERVICE
  };
}

constexpr std::pair<std::string_view, wire::Protocol> protocol_names[] = {
    {"rest-xml", wire::Protocol::rest_xml},   {"query", wire::Protocol::query},
    {"ec2", wire::Protocol::ec2_query},       {"json", wire::Protocol::json},
    {"rest-json", wire::Protocol::rest_json}, {"smithy-rpc-v2-cbor", wire::Protocol::rpc_cbor}};

std::string_view text(const json::object& object, std::string_view name) {
  return object.at(name).as_string();
}

wire::Protocol read_protocol(std::string_view name) {
  for (const auto& [candidate, protocol] : protocol_names)
    if (candidate == name) return protocol;
  throw std::runtime_error("unknown protocol");
}

std::string_view protocol_name(wire::Protocol protocol) {
  for (const auto& [name, candidate] : protocol_names)
    if (candidate == protocol) return name;
  return "?";
}

void check(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().code() + ": " + result.error().message());
}

// --- messages

json::object write_message(const http::Headers& headers, const std::string& body) {
  json::array fields;
  for (const http::Header& field : headers) fields.push_back(json::array{field.name, field.value});
  return {{"headers", std::move(fields)}, {"body", to_base64(body)}};
}

void read_message(const json::object& message, http::Headers& headers, std::string& body) {
  for (const json::value& field : message.at("headers").as_array())
    headers.add(std::string_view(field.as_array()[0].as_string()), std::string(field.as_array()[1].as_string()));
  body = from_base64(text(message, "body")).value();
}

http::Request read_request(const json::object& message) {
  http::Request request;
  request.method = text(message, "method");
  request.path = text(message, "path");
  request.query = text(message, "query");
  read_message(message, request.headers, request.body);
  return request;
}

// --- commands

class Probe {
 public:
  Probe() : services_(all_services()) {
    for (const Service& service : services_) router_.add_service(service.schema);
  }

  json::object answer(const json::object& command) const {
    const std::string_view what = text(command, "do");
    if (what == "route") return route(read_request(command.at("request").as_object()));

    const Service& service = find_service(text(command, "service"));
    const std::size_t index = find_operation(service, text(command, "operation"));
    const Call call{
        service.schema, service.schema.operations[index], read_protocol(text(command, "protocol")),
        what.ends_with("request") ? service.operations[index].make_input() : service.operations[index].make_output()};
    if (what == "decode_request") return decode_request(call, command);
    if (what == "encode_request") return encode_request(call, command);
    if (what == "decode_response") return decode_response(call, command);
    if (what == "encode_response") return encode_response(call, command);
    throw std::runtime_error("unknown command");
  }

 private:
  struct Call {
    const wire::ServiceSchema& schema;
    const wire::OperationEntry& operation;
    wire::Protocol protocol;
    Value value;
  };

  const Service& find_service(std::string_view name) const {
    for (const Service& service : services_)
      if (service.schema.name == name) return service;
    throw std::runtime_error("unknown service");
  }

  static std::size_t find_operation(const Service& service, std::string_view name) {
    for (std::size_t i = 0; i < service.operations.size(); ++i)
      if (service.operations[i].name == name) return i;
    throw std::runtime_error("unknown operation");
  }

  static json::object dump(const Call& call, std::uint16_t structure) {
    if (structure == wire::no_index) return {{"value", json::object()}};
    return {{"value", json::parse(wire::to_json(call.schema, structure, call.value.get()))}};
  }

  static void load(const Call& call, std::uint16_t structure, const json::object& command) {
    if (structure == wire::no_index) return;
    check(wire::from_json(call.schema, structure, json::serialize(command.at("value")), call.value.get()));
  }

  static json::object decode_request(const Call& call, const json::object& command) {
    const http::Request request = read_request(command.at("request").as_object());
    wire::Labels labels;
    for (const auto& [name, value] : command.at("labels").as_object()) labels.emplace_back(name, value.as_string());
    check(wire::decode_request(call.schema, call.operation, call.protocol, request, labels, call.value.get()));
    return dump(call, call.operation.input);
  }

  static json::object encode_request(const Call& call, const json::object& command) {
    load(call, call.operation.input, command);
    http::Request request;
    wire::encode_request(call.schema, call.operation, call.protocol, call.value.get(), request);
    json::object message = write_message(request.headers, request.body);
    message["method"] = request.method;
    message["path"] = request.path;
    message["query"] = request.query;
    return {{"request", std::move(message)}};
  }

  static json::object decode_response(const Call& call, const json::object& command) {
    const json::object& message = command.at("response").as_object();
    http::Response response;
    response.status = static_cast<int>(message.at("status").as_int64());
    read_message(message, response.headers, response.body);
    check(wire::decode_response(call.schema, call.operation, call.protocol, response, call.value.get()));
    return dump(call, call.operation.output);
  }

  static json::object encode_response(const Call& call, const json::object& command) {
    load(call, call.operation.output, command);
    http::Response response;
    wire::encode_response(call.schema, call.operation, call.protocol, call.value.get(), "request-1", response);
    json::object message = write_message(response.headers, response.body);
    message["status"] = response.status;
    return {{"response", std::move(message)}};
  }

  json::object route(const http::Request& request) const {
    const auto found = router_.route(request);
    if (!found) throw std::runtime_error("nothing claims this request");
    json::object labels;
    for (const auto& [name, value] : found->labels) labels[name] = value;
    return {{"service", found->service->name},
            {"operation", found->operation_name},
            {"served", found->operation != nullptr},
            {"protocol", protocol_name(found->protocol)},
            {"labels", std::move(labels)}};
  }

  std::vector<Service> services_;
  wire::Router router_;
};

int run() {
  const Probe probe;
  std::string line;
  while (std::getline(std::cin, line)) {
    json::object answer;
    try {
      answer = probe.answer(json::parse(line).as_object());
    } catch (const std::exception& failure) {
      answer = {{"error", failure.what()}};
    }
    std::cout << json::serialize(answer) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace hearth::probe

int main() {
  return hearth::probe::run();
}
