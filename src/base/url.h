// The http:// and https:// URLs that we call. Safe from any thread.
// https://www.rfc-editor.org/rfc/rfc3986
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

struct Url {
  std::string scheme, host;  // "http" or "https"; host without brackets
  int port = 0;
  std::string path, query;        // path at least "/"
  std::string authority() const;  // for the Host header: host, and the port where it is not the scheme's own
};
// Refuses what cannot stand in a URL (spaces, control characters, bytes beyond ASCII), so that what comes out can be
// written into a request as it is. Drops user names and fragments.
Result<Url> parse_url(std::string_view text);

}  // namespace hearth
