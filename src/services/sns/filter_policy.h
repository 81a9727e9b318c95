// Which messages a subscription wants: every operator AWS documents (exact values, prefix, suffix, wildcard,
// equals-ignore-case, anything-but, numeric, cidr, exists, $or), on message attributes or on the message body.
// https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::sns {

// A message attribute as published.
struct MessageAttribute {
  std::string type;   // String, String.Array, Number, Binary
  std::string value;  // of Binary: base64
};
using MessageAttributes = std::map<std::string, MessageAttribute>;

class FilterPolicy {
 public:
  enum class Scope { attributes, body };

  // ErrorKind::invalid with a sentence when a rule is not one we know: a filter that is half understood loses messages.
  static Result<FilterPolicy> parse(std::string_view json, Scope scope);

  FilterPolicy(FilterPolicy&&) noexcept;
  ~FilterPolicy();
  bool accepts(const MessageAttributes& attributes, std::string_view body) const;

 private:
  struct Node;
  FilterPolicy(std::unique_ptr<Node> root, Scope scope);
  std::unique_ptr<Node> root_;
  Scope scope_;
};

}  // namespace hearth::sns
