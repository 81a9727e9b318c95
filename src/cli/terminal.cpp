#include "cli/terminal.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>

#include "cli/client.h"

namespace hearth::cli {
namespace {

volatile sig_atomic_t interrupted = 0;

volatile sig_atomic_t ends_at_second = 1;

bool writes_json = false;

void on_signal(int signal) {
  interrupted = 1;
  if (ends_at_second) ::signal(signal, SIG_DFL);
}

// What helps against the failures people meet most.
std::string advice(const Error& error) {
  if (error.kind() == ErrorKind::unavailable && error.message().contains("certificate"))
    return "Nobody here vouches for the server's certificate. Name it in AWS_CA_BUNDLE, or the data folder of a server "
           "that made its own in --data.";
  if (error.kind() == ErrorKind::unavailable)
    return "Is the server running? Start it with `hearth serve`, or name it with --endpoint-url.";
  if (error.code() == "InvalidClientTokenId" || error.code() == "UnrecognizedClientException" ||
      error.code() == "InvalidAccessKeyId")
    return "The server does not know this access key. `eval $(hearth env)` takes the root key of a local server.";
  if (error.code() == "AuthFailure")
    return "The server does not know this access key, or the secret key is another's. `eval $(hearth env)` takes the "
           "root key of a local server.";
  if (error.code() == "SignatureDoesNotMatch") return "The secret key does not belong to the access key.";
  if (error.code() == "ExpiredToken" || error.code() == "ExpiredTokenException" || error.code() == "RequestExpired")
    return "These credentials were temporary and are over; ask for new ones.";
  if (error.code().starts_with("InvalidInstanceID")) return "`hearth ps -a` lists the instances there are.";
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

void speak_json() {
  writes_json = true;
}

bool speaks_json() {
  return writes_json;
}

int fail(std::string_view command, std::string_view what, const Error& error) {
  const std::string next = advice(error);
  const std::string before = what.empty() ? "" : fmt::format("{}: ", what);
  if (!writes_json) {
    fmt::print(stderr, "hearth {}: {}{}\n", command, before, describe(error));
    if (!next.empty()) fmt::print(stderr, "  {}\n", next);
    return 1;
  }
  boost::json::object facts = {{"command", command},
                               {"code", error.code().empty() ? to_string(error.kind()) : error.code()},
                               {"message", before + error.message()}};
  if (error.kind() == ErrorKind::aws) facts["status"] = error.http_status();
  for (const auto& [name, value] : error.fields())
    if (name == "RequestId") facts["request_id"] = value;
  if (!next.empty()) facts["advice"] = next;
  fmt::print(stderr, "{}\n", boost::json::serialize(boost::json::object{{"error", std::move(facts)}}));
  return 1;
}

int fail_usage(std::string_view command, std::string_view message) {
  if (writes_json) {
    fail(command, "", Error(ErrorKind::invalid, message));
  } else {
    const std::string words = command.empty() ? "hearth" : fmt::format("hearth {}", command);
    fmt::print(stderr, "{0}: {1}\n  `{0} --help` explains its options, with examples.\n", words, message);
  }
  return 2;
}

void note(std::string_view text) {
  if (!writes_json) fmt::print(stderr, "{}\n", text);
}

void watch_for_interrupt(SecondSignal second) {
  ends_at_second = second == SecondSignal::ends;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, on_signal);
}

bool was_interrupted() {
  return interrupted != 0;
}

}  // namespace hearth::cli
