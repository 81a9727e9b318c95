// Where a run stands, so that it can go on as if it had never stopped: OUTPUT/checkpoints/step-N/ is a model folder of
// its own (in a LoRA run: the adapters) with optimizer.safetensors and trainer_state.json. checkpoints/latest.json is
// written last and names it, so a run that dies while writing resumes from the one before.
// No random state is kept: after the weights are made, all chance is in the order of rows, which the position tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "llm/train/model.h"
#include "llm/train/optimizer.h"
#include "llm/train/tokenizer.h"

namespace hearth::llm::train {

struct Progress {
  std::int64_t step = 0;
  std::uint64_t row_position = 0;
};

// tokenizer.json and what belongs to it, as text, passed on from the base model where there is one.
struct TokenizerFiles {
  std::string tokenizer_json, tokenizer_config_json, generation_config_json, chat_template_jinja;
};

struct Checkpoint {
  std::string folder_uri;
  Progress progress;
};

void write_model(Storage& storage, const std::string& folder_uri, const Model& model, const TensorMap& weights,
                 const TokenizerFiles& tokenizer, bool as_bf16);
void write_adapters(Storage& storage, const std::string& folder_uri, const Model& model, const std::string& base_model);

// OUTPUT/checkpoints/run.json: what the run was asked for. Written before the first step, so that an output that cannot
// be written is known before the work is done.
void write_run(Storage& storage, const TrainOptions& options);
void write_checkpoint(Storage& storage, const TrainOptions& options, const Model& model, const AdamW& optimizer,
                      const TokenizerFiles& tokenizer, const Progress& progress);
std::optional<Checkpoint> find_checkpoint(Storage& storage, const TrainOptions& options);
void restore_checkpoint(Storage& storage, const Checkpoint& checkpoint, Model& model, AdamW& optimizer);

}  // namespace hearth::llm::train
