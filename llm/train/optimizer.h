// AdamW with clipping of the gradient's norm, over named tensors, so that its state can be written and read by name.
#pragma once

#include <vector>

#include "llm/train/safetensors.h"

namespace hearth::llm::train {

class AdamW {
 public:
  AdamW(const TensorMap& parameters, double weight_decay);
  // Clips, moves the parameters, clears the gradients. Gives the norm before clipping.
  double step(double learning_rate, double gradient_norm_max);

  // Everything it remembers. Fails when the names or shapes are of another model.
  TensorMap state() const;
  void set_state(const TensorMap& state);

 private:
  // Norms' gains are not decayed: pulling them to zero helps nothing.
  struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters, first_moments, second_moments, step_counts;
  };
  Group decayed_, undecayed_;
};

}  // namespace hearth::llm::train
