#include "llm/convert/convert.h"

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/convert/json_file.h"
#include "llm/convert/model_shape.h"
#include "llm/convert/tensor_folder.h"
#include "llm/convert/vocabulary.h"

namespace hearth::llm::convert {
namespace {

struct GgufFree {
  void operator()(gguf_context* gguf) const { gguf_free(gguf); }
};
struct GgmlFree {
  void operator()(ggml_context* ggml) const { ggml_free(ggml); }
};
struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// What happens to a tensor's rows on the way.
enum class Layout : std::uint8_t { as_is, query_heads, key_heads };

struct PlannedTensor {
  std::string gguf_name;
  const TensorView* source = nullptr;  // null: `values` are the tensor
  std::vector<float> values;
  Layout layout = Layout::as_is;
  std::vector<std::int64_t> shape;

  // libllama wants vectors (norms, biases) in F32.
  ggml_type type() const {
    if (!source || shape.size() == 1 || source->type == TensorType::f32) return GGML_TYPE_F32;
    return source->type == TensorType::f16 ? GGML_TYPE_F16 : GGML_TYPE_BF16;
  }
};

struct NamePair {
  std::string_view hugging_face;
  std::string_view gguf;
  Layout layout = Layout::as_is;
};

constexpr NamePair outer_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
};
constexpr NamePair layer_names[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q", Layout::query_heads},
    {"self_attn.k_proj", "attn_k", Layout::key_heads},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

struct GgufName {
  std::string name;
  Layout layout = Layout::as_is;
};

// "model.layers.3.self_attn.q_proj.weight" is "blk.3.attn_q.weight" in GGUF. Nothing if there is no such tensor.
std::optional<GgufName> gguf_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::string_view stem = name.substr(0, dot);
  const std::string_view suffix = name.substr(dot);  // ".weight", ".bias"
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;

  for (const NamePair& pair : outer_names)
    if (stem == pair.hugging_face) return GgufName{fmt::format("{}{}", pair.gguf, suffix), pair.layout};

  constexpr std::string_view prefix = "model.layers.";
  if (!stem.starts_with(prefix)) return std::nullopt;
  stem.remove_prefix(prefix.size());
  unsigned layer = 0;
  const auto number = std::from_chars(stem.data(), stem.data() + stem.size(), layer);
  if (number.ec != std::errc() || number.ptr == stem.data() + stem.size() || *number.ptr != '.') return std::nullopt;
  stem.remove_prefix(static_cast<std::size_t>(number.ptr - stem.data()) + 1);
  for (const NamePair& pair : layer_names)
    if (stem == pair.hugging_face) return GgufName{fmt::format("blk.{}.{}{}", layer, pair.gguf, suffix), pair.layout};
  return std::nullopt;
}

class Converter {
 public:
  Converter(const std::filesystem::path& folder, const Progress& progress) : folder_(folder), progress_(progress) {}

  Result<void> run(const std::filesystem::path& target) {
    TRY(const boost::json::object config, read_json_file(folder_ / "config.json"));
    TRY(shape_, read_model_shape(config));
    TRY(vocabulary_, read_vocabulary(folder_, config, shape_.vocab_size));
    TRY(const TensorFolder weights, TensorFolder::open(folder_));
    TRY_DO(plan(weights));
    describe();
    return write(target);
  }

 private:
  Result<void> plan(const TensorFolder& weights) {
    for (const auto& [name, view] : weights.tensors()) {
      if (view.shape.empty() || view.shape.size() > 2)
        return Error(ErrorKind::unsupported, fmt::format("{} is neither a vector nor a matrix", name));
      if (name.ends_with("rotary_emb.inv_freq")) continue;               // follows from rope_theta
      if (shape_.tied_embeddings && name == "lm_head.weight") continue;  // the embedding, written twice
      const std::optional<GgufName> mapped = gguf_name(name);
      if (!mapped) return Error(ErrorKind::unsupported, fmt::format("the model has a tensor we do not know: {}", name));
      if (mapped->layout != Layout::as_is && view.shape.front() % (2 * heads_of(mapped->layout)) != 0)
        return Error(ErrorKind::invalid, fmt::format("{} does not divide into heads", name));
      planned_.push_back({.gguf_name = mapped->name, .source = &view, .layout = mapped->layout, .shape = view.shape});
    }
    if (std::vector<float> divisors = shape_.rope_divisors(); !divisors.empty()) {
      const auto count = static_cast<std::int64_t>(divisors.size());
      planned_.push_back({.gguf_name = "rope_freqs.weight", .values = std::move(divisors), .shape = {count}});
    }
    return check_planned();
  }

  std::int64_t heads_of(Layout layout) const {
    return layout == Layout::query_heads ? shape_.head_count : shape_.kv_head_count;
  }

  // libllama would refuse a wrong file too, but could not say which tensor of the folder is at fault.
  Result<void> check_planned() const {
    const std::int64_t hidden = shape_.hidden_size;
    const std::int64_t feed_forward = shape_.feed_forward_size;
    const std::int64_t query_rows = std::int64_t{shape_.head_count} * shape_.head_size;
    const std::int64_t key_rows = std::int64_t{shape_.kv_head_count} * shape_.head_size;
    TRY_DO(check("token_embd.weight", {shape_.vocab_size, hidden}));
    TRY_DO(check("output_norm.weight", {hidden}));
    if (!shape_.tied_embeddings) TRY_DO(check("output.weight", {shape_.vocab_size, hidden}));
    for (std::uint32_t layer = 0; layer < shape_.layer_count; ++layer) {
      const auto named = [layer](std::string_view part) { return fmt::format("blk.{}.{}.weight", layer, part); };
      TRY_DO(check(named("attn_norm"), {hidden}));
      TRY_DO(check(named("attn_q"), {query_rows, hidden}));
      TRY_DO(check(named("attn_k"), {key_rows, hidden}));
      TRY_DO(check(named("attn_v"), {key_rows, hidden}));
      TRY_DO(check(named("attn_output"), {hidden, query_rows}));
      TRY_DO(check(named("ffn_norm"), {hidden}));
      TRY_DO(check(named("ffn_gate"), {feed_forward, hidden}));
      TRY_DO(check(named("ffn_up"), {feed_forward, hidden}));
      TRY_DO(check(named("ffn_down"), {hidden, feed_forward}));
    }
    return ok;
  }

  Result<void> check(const std::string& name, const std::vector<std::int64_t>& expected) const {
    for (const PlannedTensor& tensor : planned_) {
      if (tensor.gguf_name != name) continue;
      if (tensor.shape == expected) return ok;
      return Error(ErrorKind::invalid, fmt::format("{} is [{}], config.json asks for [{}]", name,
                                                   fmt::join(tensor.shape, ", "), fmt::join(expected, ", ")));
    }
    return Error(ErrorKind::invalid, fmt::format("the model has no {}", name));
  }

  void describe() {
    gguf_.reset(gguf_init_empty());
    put("general.architecture", "llama");
    put("general.name", folder_.filename().string());
    put("general.quantization_version", 2);
    put("llama.vocab_size", shape_.vocab_size);
    put("llama.context_length", shape_.context_length);
    put("llama.embedding_length", shape_.hidden_size);
    put("llama.feed_forward_length", shape_.feed_forward_size);
    put("llama.block_count", shape_.layer_count);
    put("llama.attention.head_count", shape_.head_count);
    put("llama.attention.head_count_kv", shape_.kv_head_count);
    put("llama.attention.key_length", shape_.head_size);
    put("llama.attention.value_length", shape_.head_size);
    put("llama.rope.dimension_count", shape_.head_size);
    gguf_set_val_f32(gguf_.get(), "llama.attention.layer_norm_rms_epsilon", shape_.norm_epsilon);
    gguf_set_val_f32(gguf_.get(), "llama.rope.freq_base", shape_.rope_theta);
    describe_rope_scaling();
    describe_vocabulary();
  }

  void describe_rope_scaling() {
    // llama3 scaling travels as the tensor rope_freqs.weight.
    if (shape_.rope_scaling != RopeScaling::linear && shape_.rope_scaling != RopeScaling::yarn) return;
    put("llama.rope.scaling.type", shape_.rope_scaling == RopeScaling::linear ? "linear" : "yarn");
    gguf_set_val_f32(gguf_.get(), "llama.rope.scaling.factor", shape_.rope_factor);
    put("llama.rope.scaling.original_context_length", shape_.rope_original_context);
  }

  void describe_vocabulary() {
    put("tokenizer.ggml.model", vocabulary_.model);
    put("tokenizer.ggml.pre", vocabulary_.pre);
    put("tokenizer.ggml.tokens", vocabulary_.tokens);
    static_assert(sizeof(TokenKind) == sizeof(std::int32_t));
    gguf_set_arr_data(gguf_.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, vocabulary_.kinds.data(),
                      vocabulary_.kinds.size());
    if (!vocabulary_.scores.empty())
      gguf_set_arr_data(gguf_.get(), "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, vocabulary_.scores.data(),
                        vocabulary_.scores.size());
    if (!vocabulary_.merges.empty()) put("tokenizer.ggml.merges", vocabulary_.merges);
    if (vocabulary_.bos_id) put("tokenizer.ggml.bos_token_id", *vocabulary_.bos_id);
    if (vocabulary_.eos_id) put("tokenizer.ggml.eos_token_id", *vocabulary_.eos_id);
    if (vocabulary_.end_of_turn_id) put("tokenizer.ggml.eot_token_id", *vocabulary_.end_of_turn_id);
    if (vocabulary_.pad_id) put("tokenizer.ggml.padding_token_id", *vocabulary_.pad_id);
    if (vocabulary_.unknown_id) put("tokenizer.ggml.unknown_token_id", *vocabulary_.unknown_id);
    gguf_set_val_bool(gguf_.get(), "tokenizer.ggml.add_bos_token", vocabulary_.adds_bos);
    gguf_set_val_bool(gguf_.get(), "tokenizer.ggml.add_eos_token", false);
    if (vocabulary_.model == "llama")
      gguf_set_val_bool(gguf_.get(), "tokenizer.ggml.add_space_prefix", vocabulary_.adds_space_prefix);
    if (!vocabulary_.chat_template.empty()) put("tokenizer.chat_template", vocabulary_.chat_template);
  }

  void put(const char* key, const std::string& text) { gguf_set_val_str(gguf_.get(), key, text.c_str()); }
  void put(const char* key, std::uint32_t number) { gguf_set_val_u32(gguf_.get(), key, number); }
  void put(const char* key, const std::vector<std::string>& texts) {
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    gguf_set_arr_str(gguf_.get(), key, pointers.data(), pointers.size());
  }

  Result<void> write(const std::filesystem::path& target) {
    const ggml_init_params only_shapes = {ggml_tensor_overhead() * (planned_.size() + 1), nullptr, true};
    const std::unique_ptr<ggml_context, GgmlFree> ggml(ggml_init(only_shapes));
    for (const PlannedTensor& tensor : planned_) {
      const std::vector<std::int64_t> innermost_first(tensor.shape.rbegin(), tensor.shape.rend());
      ggml_tensor* described =
          ggml_new_tensor(ggml.get(), tensor.type(), static_cast<int>(innermost_first.size()), innermost_first.data());
      ggml_set_name(described, tensor.gguf_name.c_str());
      gguf_add_tensor(gguf_.get(), described);
      total_bytes_ += ggml_nbytes(described);
    }

    const std::filesystem::path partial = target.string() + fmt::format(".{}.partial", getpid());
    file_.reset(std::fopen(partial.c_str(), "wbe"));
    if (!file_) return Error(ErrorKind::internal, "cannot write the GGUF file", std::strerror(errno));
    Result<void> written = write_contents();
    const bool closed = std::fclose(file_.release()) == 0;
    if (written && !closed) written = Error(ErrorKind::no_space, "cannot write the GGUF file", std::strerror(errno));
    std::error_code failure;
    if (written) {
      std::filesystem::rename(partial, target, failure);
      if (failure) written = Error(ErrorKind::internal, "cannot name the GGUF file", failure.message());
    }
    if (!written) std::filesystem::remove(partial, failure);
    return written;
  }

  Result<void> write_contents() {
    std::string meta(gguf_get_meta_size(gguf_.get()), '\0');
    gguf_get_meta_data(gguf_.get(), meta.data());
    TRY_DO(append(meta.data(), meta.size()));
    for (const PlannedTensor& tensor : planned_) {
      const std::uint64_t before = written_bytes_;
      TRY_DO(write_tensor(tensor));
      const std::uint64_t size = written_bytes_ - before;
      const std::size_t alignment = gguf_get_alignment(gguf_.get());
      const std::string padding((alignment - size % alignment) % alignment, '\0');
      TRY_DO(append(padding.data(), padding.size()));
    }
    return ok;
  }

  Result<void> write_tensor(const PlannedTensor& tensor) {
    if (!tensor.source) return append(tensor.values.data(), tensor.values.size() * sizeof(float));

    // Vectors are small: in F32, and with their elements as rows of one.
    std::vector<float> widened;
    const char* bytes = tensor.source->bytes.data();
    std::size_t row_bytes = tensor.source->bytes.size() / static_cast<std::size_t>(tensor.shape.front());
    if (tensor.shape.size() == 1) {
      widened.resize(static_cast<std::size_t>(tensor.shape.front()));
      widen(*tensor.source, widened);
      bytes = reinterpret_cast<const char*>(widened.data());
      row_bytes = sizeof(float);
    }

    const auto row_count = static_cast<std::size_t>(tensor.shape.front());
    if (tensor.layout == Layout::as_is) {
      constexpr std::size_t piece_bytes = 16u << 20;
      const std::size_t size = row_bytes * row_count;
      for (std::size_t at = 0; at < size; at += piece_bytes)
        TRY_DO(append(bytes + at, std::min(piece_bytes, size - at)));
      return ok;
    }

    // Hugging Face rotates the first half of a head against the second; libllama rotates neighbours. So the rows of
    // each head go out as 0, half, 1, half + 1, …
    const auto head_count = static_cast<std::size_t>(heads_of(tensor.layout));
    const std::size_t half = row_count / head_count / 2;
    for (std::size_t head = 0; head < head_count; ++head) {
      const char* head_bytes = bytes + head * 2 * half * row_bytes;
      for (std::size_t row = 0; row < half; ++row) {
        TRY_DO(append(head_bytes + row * row_bytes, row_bytes));
        TRY_DO(append(head_bytes + (half + row) * row_bytes, row_bytes));
      }
    }
    return ok;
  }

  static void widen(const TensorView& from, std::vector<float>& into) {
    const auto count = static_cast<std::int64_t>(into.size());
    switch (from.type) {
      case TensorType::f32:
        std::memcpy(into.data(), from.bytes.data(), from.bytes.size());
        break;
      case TensorType::f16:
        ggml_fp16_to_fp32_row(reinterpret_cast<const ggml_fp16_t*>(from.bytes.data()), into.data(), count);
        break;
      case TensorType::bf16:
        ggml_bf16_to_fp32_row(reinterpret_cast<const ggml_bf16_t*>(from.bytes.data()), into.data(), count);
        break;
    }
  }

  Result<void> append(const void* bytes, std::size_t size) {
    if (size && std::fwrite(bytes, 1, size, file_.get()) != size)
      return Error(errno == ENOSPC ? ErrorKind::no_space : ErrorKind::internal, "cannot write the GGUF file",
                   std::strerror(errno));
    written_bytes_ += size;
    if (progress_ && written_bytes_ - reported_bytes_ >= (16u << 20)) {
      reported_bytes_ = written_bytes_;
      progress_(written_bytes_, std::max(total_bytes_, written_bytes_));
    }
    return ok;
  }

  const std::filesystem::path& folder_;
  const Progress& progress_;
  ModelShape shape_;
  Vocabulary vocabulary_;
  std::vector<PlannedTensor> planned_;
  std::unique_ptr<gguf_context, GgufFree> gguf_;
  std::unique_ptr<std::FILE, FileClose> file_;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t reported_bytes_ = 0;
};

}  // namespace

Result<void> convert_to_gguf(const std::filesystem::path& folder, const std::filesystem::path& gguf,
                             const Progress& progress) {
  Converter converter(folder, progress);
  return converter.run(gguf);
}

}  // namespace hearth::llm::convert
