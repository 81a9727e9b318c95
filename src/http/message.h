// HTTP messages as values: what the server hands to the gateway, what codecs read and fill, what the client sends.
// Knows nothing of sockets or of AWS. Includes only base.
// https://www.rfc-editor.org/rfc/rfc9110
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancellation.h"
#include "base/text.h"

namespace hearth::http {

struct Header {
  std::string name;
  std::string value;
};

// Header fields in the order they came. Names compare without case.
class Headers {
 public:
  // First value of that name, or null.
  const std::string* find(std::string_view name) const;
  std::string_view get(std::string_view name) const {  // "" if absent
    const std::string* value = find(name);
    return value ? std::string_view(*value) : std::string_view();
  }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  void add(std::string_view name, std::string value) { fields_.push_back({std::string(name), std::move(value)}); }
  void set(std::string_view name, std::string value);  // replaces every field of that name
  void remove(std::string_view name);
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  void clear() { fields_.clear(); }
  void reserve(std::size_t count) { fields_.reserve(count); }

 private:
  std::vector<Header> fields_;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // as sent, percent-encoded, starts with '/'
  std::string query;   // as sent, without '?'
  Headers headers;
  std::string body;                    // small and already read, unless `stream` is set
  std::unique_ptr<ByteSource> stream;  // the body still on the wire; a codec or the gateway reads it into `body`
  std::string peer_address;            // "127.0.0.1"
  bool is_tls = false;
  // Watches the client from now on until the answer is sent: the answer tells when it has left, so that slow work for
  // nobody can stop. A client that closes only its sending side counts as gone. To be called once the body is read,
  // where the handler runs. Null: cannot be watched.
  std::function<std::shared_ptr<Cancellation>()> watch_client;
};

struct Response {
  int status = 200;
  Headers headers;  // Content-Length is set by the server from the body, unless given (HEAD)
  std::string body;
  std::unique_ptr<ByteSource> stream;  // used instead of `body` when set; without remaining() it is sent chunked
  bool close = false;                  // close the connection after this
};

std::string_view reason_phrase(int status);

// RFC 3986. Encodes all but unreserved characters; `keep_slash` keeps '/'.
std::string percent_encode(std::string_view text, bool keep_slash = false);
// Nothing fails: a '%' not followed by two hex digits stays. `plus_is_space` for form bodies.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

}  // namespace hearth::http
