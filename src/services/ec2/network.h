// The default VPC of each account and region: its names and addresses follow from account and region alone, so nothing
// of it is stored. https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::ec2 {

inline constexpr std::string_view vpc_cidr = "172.31.0.0/16";
inline constexpr int zone_count = 3;
inline constexpr int subnet_address_count = 4096;  // a /20
inline constexpr int subnet_reserved_count = 5;    // AWS keeps the first four and the last

struct Zone {
  std::string name;  // us-east-1a
  std::string id;    // use1-az1
};
std::array<Zone, zone_count> zones_of(std::string_view region);

struct SubnetFacts {
  std::string id;
  Zone zone;
  std::string cidr;                 // 172.31.16.0/20
  std::uint32_t first_address = 0;  // host byte order
};
std::array<SubnetFacts, zone_count> default_subnets(std::string_view account, std::string_view region);
std::optional<SubnetFacts> find_subnet(std::string_view account, std::string_view region, std::string_view id);

std::string default_vpc_id(std::string_view account, std::string_view region);
std::string default_group_id(std::string_view account, std::string_view region);

std::string to_address(std::uint32_t host_order);
std::optional<std::uint32_t> parse_address(std::string_view text);
// Whether `text` is a network in CIDR form with no bit set behind its prefix.
bool is_cidr(std::string_view text);
bool is_cidr6(std::string_view text);

// 02:00:ac:1f:00:05 for 172.31.0.5: locally administered, and unique where the address is.
std::string mac_of(std::uint32_t address);
// ip-172-31-0-5
std::string hostname_of(std::string_view address);
// …ec2.internal in us-east-1, …REGION.compute.internal elsewhere
std::string private_dns_name(std::string_view address, std::string_view region);

}  // namespace hearth::ec2
