// The model's raw output for given tokens, for comparing engines: run the whole text once, keep the logits of every
// position.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "llm/infer/model.h"

namespace hearth::llm::infer {

// One row of vocab_size() logits per token. invalid if a token is not in the vocabulary, or if
// there are more than the model was made to read.
Result<std::vector<std::vector<float>>> logits_of(const Model& model, const std::vector<Token>& tokens);

}  // namespace hearth::llm::infer
