// Any text as a metric math expression over two short series: a refusal has a sentence, evaluation must neither crash
// nor hang. The whole input is the expression.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/cloudwatch/metric_math.h"

using namespace hearth;
namespace math = hearth::cloudwatch::math;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2048) return 0;  // the model's constraint refuses it before
  const Result<math::Expression> expression = math::Expression::parse({reinterpret_cast<const char*>(data), size});
  if (!expression) {
    if (expression.error().message().empty()) std::abort();
    return 0;
  }
  math::Environment environment;
  environment.window = {0, 300'000};
  const cloudwatch::TimeSeries rising{"m1", 60, {{0, 1}, {60'000, 2}, {180'000, 1e300}}};
  const cloudwatch::TimeSeries empty{"m2", 60, {}};
  environment.values = {{"m1", rising}, {"m2", empty}, {"e1", 0.0}};
  environment.metrics = {{"m1", rising}, {"m2", empty}};
  const Result<math::Value> value = math::evaluate(*expression, environment);
  if (!value && value.error().message().empty()) std::abort();
  (void)expression->references();
  return 0;
}
