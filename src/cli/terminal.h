// What a command writes to the person in front of it. Results go to standard output; progress, notes and failures to
// standard error, so that output can be piped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::cli {

bool is_terminal_out();
std::size_t terminal_width();  // 100 where there is no terminal

// --json was given: failures become one line of JSON, {"error": {"command", "code", "message"} and where there are any
// "status", "request_id", "advice"}, and notes are left out, so that programs read standard error too. Call once,
// early.
void speak_json();
bool speaks_json();

// "hearth ps: cannot list instances: AccessDenied: …" and, when we know it, what to do next. Returns exit code 1.
int fail(std::string_view command, std::string_view what, const Error& error);
// The same for options and words that cannot be meant. Returns exit code 2.
int fail_usage(std::string_view command, std::string_view message);
void note(std::string_view text);

// What a second SIGINT or SIGTERM does: ends the process, or nothing, for who has to put things away first.
enum class SecondSignal { ends, ignored };
// SIGINT, SIGTERM and SIGHUP set a flag instead of ending the process. Call once, early.
void watch_for_interrupt(SecondSignal second = SecondSignal::ends);
bool was_interrupted();

}  // namespace hearth::cli
