// What the command line asks hearth-train to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::llm::train {

// Where the computing is done (device.h).
enum class DeviceChoice { automatic, cpu, cuda };

struct ModelOptions {
  std::int64_t hidden_size = 192, layer_count = 4, head_count = 6, kv_head_count = 3;
  std::int64_t feed_forward_size = 0;  // 0: 8/3 of the hidden size
  std::int64_t vocab_size = 4096;
  bool tied_embeddings = true;
};

struct LoraOptions {
  std::int64_t rank = 0;  // 0: train every weight
  double alpha = 0;       // 0: twice the rank
  std::vector<std::string> targets = {"q_proj", "v_proj"};
};

struct TrainOptions {
  std::string training_uri, validation_uri, output_uri, model_uri;
  double validation_fraction = 0.05;
  std::string job_name = "hearth-train";
  ModelOptions model;
  LoraOptions lora;
  std::int64_t step_count = 300, batch_size = 8, context_length = 256;
  std::int64_t warmup_steps = -1;  // -1: a twentieth of all steps
  double learning_rate = 1e-3, weight_decay = 0.1, gradient_norm_max = 1.0;
  std::int64_t log_every = 10, validate_every = 50, validation_rows_max = 64;
  std::int64_t checkpoint_every = 0;  // 0: only when stopped
  bool resume = false;
  bool bf16 = false;
  DeviceChoice device = DeviceChoice::automatic;
  std::uint64_t seed = 1;
  int thread_count = 0;  // 0: as many as this process may use
};

}  // namespace hearth::llm::train
