// Our own log: one line per event on stderr, `time level message key=value …`. Values are quoted when needed.
// Never pass secrets, signatures, tokens or bodies. Safe from any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::log {

enum class Level { debug, info, warning, error };
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void set_level(Level level);
void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::warning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

}  // namespace hearth::log
