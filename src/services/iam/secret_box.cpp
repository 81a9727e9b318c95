#include "services/iam/secret_box.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/openssl.h"
#include "base/private_file.h"

namespace hearth::iam {
namespace {

constexpr int nonce_size = 12;
constexpr int tag_size = 16;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpenSslFree<EVP_CIPHER_CTX_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

Error key_file_error(ErrorKind kind, const std::filesystem::path& path, std::string_view what) {
  return Error(kind, "the key file " + path.string() + " " + std::string(what));
}

Result<std::string> read_key(int file, const std::filesystem::path& path) {
  struct stat status{};
  if (fstat(file, &status) != 0) return key_file_error(ErrorKind::unavailable, path, std::strerror(errno));
  if ((status.st_mode & 077) != 0)
    return key_file_error(ErrorKind::denied, path, "can be read by others; make it mode 0600");
  std::string key(SecretBox::key_size_bytes + 1, '\0');
  const ssize_t size = read(file, key.data(), key.size());
  if (size != static_cast<ssize_t>(SecretBox::key_size_bytes))
    return key_file_error(ErrorKind::corrupt, path, "does not hold a key of 32 bytes");
  key.resize(SecretBox::key_size_bytes);
  return key;
}

}  // namespace

SecretBox::SecretBox(std::string key_bytes) : key_(std::move(key_bytes)) {
  key_.resize(key_size_bytes);
}

Result<SecretBox> SecretBox::open_or_create(const std::filesystem::path& key_file, IdSource& ids) {
  if (const int file = ::open(key_file.c_str(), O_RDONLY | O_CLOEXEC); file >= 0) {
    Result<std::string> key = read_key(file, key_file);
    close(file);
    if (!key) return std::move(key).error();
    return SecretBox(*std::move(key));
  }
  if (errno != ENOENT) return key_file_error(ErrorKind::unavailable, key_file, std::strerror(errno));

  const std::string key = ids.random_bytes(key_size_bytes);
  TRY_DO(write_private_file(key_file, key));
  return SecretBox(key);
}

std::string SecretBox::seal(std::string_view plain, std::string_view purpose, IdSource& ids) const {
  const std::string nonce = ids.random_bytes(nonce_size);
  std::string cipher(plain.size(), '\0');
  std::string tag(tag_size, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_), bytes(nonce));
  EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(purpose), static_cast<int>(purpose.size()));
  EVP_EncryptUpdate(context.get(), bytes(cipher), &size, bytes(plain), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context.get(), bytes(cipher) + size, &size);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag.data());
  return nonce + cipher + tag;
}

std::optional<std::string> SecretBox::open(std::string_view sealed, std::string_view purpose) const {
  if (sealed.size() < nonce_size + tag_size) return std::nullopt;
  const std::string_view nonce = sealed.substr(0, nonce_size);
  const std::string_view cipher = sealed.substr(nonce_size, sealed.size() - nonce_size - tag_size);
  std::string tag(sealed.substr(sealed.size() - tag_size));
  std::string plain(cipher.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_), bytes(nonce));
  EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(purpose), static_cast<int>(purpose.size()));
  EVP_DecryptUpdate(context.get(), bytes(plain), &size, bytes(cipher), static_cast<int>(cipher.size()));
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data());
  if (EVP_DecryptFinal_ex(context.get(), bytes(plain) + size, &size) != 1) return std::nullopt;
  return plain;
}

}  // namespace hearth::iam
