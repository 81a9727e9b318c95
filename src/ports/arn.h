// The parts of an ARN. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
#pragma once

#include <optional>
#include <string_view>

namespace hearth {

// Views into the text it was parsed from.
struct Arn {
  std::string_view service;     // "ec2"
  std::string_view region;      // empty where there is none
  std::string_view account_id;  // the same
  std::string_view resource;    // the rest, with the colons it has: "instance/i-1", "log-group:g:*"

  // What follows `type` in the resource: "i-1" after "instance/". Nothing if it is of another type.
  std::optional<std::string_view> resource_after(std::string_view type) const {
    if (!resource.starts_with(type)) return std::nullopt;
    return resource.substr(type.size());
  }
};

// Nothing unless it begins "arn:aws:" and has all six parts.
inline std::optional<Arn> parse_arn(std::string_view text) {
  constexpr std::string_view prefix = "arn:aws:";
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  Arn arn;
  for (std::string_view* part : {&arn.service, &arn.region, &arn.account_id}) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    *part = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  arn.resource = text;
  return arn;
}

}  // namespace hearth
