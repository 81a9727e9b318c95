#include "llm/train/bpe_learner.h"

#include <queue>
#include <unordered_set>

namespace hearth::llm::train {

namespace {

using Id = std::int32_t;

std::uint64_t pair_key(Id left, Id right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

struct Word {
  std::vector<Id> ids;
  std::int64_t count;
};

struct Candidate {
  std::int64_t count;
  std::uint64_t key;
  bool operator<(const Candidate& other) const { return count != other.count ? count < other.count : key > other.key; }
};

class Learner {
 public:
  explicit Learner(const std::unordered_map<std::string, std::uint64_t>& word_counts) {
    for (const auto& [word, count] : word_counts) {
      if (word.size() < 2) continue;
      Word entry{.ids = {}, .count = static_cast<std::int64_t>(count)};
      for (const char byte : word) entry.ids.push_back(static_cast<unsigned char>(byte));
      words_.push_back(std::move(entry));
    }
    for (std::size_t i = 0; i < words_.size(); ++i) add_pairs(i, 1);
    for (const auto& [key, count] : counts_) queue_.push({count, key});
    touched_.clear();
  }

  std::vector<LearnedMerge> run(std::size_t token_count_max) {
    std::vector<LearnedMerge> merges;
    for (int byte = 0; byte < 256; ++byte) name(std::string(1, static_cast<char>(byte)));
    while (texts_.size() < 256 + token_count_max && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const std::int64_t count = counts_[best.key];
      if (count < 2) continue;
      // Counts change as words merge; a stale entry goes back with what it is worth now.
      if (count != best.count) {
        if (count < best.count) queue_.push({count, best.key});
        continue;
      }
      const auto left = static_cast<Id>(best.key >> 32);
      const auto right = static_cast<Id>(best.key & 0xFFFFFFFF);
      const Id merged = name(texts_[static_cast<std::size_t>(left)] + texts_[static_cast<std::size_t>(right)]);
      merges.push_back({left, right, merged});
      merge_everywhere(best.key, merged);
    }
    return merges;
  }

 private:
  Id name(const std::string& text) {
    const auto [place, is_new] = ids_.try_emplace(text, static_cast<Id>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return place->second;
  }

  void add_pairs(std::size_t word_index, std::int64_t sign) {
    const Word& word = words_[word_index];
    for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
      const std::uint64_t key = pair_key(word.ids[i], word.ids[i + 1]);
      counts_[key] += sign * word.count;
      if (sign > 0) {
        places_[key].insert(word_index);
        touched_.insert(key);
      }
    }
  }

  void merge_everywhere(std::uint64_t key, Id merged) {
    const auto left = static_cast<Id>(key >> 32);
    const auto right = static_cast<Id>(key & 0xFFFFFFFF);
    const std::unordered_set<std::size_t> places = std::move(places_[key]);
    places_.erase(key);
    touched_.clear();
    for (const std::size_t index : places) {
      add_pairs(index, -1);
      std::vector<Id>& ids = words_[index].ids;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < ids.size(); ++kept) {
        const bool is_pair = i + 1 < ids.size() && ids[i] == left && ids[i + 1] == right;
        ids[kept] = is_pair ? merged : ids[i];
        i += is_pair ? 2 : 1;
      }
      ids.resize(kept);
      add_pairs(index, 1);
    }
    for (const std::uint64_t changed : touched_) queue_.push({counts_[changed], changed});
  }

  std::vector<std::string> texts_;
  std::unordered_map<std::string, Id> ids_;
  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, std::int64_t> counts_;
  std::unordered_map<std::uint64_t, std::unordered_set<std::size_t>> places_;
  std::unordered_set<std::uint64_t> touched_;  // pairs whose count may have grown in this round
  std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<LearnedMerge> learn_merges(const std::unordered_map<std::string, std::uint64_t>& word_counts,
                                       std::size_t token_count_max) {
  return Learner(word_counts).run(token_count_max);
}

}  // namespace hearth::llm::train
