// Work that many callers wait for and one thread does, everything that waits at a time: the heart of a group commit.
// While the thread handles one group, the next one gathers. Safe from any thread.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/async.h"
#include "base/executor.h"

namespace hearth {

// What a piece of work has beside its own members. It lives in the frame of the caller that waits for it.
struct GroupWork {
  Result<void> result = ok;                // set by the handler
  std::move_only_function<void()> resume;  // the queue's own
};

template <class Work>
class GroupQueue {
 public:
  // `handle` runs on the queue's thread with work in the order it came; afterwards every caller goes on.
  GroupQueue(std::string thread_name, std::function<void(const std::vector<Work*>&)> handle)
      : handle_(std::move(handle)), thread_([this, name = std::move(thread_name)] { run(name); }) {}
  ~GroupQueue() { stop(); }
  GroupQueue(const GroupQueue&) = delete;
  GroupQueue& operator=(const GroupQueue&) = delete;

  // Returns work.result once the work was handled. `work` must outlive the wait.
  Async<void> wait_for(Work& work) {
    if (Executor::current()) {
      co_await suspend([&](auto resume) {
        work.resume = std::move(resume);
        enqueue(work);
      });
      co_return std::move(work.result);
    }
    // A plain thread may block; going on there keeps callers' code off the queue's thread.
    std::mutex mutex;
    std::condition_variable finished;
    bool is_finished = false;
    work.resume = [&] {
      std::lock_guard lock(mutex);
      is_finished = true;
      finished.notify_one();
    };
    enqueue(work);
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return is_finished; });
    co_return std::move(work.result);
  }

  // Handles what waits, then ends the thread. Idempotent.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // How long those whose work failed may take to come back with it.
  static constexpr std::chrono::milliseconds return_time_max{1};

  void enqueue(Work& work) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(&work);
      if (queue_.size() != 1 && queue_.size() != expected_count_) return;  // the thread was told already
    }
    wake_.notify_one();
  }

  void run(const std::string& thread_name) {
    pthread_setname_np(pthread_self(), thread_name.substr(0, 15).c_str());
    std::vector<Work*> group;
    std::size_t failed_count = 0;
    for (;;) {
      group.clear();
      {
        std::unique_lock lock(mutex_);
        wait_for_work(lock, failed_count);
        if (queue_.empty()) return;
        group.swap(queue_);
      }
      handle_(group);
      const auto succeeded =
          std::stable_partition(group.begin(), group.end(), [](Work* work) { return !work->result; });
      failed_count = static_cast<std::size_t>(succeeded - group.begin());
      // Once resumed, the caller's frame and the work with it may be gone: take the callable out first.
      for (Work* work : group) {
        auto resume = std::move(work->resume);
        resume();
      }
    }
  }

  // When many keep changing one row, the one who wins is back first with its next change, alone, and makes all others
  // fail again, for ever. So those who failed go on first, and the next group waits a moment until they are back.
  void wait_for_work(std::unique_lock<std::mutex>& lock, std::size_t failed_count) {
    if (failed_count > 0) {
      expected_count_ = failed_count;
      wake_.wait_for(lock, return_time_max, [&] { return stopping_ || queue_.size() >= failed_count; });
      expected_count_ = 1;
    }
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  }

  std::function<void(const std::vector<Work*>&)> handle_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Work*> queue_;
  std::size_t expected_count_ = 1;  // by the waiting thread
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hearth
