#include "base/bytes.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>

#include "base/openssl.h"

namespace hearth {

Async<std::span<const char>> ByteSource::next_block() {
  co_return Error(ErrorKind::unsupported, "this source has no blocks of its own");
}

Async<std::uint64_t> ByteSource::fetch(FileSlice slice) {
  co_return slice.length;
}

Async<std::size_t> StringSource::read(std::span<char> into) {
  const std::size_t n = std::min(into.size(), bytes_.size() - at_);
  std::memcpy(into.data(), bytes_.data() + at_, n);
  at_ += n;
  co_return n;
}

Async<std::string> read_all(ByteSource& source, std::size_t limit_bytes) {
  std::string all;
  if (const auto known = source.remaining()) {
    if (*known > limit_bytes) co_return Error(ErrorKind::invalid, "body is larger than the limit");
    all.reserve(*known + 1);  // and the byte at the end, below
  }
  for (;;) {
    const std::size_t have = all.size();
    // No more than what is to come, since resize() clears it; but one byte at the end, where a source that checks the
    // body may still fail.
    const std::size_t expected = source.remaining().value_or(64 << 10);
    const std::size_t step = std::clamp<std::size_t>(std::min(limit_bytes + 1 - have, expected), 1, 64 << 10);
    all.resize(have + step);
    CO_TRY(const std::size_t n, co_await source.read({all.data() + have, step}));
    all.resize(have + n);
    if (n == 0) co_return all;
    if (all.size() > limit_bytes) co_return Error(ErrorKind::invalid, "body is larger than the limit");
  }
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(bytes.size() * 2, '\0');
  char* at = text.data();
  for (const unsigned char c : bytes) {
    *at++ = digits[c >> 4];
    *at++ = digits[c & 15];
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2) return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(n));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4) return std::nullopt;
  const auto value = [](unsigned char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
  };
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool is_padding = i + k >= text.size() - padding;
      const int v = is_padding ? 0 : value(static_cast<unsigned char>(text[i + k]));
      if (v < 0) return std::nullopt;
      group = group << 6 | static_cast<std::uint32_t>(v);
    }
    bytes += static_cast<char>(group >> 16);
    bytes += static_cast<char>(group >> 8);
    bytes += static_cast<char>(group);
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

namespace {

// Looking an algorithm up costs OpenSSL more than hashing a short text, so each is fetched once, and contexts stay.
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpenSslFree<EVP_MD_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, OpenSslFree<EVP_MAC_CTX_free>>;

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
  thread_local const DigestContext context(EVP_MD_CTX_new());
  std::string out(static_cast<std::size_t>(EVP_MD_get_size(algorithm)), '\0');
  EVP_DigestInit_ex2(context.get(), algorithm, nullptr);
  EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
  return out;
}

MacContext make_hmac_sha256_context() {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  char digest_name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
                               OSSL_PARAM_construct_end()};
  MacContext context(EVP_MAC_CTX_new(hmac));
  EVP_MAC_CTX_set_params(context.get(), params);
  return context;
}

}  // namespace

std::string sha256(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest(algorithm, bytes);
}
std::string sha1(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return digest(algorithm, bytes);
}
std::string md5(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  return digest(algorithm, bytes);
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  thread_local const MacContext context = make_hmac_sha256_context();
  std::string out(32, '\0');
  std::size_t size = 0;
  const auto data = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  // A null key would mean the one before.
  EVP_MAC_init(context.get(), key.empty() ? data("") : data(key), key.size(), nullptr);
  EVP_MAC_update(context.get(), data(bytes), bytes.size());
  EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size());
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace hearth
