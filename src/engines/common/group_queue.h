// Work that many callers wait for and one thread does, everything that waits at a time: the heart of a group commit.
// While the thread handles one group, the next one gathers. Safe from any thread.
#pragma once

#include <pthread.h>

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
  void enqueue(Work& work) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(&work);
      if (queue_.size() > 1) return;  // the thread was told already
    }
    wake_.notify_one();
  }

  void run(const std::string& thread_name) {
    pthread_setname_np(pthread_self(), thread_name.substr(0, 15).c_str());
    std::vector<Work*> group;
    for (;;) {
      group.clear();
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        group.swap(queue_);
      }
      handle_(group);
      // Once resumed, the caller's frame and the work with it may be gone: take the callable out first.
      for (Work* work : group) {
        auto resume = std::move(work->resume);
        resume();
      }
    }
  }

  std::function<void(const std::vector<Work*>&)> handle_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Work*> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hearth
