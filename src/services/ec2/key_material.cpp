#include "services/ec2/key_material.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

#include "base/bytes.h"
#include "base/openssl.h"

namespace hearth::ec2 {
namespace {

using Key = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, OpenSslFree<BN_free>>;

std::string with_colons(std::string_view digest) {
  const std::string hex = to_hex(digest);
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += (i ? ":" : "") + hex.substr(i, 2);
  return out;
}

// SSH's wire form (RFC 4251): four bytes of length, then the bytes.
std::string ssh_string(std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 255);
  return out + std::string(bytes);
}
// A number never looks negative: a leading zero byte where the first bit is set.
std::string ssh_number(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  if (!bytes.empty() && (static_cast<unsigned char>(bytes[0]) & 0x80)) bytes.insert(0, 1, '\0');
  return ssh_string(bytes);
}
bool take_ssh_string(std::string_view& rest, std::string_view& taken) {
  if (rest.size() < 4) return false;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
  if (rest.size() - 4 < size) return false;
  taken = rest.substr(4, size);
  rest.remove_prefix(4 + size);
  return true;
}

std::string public_line(const char* type, const std::string& blob, std::string_view name) {
  return std::string(type) + " " + to_base64(blob) + (name.empty() ? "" : " " + std::string(name));
}

// As ssh-keygen -l prints it, without padding.
std::string sha256_fingerprint(std::string_view blob) {
  std::string text = to_base64(sha256(blob));
  while (text.ends_with('=')) text.pop_back();
  return text;
}

// DER of the public key, for the fingerprint of an imported RSA key.
std::string rsa_public_der(std::string_view exponent, std::string_view modulus) {
  const Number e(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(exponent.data()), static_cast<int>(exponent.size()), nullptr));
  const Number n(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(modulus.data()), static_cast<int>(modulus.size()), nullptr));
  const std::unique_ptr<OSSL_PARAM_BLD, OpenSslFree<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const std::unique_ptr<OSSL_PARAM, OpenSslFree<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const std::unique_ptr<EVP_PKEY_CTX, OpenSslFree<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* made = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  if (EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) return {};
  const Key key(made);
  const Bio der(BIO_new(BIO_s_mem()));
  i2d_PUBKEY_bio(der.get(), key.get());
  return text_of(der.get());
}

}  // namespace

KeyMaterial make_rsa_key(std::string_view name) {
  constexpr std::size_t bits = 2048;
  const Key key(EVP_RSA_gen(bits));
  const Bio pem(BIO_new(BIO_s_mem())), pkcs8(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey_traditional(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  i2d_PKCS8PrivateKey_bio(pkcs8.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  BIGNUM *n = nullptr, *e = nullptr;
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n);
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &e);
  const Number modulus(n), exponent(e);
  const std::string blob = ssh_string("ssh-rsa") + ssh_number(e) + ssh_number(n);
  // AWS: keys it made are known by the SHA-1 of their private half.
  return {text_of(pem.get()), {"rsa", public_line("ssh-rsa", blob, name), with_colons(sha1(text_of(pkcs8.get())))}};
}

// https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
KeyMaterial make_ed25519_key(std::string_view name, IdSource& ids) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  std::string secret(32, '\0'), open(32, '\0');
  std::size_t size = 32;
  EVP_PKEY_get_raw_private_key(key.get(), reinterpret_cast<unsigned char*>(secret.data()), &size);
  EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(open.data()), &size);
  const std::string blob = ssh_string("ssh-ed25519") + ssh_string(open);
  const std::string check = ids.random_bytes(4);
  std::string inner = check + check + blob + ssh_string(secret + open) + ssh_string(name);
  for (char padding = 1; inner.size() % 8 != 0; ++padding) inner += padding;
  const std::string whole = std::string("openssh-key-v1\0", 15) + ssh_string("none") + ssh_string("none") +
                            ssh_string("") + std::string("\0\0\0\1", 4) + ssh_string(blob) + ssh_string(inner);
  std::string pem = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  const std::string encoded = to_base64(whole);
  constexpr std::size_t line_length = 70;
  for (std::size_t i = 0; i < encoded.size(); i += line_length) pem += encoded.substr(i, line_length) + "\n";
  pem += "-----END OPENSSH PRIVATE KEY-----\n";
  return {pem, {"ed25519", public_line("ssh-ed25519", blob, name), sha256_fingerprint(blob)}};
}

Result<PublicKey> parse_public_key(std::string_view text) {
  const Error malformed(ErrorKind::invalid, "Key is not in valid OpenSSH public key format");
  std::string decoded;
  if (!text.starts_with("ssh-"))
    if (auto unwrapped = from_base64(text)) {
      decoded = *std::move(unwrapped);
      text = decoded;
    }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const auto first = text.find(' ');
  if (first == std::string_view::npos || text.find('\n') != std::string_view::npos) return malformed;
  const std::string_view type = text.substr(0, first);
  const std::string_view encoded = text.substr(first + 1, text.find(' ', first + 1) - first - 1);
  const auto blob = from_base64(encoded);
  if (!blob) return malformed;
  std::string_view rest = *blob, inner_type, a, b;
  if (!take_ssh_string(rest, inner_type) || inner_type != type) return malformed;
  if (type == "ssh-ed25519") {
    if (!take_ssh_string(rest, a) || a.size() != 32 || !rest.empty()) return malformed;
    return PublicKey{"ed25519", std::string(text), sha256_fingerprint(*blob)};
  }
  if (type != "ssh-rsa" || !take_ssh_string(rest, a) || !take_ssh_string(rest, b) || !rest.empty()) return malformed;
  const std::string der = rsa_public_der(a, b);
  if (der.empty()) return malformed;
  return PublicKey{"rsa", std::string(text), with_colons(md5(der))};
}

}  // namespace hearth::ec2
