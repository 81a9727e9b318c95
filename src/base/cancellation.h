// Says that nobody waits for a result any more, so that work on it can stop. Shared between who finds that out (the
// server, when a client leaves) and who works (a call to a model). Safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace hearth {

class Cancellation : public std::enable_shared_from_this<Cancellation> {
 public:
  // Forgets the function when destroyed; it does not run any more after that.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept
        : cancellation_(std::move(other.cancellation_)), number_(other.number_) {
      other.cancellation_.reset();
    }
    Registration& operator=(Registration&& other) noexcept {
      std::swap(cancellation_, other.cancellation_);
      std::swap(number_, other.number_);
      return *this;
    }
    ~Registration() {
      if (cancellation_) cancellation_->forget(number_);
    }

   private:
    friend class Cancellation;
    Registration(std::shared_ptr<Cancellation> cancellation, std::uint64_t number)
        : cancellation_(std::move(cancellation)), number_(number) {}
    std::shared_ptr<Cancellation> cancellation_;
    std::uint64_t number_ = 0;
  };

  // Runs what is registered, here and now. Once is enough; more does nothing.
  void cancel() {
    std::lock_guard lock(mutex_);
    if (cancelled_) return;
    cancelled_ = true;
    for (auto& [number, stop] : stops_) stop();
    stops_.clear();
  }
  bool is_cancelled() const {
    std::lock_guard lock(mutex_);
    return cancelled_;
  }
  // `stop` runs when cancelled, at once if that has happened. It must be short, not throw and not call back here: post
  // the real work to where it belongs.
  [[nodiscard]] Registration on_cancel(std::function<void()> stop) {
    std::lock_guard lock(mutex_);
    if (cancelled_) {
      stop();
      return {};
    }
    stops_.emplace(++last_number_, std::move(stop));
    return {shared_from_this(), last_number_};
  }

 private:
  void forget(std::uint64_t number) {
    std::lock_guard lock(mutex_);
    stops_.erase(number);
  }
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::function<void()>> stops_;
};

}  // namespace hearth
