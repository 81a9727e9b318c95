// ARNs and names of SageMaker's resources.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace hearth::sagemaker {

// AWS: names are one whatever their case; keys and ARNs hold them in lower case.
inline std::string resource_arn(std::string_view region, std::string_view account, std::string_view kind,
                                std::string_view name) {
  std::string arn = "arn:aws:sagemaker:";
  arn.append(region).append(":").append(account).append(":").append(kind).append("/").append(to_lower(name));
  return arn;
}
inline std::string model_arn(std::string_view region, std::string_view account, std::string_view name) {
  return resource_arn(region, account, "model", name);
}
inline std::string config_arn(std::string_view region, std::string_view account, std::string_view name) {
  return resource_arn(region, account, "endpoint-config", name);
}
inline std::string endpoint_arn(std::string_view region, std::string_view account, std::string_view name) {
  return resource_arn(region, account, "endpoint", name);
}

inline std::string endpoint_log_group(std::string_view endpoint_name) {
  return "/aws/sagemaker/Endpoints/" + std::string(endpoint_name);
}

}  // namespace hearth::sagemaker
