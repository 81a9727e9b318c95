#include "base/async.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/executor.h"

namespace hearth {
namespace {

Async<int> answer() {
  co_return 42;
}
Async<int> refuse() {
  co_return Error(ErrorKind::denied, "no");
}
Async<void> nothing() {
  co_return ok;
}
Async<int> add_one(Async<int> task) {
  CO_TRY(const int value, co_await task);
  co_return value + 1;
}
Async<void> throw_out() {
  throw std::runtime_error("a library threw");
  co_return ok;
}

TEST(Async, ReturnsWhatItsCoroutineReturns) {
  EXPECT_EQ(*sync_wait(answer()), 42);
  EXPECT_EQ(*sync_wait(add_one(answer())), 43);
  EXPECT_TRUE(sync_wait(nothing()));
}

TEST(Async, TryPassesTheErrorOn) {
  const auto result = sync_wait(add_one(refuse()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::denied);
}

TEST(Async, AnEscapedExceptionBecomesAnInternalErrorThatHidesItsText) {
  const auto result = sync_wait(throw_out());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::internal);
  EXPECT_EQ(result.error().message(), "internal error");
  EXPECT_EQ(result.error().detail(), "a library threw");
}

// A transaction's like: lets go of a store when the coroutine that owns it is destroyed.
struct Borrower {
  explicit Borrower(int& count) : borrower_count(&count) { ++*borrower_count; }
  Borrower(Borrower&& other) noexcept : borrower_count(std::exchange(other.borrower_count, nullptr)) {}
  ~Borrower() {
    if (borrower_count) --*borrower_count;
  }
  int* borrower_count;
};
Async<void> use(Borrower borrower) {
  (void)borrower;
  co_return ok;
}

TEST(Async, WhoHearsOfItsEndMayDropWhatItBorrowed) {
  int borrower_count = 0;
  int borrower_count_at_end = -1;
  start(use(Borrower(borrower_count)), [&](const Result<void>&) { borrower_count_at_end = borrower_count; });
  EXPECT_EQ(borrower_count_at_end, 0);
}

Async<bool> comes_home(Executor& pool, std::thread::id home) {
  const std::thread::id away = co_await offload(pool, [] { return std::this_thread::get_id(); });
  co_return away != home&& std::this_thread::get_id() == home;
}

TEST(Offload, BlockingWorkRunsElsewhereAndTheCoroutineComesHome) {
  ThreadPool pool(2);
  ThreadPool loop(1);
  std::promise<bool> done;
  loop.post([&] {
    Executor::set_current(&loop);
    start(comes_home(pool, std::this_thread::get_id()), [&](Result<bool> r) { done.set_value(r && *r); });
  });
  EXPECT_TRUE(done.get_future().get());
}

TEST(Offload, OnAPlainThreadItRunsInPlace) {
  ThreadPool pool(1);
  const auto body = [](Executor& where) -> Async<bool> {
    const std::thread::id id = co_await offload(where, [] { return std::this_thread::get_id(); });
    co_return id == std::this_thread::get_id();
  };
  EXPECT_TRUE(*sync_wait(body(pool)));
}

TEST(ThreadPool, FinishesWhatWasPostedBeforeItStops) {
  std::atomic<int> ran = 0;
  {
    ThreadPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace hearth
