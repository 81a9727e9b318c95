// The OpenAI-compatible door as plain routes of the gateway, which verifies who calls.
#pragma once

#include <vector>

#include "gateway/gateway.h"
#include "services/sagemaker/openai_door.h"

namespace hearth::server {

// `door` must outlive the gateway.
std::vector<gateway::PlainRoute> openai_routes(sagemaker::OpenAiDoor& door);

}  // namespace hearth::server
