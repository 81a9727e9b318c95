// Metric math: expressions over time series. Pure; safe from any thread.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "services/cloudwatch/time_series.h"

namespace hearth::cloudwatch::math {

struct Node;

// A parsed expression.
class Expression {
 public:
  // ErrorKind::invalid with the place of the mistake; unsupported for functions of AWS that are not served.
  static Result<Expression> parse(std::string_view text);

  // Ids of other queries it mentions, each once.
  std::vector<std::string> references() const;
  const Node& root() const { return *root_; }

 private:
  explicit Expression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  std::shared_ptr<const Node> root_;  // shared by copies of the expression; nobody changes it
};

using SeriesList = std::vector<TimeSeries>;
using Value = std::variant<double, TimeSeries, SeriesList>;

struct Environment {
  Window window;
  std::map<std::string, Value> values;        // of the queries it mentions
  std::map<std::string, TimeSeries> metrics;  // for METRICS(): all metric queries of the request, by id
};

Result<Value> evaluate(const Expression& expression, const Environment& environment);

}  // namespace hearth::cloudwatch::math
