// Async<T>: a lazy coroutine that ends in a Result<T>. It starts when awaited and resumes its awaiter when done.
// Knows nothing of sockets or threads: who resumes it decides where it runs (base/executor.h). Move-only; destroying an
// unfinished Async destroys the coroutine, so whoever owns it must not do that while something will still resume it.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"

namespace hearth {

namespace detail {
// The exception being handled, as an Error.
Error escaped_exception() noexcept;
}  // namespace detail

template <class T = void>
class [[nodiscard]] Async {
 public:
  struct promise_type {
    std::optional<Result<T>> result;
    std::coroutine_handle<> awaiter = std::noop_coroutine();

    Async get_return_object() { return Async(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Finish {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().awaiter;
      }
      void await_resume() noexcept {}
    };
    Finish final_suspend() noexcept { return {}; }

    template <class U>
      requires std::constructible_from<Result<T>, U&&>
    void return_value(U&& value) {
      result.emplace(std::forward<U>(value));
    }

    // Exceptions belong inside the file that talks to a library that throws. One that escapes is our bug: it becomes a
    // 500 for this request instead of taking the server down.
    void unhandled_exception() noexcept { result.emplace(detail::escaped_exception()); }
  };

  Async(Async&& other) noexcept : self_(std::exchange(other.self_, {})) {}
  Async& operator=(Async&& other) noexcept {
    if (this != &other) {
      if (self_) self_.destroy();
      self_ = std::exchange(other.self_, {});
    }
    return *this;
  }
  ~Async() {
    if (self_) self_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    self_.promise().awaiter = awaiter;
    return self_;
  }
  Result<T> await_resume() { return *std::move(self_.promise().result); }

 private:
  explicit Async(std::coroutine_handle<promise_type> self) : self_(self) {}
  std::coroutine_handle<promise_type> self_;
};

// Starts `task` now and calls `done(Result<T>)` when it ends, on whatever thread ends it. The bridge from callbacks.
namespace detail {
struct FireAndForget {
  struct promise_type {
    FireAndForget get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};
template <class T, class Done>
FireAndForget run_then(Async<T> task, Done done) {
  Result<T> result = co_await task;
  // Its coroutine goes before anybody hears of its end: who waits for that may then drop what the task borrowed.
  {
    const Async<T> ended = std::move(task);
  }
  done(std::move(result));
}
}  // namespace detail
template <class T, class Done>
void start(Async<T> task, Done done) {
  detail::run_then(std::move(task), std::move(done));
}

// Runs `task` from a plain thread and blocks until it ends. For tests, tools and background threads; never on an I/O
// thread (base/executor.h, Executor::current() must be null).
template <class T>
Result<T> sync_wait(Async<T> task) {
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<Result<T>> result;
  start(std::move(task), [&](Result<T> r) {
    std::lock_guard lock(mutex);
    result.emplace(std::move(r));
    ended.notify_one();
  });
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

}  // namespace hearth
