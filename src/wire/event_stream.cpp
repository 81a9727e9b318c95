#include "wire/event_stream.h"

#include <zlib.h>

#include <algorithm>

#include "wire/scalars.h"

namespace hearth::wire {
namespace {

constexpr std::uint32_t frame_bytes_max = 16 << 20;
constexpr std::size_t prelude_bytes = 12, checksum_bytes = 4;
constexpr char string_header = 7;
constexpr std::size_t piece_bytes = 16 << 10;

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}
std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return value;
}
std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// Reads no further than the reader of the frames does: at most one frame waits here.
class PieceFrames final : public ByteSource {
 public:
  PieceFrames(Stream pieces, std::string event_type) : pieces_(std::move(pieces)), event_type_(std::move(event_type)) {}

  Async<std::size_t> read(std::span<char> into) override {
    if (frame_at_ == frame_.size() && !ended_) CO_TRY_DO(co_await next_frame());
    const std::size_t count = std::min(into.size(), frame_.size() - frame_at_);
    std::copy_n(frame_.data() + frame_at_, count, into.data());
    frame_at_ += count;
    co_return count;
  }

 private:
  Async<void> next_frame() {
    std::string piece(piece_bytes, '\0');
    const Result<std::size_t> count = co_await pieces_->read(piece);
    frame_.clear();
    frame_at_ = 0;
    ended_ = !count || *count == 0;
    if (!count) {
      const Error& error = count.error();
      frame_ =
          encode_exception(error.kind() == ErrorKind::aws ? error.code() : "InternalStreamFailure", error.message());
    } else if (*count > 0) {
      piece.resize(*count);
      frame_ = encode_event(event_type_, "application/octet-stream", std::move(piece));
    }
    co_return ok;
  }

  Stream pieces_;
  std::string event_type_;
  std::string frame_;
  std::size_t frame_at_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> frame_pieces(Stream pieces, std::string event_type) {
  return std::make_unique<PieceFrames>(std::move(pieces), std::move(event_type));
}

std::string_view EventFrame::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::string encode_event_frame(const EventFrame& frame) {
  std::string headers;
  for (const auto& [name, value] : frame.headers) {
    headers += static_cast<char>(name.size());
    headers += name;
    headers += string_header;
    headers += static_cast<char>(value.size() >> 8);
    headers += static_cast<char>(value.size());
    headers += value;
  }
  std::string out;
  append_u32(out, static_cast<std::uint32_t>(prelude_bytes + headers.size() + frame.payload.size() + checksum_bytes));
  append_u32(out, static_cast<std::uint32_t>(headers.size()));
  append_u32(out, checksum(out));
  out += headers;
  out += frame.payload;
  append_u32(out, checksum(out));
  return out;
}

std::string encode_event(std::string_view event_type, std::string_view content_type, std::string payload) {
  EventFrame frame;
  frame.headers = {{":message-type", "event"},
                   {":event-type", std::string(event_type)},
                   {":content-type", std::string(content_type)}};
  frame.payload = std::move(payload);
  return encode_event_frame(frame);
}

std::string encode_exception(std::string_view exception_type, std::string_view message) {
  EventFrame frame;
  frame.headers = {{":message-type", "exception"},
                   {":exception-type", std::string(exception_type)},
                   {":content-type", "application/json"}};
  frame.payload = "{\"Message\":";
  append_json_string(frame.payload, message);
  frame.payload += '}';
  return encode_event_frame(frame);
}

Result<std::optional<EventFrame>> take_event_frame(std::string& buffer) {
  const auto corrupt = [] { return Error(ErrorKind::corrupt, "the event stream is damaged"); };
  if (buffer.size() < prelude_bytes) return std::optional<EventFrame>();
  const std::string_view bytes(buffer);
  const std::uint32_t total = read_u32(bytes), headers_size = read_u32(bytes.substr(4));
  if (checksum(bytes.substr(0, 8)) != read_u32(bytes.substr(8))) return corrupt();
  if (total > frame_bytes_max || total < prelude_bytes + checksum_bytes ||
      headers_size > total - prelude_bytes - checksum_bytes)
    return corrupt();
  if (buffer.size() < total) return std::optional<EventFrame>();
  if (checksum(bytes.substr(0, total - checksum_bytes)) != read_u32(bytes.substr(total - checksum_bytes)))
    return corrupt();

  EventFrame frame;
  std::string_view headers = bytes.substr(prelude_bytes, headers_size);
  while (!headers.empty()) {
    const std::size_t name_size = static_cast<unsigned char>(headers[0]);
    if (headers.size() < 1 + name_size + 3 || headers[1 + name_size] != string_header) return corrupt();
    const std::string_view after = headers.substr(2 + name_size);
    const std::size_t value_size =
        static_cast<std::size_t>(static_cast<unsigned char>(after[0])) << 8 | static_cast<unsigned char>(after[1]);
    if (after.size() < 2 + value_size) return corrupt();
    frame.headers.emplace_back(headers.substr(1, name_size), after.substr(2, value_size));
    headers = after.substr(2 + value_size);
  }
  frame.payload = bytes.substr(prelude_bytes + headers_size, total - prelude_bytes - headers_size - checksum_bytes);
  buffer.erase(0, total);
  return std::optional<EventFrame>(std::move(frame));
}

}  // namespace hearth::wire
