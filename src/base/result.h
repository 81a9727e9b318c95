// Errors are values. Engines report a kind; services turn it into an AWS error once, where they know which
// (STYLE.md, "Errors are values"). Part of base: anyone may include it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

// What the caller can do about it.
enum class ErrorKind : std::uint8_t {
  not_found,       // the named thing is not there
  already_exists,  // the named thing is there and must not be
  conflict,        // somebody else changed it first; run the whole thing again
  invalid,         // the input can never work
  denied,          // not allowed
  unavailable,     // try again later (engine down, queue full, deadline passed)
  no_space,        // disk or quota is full
  unsupported,     // this engine or host cannot do that; message says what is missing
  corrupt,         // stored bytes are not what was written
  cancelled,       // the client went away or the server is stopping
  internal,        // our own bug
  aws,             // already translated: code() and http_status() are what the client gets
};
std::string_view to_string(ErrorKind kind);

// One failure. `message` may reach a client; paths, SQL and errno go into `detail`, which is only logged.
// As big as a pointer and out of line: it lies in every Result and on every path that leaves a function early.
class Error {
 public:
  Error(ErrorKind kind, std::string_view message, std::string_view detail = {});
  Error(const Error& other);
  Error& operator=(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  // A modelled AWS error: `code` as on the wire ("NoSuchKey"), `http_status` 4xx or 5xx.
  static Error aws(std::string_view code, int http_status, std::string_view message);

  ErrorKind kind() const;
  const std::string& code() const;
  int http_status() const;
  const std::string& message() const;
  const std::string& detail() const;

  // Further members of the modelled error (S3's <BucketName>, a header such as Retry-After), by wire name.
  Error&& with_field(std::string_view name, std::string_view value) &&;
  const std::vector<std::pair<std::string, std::string>>& fields() const;

 private:
  struct Facts;
  struct Forget {
    void operator()(Facts* facts) const noexcept;
  };
  const Facts& facts() const;
  std::unique_ptr<Facts, Forget> facts_;  // null once moved from: reads as an empty internal error
};

// std::expected with Error, which also accepts `return errors::no_such_key(key);`.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
  using Base = std::expected<T, Error>;

 public:
  using Base::Base;
  Result(Error error) : Base(std::unexpect, std::move(error)) {}
  Result(Base base) : Base(std::move(base)) {}
};

// `return ok;` in a Result<void> function, `co_return ok;` in an Async<void> coroutine.
struct Ok {};
inline constexpr Ok ok{};
template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
  using Base = std::expected<void, Error>;

 public:
  using Base::Base;
  Result(Ok) {}
  Result(Error error) : Base(std::unexpect, std::move(error)) {}
  Result(Base base) : Base(std::move(base)) {}
};

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)

// TRY(const Row row, find(id));      returns the error from a function that returns Result
#define TRY(declaration, ...)                                                                                \
  auto HEARTH_CONCAT(try_result_, __LINE__) = (__VA_ARGS__);                                                 \
  if (!HEARTH_CONCAT(try_result_, __LINE__)) return std::move(HEARTH_CONCAT(try_result_, __LINE__)).error(); \
  declaration = *std::move(HEARTH_CONCAT(try_result_, __LINE__))
// TRY_DO(check(id));                 the same for Result<void>
#define TRY_DO(...) \
  if (auto try_result_ = (__VA_ARGS__); !try_result_) return std::move(try_result_).error()

// CO_TRY(const Row row, co_await find(id));   the same in a coroutine that returns Async
#define CO_TRY(declaration, ...)                                                                                \
  auto HEARTH_CONCAT(try_result_, __LINE__) = (__VA_ARGS__);                                                    \
  if (!HEARTH_CONCAT(try_result_, __LINE__)) co_return std::move(HEARTH_CONCAT(try_result_, __LINE__)).error(); \
  declaration = *std::move(HEARTH_CONCAT(try_result_, __LINE__))
#define CO_TRY_DO(...) \
  if (auto try_result_ = (__VA_ARGS__); !try_result_) co_return std::move(try_result_).error()

}  // namespace hearth
