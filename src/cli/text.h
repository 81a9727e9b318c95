// What people type and read at a terminal: durations, sizes, ages, tables, shell words. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hearth::cli {

// "90s", "10m", "2h", "1d", "1h30m"; a bare number means seconds. invalid with an example otherwise.
Result<std::chrono::seconds> parse_duration(std::string_view text);

std::string show_bytes(double bytes);            // 512 B, 1.5 KiB, 3.0 GiB
std::string show_age(std::chrono::seconds age);  // 45s, 12m, 3h, 5d
std::string show_clock(TimePoint time);          // 14:03:59 in local time
std::string show_number(double value);           // up to four digits that matter: 0.1234, 12.35, 1500

// "k=v,k2=v2" into pairs. invalid when a part has no '='.
Result<std::vector<std::pair<std::string, std::string>>> parse_pairs(std::string_view text);

// One word of a POSIX shell command, whatever is in it.
std::string shell_word(std::string_view text);
// All words of a command, each quoted where it needs to be.
std::string shell_command(const std::vector<std::string>& words);

// Rows under headings, each column as wide as its widest cell. Cells are counted in UTF-8 characters.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hearth::cli
