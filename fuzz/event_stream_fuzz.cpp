// Any bytes as an event stream: frames that are taken are frames we would have sent, and they leave the buffer shorter.
// The checksums are the guard against chance, and against libFuzzer: input that starts with 'r' is repaired first.
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/event_stream.h"

using namespace hearth;

namespace {

void put_checksum(std::string& bytes, std::size_t covered) {
  const auto crc =
      static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(covered)));
  for (std::size_t i = 0; i < 4; ++i) bytes[covered + i] = static_cast<char>(crc >> (24 - 8 * i));
}

// One frame of all the bytes there are: only the length of its headers is the input's own.
void repair(std::string& bytes) {
  if (bytes.size() < 16) bytes.resize(16);
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(bytes.size() >> (24 - 8 * i));
  put_checksum(bytes, 8);
  put_checksum(bytes, bytes.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string buffer(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'r') repair(buffer);
  for (;;) {
    const std::size_t before = buffer.size();
    const auto frame = wire::take_event_frame(buffer);
    if (!frame || !*frame) return 0;
    if (buffer.size() >= before) std::abort();
    std::string sent = wire::encode_event_frame(**frame);
    const auto again = wire::take_event_frame(sent);
    if (!again || !*again || (*again)->headers != (*frame)->headers || (*again)->payload != (*frame)->payload)
      std::abort();
  }
}
