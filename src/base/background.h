// A named thread that calls a function every `period`, or at once when woken, until stopped. Owned: the destructor
// stops and joins. Used for reconcilers, alarm evaluation, flushing; tests call the function itself with a fake clock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace hearth {

class BackgroundLoop {
 public:
  BackgroundLoop(std::string name, std::chrono::milliseconds period, std::function<void()> step);
  ~BackgroundLoop();
  BackgroundLoop(const BackgroundLoop&) = delete;
  BackgroundLoop& operator=(const BackgroundLoop&) = delete;

  // Runs a step soon; several wakes before it starts are one. Safe from any thread.
  void wake();
  // No step starts after this returns. Idempotent.
  void stop();

 private:
  void run();
  std::string name_;
  std::chrono::milliseconds period_;
  std::function<void()> step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hearth
