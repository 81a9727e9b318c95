#include "llm/infer/logits.h"

#include <fmt/format.h>
#include <llama.h>

#include <memory>

namespace hearth::llm::infer {

Result<std::vector<std::vector<float>>> logits_of(const Model& model, const std::vector<Token>& tokens) {
  for (const Token token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= model.vocab_size())
      return Error(ErrorKind::invalid, fmt::format("token id {} is not in the vocabulary", token));
  }
  const auto count = static_cast<std::uint32_t>(tokens.size());
  // Beyond it the numbers would be of another computation: a sliding window, positions never trained.
  if (const auto longest = static_cast<std::uint32_t>(llama_model_n_ctx_train(model.handle())); count > longest)
    return Error(ErrorKind::invalid, fmt::format("the model reads at most {} tokens", longest));
  llama_context_params params = llama_context_default_params();
  params.n_ctx = count;
  params.n_batch = count;
  params.n_ubatch = count;
  params.n_threads = params.n_threads_batch = static_cast<std::int32_t>(usable_processor_count());
  if (model.is_full_precision()) {
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // it works in F16 whatever the types
  }
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(llama_init_from_model(model.handle(), params),
                                                                      &llama_free);
  if (!context)
    return Error(ErrorKind::unsupported, fmt::format("not enough memory for a context of {} tokens", count));

  llama_batch batch = llama_batch_init(static_cast<std::int32_t>(count), 0, 1);
  batch.n_tokens = static_cast<std::int32_t>(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    batch.token[i] = tokens[i];
    batch.pos[i] = static_cast<llama_pos>(i);
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = true;
  }
  const std::int32_t status = llama_decode(context.get(), batch);
  llama_batch_free(batch);
  if (status != 0) return Error(ErrorKind::internal, fmt::format("decoding failed with status {}", status));

  std::vector<std::vector<float>> rows;
  for (std::uint32_t i = 0; i < count; ++i) {
    const float* row = llama_get_logits_ith(context.get(), static_cast<std::int32_t>(i));
    rows.emplace_back(row, row + model.vocab_size());
  }
  return rows;
}

}  // namespace hearth::llm::infer
