// CRC-64/NVME, the checksum the AWS SDKs use by default. Debian's ISA-L does not have it yet (2.31 does).
#pragma once

#include <cstdint>
#include <span>

namespace hearth::s3 {

// Goes on from `crc`, the value over what came before (0 at the start).
std::uint64_t crc64nvme(std::uint64_t crc, std::span<const char> bytes);

namespace detail {
// One byte at a time from a table; what the fast way is tested against.
std::uint64_t crc64nvme_by_table(std::uint64_t crc, std::span<const char> bytes);
}  // namespace detail

}  // namespace hearth::s3
