#include "services/sagemaker/machine_script.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace hearth::sagemaker {
namespace {

// AWS allows [a-zA-Z_][a-zA-Z0-9_]*; the request was validated, a row of another version was not.
bool is_variable_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string machine_script(const EndpointRow& endpoint, const VariantRow& variant, const ModelRow& model) {
  std::string script = "#!/bin/sh\n";
  script += fmt::format("# Serves variant {} of the SageMaker endpoint {}.\n", variant.variant_name, endpoint.name);
  for (const auto& [name, value] : model.environment)
    if (is_variable_name(name)) script += fmt::format("export {}={}\n", name, shell_quoted(value));
  // A server that ends (a model that cannot be read yet, no memory) is started again; the endpoint's time limit decides
  // when to give up.
  script += fmt::format(
      R"(while :; do
  /opt/hearth/hearth-infer --model {} --model-name {} --host 0.0.0.0 --port {} --cache /var/cache/hearth
  echo "hearth-infer ended with status $?; it is started again in 2 seconds"
  sleep 2
done
)",
      shell_quoted(model.model_uri), shell_quoted(endpoint.name), model_server_port);
  return script;
}

}  // namespace hearth::sagemaker
