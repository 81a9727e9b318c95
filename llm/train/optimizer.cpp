#include "llm/train/optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "llm/common/failure.h"

namespace hearth::llm::train {

AdamW::AdamW(const TensorMap& parameters, double weight_decay) {
  decayed_.weight_decay = weight_decay;
  for (const auto& [name, parameter] : parameters) {
    Group& group = parameter.dim() > 1 ? decayed_ : undecayed_;
    group.names.push_back(name);
    group.parameters.push_back(parameter);
    group.first_moments.push_back(at::zeros_like(parameter.detach()));
    group.second_moments.push_back(at::zeros_like(parameter.detach()));
    group.step_counts.push_back(at::zeros({}, parameter.options().requires_grad(false)));
  }
}

double AdamW::step(double learning_rate, double gradient_norm_max) {
  c10::NoGradGuard no_grad;
  double square_sum = 0;
  for (const Group* group : {&decayed_, &undecayed_})
    for (const at::Tensor& parameter : group->parameters) {
      const double norm = parameter.grad().norm().item<double>();
      square_sum += norm * norm;
    }
  const double norm = std::sqrt(square_sum);
  for (Group* group : {&decayed_, &undecayed_}) {
    if (group->parameters.empty()) continue;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : group->parameters) {
      gradients.push_back(parameter.grad());
      if (norm > gradient_norm_max) gradients.back().mul_(gradient_norm_max / norm);
    }
    for (at::Tensor& count : group->step_counts) count.add_(1);
    at::_fused_adamw_(group->parameters, gradients, group->first_moments, group->second_moments, {}, group->step_counts,
                      learning_rate, 0.9, 0.95, group->weight_decay, 1e-8, false, false);
    for (at::Tensor& parameter : group->parameters) parameter.mutable_grad().reset();
  }
  return norm;
}

TensorMap AdamW::state() const {
  TensorMap state;
  for (const Group* group : {&decayed_, &undecayed_})
    for (std::size_t i = 0; i < group->names.size(); ++i) {
      state["first." + group->names[i]] = group->first_moments[i];
      state["second." + group->names[i]] = group->second_moments[i];
      state["steps." + group->names[i]] = group->step_counts[i];
    }
  return state;
}

void AdamW::set_state(const TensorMap& state) {
  c10::NoGradGuard no_grad;
  const auto restore = [&](const std::string& name, const at::Tensor& into) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != into.sizes())
      fail(FailureKind::input, "the checkpoint is of another model: its optimizer state lacks {}", name);
    at::Tensor(into).copy_(found->second);
  };
  for (const Group* group : {&decayed_, &undecayed_})
    for (std::size_t i = 0; i < group->names.size(); ++i) {
      restore("first." + group->names[i], group->first_moments[i]);
      restore("second." + group->names[i], group->second_moments[i]);
      restore("steps." + group->names[i], group->step_counts[i]);
    }
}

}  // namespace hearth::llm::train
