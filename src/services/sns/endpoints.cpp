#include "services/sns/endpoints.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>
#include <optional>

#include "api/sns/errors.h"
#include "base/url.h"

namespace hearth::sns {
namespace {

namespace errors = api::sns::errors;

// Where a cloud's host keeps its own credentials: nobody's endpoint, and nothing a subscriber should reach through us.
bool is_link_local(const std::string& host) {
  in_addr v4{};
  // Every way to write an IPv4 address that a resolver takes: 169.254.169.254, 2852039166, 0xa9fea9fe.
  if (inet_aton(host.c_str(), &v4) != 0) return (ntohl(v4.s_addr) >> 16) == 0xa9fe;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 0xa9 && v6.s6_addr[13] == 0xfe;
  return IN6_IS_ADDR_LINKLOCAL(&v6);
}

// IPv4 as it is mapped into IPv6, so that there is one form to compare.
std::optional<in6_addr> as_ipv6(const std::string& address) {
  in6_addr parsed{};
  const std::string text = address.contains(':') ? address : "::ffff:" + address;
  if (inet_pton(AF_INET6, text.c_str(), &parsed) != 1) return std::nullopt;
  return parsed;
}

// Loopback, unspecified (which leads there, too), or of one of this host's interfaces.
bool is_of_this_host(const std::string& address) {
  const std::optional<in6_addr> wanted = as_ipv6(address);
  if (!wanted || IN6_IS_ADDR_UNSPECIFIED(&*wanted) || IN6_IS_ADDR_LOOPBACK(&*wanted)) return true;
  if (IN6_IS_ADDR_V4MAPPED(&*wanted) && (wanted->s6_addr[12] == 127 || wanted->s6_addr[12] == 0)) return true;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return true;  // then who knows
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owned(all, freeifaddrs);
  for (const ifaddrs* entry = all; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr) continue;
    in6_addr own{};
    if (entry->ifa_addr->sa_family == AF_INET6) {
      own = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
    } else if (entry->ifa_addr->sa_family == AF_INET) {
      own.s6_addr[10] = own.s6_addr[11] = 0xff;
      std::memcpy(&own.s6_addr[12], &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, 4);
    } else {
      continue;
    }
    if (IN6_ARE_ADDR_EQUAL(&own, &*wanted)) return true;
  }
  return false;
}

}  // namespace

// `own_url`: what we would deliver to ourselves would come from this host, which our own pages trust more than others.
Result<void> check_endpoint(std::string_view protocol, std::string_view endpoint, std::string_view own_url) {
  if (protocol != "http" && protocol != "https")
    return errors::invalid_parameter("Invalid parameter: Protocol " + std::string(protocol) +
                                     " is not served here: use http or https");
  constexpr std::size_t length_max = 2048;
  const Result<Url> url = parse_url(endpoint);
  if (!url || url->scheme != protocol || endpoint.size() > length_max)
    return errors::invalid_parameter("Invalid parameter: Endpoint must match the specified protocol");
  const Result<Url> own = parse_url(own_url);
  const bool is_loopback = url->host == "localhost" || url->host == "::1" || url->host.starts_with("127.");
  if (own && url->port == own->port && (is_loopback || url->host == own->host))
    return errors::invalid_parameter("Invalid parameter: Endpoint Reason: that is this server itself");
  if (is_link_local(url->host))
    return errors::invalid_parameter("Invalid parameter: Endpoint Reason: link-local addresses are not called");
  return ok;
}

bool may_be_called(const std::string& address, int port, std::string_view own_url) {
  if (is_link_local(address)) return false;
  const Result<Url> own = parse_url(own_url);
  return !own || port != own->port || !is_of_this_host(address);
}

}  // namespace hearth::sns
