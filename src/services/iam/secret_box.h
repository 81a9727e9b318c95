// Seals small secrets so that a stolen data store without its key file is worthless, and nobody can forge one.
// AES-256-GCM, a fresh nonce per seal. Safe from any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace hearth::iam {

class SecretBox {
 public:
  static constexpr std::size_t key_size_bytes = 32;

  // Reads the key file, or makes it (mode 0600) if there is none. ErrorKind::corrupt if it is not a key of ours, denied
  // if others could read it.
  static Result<SecretBox> open_or_create(const std::filesystem::path& key_file, IdSource& ids);
  explicit SecretBox(std::string key_bytes);  // tests

  // `purpose` binds the secret to its place: what was sealed for one purpose does not open for another.
  std::string seal(std::string_view plain, std::string_view purpose, IdSource& ids) const;
  // Nothing if it was not sealed by this box for this purpose.
  std::optional<std::string> open(std::string_view sealed, std::string_view purpose) const;

 private:
  std::string key_;
};

}  // namespace hearth::iam
