#include "llm/train/tokenizer.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>
#include <queue>

#include "llm/common/failure.h"
#include "llm/train/bpe_learner.h"
#include "llm/train/text_splitter.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::size_t remembered_words_max = 200'000;
constexpr std::array special_tokens = {text_begin_token, text_end_token, turn_begin_token, turn_end_token};

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

// GPT-2's printable stand-ins: every byte has one character, so that tokens can be written as JSON text.
struct ByteAlphabet {
  std::array<std::string, 256> character;
  std::unordered_map<std::string, unsigned char> byte;

  ByteAlphabet() {
    unsigned next = 256;
    for (unsigned value = 0; value < 256; ++value) {
      const bool printable = (value >= 33 && value <= 126) || (value >= 161 && value <= 172) || value >= 174;
      const unsigned point = printable ? value : next++;
      character[value] =
          point < 0x80 ? std::string(1, static_cast<char>(point))
                       : std::string{static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 0x3F))};
      byte[character[value]] = static_cast<unsigned char>(value);
    }
  }
};

const ByteAlphabet& alphabet() {
  static const ByteAlphabet the;
  return the;
}

std::string to_printable(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += alphabet().character[static_cast<unsigned char>(byte)];
  return text;
}

// A token with a character outside the alphabet (an added token) is its own bytes.
std::string from_printable(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = static_cast<unsigned char>(text[i]) < 0x80 ? 1 : 2;
    const auto found = alphabet().byte.find(std::string(text.substr(i, length)));
    if (found == alphabet().byte.end()) return std::string(text);
    bytes += static_cast<char>(found->second);
    i += length;
  }
  return bytes;
}

[[noreturn]] void refuse(std::string_view reason) {
  fail(FailureKind::input, "tokenizer.json: {}", reason);
}

const json::object* object_at(const json::object& owner, std::string_view name) {
  const json::value* value = owner.if_contains(name);
  return value ? value->if_object() : nullptr;
}

std::string text_at(const json::object& owner, std::string_view name) {
  const json::value* value = owner.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool flag_at(const json::object& owner, std::string_view name, bool otherwise) {
  const json::value* value = owner.if_contains(name);
  return value && value->is_bool() ? value->get_bool() : otherwise;
}

// The pattern one step splits by; nothing if it does not split.
std::optional<std::string> splitting_pattern(const json::object& step) {
  const std::string type = text_at(step, "type");
  if (type == "Split") {
    const json::object* pattern = object_at(step, "pattern");
    std::string regex = pattern ? text_at(*pattern, "Regex") : "";
    if (regex.empty()) refuse("a step of its pre_tokenizer splits by something that is no regular expression");
    if (text_at(step, "behavior") != "Isolated" || flag_at(step, "invert", false))
      refuse("a step of its pre_tokenizer does something else with what it splits by than to keep it apart");
    return regex;
  }
  if (type == "Digits") return flag_at(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)";
  if (type != "ByteLevel") refuse("its pre_tokenizer has a step '" + type + "', which is not one of byte-level BPE");
  if (flag_at(step, "add_prefix_space", false)) refuse("it puts a space before every text (add_prefix_space)");
  if (!flag_at(step, "use_regex", true)) return std::nullopt;
  return std::string(gpt2_pattern);
}

// What text is cut by before merging, one after the other.
std::vector<std::string> splitting_patterns(const json::object& tokenizer) {
  if (const json::object* normalizer = object_at(tokenizer, "normalizer"))
    refuse("it changes text before it splits it (normalizer '" + text_at(*normalizer, "type") + "')");
  const json::object* step = object_at(tokenizer, "pre_tokenizer");
  if (!step) refuse("has no pre_tokenizer; only byte-level BPE is understood");
  std::vector<const json::object*> steps = {step};
  if (const json::value* list = step->if_contains("pretokenizers"); list && list->is_array()) {
    steps.clear();
    for (const json::value& inner : list->get_array())
      if (inner.is_object()) steps.push_back(&inner.get_object());
  }
  std::vector<std::string> patterns;
  for (const json::object* one : steps)
    if (auto pattern = splitting_pattern(*one)) patterns.push_back(*std::move(pattern));
  if (patterns.empty()) refuse("its pre_tokenizer names no splitting pattern");
  return patterns;
}

}  // namespace

Tokenizer::Tokenizer() = default;
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

void Tokenizer::add_merge(TokenId left, TokenId right, TokenId merged) {
  merges_.try_emplace(pair_key(left, right), Merge{static_cast<std::uint32_t>(merge_list_.size()), merged});
  merge_list_.emplace_back(left, right);
}

Tokenizer Tokenizer::learn(std::string_view text, std::size_t vocab_size) {
  if (vocab_size < 256 + special_tokens.size())
    fail(FailureKind::usage, "--vocab-size must be at least {}", 256 + special_tokens.size());
  Tokenizer made;
  made.splitters_.push_back(std::make_unique<TextSplitter>(gpt2_pattern));
  std::unordered_map<std::string, std::uint64_t> counts;
  made.splitters_.front()->split(text, [&](std::string_view piece) { ++counts[std::string(piece)]; });

  for (int byte = 0; byte < 256; ++byte) {
    made.tokens_.push_back(std::string(1, static_cast<char>(byte)));
    made.byte_ids_.push_back(byte);
  }
  for (const LearnedMerge& merge : learn_merges(counts, vocab_size - 256 - special_tokens.size())) {
    made.add_merge(merge.left, merge.right, merge.merged);
    if (static_cast<std::size_t>(merge.merged) == made.tokens_.size())
      made.tokens_.push_back(made.tokens_[static_cast<std::size_t>(merge.left)] +
                             made.tokens_[static_cast<std::size_t>(merge.right)]);
  }
  for (const std::string_view special : special_tokens) {
    made.specials_.emplace(special, static_cast<TokenId>(made.tokens_.size()));
    made.tokens_.emplace_back(special);
  }
  return made;
}

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json) {
  boost::system::error_code error;
  const json::value parsed = json::parse(tokenizer_json, error);
  if (error || !parsed.is_object()) refuse("is not a JSON object");
  const json::object& tokenizer = parsed.get_object();
  const json::value* vocab = parsed.find_pointer("/model/vocab", error);
  const json::value* merges = parsed.find_pointer("/model/merges", error);
  if (!vocab || !vocab->is_object() || !merges || !merges->is_array())
    refuse("has no model.vocab and model.merges; only byte-level BPE is understood");

  Tokenizer made;
  made.source_json_ = std::string(tokenizer_json);
  for (const std::string& pattern : splitting_patterns(tokenizer))
    made.splitters_.push_back(std::make_unique<TextSplitter>(pattern));
  const auto put = [&](std::string bytes, const json::value& id) {
    if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > 1 << 24) refuse("a token has no usable id");
    const auto index = static_cast<std::size_t>(id.get_int64());
    if (index >= made.tokens_.size()) made.tokens_.resize(index + 1);
    made.tokens_[index] = std::move(bytes);
    return static_cast<TokenId>(index);
  };
  std::unordered_map<std::string, TokenId> ids;
  for (const auto& [text, id] : vocab->get_object()) {
    std::string bytes = from_printable(text);
    ids[bytes] = put(bytes, id);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(std::string(1, static_cast<char>(byte)));
    if (found == ids.end()) refuse("lacks a token for some byte; only byte-level BPE is understood");
    made.byte_ids_.push_back(found->second);
  }
  for (const json::value& merge : merges->get_array()) {
    std::string left, right;
    if (const json::string* line = merge.if_string()) {
      const std::string_view text = *line;
      const std::size_t space = text.find(' ');
      if (space == std::string_view::npos) refuse("a merge has no two parts");
      left = from_printable(text.substr(0, space));
      right = from_printable(text.substr(space + 1));
    } else if (merge.is_array() && merge.get_array().size() == 2 && merge.at(0).is_string() &&
               merge.at(1).is_string()) {
      left = from_printable(merge.at(0).get_string());
      right = from_printable(merge.at(1).get_string());
    }
    const auto a = ids.find(left), b = ids.find(right), both = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || both == ids.end())
      refuse("a merge names tokens that are not in the vocabulary");
    made.add_merge(a->second, b->second, both->second);
  }
  if (const json::value* added = tokenizer.if_contains("added_tokens"); added && added->is_array()) {
    for (const json::value& token : added->get_array()) {
      const json::object* fields = token.if_object();
      const json::value* content = fields ? fields->if_contains("content") : nullptr;
      const json::value* id = fields ? fields->if_contains("id") : nullptr;
      if (!content || !content->is_string() || !id) refuse("an added token has no content or id");
      std::string text(content->get_string());
      made.specials_[text] = put(text, *id);
    }
  }
  if (const json::value* ignore = parsed.find_pointer("/model/ignore_merges", error); ignore && *ignore == true) {
    made.ignores_merges_ = true;
    made.whole_words_ = std::move(ids);
  }
  return made;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) {
  std::vector<TokenId> out;
  encode_from(0, text, out);
  return out;
}

void Tokenizer::encode_from(std::size_t splitter, std::string_view text, std::vector<TokenId>& out) {
  if (splitter == splitters_.size()) return encode_word(text, out);
  splitters_[splitter]->split(text, [&](std::string_view piece) { encode_from(splitter + 1, piece, out); });
}

void Tokenizer::encode_word(std::string_view piece, std::vector<TokenId>& out) {
  std::string word(piece);
  if (const auto known = remembered_.find(word); known != remembered_.end()) {
    out.insert(out.end(), known->second.begin(), known->second.end());
    return;
  }
  std::vector<TokenId> ids;
  encode_piece(piece, ids);
  out.insert(out.end(), ids.begin(), ids.end());
  if (remembered_.size() < remembered_words_max && word.size() <= 64)
    remembered_.emplace(std::move(word), std::move(ids));
}

// The lowest-ranked merge first, leftmost among equals. A queue keeps long pieces (a megabyte of spaces) cheap.
void Tokenizer::encode_piece(std::string_view piece, std::vector<TokenId>& out) {
  if (ignores_merges_) {
    if (const auto whole = whole_words_.find(std::string(piece)); whole != whole_words_.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  struct Part {
    TokenId id;
    std::size_t previous, next;
    bool gone = false;
  };
  struct Candidate {
    std::uint32_t rank;
    std::size_t at;
    TokenId left, right;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
  };
  std::vector<Part> parts;
  for (std::size_t i = 0; i < piece.size(); ++i)
    parts.push_back({.id = byte_ids_[static_cast<unsigned char>(piece[i])],
                     .previous = i == 0 ? none : i - 1,
                     .next = i + 1 == piece.size() ? none : i + 1});
  std::priority_queue<Candidate> queue;
  const auto consider = [&](std::size_t at) {
    if (at == none || parts[at].next == none) return;
    const TokenId left = parts[at].id, right = parts[parts[at].next].id;
    if (const auto merge = merges_.find(pair_key(left, right)); merge != merges_.end())
      queue.push({merge->second.rank, at, left, right});
  };
  for (std::size_t i = 0; i < parts.size(); ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Part& left = parts[best.at];
    if (left.gone || left.next == none || left.id != best.left || parts[left.next].id != best.right) continue;
    Part& right = parts[left.next];
    left.id = merges_.at(pair_key(best.left, best.right)).merged;
    right.gone = true;
    left.next = right.next;
    if (left.next != none) parts[left.next].previous = best.at;
    consider(left.previous);
    consider(best.at);
  }
  for (const Part& part : parts)
    if (!part.gone) out.push_back(part.id);
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string text;
  for (const TokenId id : ids)
    if (id >= 0 && static_cast<std::size_t>(id) < tokens_.size()) text += tokens_[static_cast<std::size_t>(id)];
  return text;
}

std::optional<TokenId> Tokenizer::special(std::string_view content) const {
  const auto found = specials_.find(content);
  return found == specials_.end() ? std::nullopt : std::optional(found->second);
}

std::string Tokenizer::to_json() const {
  if (!source_json_.empty()) return source_json_;
  json::object vocab;
  json::array merges, added;
  for (std::size_t id = 0; id < tokens_.size() - specials_.size(); ++id) vocab[to_printable(tokens_[id])] = id;
  for (const auto& [left, right] : merge_list_)
    merges.emplace_back(to_printable(tokens_[static_cast<std::size_t>(left)]) + " " +
                        to_printable(tokens_[static_cast<std::size_t>(right)]));
  for (const std::string_view special : special_tokens)
    added.emplace_back(json::object{{"id", *this->special(special)},
                                    {"content", special},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  const json::object byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const json::object model = {{"type", "BPE"},
                              {"dropout", nullptr},
                              {"unk_token", nullptr},
                              {"continuing_subword_prefix", nullptr},
                              {"end_of_word_suffix", nullptr},
                              {"fuse_unk", false},
                              {"byte_fallback", false},
                              {"vocab", vocab},
                              {"merges", merges}};
  return json::serialize(json::object{{"version", "1.0"},
                                      {"truncation", nullptr},
                                      {"padding", nullptr},
                                      {"added_tokens", added},
                                      {"normalizer", nullptr},
                                      {"pre_tokenizer", byte_level},
                                      {"post_processor", nullptr},
                                      {"decoder", byte_level},
                                      {"model", model}});
}

std::string chatml_tokenizer_config() {
  return json::serialize(json::object{
      {"tokenizer_class", "PreTrainedTokenizerFast"},
      {"bos_token", text_begin_token},
      {"eos_token", turn_end_token},
      {"pad_token", text_end_token},
      {"add_bos_token", false},
      {"chat_template",
       "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
       "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}});
}

}  // namespace hearth::llm::train
