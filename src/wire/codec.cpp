#include "wire/codec.h"

#include <boost/json.hpp>
#include <pugixml.hpp>

#include "wire/event_stream.h"
#include "wire/http_binding.h"
#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {
namespace {

constexpr std::string_view xml_declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view s3_namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

const MemberEntry* payload_member(const Walker& walker, const StructEntry& s) {
  return s.payload == no_index ? nullptr : walker.members(s) + s.payload;
}

bool has_body_members(const Walker& walker, const StructEntry& s) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i)
    if (member[i].location == Location::body) return true;
  return false;
}

bool has_present_body_member(const Walker& walker, const StructEntry& s, const void* value) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i)
    if (member[i].location == Location::body && walker.present(member[i], value)) return true;
  return false;
}

// The body of rest-xml and rest-json: one payload member, or the members without another location.
bool decode_rest_body(Walker& walker, const StructEntry& s, const std::string& body, void* value, SeenMembers& seen) {
  const bool xml = walker.protocol == Protocol::rest_xml;
  if (const MemberEntry* member = payload_member(walker, s)) {
    const TypeEntry& type = walker.type(member->type);
    if (type.kind >= Kind::stream) {
      seen.set(s.payload);
      return true;
    }
    // An empty body is an empty value where there must be one.
    const bool is_raw = type.kind == Kind::blob || type.kind == Kind::string;
    if (body.empty() && !(is_raw && member->flags & MemberFlag::required)) return true;
    void* target = walker.make(*member, value);
    seen.set(s.payload);
    if (type.kind == Kind::blob) return as<Blob>(target).data = body, true;
    if (type.kind == Kind::string) return as<std::string>(target) = body, true;
    return xml ? parse_xml_value(walker, type, body, target) : parse_json_value(walker, type, body, target);
  }
  if (body.empty() || !has_body_members(walker, s)) return true;
  return xml ? parse_xml_structure(walker, s, body, {}, value, seen)
             : parse_json_structure(walker, s, body, value, seen);
}

void append_root_open(std::string& out, std::string_view name, std::string_view xmlns) {
  out += '<';
  out += name;
  if (!xmlns.empty()) {
    out += " xmlns=\"";
    out += xmlns;
    out += '"';
  }
  out += '>';
}

struct RestBody {
  std::string_view root;  // of a body without payload member
  std::string_view xmlns;
  bool is_response;
};
// Returns the content type, or "" when the body says nothing of its own.
std::string_view encode_rest_body(const Walker& walker, const StructEntry& s, const void* value, const RestBody& form,
                                  std::string& out) {
  const bool xml = walker.protocol == Protocol::rest_xml;
  if (const MemberEntry* member = payload_member(walker, s)) {
    const void* present = walker.present(*member, value);
    if (!present) return {};
    const TypeEntry& type = walker.type(member->type);
    if (type.kind == Kind::blob) return out = as<Blob>(present).data, std::string_view();
    if (type.kind == Kind::string) return out = as<std::string>(present), std::string_view();
    if (!xml) {
      append_json_value(walker, type, present, out);
      return "application/json";
    }
    if (form.is_response) out = xml_declaration;
    std::string_view name = walker.text(member->wire);
    if (type.kind == Kind::structure && form.is_response && walker.structure(type.element).root)
      name = walker.text(walker.structure(type.element).root);
    append_root_open(out, name, member->xmlns ? walker.text(member->xmlns) : form.xmlns);
    append_xml_value(walker, type, present, out);
    out += "</";
    out += name;
    out += '>';
    return "application/xml";
  }
  if (!has_body_members(walker, s)) return {};
  if (!xml) {
    append_json_structure(walker, s, value, out);
    return "application/json";
  }
  if (!form.is_response && !has_present_body_member(walker, s, value)) return {};
  if (form.is_response) out = xml_declaration;
  append_root_open(out, form.root, form.xmlns);
  // AWS: GetBucketLocation's only member is the text of its root element.
  const MemberEntry* only = walker.members(s);
  if (form.is_response && s.member_count == 1 && walker.text(only->wire) == form.root) {
    if (const void* present = walker.present(*only, value))
      append_xml_value(walker, walker.type(only->type), present, out);
  } else {
    append_xml_members(walker, s, value, out);
  }
  out += "</";
  out += form.root;
  out += '>';
  return "application/xml";
}

// The member of a structure that is a stream, if it has one.
const MemberEntry* find_stream(const Walker& walker, const StructEntry& s) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member)
    if (walker.type(member->type).kind >= Kind::stream) return member;
  return nullptr;
}
Stream* stream_member(const Walker& walker, const StructEntry& s, void* value) {
  const MemberEntry* member = find_stream(walker, s);
  return member ? &as<Stream>(static_cast<char*>(value) + member->offset) : nullptr;
}

// The event of an event stream that is a piece of bytes and nothing else: SageMaker's PayloadPart.
std::string_view byte_event(const Walker& walker, const StructEntry& events) {
  const MemberEntry* event = walker.members(events);
  for (unsigned i = 0; i < events.member_count; ++i, ++event) {
    const StructEntry& content = walker.structure(walker.type(event->type).element);
    if (content.member_count == 1 && walker.type(walker.members(content)->type).kind == Kind::blob)
      return walker.text(event->name);
  }
  return {};
}

// Hands a shared stream to a message, which owns its body alone.
class SharedSource final : public ByteSource {
 public:
  explicit SharedSource(Stream stream) : stream_(std::move(stream)) {}
  Async<std::size_t> read(std::span<char> into) override { return stream_->read(into); }
  std::optional<std::uint64_t> remaining() const override { return stream_->remaining(); }
  std::optional<FileSlice> file_slice() const override { return stream_->file_slice(); }
  Async<std::uint64_t> fetch(FileSlice slice) override { return stream_->fetch(slice); }

 private:
  Stream stream_;
};

std::string json_content_type(const ServiceSchema& service) {
  return "application/x-amz-json-" + std::string(service.json_version);
}

}  // namespace

Stream* input_stream(const ServiceSchema& service, const OperationEntry& operation, void* in) {
  if (operation.input == no_index) return nullptr;
  const Walker walker{.schema = service, .protocol = service.primary_protocol};
  return stream_member(walker, service.structs[operation.input], in);
}

Result<void> decode_request(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol,
                            const http::Request& request, const Labels& labels, void* in) {
  if (operation.input == no_index) return ok;
  Walker walker{.schema = service, .protocol = protocol};
  const StructEntry& s = service.structs[operation.input];
  SeenMembers seen;
  bool good = true;
  switch (protocol) {
    case Protocol::query:
    case Protocol::ec2_query:
      good = parse_form_structure(walker, s, request.body.empty() ? request.query : request.body, in, seen);
      break;
    case Protocol::json:
      good = request.body.empty() || parse_json_structure(walker, s, request.body, in, seen);
      break;
    case Protocol::rpc_cbor:
      good = request.body.empty() || parse_cbor_structure(walker, s, request.body, in, seen);
      break;
    case Protocol::rest_xml:
    case Protocol::rest_json:
      good = bind_request(walker, s, request, labels, in, seen) && decode_rest_body(walker, s, request.body, in, seen);
      break;
  }
  return walker.result(good && walker.require_members(s, seen));
}

void encode_response(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol, void* out,
                     std::string_view request_id, http::Response& response) {
  const Walker walker{.schema = service, .protocol = protocol};
  const StructEntry* s = operation.output == no_index ? nullptr : &service.structs[operation.output];
  const std::string_view name = service.text(operation.name);
  std::string& body = response.body;
  response.status = operation.status ? operation.status : 200;
  switch (protocol) {
    case Protocol::query: {
      const std::string root = std::string(name) + "Response";
      body.reserve(512);
      append_root_open(body, root, service.xml_namespace);
      if (s) {
        const std::string wrapper = operation.result_wrapper ? std::string(service.text(operation.result_wrapper))
                                                             : std::string(name) + "Result";
        append_root_open(body, wrapper, {});
        append_xml_members(walker, *s, out, body);
        body.append("</").append(wrapper).append(">");
      }
      body.append("<ResponseMetadata><RequestId>").append(request_id);
      body.append("</RequestId></ResponseMetadata></").append(root).append(">");
      response.headers.add("Content-Type", "text/xml");
      break;
    }
    case Protocol::ec2_query: {
      const std::string root = std::string(name) + "Response";
      body = xml_declaration;
      append_root_open(body, root, "http://ec2.amazonaws.com/doc/" + std::string(service.api_version) + "/");
      body += "<requestId>";
      body += request_id;
      body += "</requestId>";
      if (s)
        append_xml_members(walker, *s, out, body);
      else
        body += "<return>true</return>";
      body += "</" + root + ">";
      response.headers.add("Content-Type", "text/xml;charset=UTF-8");
      break;
    }
    case Protocol::json:
      if (s)
        append_json_structure(walker, *s, out, body);
      else
        body = "{}";
      response.headers.add("Content-Type", json_content_type(service));
      break;
    case Protocol::rpc_cbor:
      if (s) append_cbor_structure(walker, *s, out, body);
      response.headers.add("Content-Type", "application/cbor");
      response.headers.add("smithy-protocol", "rpc-v2-cbor");
      break;
    case Protocol::rest_xml:
    case Protocol::rest_json: {
      if (!s) break;
      const MemberEntry* member = walker.members(*s);
      for (unsigned i = 0; i < s->member_count; ++i, ++member)
        if (member->location == Location::status)
          if (const void* present = walker.present(*member, out)) response.status = as<std::int32_t>(present);
      write_headers(walker, *s, out, response.headers);
      const MemberEntry* streamed = find_stream(walker, *s);
      if (Stream* stream = stream_member(walker, *s, out);
          stream && *stream && walker.type(streamed->type).kind == Kind::events) {
        const std::string_view event = byte_event(walker, walker.structure(walker.type(streamed->type).element));
        response.headers.set("Content-Type", "application/vnd.amazon.eventstream");
        response.stream = frame_pieces(std::move(*stream), std::string(event));
        break;
      }
      const RestBody form{.root = service.text(s->root ? s->root : s->name),
                          .xmlns = protocol == Protocol::rest_xml ? s3_namespace : std::string_view(),
                          .is_response = true};
      const std::string_view type = encode_rest_body(walker, *s, out, form, body);
      if (!type.empty() && !response.headers.contains("Content-Type"))
        response.headers.add("Content-Type", std::string(type));
      if (Stream* stream = stream_member(walker, *s, out); stream && *stream)
        response.stream = std::make_unique<SharedSource>(std::move(*stream));
      break;
    }
  }
}

namespace {
// Whether the modelled error `code` has a member `name` that is a number.
bool is_number_in_error(const ServiceSchema& service, std::string_view code, std::string_view name) {
  const Walker walker{.schema = service, .protocol = service.primary_protocol};
  for (std::size_t i = 0; i < service.struct_count; ++i) {
    const StructEntry& s = service.structs[i];
    if (service.text(s.name) != code) continue;
    const MemberEntry* member = walker.members(s);
    for (unsigned m = 0; m < s.member_count; ++m, ++member)
      if (walker.text(member->name) == name) {
        const Kind kind = walker.type(member->type).kind;
        return kind == Kind::i32 || kind == Kind::i64;
      }
  }
  return false;
}

// Of an error's further members, which go into headers: no XML element of AWS has a dash in its name.
bool is_header_name(std::string_view name) {
  return name.find('-') != name.npos || name == "ETag" || name == "Allow";
}
}  // namespace

void encode_error(const ServiceSchema& service, Protocol protocol, const Error& error, std::string_view request_id,
                  std::string_view resource, http::Response& response) {
  response.status = error.http_status();
  response.body.clear();
  response.stream.reset();
  std::string& body = response.body;
  const std::string& code = error.code();
  // Messages and fields quote what the client sent, which may be anything.
  const std::string message = error.message().empty() ? code : printable(error.message());
  const auto element = [&](std::string_view name, std::string_view text) {
    body += '<';
    body += name;
    body += '>';
    append_xml_text(body, text);
    body += "</";
    body += name;
    body += '>';
  };
  switch (protocol) {
    case Protocol::rest_xml:
      body = xml_declaration;
      body += "<Error>";
      element("Code", code);
      element("Message", message);
      for (const auto& [name, value] : error.fields()) {
        if (is_header_name(name))
          response.headers.set(name, value);
        else
          element(name, printable(value));
      }
      element("Resource", printable(resource));
      element("RequestId", request_id);
      element("HostId", request_id);
      body += "</Error>";
      response.headers.add("Content-Type", "application/xml");
      if (error.http_status() == 304) {  // has no body (RFC 9110, 15.4.5)
        body.clear();
        response.headers.remove("Content-Type");
      }
      break;
    case Protocol::query:
      append_root_open(body, "ErrorResponse", service.xml_namespace);
      body += "<Error>";
      element("Type", error.http_status() < 500 ? "Sender" : "Receiver");
      element("Code", code);
      element("Message", message);
      body += "</Error>";
      element("RequestId", request_id);
      body += "</ErrorResponse>";
      response.headers.add("Content-Type", "text/xml");
      break;
    case Protocol::ec2_query:
      body = xml_declaration;
      body += "<Response><Errors><Error>";
      element("Code", code);
      element("Message", message);
      body += "</Error></Errors>";
      element("RequestID", request_id);
      body += "</Response>";
      response.headers.add("Content-Type", "text/xml;charset=UTF-8");
      break;
    case Protocol::json:
    case Protocol::rest_json: {
      body = "{\"__type\":";
      append_json_string(body, code);
      body += ",\"message\":";
      append_json_string(body, message);
      for (const auto& [name, value] : error.fields()) {
        body += ',';
        append_json_string(body, name);
        body += ':';
        if (is_number_in_error(service, code, name))
          body += value;
        else
          append_json_string(body, printable(value));
      }
      body += '}';
      response.headers.add("Content-Type",
                           protocol == Protocol::json ? json_content_type(service) : "application/json");
      response.headers.add("x-amzn-ErrorType", code);
      break;
    }
    case Protocol::rpc_cbor:
      append_cbor_error(body, code, message);
      response.headers.add("Content-Type", "application/cbor");
      response.headers.add("smithy-protocol", "rpc-v2-cbor");
      break;
  }
  // Clients of a service that once spoke the query protocol look for its codes here.
  if (service.query_compatible && (protocol == Protocol::json || protocol == Protocol::rpc_cbor))
    response.headers.add("x-amzn-query-error", code + ";" + (error.http_status() < 500 ? "Sender" : "Receiver"));
}

void encode_request(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol, void* in,
                    http::Request& request) {
  const Walker walker{.schema = service, .protocol = protocol};
  const StructEntry* s = operation.input == no_index ? nullptr : &service.structs[operation.input];
  const std::string name(service.text(operation.name));
  request.method = "POST";
  request.path = "/";
  std::string& body = request.body;
  switch (protocol) {
    case Protocol::query:
    case Protocol::ec2_query:
      body = "Action=" + name + "&Version=" + std::string(service.api_version);
      if (s) append_form_structure(walker, operation.input, in, body);
      request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
      break;
    case Protocol::json:
      if (s)
        append_json_structure(walker, *s, in, body);
      else
        body = "{}";
      request.headers.add("X-Amz-Target", std::string(service.target_prefix) + "." + name);
      request.headers.add("Content-Type", json_content_type(service));
      break;
    case Protocol::rpc_cbor:
      request.path = "/service/" + std::string(service.target_prefix) + "/operation/" + name;
      if (s) {
        append_cbor_structure(walker, *s, in, body);
        request.headers.add("Content-Type", "application/cbor");
      }
      request.headers.add("smithy-protocol", "rpc-v2-cbor");
      request.headers.add("Accept", "application/cbor");
      break;
    case Protocol::rest_xml:
    case Protocol::rest_json: {
      request.method = service.text(operation.method);
      write_uri(walker, operation, s, in, request);
      if (!s) break;
      write_headers(walker, *s, in, request.headers);
      const RestBody form{.root = service.text(operation.request_root ? operation.request_root : s->name),
                          .xmlns = service.text(operation.request_xmlns),
                          .is_response = false};
      const std::string_view type = encode_rest_body(walker, *s, in, form, body);
      if (!type.empty() && !request.headers.contains("Content-Type"))
        request.headers.add("Content-Type", std::string(type));
      if (Stream* stream = stream_member(walker, *s, in); stream && *stream)
        request.stream = std::make_unique<SharedSource>(std::move(*stream));
      break;
    }
  }
}

Result<void> decode_response(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol,
                             http::Response& response, void* out) {
  if (operation.output == no_index) return ok;
  Walker walker{.schema = service, .protocol = protocol, .check_required = false};
  const StructEntry& s = service.structs[operation.output];
  SeenMembers seen;
  switch (protocol) {
    case Protocol::query: {
      const std::string wrapper = operation.result_wrapper ? std::string(service.text(operation.result_wrapper))
                                                           : std::string(service.text(operation.name)) + "Result";
      return walker.result(parse_xml_structure(walker, s, response.body, wrapper, out, seen));
    }
    case Protocol::ec2_query:
      return walker.result(parse_xml_structure(walker, s, response.body, {}, out, seen));
    case Protocol::json:
      return walker.result(response.body.empty() || parse_json_structure(walker, s, response.body, out, seen));
    case Protocol::rpc_cbor:
      return walker.result(response.body.empty() || parse_cbor_structure(walker, s, response.body, out, seen));
    case Protocol::rest_xml:
    case Protocol::rest_json: {
      const MemberEntry* member = walker.members(s);
      for (unsigned i = 0; i < s.member_count; ++i, ++member)
        if (member->location == Location::status) as<std::int32_t>(walker.make(*member, out)) = response.status;
      if (Stream* stream = stream_member(walker, s, out)) *stream = std::move(response.stream);
      return walker.result(bind_headers(walker, s, response.headers, out, seen) &&
                           decode_rest_body(walker, s, response.body, out, seen));
    }
  }
  return ok;
}

Error decode_error(Protocol protocol, const http::Response& response) {
  std::string code, message;
  switch (protocol) {
    case Protocol::rest_xml:
    case Protocol::query:
    case Protocol::ec2_query: {
      pugi::xml_document document;
      if (document.load_buffer(response.body.data(), response.body.size())) {
        const pugi::xml_node error = document.select_node("//Error").node();
        code = error.child_value("Code");
        message = error.child_value("Message");
      }
      break;
    }
    case Protocol::json:
    case Protocol::rest_json: {
      boost::system::error_code failed;
      const boost::json::value body = boost::json::parse(response.body, failed);
      if (!failed && body.is_object()) {
        const boost::json::object& object = body.get_object();
        const auto text = [&](std::string_view name) {
          const auto* value = object.if_contains(name);
          return value && value->is_string() ? std::string(value->get_string()) : std::string();
        };
        code = text("__type");
        message = text("message").empty() ? text("Message") : text("message");
      }
      break;
    }
    case Protocol::rpc_cbor:
      break;  // our own client never chooses CBOR
  }
  if (code.empty()) code = response.headers.get("x-amzn-ErrorType");
  if (const auto hash = code.find('#'); hash != code.npos) code.erase(0, hash + 1);
  if (const auto colon = code.find(':'); colon != code.npos) code.resize(colon);
  if (code.empty()) code = response.status == 404 ? "NotFound" : std::to_string(response.status);
  if (message.empty()) message = std::string(http::reason_phrase(response.status));
  return Error::aws(std::move(code), response.status, std::move(message));
}

}  // namespace hearth::wire
