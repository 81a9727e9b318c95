// Where messages may be sent. A subscriber chose the address, and we would call it from this host: nothing that only
// this host reaches may be reached through us.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::sns {

// Judges what is written, when somebody subscribes.
Result<void> check_endpoint(std::string_view protocol, std::string_view endpoint, std::string_view own_url);

// Judges what a host's name turned out to be, when it is called. `address` is numeric; `own_url` is this server's.
bool may_be_called(const std::string& address, int port, std::string_view own_url);

}  // namespace hearth::sns
