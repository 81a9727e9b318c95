#include "services/s3/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "services/s3/crc64nvme.h"
#include "services/s3/crc_math.h"

namespace hearth::s3 {
namespace {

struct AlgorithmFacts {
  ChecksumAlgorithm algorithm;
  std::string_view name;
  std::string_view header;
  std::size_t digest_size;
};
constexpr std::array<AlgorithmFacts, 5> facts = {{
    {ChecksumAlgorithm::crc32, "CRC32", "x-amz-checksum-crc32", 4},
    {ChecksumAlgorithm::crc32c, "CRC32C", "x-amz-checksum-crc32c", 4},
    {ChecksumAlgorithm::crc64nvme, "CRC64NVME", "x-amz-checksum-crc64nvme", 8},
    {ChecksumAlgorithm::sha1, "SHA1", "x-amz-checksum-sha1", 20},
    {ChecksumAlgorithm::sha256, "SHA256", "x-amz-checksum-sha256", 32},
}};

const AlgorithmFacts& facts_of(ChecksumAlgorithm algorithm) {
  return facts[static_cast<std::size_t>(algorithm) - 1];
}

template <class Word>
std::string to_big_endian(Word word) {
  std::string bytes;
  for (int shift = (sizeof(Word) - 1) * 8; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift);
  return bytes;
}

template <class Word>
Word from_big_endian(std::string_view bytes) {
  Word word = 0;
  for (const char c : bytes) word = word << 8 | static_cast<unsigned char>(c);
  return word;
}

const unsigned char* as_unsigned(std::span<const char> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

class RunningCrc32 final : public RunningDigest {
 public:
  void update(std::span<const char> bytes) override { crc_ = crc32_gzip_refl(crc_, as_unsigned(bytes), bytes.size()); }
  std::string finish() override { return to_big_endian(crc_); }

 private:
  std::uint32_t crc_ = 0;
};

class RunningCrc32c final : public RunningDigest {
 public:
  void update(std::span<const char> bytes) override {
    // ISA-L counts in int.
    constexpr std::size_t step_bytes = 1 << 30;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(step_bytes, bytes.size()))) {
      const auto step = bytes.first(std::min(step_bytes, bytes.size()));
      auto* data = const_cast<unsigned char*>(as_unsigned(step));  // reads only
      state_ = crc32_iscsi(data, static_cast<int>(step.size()), state_);
    }
  }
  std::string finish() override { return to_big_endian<std::uint32_t>(~state_); }

 private:
  std::uint32_t state_ = 0xffffffff;
};

class RunningCrc64Nvme final : public RunningDigest {
 public:
  void update(std::span<const char> bytes) override { crc_ = crc64nvme(crc_, bytes); }
  std::string finish() override { return to_big_endian(crc_); }

 private:
  std::uint64_t crc_ = 0;
};

class RunningEvp final : public RunningDigest {
 public:
  explicit RunningEvp(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), kind, nullptr);
  }
  void update(std::span<const char> bytes) override { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string finish() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    return std::string(reinterpret_cast<const char*>(digest.data()), size);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

template <class Word>
std::string combine_crcs(std::span<const PartChecksum> parts, Word polynomial) {
  Word crc = 0;
  for (const PartChecksum& part : parts)
    crc = crc_math::combine(crc, from_big_endian<Word>(part.digest), part.size_bytes, polynomial);
  return to_big_endian(crc);
}

}  // namespace

std::string_view to_string(ChecksumAlgorithm algorithm) {
  return algorithm == ChecksumAlgorithm::none ? std::string_view() : facts_of(algorithm).name;
}

std::string_view to_string(ChecksumType type) {
  return type == ChecksumType::composite ? "COMPOSITE" : "FULL_OBJECT";
}

std::optional<ChecksumAlgorithm> parse_checksum_algorithm(std::string_view name) {
  const auto same_letter = [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b); };
  for (const AlgorithmFacts& known : facts)
    if (std::ranges::equal(known.name, name, same_letter)) return known.algorithm;
  return std::nullopt;
}

std::string checksum_header(ChecksumAlgorithm algorithm) {
  return std::string(facts_of(algorithm).header);
}

std::size_t digest_size(ChecksumAlgorithm algorithm) {
  return facts_of(algorithm).digest_size;
}

bool is_crc(ChecksumAlgorithm algorithm) {
  return algorithm == ChecksumAlgorithm::crc32 || algorithm == ChecksumAlgorithm::crc32c ||
         algorithm == ChecksumAlgorithm::crc64nvme;
}

std::unique_ptr<RunningDigest> start_checksum(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::crc32:
      return std::make_unique<RunningCrc32>();
    case ChecksumAlgorithm::crc32c:
      return std::make_unique<RunningCrc32c>();
    case ChecksumAlgorithm::sha1:
      return std::make_unique<RunningEvp>(EVP_sha1());
    case ChecksumAlgorithm::sha256:
      return std::make_unique<RunningEvp>(EVP_sha256());
    case ChecksumAlgorithm::none:
    case ChecksumAlgorithm::crc64nvme:
      break;
  }
  return std::make_unique<RunningCrc64Nvme>();
}

std::unique_ptr<RunningDigest> start_md5() {
  return std::make_unique<RunningEvp>(EVP_md5());
}

std::string checksum_of(ChecksumAlgorithm algorithm, std::string_view bytes) {
  const auto digest = start_checksum(algorithm);
  digest->update(bytes);
  return digest->finish();
}

std::string combine_full_object(ChecksumAlgorithm algorithm, std::span<const PartChecksum> parts) {
  switch (algorithm) {
    case ChecksumAlgorithm::crc32:
      return combine_crcs(parts, crc_math::crc32_polynomial);
    case ChecksumAlgorithm::crc32c:
      return combine_crcs(parts, crc_math::crc32c_polynomial);
    default:
      return combine_crcs(parts, crc_math::crc64nvme_polynomial);
  }
}

std::string combine_composite(ChecksumAlgorithm algorithm, std::span<const PartChecksum> parts) {
  const auto digest = start_checksum(algorithm);
  for (const PartChecksum& part : parts) digest->update(part.digest);
  return digest->finish();
}

}  // namespace hearth::s3
