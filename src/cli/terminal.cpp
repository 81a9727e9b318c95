#include "cli/terminal.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "cli/client.h"

namespace hearth::cli {
namespace {

volatile sig_atomic_t interrupted = 0;

volatile sig_atomic_t ends_at_second = 1;

void on_signal(int signal) {
  interrupted = 1;
  if (ends_at_second) ::signal(signal, SIG_DFL);
}

// What helps against the failures people meet most.
std::string advice(const Error& error) {
  if (error.kind() == ErrorKind::unavailable)
    return "Is the server running? Start it with `hearth serve`, or name it with --endpoint-url.";
  if (error.code() == "InvalidClientTokenId" || error.code() == "UnrecognizedClientException" ||
      error.code() == "InvalidAccessKeyId" || error.code() == "AuthFailure")
    return "The server does not know this access key. `eval $(hearth env)` takes the root key of a local server.";
  if (error.code() == "SignatureDoesNotMatch") return "The secret key does not belong to the access key.";
  if (error.code() == "NotImplemented" || error.http_status() == 501)
    return "This server does not serve that operation; docs/services lists what is served.";
  if (error.code() == "InsufficientInstanceCapacity")
    return "Take a smaller --type, or end instances with `aws ec2 terminate-instances` (`hearth ps` lists them).";
  return "";
}

}  // namespace

bool is_terminal_out() {
  return ::isatty(STDOUT_FILENO) == 1;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

int fail(std::string_view command, std::string_view what, const Error& error) {
  fmt::print(stderr, "hearth {}: {}{}{}\n", command, what, what.empty() ? "" : ": ", describe(error));
  if (const std::string next = advice(error); !next.empty()) fmt::print(stderr, "  {}\n", next);
  return 1;
}

void note(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
}

void watch_for_interrupt(SecondSignal second) {
  ends_at_second = second == SecondSignal::ends;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, on_signal);
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace hearth::cli
