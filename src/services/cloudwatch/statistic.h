// How the samples of a period become one number.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/telemetry_store.h"

namespace hearth::cloudwatch {

class Statistic {
 public:
  // SampleCount, Sum, Average, Minimum, Maximum, or a percentile p0 … p100 with up to ten decimals.
  // ErrorKind::unsupported for the statistics of AWS that are not served, invalid for anything else.
  static Result<Statistic> parse(std::string_view text);

  // Nothing if there are no samples, or for a percentile over statistic sets whose single values are not known.
  std::optional<double> of(std::span<const Sample> samples) const;

  const std::string& name() const { return name_; }
  bool is_percentile() const { return kind_ == Kind::percentile; }
  // How many values a percentile needs to say something, as AWS reckons: 1000 for p99. 0 for all other statistics.
  double sample_count_wanted() const;

 private:
  enum class Kind { sample_count, sum, average, minimum, maximum, percentile };
  Statistic(Kind kind, std::string_view name, double percent = 0) : kind_(kind), name_(name), percent_(percent) {}

  Kind kind_;
  std::string name_;
  double percent_;
};

// The smallest value that at least `percent` percent of all values do not exceed.
std::optional<double> percentile(std::span<const Sample> samples, double percent);

}  // namespace hearth::cloudwatch
