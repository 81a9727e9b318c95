#include "http/name_lookups.h"

#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>

#include "http/asio_await.h"

namespace hearth::http {
namespace asio = boost::asio;

struct NameLookups::Waiter {
  asio::steady_timer timer;  // ends at the deadline, or at once when something was found
  std::shared_ptr<const Result<Addresses>> found;
};

struct NameLookups::Shared {
  const Resolve resolve;
  std::mutex mutex;
  NameLookups* owner;  // null once nobody listens any more
};

namespace {

Result<std::vector<std::string>> ask_the_system(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failure = ::getaddrinfo(name.c_str(), nullptr, &hints, &found); failure != 0)
    return Error(ErrorKind::unavailable, ::gai_strerror(failure));
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text);
  }
  ::freeaddrinfo(found);
  return addresses;
}

Result<NameLookups::Addresses> resolve_with(const Resolve& resolve, const std::string& name) {
  TRY(const std::vector<std::string> texts, resolve(name));
  NameLookups::Addresses addresses;
  for (const std::string& text : texts) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(text, error);
    if (!error) addresses.push_back(address);
  }
  if (addresses.empty()) return Error(ErrorKind::unavailable, "the name has no address");
  return addresses;
}

}  // namespace

NameLookups::NameLookups(asio::io_context& context, Resolve resolve)
    : context_(context),
      shared_(new Shared{.resolve = resolve ? std::move(resolve) : Resolve(ask_the_system), .owner = this}) {}

NameLookups::~NameLookups() {
  std::lock_guard lock(shared_->mutex);
  shared_->owner = nullptr;
}

Async<NameLookups::Addresses> NameLookups::look_up(std::string name, std::chrono::steady_clock::time_point deadline) {
  const auto waiter = std::make_shared<Waiter>(asio::steady_timer(context_, deadline));
  const auto [lookup, is_new] = lookups_.try_emplace(name);
  lookup->second.waiters.push_back(waiter);
  if (is_new) {
    queue_.push_back(name);
    run_what_may_run();
  }
  (void)co_await asio_await([&](auto done) { waiter->timer.async_wait(std::move(done)); });
  if (waiter->found) co_return *waiter->found;
  stop_waiting(name, waiter);
  co_return Error(ErrorKind::unavailable, "the name was not found in time");
}

void NameLookups::run_what_may_run() {
  while (running_count_ < thread_count_max && !queue_.empty()) {
    std::string name = std::move(queue_.front());
    queue_.pop_front();
    lookups_[name].is_running = true;
    ++running_count_;
    std::thread([shared = shared_, name = std::move(name)] {
      ::pthread_setname_np(::pthread_self(), "http-name");
      auto found = std::make_shared<const Result<Addresses>>(resolve_with(shared->resolve, name));
      std::lock_guard lock(shared->mutex);
      if (NameLookups* const owner = shared->owner)
        asio::post(owner->context_, [owner, name, found = std::move(found)] { owner->finish(name, found); });
    }).detach();
  }
}

void NameLookups::finish(const std::string& name, std::shared_ptr<const Result<Addresses>> found) {
  --running_count_;
  if (auto lookup = lookups_.extract(name))
    for (const auto& waiter : lookup.mapped().waiters) {
      waiter->found = found;
      waiter->timer.cancel();
    }
  run_what_may_run();
}

void NameLookups::stop_waiting(const std::string& name, const std::shared_ptr<Waiter>& waiter) {
  const auto lookup = lookups_.find(name);
  if (lookup == lookups_.end()) return;
  std::erase(lookup->second.waiters, waiter);
  if (lookup->second.is_running || !lookup->second.waiters.empty()) return;
  std::erase(queue_, name);
  lookups_.erase(lookup);
}

}  // namespace hearth::http
