#include "llm/convert/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "llm/convert/json_file.h"

namespace hearth::llm::convert {
namespace json = boost::json;

namespace {

struct KnownSplit {
  std::string_view pattern;  // as in tokenizer.json
  std::string_view pre;
};

constexpr std::string_view llama3_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array known_splits = {
    KnownSplit{llama3_pattern, "llama-bpe"},
    KnownSplit{
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        "qwen2"},
    KnownSplit{
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        "tekken"},
    KnownSplit{R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "gpt-2"},
    KnownSplit{R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "gpt-2"},
};

Error unsupported(std::string message) {
  return Error(ErrorKind::unsupported, std::move(message));
}

bool has_byte_fallback(const json::object& tokenizer) {
  const json::object* model = find_object(tokenizer, "model");
  return model && find_bool(*model, "byte_fallback").value_or(false);
}

// The steps of a pre_tokenizer, normalizer or post_processor: a Sequence's members, or the one itself.
std::vector<const json::object*> steps_of(const json::object& owner, std::string_view name,
                                          std::string_view member_of_sequence) {
  std::vector<const json::object*> steps;
  const json::object* whole = find_object(owner, name);
  if (!whole) return steps;
  if (find_string(*whole, "type") != "Sequence") return {whole};
  if (const json::array* inner = find_array(*whole, member_of_sequence)) {
    for (const json::value& step : *inner)
      if (const json::object* object = step.if_object()) steps.push_back(object);
  }
  return steps;
}

// A special token is written as text or as an object with `content`.
std::optional<std::string> special_token_text(const json::object& settings, std::string_view name) {
  if (auto text = find_string(settings, name)) return text;
  const json::object* token = find_object(settings, name);
  return token ? find_string(*token, "content") : std::nullopt;
}

// config.json's and generation_config.json's eos_token_id is one number or a list.
std::vector<std::uint32_t> token_ids(const json::object& settings, std::string_view name) {
  std::vector<std::uint32_t> ids;
  if (const auto one = find_count(settings, name)) return {*one};
  if (const json::array* several = find_array(settings, name)) {
    for (const json::value& id : *several)
      if (id.is_int64() && id.get_int64() >= 0) ids.push_back(static_cast<std::uint32_t>(id.get_int64()));
  }
  return ids;
}

class VocabularyReader {
 public:
  VocabularyReader(const std::filesystem::path& folder, const json::object& config, std::uint32_t vocab_size)
      : folder_(folder), config_(config), vocab_size_(vocab_size) {}

  Result<Vocabulary> read() {
    TRY(tokenizer_, read_json_file(folder_ / "tokenizer.json"));
    TRY(settings_, read_optional("tokenizer_config.json"));
    TRY(generation_, read_optional("generation_config.json"));
    result_.tokens.resize(vocab_size_);
    result_.kinds.resize(vocab_size_, TokenKind::normal);

    TRY_DO(read_model());
    TRY_DO(read_added_tokens());
    name_unused_ids();
    if (result_.model == "llama") score_by_rank();
    read_special_ids();
    result_.adds_bos = detect_adds_bos();
    TRY_DO(read_chat_template());
    return std::move(result_);
  }

 private:
  Result<json::object> read_optional(const char* name) {
    auto object = read_json_file(folder_ / name);
    if (!object && object.error().kind() == ErrorKind::not_found) return json::object();
    return object;
  }

  Result<void> put_token(std::string_view text, std::int64_t id, TokenKind kind) {
    if (id < 0 || id >= vocab_size_)
      return Error(ErrorKind::invalid,
                   fmt::format("tokenizer.json: token id {} is outside config.json's vocab_size {}", id, vocab_size_));
    result_.tokens[static_cast<std::size_t>(id)] = std::string(text);
    result_.kinds[static_cast<std::size_t>(id)] = kind;
    ids_[std::string(text)] = static_cast<std::uint32_t>(id);
    return ok;
  }

  Result<void> read_model() {
    const json::object* model = find_object(tokenizer_, "model");
    if (!model || find_string(*model, "type").value_or("BPE") != "BPE")
      return unsupported("tokenizer.json: only BPE tokenizers are served");
    const json::object* vocab = find_object(*model, "vocab");
    const json::array* merges = find_array(*model, "merges");
    if (!vocab || !merges) return Error(ErrorKind::invalid, "tokenizer.json: model.vocab or model.merges is missing");

    const bool byte_fallback = has_byte_fallback(tokenizer_);
    for (const auto& [text, id] : *vocab) {
      if (!id.is_int64()) return Error(ErrorKind::invalid, "tokenizer.json: a token id is not a whole number");
      const bool is_byte = byte_fallback && text.size() == 6 && text.starts_with("<0x") && text.back() == '>';
      TRY_DO(put_token(text, id.get_int64(), is_byte ? TokenKind::byte : TokenKind::normal));
    }
    TRY(result_.pre, detect_pre_tokenizer(tokenizer_));
    if (byte_fallback) {
      result_.model = "llama";
      result_.adds_space_prefix = adds_space_prefix();
      return ok;
    }
    result_.model = "gpt2";
    return read_merges(*merges);
  }

  Result<void> read_merges(const json::array& merges) {
    for (const json::value& merge : merges) {
      if (const json::string* line = merge.if_string()) {
        result_.merges.emplace_back(*line);
        continue;
      }
      const json::array* pair = merge.if_array();
      if (!pair || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
        return Error(ErrorKind::invalid, "tokenizer.json: a merge is neither \"a b\" nor [\"a\", \"b\"]");
      result_.merges.push_back(
          fmt::format("{} {}", std::string_view((*pair)[0].get_string()), std::string_view((*pair)[1].get_string())));
    }
    return ok;
  }

  bool adds_space_prefix() const {
    for (const json::object* step : steps_of(tokenizer_, "normalizer", "normalizers"))
      if (find_string(*step, "type") == "Prepend") return true;
    for (const json::object* step : steps_of(tokenizer_, "pre_tokenizer", "pretokenizers"))
      if (find_string(*step, "type") == "Metaspace") return find_string(*step, "prepend_scheme") != "never";
    return false;
  }

  Result<void> read_added_tokens() {
    const json::array* added = find_array(tokenizer_, "added_tokens");
    if (!added) return ok;
    for (const json::value& entry : *added) {
      const json::object* token = entry.if_object();
      const auto text = token ? find_string(*token, "content") : std::nullopt;
      const auto id = token ? find_count(*token, "id") : std::nullopt;
      if (!text || !id) return Error(ErrorKind::invalid, "tokenizer.json: an added token has no content or id");
      const bool special = find_bool(*token, "special").value_or(false);
      TRY_DO(put_token(*text, *id, special ? TokenKind::control : TokenKind::user_defined));
    }
    return ok;
  }

  void name_unused_ids() {
    for (std::size_t id = 0; id < result_.tokens.size(); ++id) {
      if (!result_.tokens[id].empty()) continue;
      result_.tokens[id] = fmt::format("[PAD{}]", id);
      result_.kinds[id] = TokenKind::unused;
    }
  }

  // The files this format came from score every piece by minus its rank, and the ids are in rank order.
  void score_by_rank() {
    for (std::size_t id = 0; id < result_.tokens.size(); ++id)
      result_.scores.push_back(result_.kinds[id] == TokenKind::normal ? -static_cast<float>(id) : 0);
    if (const auto unknown = ids_.find("<unk>"); unknown != ids_.end()) {
      result_.unknown_id = unknown->second;
      result_.kinds[unknown->second] = TokenKind::unknown;
    }
  }

  std::optional<std::uint32_t> special_id(std::string_view token_name, std::string_view id_name) const {
    if (const auto text = special_token_text(settings_, token_name)) {
      if (const auto found = ids_.find(*text); found != ids_.end()) return found->second;
    }
    const std::vector<std::uint32_t> configured = token_ids(config_, id_name);
    if (!configured.empty() && configured.front() < vocab_size_) return configured.front();
    return std::nullopt;
  }

  void read_special_ids() {
    result_.bos_id = special_id("bos_token", "bos_token_id");
    result_.eos_id = special_id("eos_token", "eos_token_id");
    result_.pad_id = special_id("pad_token", "pad_token_id");
    std::vector<std::uint32_t> ends = token_ids(generation_, "eos_token_id");
    const std::vector<std::uint32_t> configured = token_ids(config_, "eos_token_id");
    ends.insert(ends.end(), configured.begin(), configured.end());
    for (const std::uint32_t id : ends) {
      if (id >= vocab_size_ || id == result_.eos_id) continue;
      if (result_.eos_id)
        result_.end_of_turn_id = id;
      else
        result_.eos_id = id;
      if (result_.end_of_turn_id) return;
    }
  }

  bool detect_adds_bos() const {
    if (const auto said = find_bool(settings_, "add_bos_token")) return *said && result_.bos_id;
    if (!result_.bos_id) return false;
    const std::string& bos = result_.tokens[*result_.bos_id];
    for (const json::object* step : steps_of(tokenizer_, "post_processor", "processors")) {
      if (find_string(*step, "type") != "TemplateProcessing") continue;
      const json::array* single = find_array(*step, "single");
      const json::object* first = single && !single->empty() ? single->front().if_object() : nullptr;
      const json::object* token = first ? find_object(*first, "SpecialToken") : nullptr;
      if (token && find_string(*token, "id") == bos) return true;
    }
    return false;
  }

  Result<void> read_chat_template() {
    auto file = read_text_file(folder_ / "chat_template.jinja");
    if (file) {
      result_.chat_template = *std::move(file);
      return ok;
    }
    if (file.error().kind() != ErrorKind::not_found) return std::move(file).error();
    if (auto text = find_string(settings_, "chat_template")) result_.chat_template = *std::move(text);
    // Several named templates: `default` is the one for plain conversations.
    if (const json::array* several = find_array(settings_, "chat_template")) {
      for (const json::value& entry : *several) {
        const json::object* named = entry.if_object();
        if (named && find_string(*named, "name") == "default")
          result_.chat_template = find_string(*named, "template").value_or("");
      }
    }
    return ok;
  }

  const std::filesystem::path& folder_;
  const json::object& config_;
  std::uint32_t vocab_size_;
  json::object tokenizer_;
  json::object settings_;
  json::object generation_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  Vocabulary result_;
};

}  // namespace

Result<std::string> detect_pre_tokenizer(const json::object& tokenizer) {
  if (has_byte_fallback(tokenizer)) return "default";

  if (const json::object* normalizer = find_object(tokenizer, "normalizer"))
    return unsupported(fmt::format("tokenizer.json: normalizer '{}' is not served with byte-level BPE",
                                   find_string(*normalizer, "type").value_or("")));
  std::vector<std::string> patterns;
  bool individual_digits = false;
  bool byte_level_regex = false;
  for (const json::object* step : steps_of(tokenizer, "pre_tokenizer", "pretokenizers")) {
    const std::string type = find_string(*step, "type").value_or("");
    if (type == "ByteLevel") {
      if (find_bool(*step, "add_prefix_space").value_or(false))
        return unsupported("tokenizer.json: a space before every text (add_prefix_space) is not served");
      byte_level_regex = find_bool(*step, "use_regex").value_or(true);
    } else if (type == "Digits") {
      individual_digits = find_bool(*step, "individual_digits").value_or(false);
    } else if (type == "Split") {
      const json::object* pattern = find_object(*step, "pattern");
      patterns.push_back(pattern ? find_string(*pattern, "Regex").value_or("") : "");
    } else {
      return unsupported(fmt::format("tokenizer.json: pre-tokenizer step '{}' is not served", type));
    }
  }

  if (patterns.empty() && byte_level_regex) return individual_digits ? "starcoder" : "gpt-2";
  if (patterns.size() == 1 && !byte_level_regex && !individual_digits) {
    for (const KnownSplit& known : known_splits) {
      if (patterns.front() != known.pattern) continue;
      // The same split, but llama-bpe also takes a word that is a token without merging it.
      const json::object* model = find_object(tokenizer, "model");
      const bool ignore_merges = model && find_bool(*model, "ignore_merges").value_or(false);
      if (known.pre == "llama-bpe" && !ignore_merges) return "smaug-bpe";
      return std::string(known.pre);
    }
  }
  return unsupported(fmt::format("tokenizer.json: this pre-tokenizer is not known: {}",
                                 patterns.empty() ? "no splitting rule" : patterns.front()));
}

Result<Vocabulary> read_vocabulary(const std::filesystem::path& folder, const json::object& config,
                                   std::uint32_t vocab_size) {
  VocabularyReader reader(folder, config, vocab_size);
  return reader.read();
}

}  // namespace hearth::llm::convert
