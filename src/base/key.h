// Ordered keys for MetadataStore: parts are escaped so that byte order of keys is the order of their parts, part by
// part, and one key's parts never run into another's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class KeyBuilder {
 public:
  KeyBuilder& text(std::string_view part);  // any bytes; ordered bytewise
  KeyBuilder& number(std::uint64_t part);   // ordered ascending
  KeyBuilder& number_descending(std::uint64_t part);
  std::string take() && { return std::move(bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// make_key("s3", "bucket", name)
template <class... Parts>
std::string make_key(const Parts&... parts) {
  KeyBuilder builder;
  (builder.text(parts), ...);
  return std::move(builder).take();
}

// The smallest key that is greater than every key starting with `prefix`.
std::string after_prefix(std::string_view prefix);

// Undoes KeyBuilder::text, front to back. Numbers are 8 bytes and are read with take_number.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key) {}
  std::string take_text();
  std::uint64_t take_number();
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace hearth
