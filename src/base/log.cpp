#include "base/log.h"

#include <unistd.h>

#include <fmt/format.h>
#include <atomic>
#include <chrono>

#include "base/time.h"

namespace hearth::log {
namespace {

std::atomic<Level> threshold = Level::info;

void append_value(std::string& line, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"\n\r\t\\=") == value.npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    if (c == '\n')
      line += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      line += ' ';
    else
      line += c;
  }
  line += '"';
}

}  // namespace

void set_level(Level level) {
  threshold = level;
}

void write(Level level, std::string_view message, Fields fields) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  static constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
  std::string line = format_iso8601(std::chrono::system_clock::now());
  line += ' ';
  line += names[static_cast<int>(level)];
  line += ' ';
  line += message;
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    append_value(line, value);
  }
  line += '\n';
  // One write per line keeps lines whole across threads.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace hearth::log
