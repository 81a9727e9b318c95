// One training run: data, steps, validation, checkpoints, the final model. Metrics go to stdout, progress to stderr.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "llm/common/storage.h"
#include "llm/train/options.h"

namespace hearth::llm::train {

struct TrainingResult {
  std::int64_t steps_done = 0;
  bool stopped = false;        // asked to end early; a checkpoint was written
  std::vector<double> losses;  // of every step of this run
  double validation_loss = 0;
  double validation_accuracy = 0;
};

// `stop` may be set by a signal handler; the run then ends after the step it is in.
TrainingResult train(Storage& storage, const TrainOptions& options, const std::atomic<bool>& stop);

// The logits after each token, a line per token, as `hearth-infer logits` prints them.
std::vector<std::vector<float>> logits_of(Storage& storage, const std::string& model_uri,
                                          const std::vector<std::int64_t>& tokens, DeviceChoice device);

}  // namespace hearth::llm::train
