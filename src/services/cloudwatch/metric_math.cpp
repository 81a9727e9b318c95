#include "services/cloudwatch/metric_math.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "services/cloudwatch/metric_math_syntax.h"

namespace hearth::cloudwatch::math {
namespace {

using Binary = double (*)(double, double);
using Unary = double (*)(double);

const std::map<std::string, Binary, std::less<>> operators = {
    {"+", [](double a, double b) { return a + b; }},
    {"-", [](double a, double b) { return a - b; }},
    {"*", [](double a, double b) { return a * b; }},
    {"/", [](double a, double b) { return a / b; }},
    {"^", [](double a, double b) { return std::pow(a, b); }},
    {"==", [](double a, double b) { return double(a == b); }},
    {"!=", [](double a, double b) { return double(a != b); }},
    {"<", [](double a, double b) { return double(a < b); }},
    {">", [](double a, double b) { return double(a > b); }},
    {"<=", [](double a, double b) { return double(a <= b); }},
    {">=", [](double a, double b) { return double(a >= b); }},
    {"&&", [](double a, double b) { return double(a != 0 && b != 0); }},
    {"||", [](double a, double b) { return double(a != 0 || b != 0); }},
};

const std::map<std::string, Unary, std::less<>> point_functions = {
    {"ABS", [](double v) { return std::fabs(v); }},    {"CEIL", [](double v) { return std::ceil(v); }},
    {"FLOOR", [](double v) { return std::floor(v); }}, {"LOG", [](double v) { return std::log(v); }},
    {"LOG10", [](double v) { return std::log10(v); }}, {"EXP", [](double v) { return std::exp(v); }},
};

// AVG and its kin: over one series they give a number, over several a series.
double average(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}
using Aggregate = double (*)(const std::vector<double>&);
const std::map<std::string, Aggregate, std::less<>> aggregates = {
    {"AVG", average},
    {"SUM", [](const std::vector<double>& values) { return average(values) * static_cast<double>(values.size()); }},
    {"MIN", [](const std::vector<double>& values) { return std::ranges::min(values); }},
    {"MAX", [](const std::vector<double>& values) { return std::ranges::max(values); }},
    {"STDDEV",
     [](const std::vector<double>& values) {
       const double mean = average(values);
       double squares = 0;
       for (const double value : values) squares += (value - mean) * (value - mean);
       return std::sqrt(squares / static_cast<double>(values.size()));
     }},
    {"DATAPOINT_COUNT", [](const std::vector<double>& values) { return static_cast<double>(values.size()); }},
};

std::optional<double> value_at(const TimeSeries& series, std::int64_t time_ms) {
  const auto found = std::ranges::lower_bound(series.points, time_ms, {}, &Point::time_ms);
  if (found == series.points.end() || found->time_ms != time_ms) return std::nullopt;
  return found->value;
}

// Division by zero and the like leave no point, as a missing measurement does.
void add_point(TimeSeries& series, std::int64_t time_ms, double value) {
  if (std::isfinite(value)) series.points.push_back({time_ms, value});
}

template <class F>
TimeSeries map_points(const TimeSeries& series, F function) {
  TimeSeries mapped{.label = series.label, .period_seconds = series.period_seconds};
  for (const Point& point : series.points) add_point(mapped, point.time_ms, function(point.value));
  return mapped;
}

// Points that both have.
TimeSeries combine(const TimeSeries& left, const TimeSeries& right, Binary function) {
  TimeSeries combined{.label = left.label, .period_seconds = std::max(left.period_seconds, right.period_seconds)};
  for (const Point& point : left.points)
    if (const auto other = value_at(right, point.time_ms))
      add_point(combined, point.time_ms, function(point.value, *other));
  return combined;
}

std::chrono::year_month_day date_of(std::chrono::sys_seconds time) {
  return std::chrono::floor<std::chrono::days>(time);
}

// The value of each period from the one before it.
template <class F>
TimeSeries pairwise(const TimeSeries& series, F function) {
  TimeSeries result{.label = series.label, .period_seconds = series.period_seconds};
  for (std::size_t i = 1; i < series.points.size(); ++i)
    add_point(result, series.points[i].time_ms, function(series.points[i - 1], series.points[i]));
  return result;
}

// MINUTE and its kin: what the clock showed, in UTC, when the period began.
using Clock = double (*)(std::chrono::sys_seconds);
const std::map<std::string, Clock, std::less<>> clock_functions = {
    {"EPOCH", [](std::chrono::sys_seconds t) { return static_cast<double>(t.time_since_epoch().count()); }},
    {"MINUTE", [](std::chrono::sys_seconds t) { return static_cast<double>(t.time_since_epoch().count() / 60 % 60); }},
    {"HOUR", [](std::chrono::sys_seconds t) { return static_cast<double>(t.time_since_epoch().count() / 3600 % 24); }},
    {"DAY",
     [](std::chrono::sys_seconds t) {  // Monday is 1
       return static_cast<double>(std::chrono::weekday(std::chrono::floor<std::chrono::days>(t)).iso_encoding());
     }},
    {"DATE", [](std::chrono::sys_seconds t) { return static_cast<double>(static_cast<unsigned>(date_of(t).day())); }},
    {"MONTH",
     [](std::chrono::sys_seconds t) { return static_cast<double>(static_cast<unsigned>(date_of(t).month())); }},
    {"YEAR", [](std::chrono::sys_seconds t) { return static_cast<double>(static_cast<int>(date_of(t).year())); }},
};

double seconds_between(const Point& older, const Point& newer) {
  return static_cast<double>(newer.time_ms - older.time_ms) / 1000;
}
double difference(const Point& older, const Point& newer) {
  return newer.value - older.value;
}
double rate(const Point& older, const Point& newer) {
  return difference(older, newer) / seconds_between(older, newer);
}

class Evaluator {
 public:
  explicit Evaluator(const Environment& environment) : environment_(environment) {}

  Result<Value> evaluate(const Node& node) {
    switch (node.kind) {
      case NodeKind::number:
        return Value(node.number);
      case NodeKind::text:
        return Error(ErrorKind::invalid, "a text can only be an argument of METRICS");
      case NodeKind::name:
        return named(node.text);
      case NodeKind::negation: {
        TRY(const Value operand, evaluate(node.children.front()));
        return each_point(operand, [](double v) { return -v; });
      }
      case NodeKind::operation: {
        TRY(const Value left, evaluate(node.children[0]));
        TRY(const Value right, evaluate(node.children[1]));
        return operate(left, right, operators.at(node.text));
      }
      case NodeKind::call:
        return call(node);
      case NodeKind::array:
        return array(node);
    }
    return Error(ErrorKind::internal, "internal error");
  }

 private:
  Result<Value> named(const std::string& id) {
    const auto found = environment_.values.find(id);
    if (found == environment_.values.end()) return Error(ErrorKind::invalid, "'" + id + "' is not defined");
    return found->second;
  }

  template <class F>
  static Value each_point(const Value& value, F function) {
    return each_series(
        value, [&](double number) { return function(number); },
        [&](const TimeSeries& series) { return map_points(series, function); });
  }

  // `of_number` for a number, `of_series` for a series or for each of a list.
  template <class OfNumber, class OfSeries>
  static Value each_series(const Value& value, OfNumber of_number, OfSeries of_series) {
    if (const auto* number = std::get_if<double>(&value)) return Value(of_number(*number));
    if (const auto* series = std::get_if<TimeSeries>(&value)) return Value(of_series(*series));
    SeriesList list;
    for (const TimeSeries& series : std::get<SeriesList>(value)) list.push_back(of_series(series));
    return list;
  }

  static Result<Value> operate(const Value& left, const Value& right, Binary function) {
    if (const auto* number = std::get_if<double>(&right))
      return each_point(left, [&](double v) { return function(v, *number); });
    if (const auto* number = std::get_if<double>(&left))
      return each_point(right, [&](double v) { return function(*number, v); });
    if (const auto* series = std::get_if<TimeSeries>(&right)) {
      const auto with_right = [&](const TimeSeries& one) { return combine(one, *series, function); };
      return each_series(left, [](double number) { return number; }, with_right);
    }
    const auto& rights = std::get<SeriesList>(right);
    SeriesList list;
    if (const auto* series = std::get_if<TimeSeries>(&left)) {
      for (const TimeSeries& one : rights) list.push_back(combine(*series, one, function));
      return Value(std::move(list));
    }
    const auto& lefts = std::get<SeriesList>(left);
    if (lefts.size() != rights.size())
      return Error(ErrorKind::invalid, "arrays of different lengths cannot be combined");
    for (std::size_t i = 0; i < lefts.size(); ++i) list.push_back(combine(lefts[i], rights[i], function));
    return Value(std::move(list));
  }

  // A number among the elements has a point wherever one of the series has one.
  Result<Value> array(const Node& node) {
    SeriesList list;
    std::vector<double> numbers;
    for (const Node& child : node.children) {
      TRY(Value element, evaluate(child));
      if (const auto* number = std::get_if<double>(&element))
        numbers.push_back(*number);
      else if (auto* series = std::get_if<TimeSeries>(&element))
        list.push_back(std::move(*series));
      else
        std::ranges::move(std::get<SeriesList>(element), std::back_inserter(list));
    }
    if (list.empty()) return Error(ErrorKind::invalid, "an array holds at least one time series");
    std::set<std::int64_t> times;
    TimeSeries constant;
    for (const TimeSeries& series : list) {
      constant.period_seconds = std::max(constant.period_seconds, series.period_seconds);
      for (const Point& point : series.points) times.insert(point.time_ms);
    }
    for (const double number : numbers) {
      constant.points.clear();
      for (const std::int64_t time_ms : times) constant.points.push_back({time_ms, number});
      list.push_back(constant);
    }
    return Value(std::move(list));
  }

  Result<Value> call(const Node& node) {
    const std::string& name = node.text;
    if (name == "METRICS") return metrics(node);
    if (name == "IF") return choose(node);
    if (name == "FILL") return fill(node);
    if (name == "SORT") return sort(node);
    if (name == "SLICE") return slice(node);
    if (node.children.size() != 1 && is_function_of_one(name))
      return Error(ErrorKind::invalid, "the function " + name + " takes one argument");
    if (!is_function_of_one(name)) return Error(ErrorKind::invalid, "there is no function " + name);
    TRY(const Value argument, evaluate(node.children.front()));
    if (const auto aggregate = aggregates.find(name); aggregate != aggregates.end())
      return aggregated(argument, aggregate->second);
    if (const auto function = point_functions.find(name); function != point_functions.end())
      return each_point(argument, function->second);
    return series_function(name, argument);
  }

  static bool is_function_of_one(std::string_view name) {
    constexpr std::string_view series_functions[] = {"RATE",  "DIFF", "DIFF_TIME",   "RUNNING_SUM", "PERIOD",
                                                     "FIRST", "LAST", "TIME_SERIES", "REMOVE_EMPTY"};
    return aggregates.contains(name) || point_functions.contains(name) || clock_functions.contains(name) ||
           std::ranges::find(series_functions, name) != std::end(series_functions);
  }

  static Result<Value> aggregated(const Value& argument, Aggregate aggregate) {
    if (std::holds_alternative<double>(argument)) return argument;
    if (const auto* series = std::get_if<TimeSeries>(&argument)) {
      std::vector<double> values;
      for (const Point& point : series->points) values.push_back(point.value);
      // Nothing to sum up is nothing, not zero: an empty series, which takes part in no operation.
      if (values.empty()) return Value(TimeSeries{.label = series->label, .period_seconds = series->period_seconds});
      return Value(aggregate(values));
    }
    std::map<std::int64_t, std::vector<double>> by_time;
    TimeSeries result;
    for (const TimeSeries& series : std::get<SeriesList>(argument)) {
      result.period_seconds = std::max(result.period_seconds, series.period_seconds);
      for (const Point& point : series.points) by_time[point.time_ms].push_back(point.value);
    }
    for (const auto& [time_ms, values] : by_time) add_point(result, time_ms, aggregate(values));
    return Value(std::move(result));
  }

  Result<Value> series_function(std::string_view name, const Value& argument) {
    if (name == "TIME_SERIES") {
      const auto* number = std::get_if<double>(&argument);
      if (!number) return Error(ErrorKind::invalid, "TIME_SERIES takes a number");
      TimeSeries series{.period_seconds = default_period_seconds()};
      TRY(const auto times, grid(series.period_seconds));
      for (const std::int64_t time_ms : times) series.points.push_back({time_ms, *number});
      return Value(std::move(series));
    }
    if (std::holds_alternative<double>(argument))
      return Error(ErrorKind::invalid, "the function " + std::string(name) + " takes a time series");
    if (name == "FIRST" || name == "LAST") return end_of_list(name, argument);
    if (name == "REMOVE_EMPTY") return remove_empty(argument);
    if (const auto clock = clock_functions.find(name); clock != clock_functions.end()) {
      const auto of_time = [&](const TimeSeries& series) {
        TimeSeries shown{.label = series.label, .period_seconds = series.period_seconds};
        for (const Point& point : series.points)
          shown.points.push_back(
              {point.time_ms, clock->second(std::chrono::sys_seconds(std::chrono::seconds(point.time_ms / 1000)))});
        return shown;
      };
      return each_series(argument, [](double number) { return number; }, of_time);
    }
    const auto of_series = [&](const TimeSeries& series) -> TimeSeries {
      if (name == "RATE") return pairwise(series, rate);
      if (name == "DIFF") return pairwise(series, difference);
      if (name == "DIFF_TIME") return pairwise(series, seconds_between);
      if (name == "PERIOD") return map_points(series, [&](double) { return double(series.period_seconds); });
      double sum = 0;  // RUNNING_SUM
      return map_points(series, [&](double value) { return sum += value; });
    };
    // AWS: PERIOD of one series is a number.
    if (const auto* series = std::get_if<TimeSeries>(&argument); series && name == "PERIOD")
      return Value(double(series->period_seconds));
    return each_series(argument, [](double number) { return number; }, of_series);
  }

  static Result<Value> end_of_list(std::string_view name, const Value& argument) {
    const auto* list = std::get_if<SeriesList>(&argument);
    if (!list || list->empty()) return Error(ErrorKind::invalid, std::string(name) + " takes an array of time series");
    return Value(name == "FIRST" ? list->front() : list->back());
  }

  static Result<Value> remove_empty(const Value& argument) {
    const auto* list = std::get_if<SeriesList>(&argument);
    if (!list) return argument;
    SeriesList kept;
    std::ranges::copy_if(*list, std::back_inserter(kept), [](const TimeSeries& one) { return !one.points.empty(); });
    return Value(std::move(kept));
  }

  // SORT(array, AVG | MIN | MAX | SUM, ASC | DESC, how many)
  Result<Value> sort(const Node& node) {
    const auto word = [&](std::size_t index) {
      const bool is_word = index < node.children.size() && node.children[index].kind == NodeKind::name;
      return is_word ? std::string_view(node.children[index].text) : std::string_view();
    };
    const bool is_descending = word(2) == "DESC";
    constexpr std::string_view known[] = {"AVG", "MIN", "MAX", "SUM"};
    if (node.children.size() < 3 || node.children.size() > 4 || (!is_descending && word(2) != "ASC") ||
        std::ranges::find(known, word(1)) == std::end(known))
      return Error(ErrorKind::invalid, "SORT takes an array, AVG, MIN, MAX or SUM, ASC or DESC, and how many");
    TRY(Value argument, evaluate(node.children[0]));
    auto* list = std::get_if<SeriesList>(&argument);
    if (!list) return Error(ErrorKind::invalid, "SORT takes an array of time series");
    std::erase_if(*list, [](const TimeSeries& one) { return one.points.empty(); });
    const Aggregate aggregate = aggregates.find(word(1))->second;
    const auto key = [&](const TimeSeries& one) {
      std::vector<double> values;
      for (const Point& point : one.points) values.push_back(point.value);
      return is_descending ? -aggregate(values) : aggregate(values);
    };
    std::ranges::stable_sort(*list, {}, key);
    if (node.children.size() == 4) {
      TRY(const std::size_t count, index(node.children[3], "SORT"));
      if (count < list->size()) list->resize(count);
    }
    return argument;
  }

  // SLICE(array, first) is one time series; SLICE(array, first, end) an array.
  Result<Value> slice(const Node& node) {
    if (node.children.size() != 2 && node.children.size() != 3)
      return Error(ErrorKind::invalid, "SLICE takes an array and one or two numbers");
    TRY(const Value argument, evaluate(node.children[0]));
    const auto* list = std::get_if<SeriesList>(&argument);
    if (!list) return Error(ErrorKind::invalid, "SLICE takes an array of time series");
    TRY(const std::size_t first, index(node.children[1], "SLICE"));
    if (node.children.size() == 2)
      return first < list->size() ? Value((*list)[first])
                                  : Value(TimeSeries{.period_seconds = default_period_seconds()});
    TRY(const std::size_t end, index(node.children[2], "SLICE"));
    SeriesList part;
    for (std::size_t i = first; i < std::min(end, list->size()); ++i) part.push_back((*list)[i]);
    return Value(std::move(part));
  }

  Result<std::size_t> index(const Node& node, std::string_view function) {
    constexpr double index_max = 1'000'000;
    TRY(const Value value, evaluate(node));
    const auto* number = std::get_if<double>(&value);
    if (!number || *number < 0 || *number > index_max || std::floor(*number) != *number)
      return Error(ErrorKind::invalid, std::string(function) + " counts in whole numbers from 0");
    return static_cast<std::size_t>(*number);
  }

  // METRICS() or METRICS("part of the id")
  Result<Value> metrics(const Node& node) {
    const bool has_filter = node.children.size() == 1 && node.children.front().kind == NodeKind::text;
    if (!node.children.empty() && !has_filter) return Error(ErrorKind::invalid, "METRICS takes nothing or one text");
    SeriesList list;
    for (const auto& [id, series] : environment_.metrics)
      if (!has_filter || id.find(node.children.front().text) != id.npos) list.push_back(series);
    return Value(std::move(list));
  }

  // IF(condition, then) or IF(condition, then, otherwise)
  Result<Value> choose(const Node& node) {
    if (node.children.size() != 2 && node.children.size() != 3)
      return Error(ErrorKind::invalid, "IF takes two or three arguments");
    TRY(const Value condition, evaluate(node.children[0]));
    TRY(const Value then, evaluate(node.children[1]));
    std::optional<Value> otherwise;
    if (node.children.size() == 3) {
      TRY(otherwise, evaluate(node.children[2]));
    }
    for (const Value* value : {&condition, &then, otherwise ? &std::as_const(*otherwise) : nullptr})
      if (value && std::holds_alternative<SeriesList>(*value))
        return Error(ErrorKind::invalid, "IF takes numbers and single time series");

    if (const auto* number = std::get_if<double>(&condition)) {
      if (*number != 0) return then;
      return otherwise ? *otherwise : Value(TimeSeries{.period_seconds = default_period_seconds()});
    }
    const auto& series = std::get<TimeSeries>(condition);
    TimeSeries result{.label = series.label, .period_seconds = series.period_seconds};
    const auto at = [](const Value& value, std::int64_t time_ms) -> std::optional<double> {
      if (const auto* number = std::get_if<double>(&value)) return *number;
      return value_at(std::get<TimeSeries>(value), time_ms);
    };
    for (const Point& point : series.points) {
      std::optional<double> chosen;
      if (point.value != 0)
        chosen = at(then, point.time_ms);
      else if (otherwise)
        chosen = at(*otherwise, point.time_ms);
      if (chosen) add_point(result, point.time_ms, *chosen);
    }
    return Value(std::move(result));
  }

  // FILL(series, number), FILL(series, REPEAT), FILL(series, LINEAR)
  Result<Value> fill(const Node& node) {
    if (node.children.size() != 2) return Error(ErrorKind::invalid, "FILL takes two arguments");
    TRY(const Value argument, evaluate(node.children[0]));
    if (std::holds_alternative<double>(argument)) return Error(ErrorKind::invalid, "FILL takes a time series");
    const Node& filler = node.children[1];
    const bool is_linear = filler.text == "LINEAR";
    const bool goes_on = filler.kind == NodeKind::name && (is_linear || filler.text == "REPEAT");
    double number = 0;
    if (!goes_on) {
      TRY(const Value with, evaluate(filler));
      const auto* given = std::get_if<double>(&with);
      if (!given) return Error(ErrorKind::invalid, "FILL fills with a number, REPEAT or LINEAR");
      number = *given;
    }
    std::optional<Error> failed;
    const auto fill_one = [&](const TimeSeries& series) {
      const auto times = grid(series.period_seconds);
      if (!times) failed = times.error();
      if (!times) return series;
      return goes_on ? filled_between(series, *times, is_linear) : filled_with(series, *times, number);
    };
    Value filled = each_series(argument, [](double same) { return same; }, fill_one);
    if (failed) return *failed;
    return filled;
  }

  static TimeSeries filled_with(const TimeSeries& series, const std::vector<std::int64_t>& times, double number) {
    TimeSeries filled{.label = series.label, .period_seconds = series.period_seconds};
    for (const std::int64_t time_ms : times)
      filled.points.push_back({time_ms, value_at(series, time_ms).value_or(number)});
    return filled;
  }

  static TimeSeries filled_between(const TimeSeries& series, const std::vector<std::int64_t>& times, bool is_linear) {
    TimeSeries filled{.label = series.label, .period_seconds = series.period_seconds};
    std::size_t next = 0;  // the first point after the time we are at
    for (const std::int64_t time_ms : times) {
      while (next < series.points.size() && series.points[next].time_ms <= time_ms) ++next;
      if (next == 0) continue;  // nothing before it to go on from
      const Point& last = series.points[next - 1];
      double value = last.value;
      if (is_linear && last.time_ms != time_ms) {
        if (next == series.points.size()) break;  // nothing to go towards
        const Point& goal = series.points[next];
        value += (goal.value - last.value) * seconds_between(last, {time_ms, 0}) / seconds_between(last, goal);
      }
      filled.points.push_back({time_ms, value});
    }
    return filled;
  }

  // Starts of all periods of the window. A window of years in seconds is refused: AWS keeps those for hours.
  Result<std::vector<std::int64_t>> grid(int period_seconds) const {
    constexpr std::int64_t point_count_max = 500'000;
    const Window window = environment_.window.widened_to(period_seconds);
    const std::int64_t step_ms = std::int64_t{period_seconds} * 1000;
    if ((window.end_ms - window.start_ms) / step_ms > point_count_max)
      return Error(ErrorKind::invalid, "the time range has more than 500000 periods to fill");
    std::vector<std::int64_t> times;
    for (std::int64_t time_ms = window.start_ms; time_ms < window.end_ms; time_ms += step_ms) times.push_back(time_ms);
    return times;
  }

  int default_period_seconds() const {
    int period_seconds = 0;
    for (const auto& [id, series] : environment_.metrics)
      period_seconds = std::max(period_seconds, series.period_seconds);
    return period_seconds > 0 ? period_seconds : 60;
  }

  const Environment& environment_;
};

}  // namespace

Result<Value> evaluate(const Expression& expression, const Environment& environment) {
  return Evaluator(environment).evaluate(expression.root());
}

}  // namespace hearth::cloudwatch::math
