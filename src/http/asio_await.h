// co_await for Asio operations inside our own coroutines. Internal to src/http. The operation completes on its
// io_context's thread, which is the coroutine's own, and resumes it there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>

#include "base/executor.h"

namespace hearth::http {

struct IoResult {
  boost::system::error_code error;
  std::size_t count = 0;
};

template <class Initiate>
class AsioOperation {
 public:
  explicit AsioOperation(Initiate initiate) : initiate_(std::move(initiate)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    initiate_([this, awaiter](boost::system::error_code error, auto... count) {
      result_.error = error;
      if constexpr (sizeof...(count) == 1) result_.count = static_cast<std::size_t>((count, ...));
      awaiter.resume();
    });
  }
  IoResult await_resume() const noexcept { return result_; }

 private:
  Initiate initiate_;
  IoResult result_;
};

// const IoResult r = co_await asio_await([&](auto done) { socket.async_read_some(buffer, std::move(done)); });
template <class Initiate>
auto asio_await(Initiate initiate) {
  return AsioOperation<Initiate>(std::move(initiate));
}

class IoExecutor final : public Executor {
 public:
  explicit IoExecutor(boost::asio::io_context& context) : context_(context) {}
  void post(std::move_only_function<void()> work) override {
    boost::asio::post(context_, [work = std::move(work)]() mutable { work(); });
  }

 private:
  boost::asio::io_context& context_;
};

}  // namespace hearth::http
