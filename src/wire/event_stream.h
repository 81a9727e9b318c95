// Frames of application/vnd.amazon.eventstream.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html,
// https://smithy.io/2.0/aws/amazon-eventstream.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/values.h"

namespace hearth::wire {

struct EventFrame {
  std::vector<std::pair<std::string, std::string>> headers;  // string headers only: all that AWS services send
  std::string payload;
  std::string_view header(std::string_view name) const;
};

std::string encode_event_frame(const EventFrame& frame);
// An event of a modelled stream: ":message-type" event, ":event-type", ":content-type".
std::string encode_event(std::string_view event_type, std::string_view content_type, std::string payload);
std::string encode_exception(std::string_view exception_type, std::string_view message);

// The frames of an event stream whose events are pieces of bytes: every piece read from `pieces` is one event. A
// failure of `pieces` becomes a last frame, an exception with the error's code or InternalStreamFailure.
std::unique_ptr<ByteSource> frame_pieces(Stream pieces, std::string event_type);

// Takes whole frames off the front of `buffer`. Null: more bytes are needed. ErrorKind::corrupt on a wrong checksum or
// a frame of more than 16 MiB.
Result<std::optional<EventFrame>> take_event_frame(std::string& buffer);

}  // namespace hearth::wire
