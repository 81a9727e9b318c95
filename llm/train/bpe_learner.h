// Learns byte-pair merges from counted words.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth::llm::train {

struct LearnedMerge {
  std::int32_t left, right, merged;
};

// The most frequent pair first, none that occurs once, until `token_count_max` tokens were made. Ids below 256 are
// bytes; merges number their tokens from 256 on, and two merges that make the same bytes share a token. Of two pairs
// equally frequent the one with the smaller ids wins, so the outcome depends on the counts alone.
std::vector<LearnedMerge> learn_merges(const std::unordered_map<std::string, std::uint64_t>& word_counts,
                                       std::size_t token_count_max);

}  // namespace hearth::llm::train
