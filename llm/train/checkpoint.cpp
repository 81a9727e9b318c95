#include "llm/train/checkpoint.h"

#include <boost/json.hpp>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr const char* adapter_file = "adapter_model.safetensors";

std::string checkpoints_uri(const TrainOptions& options) {
  return join_uri(options.output_uri, "checkpoints");
}

// What must not change between the parts of one run.
json::object identity_of(const TrainOptions& options) {
  return {{"seed", options.seed},
          {"batch_size", options.batch_size},
          {"context_length", options.context_length},
          {"step_count", options.step_count},
          {"lora_rank", options.lora.rank},
          {"validation_fraction", options.validation_uri.empty() ? options.validation_fraction : 0.0}};
}

}  // namespace

void write_model(Storage& storage, const std::string& folder_uri, const Model& model, const TensorMap& weights,
                 const TokenizerFiles& tokenizer, bool as_bf16) {
  storage.write_text(join_uri(folder_uri, "config.json"), model.config_json(as_bf16));
  storage.write_text(join_uri(folder_uri, "tokenizer.json"), tokenizer.tokenizer_json);
  const auto write_if_any = [&](const char* name, const std::string& text) {
    if (!text.empty()) storage.write_text(join_uri(folder_uri, name), text);
  };
  write_if_any("tokenizer_config.json", tokenizer.tokenizer_config_json);
  write_if_any("generation_config.json", tokenizer.generation_config_json);
  write_if_any("chat_template.jinja", tokenizer.chat_template_jinja);
  write_safetensors(storage, join_uri(folder_uri, "model.safetensors"), weights, as_bf16);
}

void write_adapters(Storage& storage, const std::string& folder_uri, const Model& model,
                    const std::string& base_model) {
  storage.write_text(join_uri(folder_uri, "adapter_config.json"), model.adapter_config_json(base_model));
  write_safetensors(storage, join_uri(folder_uri, adapter_file), model.trainable(), false);
}

void write_run(Storage& storage, const TrainOptions& options) {
  json::object run = identity_of(options);
  run["train"] = options.training_uri;
  run["validation"] = options.validation_uri;
  run["model"] = options.model_uri;
  run["job_name"] = options.job_name;
  run["learning_rate"] = options.learning_rate;
  run["weight_decay"] = options.weight_decay;
  run["gradient_norm_max"] = options.gradient_norm_max;
  run["dtype"] = options.bf16 ? "bf16" : "fp32";
  storage.write_text(join_uri(checkpoints_uri(options), "run.json"), json::serialize(run));
}

void write_checkpoint(Storage& storage, const TrainOptions& options, const Model& model, const AdamW& optimizer,
                      const TokenizerFiles& tokenizer, const Progress& progress) {
  const std::string name = fmt::format("step-{:08}", progress.step);
  const std::string folder = join_uri(checkpoints_uri(options), name);
  if (model.lora().rank > 0)
    write_adapters(storage, folder, model, options.model_uri);
  else
    write_model(storage, folder, model, model.weights(), tokenizer, false);
  write_safetensors(storage, join_uri(folder, "optimizer.safetensors"), optimizer.state(), false);
  const json::object state = {
      {"step", progress.step}, {"row_position", progress.row_position}, {"run", identity_of(options)}};
  storage.write_text(join_uri(folder, "trainer_state.json"), json::serialize(state));
  storage.write_text(join_uri(checkpoints_uri(options), "latest.json"), json::serialize(json::object{{"name", name}}));
}

std::optional<Checkpoint> find_checkpoint(Storage& storage, const TrainOptions& options) {
  const std::string latest_uri = join_uri(checkpoints_uri(options), "latest.json");
  if (!storage.exists(latest_uri)) return std::nullopt;
  Checkpoint checkpoint;
  try {
    const json::value latest = json::parse(storage.read_text(latest_uri));
    checkpoint.folder_uri = join_uri(checkpoints_uri(options), json::value_to<std::string>(latest.at("name")));
    const json::value state = json::parse(storage.read_text(join_uri(checkpoint.folder_uri, "trainer_state.json")));
    checkpoint.progress = {.step = state.at("step").to_number<std::int64_t>(),
                           .row_position = state.at("row_position").to_number<std::uint64_t>()};
    // Compared as text: numbers come back from JSON with other types.
    for (const auto& [name, value] : identity_of(options)) {
      const std::string now = json::serialize(value), before = json::serialize(state.at("run").at(name));
      if (now != before)
        fail(FailureKind::usage, "--resume: the checkpoint was made with {} {}, this run has {}",
             std::string_view(name), before, now);
    }
  } catch (const boost::system::system_error&) {
    fail(FailureKind::input, "{}: the checkpoint it names cannot be read", latest_uri);
  }
  return checkpoint;
}

void restore_checkpoint(Storage& storage, const Checkpoint& checkpoint, Model& model, AdamW& optimizer) {
  const bool is_lora = model.lora().rank > 0;
  model.set_trainable(
      read_safetensors(storage, join_uri(checkpoint.folder_uri, is_lora ? adapter_file : "model.safetensors")));
  optimizer.set_state(read_safetensors(storage, join_uri(checkpoint.folder_uri, "optimizer.safetensors")));
}

}  // namespace hearth::llm::train
