#include "cli/demo/story.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/terminal.h"

namespace hearth::cli {
namespace {

constexpr std::string_view bold = "\033[1m", dim = "\033[2m", green = "\033[32m", plain = "\033[0m",
                           clear_line = "\r\033[K";

constexpr std::chrono::seconds plain_progress_period{20};

}  // namespace

Story::Story() : is_terminal_(is_terminal_out()) {}

void Story::print(std::string_view mark, std::string_view text) {
  if (has_progress_) fmt::print("{}", clear_line);
  has_progress_ = false;
  fmt::print("   {} {}\n", mark, text);
  std::fflush(stdout);
}

void Story::step(std::string_view id, std::string_view title) {
  if (has_progress_) fmt::print("{}", clear_line);
  has_progress_ = false;
  if (is_terminal_)
    fmt::print("\n{}{}  {}{}  {}[{} s]{}\n", bold, id, title, plain, dim, elapsed().count(), plain);
  else
    fmt::print("\n{}  {}  [{} s]\n", id, title, elapsed().count());
  std::fflush(stdout);
}

void Story::command(std::string_view text) {
  print("$", is_terminal_ ? fmt::format("{}{}{}", dim, text, plain) : std::string(text));
}

void Story::say(std::string_view text) {
  print(" ", text);
}

void Story::proof(std::string_view text) {
  print(is_terminal_ ? fmt::format("{}✓{}", green, plain) : "✓", text);
}

void Story::lines(const std::vector<std::string>& drawing) {
  for (const std::string& line : drawing) print(" ", line);
}

void Story::progress(std::string_view text) {
  if (!is_terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (now - progress_at_ < plain_progress_period) return;
    progress_at_ = now;
    print(" ", text);
    return;
  }
  fmt::print("{}     {}", clear_line, text.substr(0, terminal_width() > 8 ? terminal_width() - 8 : 0));
  std::fflush(stdout);
  has_progress_ = true;
}

std::chrono::seconds Story::elapsed() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began_);
}

}  // namespace hearth::cli
