// The user data of an endpoint's machine: fetches the model as the machine's role and serves it.
#pragma once

#include <string>

#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

// Where the model server listens, and the paths every container for SageMaker has.
// https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
inline constexpr int model_server_port = 8080;

std::string machine_script(const EndpointRow& endpoint, const VariantRow& variant, const ModelRow& model);

}  // namespace hearth::sagemaker
