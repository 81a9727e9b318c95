// Looks names up for the client, with a time limit. The system's resolver can be neither cancelled nor given one, so it
// runs on threads of its own, which are abandoned when they hang: they own all they work on. However many ask for a
// name, it is looked up once at a time, so one that hangs holds one thread; all together hold at most thread_count_max.
// Internal to src/http. All but the looking up itself happens on the context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "http/client.h"

namespace hearth::http {

class NameLookups {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  static constexpr std::size_t thread_count_max = 16;

  // `resolve` may block; empty: the system's resolver.
  NameLookups(boost::asio::io_context& context, Resolve resolve);
  ~NameLookups();
  NameLookups(const NameLookups&) = delete;
  NameLookups& operator=(const NameLookups&) = delete;

  // unavailable: there is no such name, or nothing was heard of it until `deadline`.
  Async<Addresses> look_up(std::string name, std::chrono::steady_clock::time_point deadline);

 private:
  struct Waiter;
  struct Lookup {
    std::vector<std::shared_ptr<Waiter>> waiters;
    bool is_running = false;
  };
  struct Shared;  // with the threads

  void run_what_may_run();
  void finish(const std::string& name, std::shared_ptr<const Result<Addresses>> found);
  void stop_waiting(const std::string& name, const std::shared_ptr<Waiter>& waiter);

  boost::asio::io_context& context_;
  std::shared_ptr<Shared> shared_;
  std::map<std::string, Lookup> lookups_;
  std::deque<std::string> queue_;  // those of lookups_ that wait for a thread
  std::size_t running_count_ = 0;
};

}  // namespace hearth::http
