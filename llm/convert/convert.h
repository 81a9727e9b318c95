// A Hugging Face model folder (config.json, safetensors, tokenizer.json) as one GGUF file that libllama loads.
// LLaMA and Mistral, F32, F16 and BF16. Weights keep their type and are streamed, so memory stays small whatever the
// model's size. Safe to call from any thread; blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/result.h"

namespace hearth::llm::convert {

// Called now and then with bytes written so far and in all.
using Progress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

// `gguf` appears complete or not at all. not_found, invalid, corrupt or unsupported say what is wrong with the folder.
Result<void> convert_to_gguf(const std::filesystem::path& folder, const std::filesystem::path& gguf,
                             const Progress& progress = {});

}  // namespace hearth::llm::convert
