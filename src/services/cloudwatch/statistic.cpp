#include "services/cloudwatch/statistic.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <vector>

namespace hearth::cloudwatch {
namespace {

std::optional<double> parse_percent(std::string_view text) {
  const std::size_t point = text.find('.');
  if (text.empty() || text.find_first_not_of("0123456789.") != text.npos) return std::nullopt;
  if (point != text.npos && text.size() - point - 1 > 10) return std::nullopt;
  double percent = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || percent > 100) return std::nullopt;
  return percent;
}

bool is_known_but_not_served(std::string_view text) {
  if (text == "IQM") return true;
  for (const std::string_view prefix : {"tm", "tc", "ts", "wm", "TM(", "TC(", "TS(", "WM(", "PR("})
    if (text.starts_with(prefix)) return true;
  return false;
}

}  // namespace

Result<Statistic> Statistic::parse(std::string_view text) {
  if (text == "SampleCount") return Statistic(Kind::sample_count, text);
  if (text == "Sum") return Statistic(Kind::sum, text);
  if (text == "Average") return Statistic(Kind::average, text);
  if (text == "Minimum") return Statistic(Kind::minimum, text);
  if (text == "Maximum") return Statistic(Kind::maximum, text);
  if (text.starts_with('p'))
    if (const auto percent = parse_percent(text.substr(1))) return Statistic(Kind::percentile, text, *percent);
  if (is_known_but_not_served(text))
    return Error(ErrorKind::unsupported, "The statistic " + std::string(text) + " is not served here");
  return Error(ErrorKind::invalid, "The statistic " + std::string(text) + " is not valid");
}

std::optional<double> Statistic::of(std::span<const Sample> samples) const {
  if (samples.empty()) return std::nullopt;
  const auto total = [&](double Sample::* member) {
    return std::accumulate(samples.begin(), samples.end(), 0.0,
                           [&](double sum, const Sample& sample) { return sum + sample.*member; });
  };
  switch (kind_) {
    case Kind::sample_count:
      return total(&Sample::count);
    case Kind::sum:
      return total(&Sample::sum);
    case Kind::average: {
      const double count = total(&Sample::count);
      return count > 0 ? std::optional(total(&Sample::sum) / count) : std::nullopt;
    }
    case Kind::minimum:
      return std::ranges::min(samples, {}, &Sample::min).min;
    case Kind::maximum:
      return std::ranges::max(samples, {}, &Sample::max).max;
    case Kind::percentile:
      return percentile(samples, percent_);
  }
  return std::nullopt;
}

double Statistic::sample_count_wanted() const {
  if (kind_ != Kind::percentile || percent_ <= 0 || percent_ >= 100) return 0;
  return 1000 / (percent_ >= 50 ? 100 - percent_ : percent_);
}

std::optional<double> percentile(std::span<const Sample> samples, double percent) {
  const auto is_one_value = [](const Sample& sample) { return sample.min == sample.max || sample.count == 1; };
  if (samples.empty() || !std::ranges::all_of(samples, is_one_value)) return std::nullopt;

  std::vector<Sample> sorted(samples.begin(), samples.end());
  std::ranges::sort(sorted, {}, &Sample::min);
  double count_total = 0;
  for (const Sample& sample : sorted) count_total += sample.count;
  const double count_wanted = percent / 100 * count_total;
  double count_so_far = 0;
  for (const Sample& sample : sorted) {
    count_so_far += sample.count;
    if (count_so_far >= count_wanted && sample.count > 0) return sample.min;
  }
  return sorted.back().max;
}

}  // namespace hearth::cloudwatch
