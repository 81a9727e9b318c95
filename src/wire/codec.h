// Requests and responses of every AWS protocol to and from generated structures, by walking the tables of
// wire/schema.h. One non-template codec per protocol, both directions: the server decodes requests and encodes
// responses, our own client does the reverse. Pure functions; safe from any thread. Input is bounded by the caller's
// body limit; nesting is bounded here. `in` and `out` point to the operation's Input and Output structure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "wire/schema.h"

namespace hearth::wire {

// Values the router cut out of the path, decoded: {"Bucket", "photos"}, {"Key", "a/b"}.
using Labels = std::vector<std::pair<std::string_view, std::string>>;

// --- server side

// Fills `in` from the request, whose body must have been read unless the operation streams its input (then the stream
// member is left null for the caller to set). Errors are modelled: MalformedXML, SerializationException,
// MissingParameter….
Result<void> decode_request(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol,
                            const http::Request& request, const Labels& labels, void* in);

// The streaming member of the operation's input, or null: where the caller puts a body that was not read.
Stream* input_stream(const ServiceSchema& service, const OperationEntry& operation, void* in);

// The modelled constraints: lengths, ranges, enumerations, patterns. The first violation, in the service's own form.
Result<void> validate(const ServiceSchema& service, const OperationEntry& operation, const void* in);

// Status, headers and body; a streaming output member becomes response.stream.
void encode_response(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol, void* out,
                     std::string_view request_id, http::Response& response);

// `resource` is the path for S3's <Resource>. Every error gets a message.
void encode_error(const ServiceSchema& service, Protocol protocol, const Error& error, std::string_view request_id,
                  std::string_view resource, http::Response& response);

// --- client side

// Method, path, query, headers and body; not signed. A streaming input member becomes request.stream.
void encode_request(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol, void* in,
                    http::Request& request);

// For 2xx. A streaming output member is taken from response.stream. Does not insist on required members.
Result<void> decode_response(const ServiceSchema& service, const OperationEntry& operation, Protocol protocol,
                             http::Response& response, void* out);

// For other statuses: Error::aws with code, status and message as the service sent them.
Error decode_error(Protocol protocol, const http::Response& response);

// --- canonical JSON of any generated structure (model names, base64 blobs, epoch-second timestamps): tests, storage

std::string to_json(const ServiceSchema& service, std::uint16_t structure, const void* value);
Result<void> from_json(const ServiceSchema& service, std::uint16_t structure, std::string_view json, void* value);

}  // namespace hearth::wire
