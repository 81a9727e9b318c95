// Objects by URI: `s3://bucket/key`, or a path of this machine. Reads in ranges and writes in pieces, so no object has
// to fit into memory. Calls block and throw Failure. One thread at a time.
// S3 is reached at AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL with the credentials of credentials.h; requests that meet a
// busy or absent server are tried again for about a minute.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::llm {

class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual std::uint64_t size() const = 0;
  // Fills the front of `into` from `offset`; fewer bytes only where the object ends.
  virtual std::size_t read_at(std::uint64_t offset, std::span<char> into) = 0;
};

// The object appears under its name when close() returns, whole; without close() it never does.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual void write(std::string_view bytes) = 0;
  virtual void close() = 0;
};

class S3Client;

class Storage {
 public:
  Storage();
  ~Storage();

  std::unique_ptr<ObjectReader> open(const std::string& uri);
  std::unique_ptr<ObjectWriter> create(const std::string& uri);
  bool exists(const std::string& uri);
  // The object itself, or all below that folder or prefix, in order of name. Fails when there is none.
  std::vector<std::string> list(const std::string& uri);

  // Whole small objects. Reading fails beyond 256 MiB.
  std::string read_text(const std::string& uri);
  void write_text(const std::string& uri, std::string_view text);

 private:
  S3Client& s3();
  std::unique_ptr<S3Client> s3_;  // made when the first s3:// URI is met
};

std::string join_uri(std::string_view folder, std::string_view name);

}  // namespace hearth::llm
