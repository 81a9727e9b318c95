#include "services/ec2/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"

namespace hearth::ec2 {
namespace {

constexpr std::uint32_t vpc_first_address = (172U << 24) | (31U << 16);

// 17 hexadecimal digits, the same for the same parts.
std::string stable_id(std::string_view prefix, std::string_view account, std::string_view region,
                      std::string_view what) {
  return fmt::format("{}{}", prefix, to_hex(sha256(fmt::format("{}/{}/{}", account, region, what))).substr(0, 17));
}

// us-east-1 -> use1, ap-southeast-2 -> apse2: AWS's way of shortening.
std::string short_region(std::string_view region) {
  std::string out;
  std::string_view rest = region;
  for (int part = 0; !rest.empty(); ++part) {
    const auto dash = std::min(rest.find('-'), rest.size());
    const std::string_view word = rest.substr(0, dash);
    if (part == 0)
      out += word;
    else if (word.find_first_not_of("0123456789") == std::string_view::npos)
      out += word;
    else if (word.starts_with("north") || word.starts_with("south"))
      out += word.size() > 5 ? std::string{word[0], word[5]} : std::string{word[0]};
    else
      out += word.substr(0, 1);
    rest.remove_prefix(std::min(dash + 1, rest.size()));
  }
  return out;
}

std::optional<int> prefix_length(std::string_view text, int max) {
  int length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size() || length < 0 || length > max) return std::nullopt;
  return length;
}

}  // namespace

std::array<Zone, zone_count> zones_of(std::string_view region) {
  std::array<Zone, zone_count> zones;
  for (int i = 0; i < zone_count; ++i)
    zones[static_cast<std::size_t>(i)] = {fmt::format("{}{}", region, static_cast<char>('a' + i)),
                                          fmt::format("{}-az{}", short_region(region), i + 1)};
  return zones;
}

std::array<SubnetFacts, zone_count> default_subnets(std::string_view account, std::string_view region) {
  std::array<SubnetFacts, zone_count> subnets;
  const auto zones = zones_of(region);
  for (std::size_t i = 0; i < subnets.size(); ++i) {
    const std::uint32_t first = vpc_first_address + static_cast<std::uint32_t>(i) * subnet_address_count;
    subnets[i] = {stable_id("subnet-", account, region, zones[i].name), zones[i], to_address(first) + "/20", first};
  }
  return subnets;
}

std::optional<SubnetFacts> find_subnet(std::string_view account, std::string_view region, std::string_view id) {
  for (auto& subnet : default_subnets(account, region))
    if (subnet.id == id) return std::move(subnet);
  return std::nullopt;
}

std::string default_vpc_id(std::string_view account, std::string_view region) {
  return stable_id("vpc-", account, region, "default");
}
std::string default_group_id(std::string_view account, std::string_view region) {
  return stable_id("sg-", account, region, "default");
}

std::string to_address(std::uint32_t host_order) {
  return fmt::format("{}.{}.{}.{}", host_order >> 24, (host_order >> 16) & 255, (host_order >> 8) & 255,
                     host_order & 255);
}

std::optional<std::uint32_t> parse_address(std::string_view text) {
  in_addr parsed{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &parsed) != 1) return std::nullopt;
  return ntohl(parsed.s_addr);
}

bool is_cidr(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto address = parse_address(text.substr(0, slash));
  const auto length = prefix_length(text.substr(slash + 1), 32);
  if (!address || !length) return false;
  const std::uint32_t host_bits = *length == 32 ? 0 : 0xFFFFFFFFU >> *length;
  return (*address & host_bits) == 0;
}

bool is_cidr6(std::string_view text) {
  const auto slash = text.find('/');
  in6_addr parsed{};
  return slash != std::string_view::npos &&
         ::inet_pton(AF_INET6, std::string(text.substr(0, slash)).c_str(), &parsed) == 1 &&
         prefix_length(text.substr(slash + 1), 128);
}

std::string mac_of(std::uint32_t address) {
  return fmt::format("02:00:{:02x}:{:02x}:{:02x}:{:02x}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                     address & 255);
}

std::string hostname_of(std::string_view address) {
  std::string name = "ip-" + std::string(address);
  for (char& c : name)
    if (c == '.') c = '-';
  return name;
}

std::string private_dns_name(std::string_view address, std::string_view region) {
  return hostname_of(address) + (region == "us-east-1" ? ".ec2.internal" : fmt::format(".{}.compute.internal", region));
}

}  // namespace hearth::ec2
