#include "services/s3/crc64nvme.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <array>

#include "services/s3/crc_math.h"

namespace hearth::s3 {
namespace {

using crc_math::crc64nvme_polynomial;

constexpr std::array<std::uint64_t, 256> make_table() {
  std::array<std::uint64_t, 256> table{};
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    std::uint64_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc_math::times_x(crc, crc64nvme_polynomial);
    table[i] = crc;
  }
  return table;
}
constexpr auto table = make_table();

// Without the inversions at both ends.
std::uint64_t add_bytes(std::uint64_t state, std::span<const char> bytes) {
  for (const char c : bytes) state = table[(state ^ static_cast<unsigned char>(c)) & 0xff] ^ (state >> 8);
  return state;
}

#if defined(__x86_64__)
// Folding, after Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (Intel, 2009). A register
// of 16 bytes stands for a polynomial whose higher half is in the lower quadword. Moving it D bits ahead multiplies the
// halves by x^(D+64) and x^D; carry-less products of reflected words come out one x too high, hence the "- 1".
struct FoldBy {
  std::uint64_t high_half, low_half;
};
constexpr FoldBy fold_by(std::uint64_t distance_bits) {
  return {crc_math::x_to_the(distance_bits + 64 - 1, crc64nvme_polynomial),
          crc_math::x_to_the(distance_bits - 1, crc64nvme_polynomial)};
}
constexpr FoldBy by_one_register = fold_by(128);
constexpr FoldBy by_four_registers = fold_by(512);

__attribute__((target("pclmul,sse4.1"))) __m128i fold(__m128i bytes, __m128i factors, __m128i next) {
  const __m128i high = _mm_clmulepi64_si128(bytes, factors, 0x00);
  const __m128i low = _mm_clmulepi64_si128(bytes, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(high, low), next);
}

__attribute__((target("pclmul,sse4.1"))) std::uint64_t add_bytes_by_folding(std::uint64_t state,
                                                                            std::span<const char> bytes) {
  const auto load = [](const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); };
  const auto factors = [](FoldBy by) {
    return _mm_set_epi64x(static_cast<long long>(by.low_half), static_cast<long long>(by.high_half));
  };
  const char* at = bytes.data();
  const char* const end = at + bytes.size();

  __m128i lanes[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, static_cast<long long>(state)));
  const __m128i far = factors(by_four_registers);
  for (at += 64; end - at >= 64; at += 64)
    for (int i = 0; i < 4; ++i) lanes[i] = fold(lanes[i], far, load(at + 16 * i));

  const __m128i near = factors(by_one_register);
  __m128i folded = lanes[0];
  for (int i = 1; i < 4; ++i) folded = fold(folded, near, lanes[i]);

  alignas(16) char rest[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(rest), folded);
  return add_bytes(add_bytes(0, rest), {at, end});
}

const bool can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif

}  // namespace

std::uint64_t crc64nvme(std::uint64_t crc, std::span<const char> bytes) {
#if defined(__x86_64__)
  if (can_fold && bytes.size() >= 128) return ~add_bytes_by_folding(~crc, bytes);
#endif
  return ~add_bytes(~crc, bytes);
}

std::uint64_t detail::crc64nvme_by_table(std::uint64_t crc, std::span<const char> bytes) {
  return ~add_bytes(~crc, bytes);
}

}  // namespace hearth::s3
