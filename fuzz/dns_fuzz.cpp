// Any bytes as a DNS packet from an instance: reading must neither crash nor read past the end, and what is answered
// must be an answer to what was asked.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engines/oci/dns.h"

using namespace hearth::oci;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  (void)dns::is_answer_to(packet, packet);
  const auto question = dns::read_query(packet);
  if (!question) return 0;
  const auto answer = dns::answer_here(*question);
  if (answer && !dns::is_answer_to(dns::write_answer(packet, *question, *answer), packet)) std::abort();
  return 0;
}
