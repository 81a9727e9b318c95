// Where coroutines run: an Executor is a thread (or several) that takes work; ThreadPool is the place for blocking
// calls. offload() moves one blocking call there and comes back. Safe from any thread.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

namespace hearth {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` later on this executor. Never runs it inside the call.
  virtual void post(std::move_only_function<void()> work) = 0;

  // The executor whose thread we are on, or null on a plain thread (tests, background loops).
  static Executor* current() { return current_; }
  // The owner of an executor thread sets this once at the top of the thread.
  static void set_current(Executor* executor) { current_ = executor; }

 private:
  static inline thread_local Executor* current_ = nullptr;
};

// A fixed number of threads for calls that block (disks, libraries). Joins in its destructor after the queue is empty.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::size_t thread_count);
  ~ThreadPool() override;
  void post(std::move_only_function<void()> work) override;

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

namespace detail {
template <class F>
struct Offload {
  using R = std::invoke_result_t<F&>;
  Executor& pool;
  F function;
  std::optional<R> result;

  // On a plain thread blocking is fine: run in place.
  bool await_ready() {
    if (Executor::current()) return false;
    result.emplace(function());
    return true;
  }
  void await_suspend(std::coroutine_handle<> awaiter) {
    pool.post([this, awaiter, home = Executor::current()] {
      result.emplace(function());
      home->post([awaiter] { awaiter.resume(); });
    });
  }
  R await_resume() { return *std::move(result); }
};

template <class Initiate>
struct Suspend {
  Initiate initiate;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    // When the coroutine was on an executor, it goes on there, whoever wakes it.
    std::move_only_function<void()> resume;
    if (Executor* home = Executor::current())
      resume = [home, awaiter] { home->post([awaiter] { awaiter.resume(); }); };
    else
      resume = [awaiter] { awaiter.resume(); };
    initiate(std::move(resume));
  }
  void await_resume() const noexcept {}
};
}  // namespace detail

// co_await offload(pool, [&] { return db->Get(key, &value); });   `function` must return a value and may block.
template <class F>
auto offload(Executor& pool, F function) {
  return detail::Offload<F>{pool, std::move(function), std::nullopt};
}

// co_await suspend([&](auto resume) { waiters.push_back(std::move(resume)); });
// `initiate` gets a callable to be called exactly once, from any thread; the coroutine then goes on where it was.
template <class Initiate>
auto suspend(Initiate initiate) {
  return detail::Suspend<Initiate>{std::move(initiate)};
}

}  // namespace hearth
