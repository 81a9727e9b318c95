// Arithmetic of reflected CRCs: polynomials over GF(2) modulo P, where the top bit of a Word is the coefficient of x^0.
#pragma once

#include <cstdint>

namespace hearth::s3::crc_math {

// The polynomials without their highest coefficient, reflected.
inline constexpr std::uint32_t crc32_polynomial = 0xedb88320;
inline constexpr std::uint32_t crc32c_polynomial = 0x82f63b78;
inline constexpr std::uint64_t crc64nvme_polynomial = 0x9a6c9329ac4bc9b5;

template <class Word>
constexpr Word one = Word{1} << (sizeof(Word) * 8 - 1);

template <class Word>
constexpr Word times_x(Word a, Word polynomial) {
  return a & 1 ? (a >> 1) ^ polynomial : a >> 1;
}

template <class Word>
constexpr Word multiply(Word a, Word b, Word polynomial) {
  Word product = 0;
  for (Word coefficient = one<Word>; coefficient != 0; coefficient >>= 1) {
    if (a & coefficient) product ^= b;
    b = times_x(b, polynomial);
  }
  return product;
}

template <class Word>
constexpr Word x_to_the(std::uint64_t exponent, Word polynomial) {
  Word result = one<Word>;
  for (Word power = one<Word> >> 1; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, power, polynomial);
    power = multiply(power, power, polynomial);
  }
  return result;
}

// The CRC of A followed by B, from both CRCs and B's length. For CRCs that start at and are inverted with all ones.
template <class Word>
constexpr Word combine(Word crc_a, Word crc_b, std::uint64_t b_bytes, Word polynomial) {
  // x^(8n) by squaring x^8 cannot overflow the exponent, unlike 8 * n.
  Word shift = one<Word>;
  Word power = x_to_the<Word>(8, polynomial);
  for (std::uint64_t n = b_bytes; n != 0; n >>= 1) {
    if (n & 1) shift = multiply(shift, power, polynomial);
    power = multiply(power, power, polynomial);
  }
  return multiply(crc_a, shift, polynomial) ^ crc_b;
}

}  // namespace hearth::s3::crc_math
