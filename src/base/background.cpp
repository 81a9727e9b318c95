#include "base/background.h"

#include <pthread.h>

#include "base/log.h"

namespace hearth {

BackgroundLoop::BackgroundLoop(std::string name, std::chrono::milliseconds period, std::function<void()> step)
    : name_(std::move(name)), period_(period), step_(std::move(step)), thread_([this] { run(); }) {}

BackgroundLoop::~BackgroundLoop() {
  stop();
}

void BackgroundLoop::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void BackgroundLoop::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void BackgroundLoop::run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    try {
      step_();
    } catch (const std::exception& e) {
      log::error("background step failed", {{"loop", name_}, {"what", e.what()}});
    }
    lock.lock();
    changed_.wait_for(lock, period_, [this] { return woken_ || stopping_; });
  }
}

}  // namespace hearth
