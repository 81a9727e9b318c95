// The tree of a metric math expression. Private to services/cloudwatch.
#pragma once

#include <string>
#include <vector>

namespace hearth::cloudwatch::math {

enum class NodeKind { number, text, name, negation, operation, call, array };

struct Node {
  NodeKind kind = NodeKind::number;
  double number = 0;
  std::string
      text;  // text: its characters; name: the id; operation: the operator ("+", "&&"); call: the function, upper case
  std::vector<Node> children;
};

}  // namespace hearth::cloudwatch::math
