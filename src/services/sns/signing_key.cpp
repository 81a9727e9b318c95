#include "services/sns/signing_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "base/bytes.h"
#include "base/openssl.h"
#include "base/private_file.h"

namespace hearth::sns {
namespace {

using PrivateKey = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using Bio = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpenSslFree<EVP_MD_CTX_free>>;

constexpr unsigned key_bits = 2048;
constexpr long validity_days = 3650;

Result<std::string> make_certificate(EVP_PKEY* key, TimePoint now) {
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  const std::time_t start = std::chrono::system_clock::to_time_t(now);
  constexpr long seconds_per_day = 86'400;
  X509_time_adj_ex(X509_getm_notBefore(certificate.get()), -1, 0, const_cast<std::time_t*>(&start));
  X509_time_adj_ex(X509_getm_notAfter(certificate.get()), validity_days, seconds_per_day - 1,
                   const_cast<std::time_t*>(&start));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Cloudhearth SNS"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0)
    return Error(ErrorKind::internal, "internal error", "cannot sign the certificate of sns");
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get());
}

}  // namespace

struct SigningKey::Key {
  PrivateKey pkey;
};

SigningKey::SigningKey(std::unique_ptr<Key> key, std::string certificate_pem)
    : key_(std::move(key)), certificate_pem_(std::move(certificate_pem)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::create(TimePoint now) {
  PrivateKey pkey(EVP_RSA_gen(key_bits));
  if (!pkey) return Error(ErrorKind::internal, "internal error", "cannot make an RSA key");
  TRY(std::string certificate, make_certificate(pkey.get(), now));
  return SigningKey(std::make_unique<Key>(std::move(pkey)), std::move(certificate));
}

Result<SigningKey> SigningKey::open_or_create(const std::filesystem::path& file, TimePoint now) {
  if (std::ifstream in(file); in) {
    std::stringstream text;
    text << in.rdbuf();
    const std::string pem = text.str();
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    PrivateKey pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    const std::size_t certificate = pem.find("-----BEGIN CERTIFICATE-----");
    if (!pkey || certificate == std::string::npos)
      return Error(ErrorKind::corrupt, file.string() + " does not hold a private key and a certificate");
    return SigningKey(std::make_unique<Key>(std::move(pkey)), pem.substr(certificate));
  }
  TRY(SigningKey key, create(now));
  TRY_DO(write_private_file(file, key.private_key_pem() + key.certificate_pem()));
  return key;
}

std::string SigningKey::private_key_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key_->pkey.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

std::string SigningKey::sign(std::string_view text, bool with_sha256) const {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, with_sha256 ? EVP_sha256() : EVP_sha1(), nullptr, key_->pkey.get());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size()) != 1)
    return {};
  signature.resize(size);
  return to_base64(signature);
}

}  // namespace hearth::sns
