// A bounded map of immutable values, forgotten as a whole. Safe from any thread.
//
// What was read before a change must not be kept after it: take a ticket before reading, and put() with it afterwards
// keeps the value only if nothing was forgotten in between.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace hearth::iam {

template <class T>
class Cache {
 public:
  using Ticket = std::uint64_t;
  explicit Cache(std::size_t entry_count_max) : entry_count_max_(entry_count_max) {}

  std::shared_ptr<const T> find(std::string_view key) const {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second;
  }
  Ticket ticket() const {
    std::lock_guard lock(mutex_);
    return generation_;
  }
  void put(std::string key, std::shared_ptr<const T> value, Ticket ticket) {
    std::lock_guard lock(mutex_);
    if (ticket != generation_) return;
    // Full means that something odd goes on or that it is time: starting over costs one read per entry.
    if (entries_.size() >= entry_count_max_) entries_.clear();
    entries_[std::move(key)] = std::move(value);
  }
  void forget() {
    std::lock_guard lock(mutex_);
    ++generation_;
    entries_.clear();
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  const std::size_t entry_count_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const T>, Hash, std::equal_to<>> entries_;
  Ticket generation_ = 0;
};

}  // namespace hearth::iam
