// Tensors by name in a .safetensors object, streamed: only one tensor is in memory beside those the caller keeps.
// https://huggingface.co/docs/safetensors/index#format
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "llm/common/storage.h"

namespace hearth::llm::train {

using TensorMap = std::map<std::string, at::Tensor>;

// As F32 whatever the file holds (F32, F16 or BF16). Fails if the header lies about the file.
TensorMap read_safetensors(Storage& storage, const std::string& uri);
// model.safetensors of a folder, or the shards its model.safetensors.index.json names.
TensorMap read_model_tensors(Storage& storage, const std::string& folder_uri);

// As F32, or as BF16 when asked.
void write_safetensors(Storage& storage, const std::string& uri, const TensorMap& tensors, bool as_bf16);

}  // namespace hearth::llm::train
