// The RSA key that signs messages to endpoints, and a self-signed certificate for it. Safe from any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hearth::sns {

class SigningKey {
 public:
  // Reads key and certificate from the file, or makes both (2048 bits, mode 0600) if there is none.
  static Result<SigningKey> open_or_create(const std::filesystem::path& file, TimePoint now);
  // A new pair in memory.
  static Result<SigningKey> create(TimePoint now);

  SigningKey(SigningKey&&) noexcept;
  ~SigningKey();

  // PKCS#1 v1.5 signature in base64: SHA-1 for SignatureVersion 1, SHA-256 for 2.
  std::string sign(std::string_view text, bool with_sha256) const;
  const std::string& certificate_pem() const { return certificate_pem_; }
  std::string private_key_pem() const;

 private:
  struct Key;
  SigningKey(std::unique_ptr<Key> key, std::string certificate_pem);
  std::unique_ptr<Key> key_;
  std::string certificate_pem_;
};

}  // namespace hearth::sns
