#include "llm/infer/model.h"

#include <common/chat.h>
#include <common/log.h>
#include <fmt/format.h>
#include <ggml-backend.h>
#include <llama.h>
#include <sched.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/log.h"

namespace hearth::llm::infer {
namespace {

// libllama tells its life story on stderr; only what went wrong belongs in our log.
void log_from_libllama(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_WARN && level != GGML_LOG_LEVEL_ERROR) return;
  std::string_view line(text);
  while (line.ends_with('\n')) line.remove_suffix(1);
  if (line.empty()) return;
  if (level == GGML_LOG_LEVEL_ERROR)
    log::error("libllama", {{"says", line}});
  else
    log::debug("libllama", {{"says", line}});
}

void start_libllama() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(log_from_libllama, nullptr);
    common_log_set_verbosity_thold(LOG_LEVEL_ERROR);  // the template renderer has a log of its own
    // The CPU variants lie beside libllama, in lib/ next to the binary (or where the build found them).
    const std::filesystem::path beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "lib";
    ggml_backend_load_all_from_path(beside.c_str());
    llama_backend_init();
  });
}

}  // namespace

struct Model::Template {
  common_chat_templates_ptr templates;
  mutable std::mutex mutex;  // the renderer does not promise to be safe from several threads
};

unsigned usable_processor_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

Result<std::unique_ptr<Model>> Model::load(const std::filesystem::path& gguf) {
  start_libllama();
  llama_model* model = llama_model_load_from_file(gguf.c_str(), llama_model_default_params());
  if (!model)
    return Error(ErrorKind::invalid, fmt::format("{} is not a model that libllama loads", gguf.filename().string()),
                 gguf.string());
  std::unique_ptr<Model> loaded(new Model(model));
  if (!llama_model_has_decoder(model) || llama_model_has_encoder(model))
    return Error(ErrorKind::unsupported, "only decoder models are served");
  return loaded;
}

Model::Model(llama_model* model)
    : model_(model), vocab_(llama_model_get_vocab(model)), template_(std::make_unique<Template>()) {
  if (!llama_model_chat_template(model, nullptr)) return;
  try {
    template_->templates = common_chat_templates_init(model, "");
  } catch (const std::exception& e) {
    log::warning("the model's chat template cannot be used", {{"why", e.what()}});
  }
}

Model::~Model() {
  llama_model_free(model_);
}

std::vector<Token> Model::tokenize(std::string_view text, bool add_bos, bool parse_special) const {
  std::vector<Token> tokens(text.size() + 2);
  const auto attempt = [&] {
    return llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), add_bos, parse_special);
  };
  std::int32_t count = attempt();
  if (count < 0) {  // minus the room it needs
    tokens.resize(static_cast<std::size_t>(-count));
    count = attempt();
  }
  tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
  return tokens;
}

std::string Model::bytes_of(Token token) const {
  std::string bytes(32, '\0');
  const auto attempt = [&] {
    return llama_token_to_piece(vocab_, token, bytes.data(), static_cast<std::int32_t>(bytes.size()), 0, false);
  };
  std::int32_t size = attempt();
  if (size < 0) {
    bytes.resize(static_cast<std::size_t>(-size));
    size = attempt();
  }
  bytes.resize(static_cast<std::size_t>(std::max(size, 0)));
  return bytes;
}

bool Model::ends_answer(Token token) const {
  return llama_vocab_is_eog(vocab_, token);
}

bool Model::has_chat_template() const {
  return template_->templates != nullptr;
}

Result<std::vector<Token>> Model::render_chat(const std::vector<ChatMessage>& messages) const {
  if (!has_chat_template())
    return Error(ErrorKind::unsupported, "this model has no chat template; use /v1/completions");

  common_chat_templates_inputs inputs;
  inputs.add_generation_prompt = true;
  inputs.force_pure_content = true;
  for (const ChatMessage& message : messages) {
    common_chat_msg& added = inputs.messages.emplace_back();
    added.role = message.role;
    added.content = message.content;
  }
  std::string prompt;
  try {
    const std::lock_guard lock(template_->mutex);
    prompt = common_chat_templates_apply(template_->templates.get(), inputs).prompt;
  } catch (const std::exception& e) {
    return Error(ErrorKind::invalid, fmt::format("the model's chat template refuses these messages: {}", e.what()));
  }
  // The renderer leaves out the BOS that tokenizing adds.
  return tokenize(prompt, true, true);
}

std::uint32_t Model::vocab_size() const {
  return static_cast<std::uint32_t>(llama_vocab_n_tokens(vocab_));
}

std::uint32_t Model::context_length() const {
  return static_cast<std::uint32_t>(llama_model_n_ctx_train(model_));
}

bool Model::is_full_precision() const {
  return (llama_model_ftype(model_) & ~LLAMA_FTYPE_GUESSED) == LLAMA_FTYPE_ALL_F32;
}

bool Model::can_reuse_prefix() const {
  return !llama_model_is_recurrent(model_) && !llama_model_is_hybrid(model_) && llama_model_n_swa(model_) == 0;
}

}  // namespace hearth::llm::infer
