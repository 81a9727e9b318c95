#include "llm/train/records.h"

#include <boost/json.hpp>
#include <cctype>
#include <map>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::size_t read_bytes = 1 << 20;
constexpr std::size_t record_bytes_max = 64 << 20;
constexpr std::size_t text_record_bytes = 8 << 10;

// One character after another of an object that is read in pieces, counting lines.
class Characters {
 public:
  Characters(Storage& storage, std::string uri) : uri_(std::move(uri)), reader_(storage.open(uri_)) {}

  std::optional<char> peek() {
    if (at_ == buffer_.size() && !fill()) return std::nullopt;
    return buffer_[at_];
  }
  std::optional<char> take() {
    const std::optional<char> found = peek();
    if (!found) return found;
    ++at_;
    if (*found == '\n') ++line_;
    return found;
  }
  void skip_space() {
    while (const auto c = peek()) {
      if (!std::isspace(static_cast<unsigned char>(*c))) return;
      take();
    }
  }
  // Without its line end. Nothing at the end of the object.
  std::optional<std::string> take_line() {
    if (!peek()) return std::nullopt;
    std::string line;
    while (const auto c = take()) {
      if (*c == '\n') break;
      line += *c;
      check_size(line);
    }
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }
  void check_size(const std::string& record) {
    if (record.size() > record_bytes_max) fail_here("a record is larger than 64 MiB");
  }
  [[noreturn]] void fail_at(std::uint64_t line, std::string_view reason) {
    fail(FailureKind::input, "{}: line {}: {}", uri_, line, reason);
  }
  [[noreturn]] void fail_here(std::string_view reason) { fail_at(line_, reason); }
  std::uint64_t line() const { return line_; }

 private:
  bool fill() {
    buffer_.resize(read_bytes);
    buffer_.resize(reader_->read_at(offset_, buffer_));
    offset_ += buffer_.size();
    at_ = 0;
    return !buffer_.empty();
  }

  std::string uri_;
  std::unique_ptr<ObjectReader> reader_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0, line_ = 1;
};

Record conversation(std::string prompt, std::string completion) {
  return {.text = {}, .messages = {{"user", std::move(prompt)}, {"assistant", std::move(completion)}}};
}

Record record_of(const json::value& value, Characters& from, std::uint64_t line) {
  const json::object* fields = value.if_object();
  if (!fields) from.fail_at(line, "a record is not a JSON object");
  const auto text = [&](const json::object& owner, std::string_view name) {
    const json::value* member = owner.if_contains(name);
    if (!member || !member->is_string()) from.fail_at(line, fmt::format("member '{}' is not text", name));
    return std::string(member->get_string());
  };
  if (fields->contains("messages")) {
    const json::array* messages = fields->at("messages").if_array();
    if (!messages || messages->empty()) from.fail_at(line, "'messages' is not a list with members");
    Record record;
    for (const json::value& message : *messages) {
      if (!message.is_object()) from.fail_at(line, "a message is not an object");
      record.messages.push_back({text(message.get_object(), "role"), text(message.get_object(), "content")});
    }
    return record;
  }
  if (fields->contains("prompt")) return conversation(text(*fields, "prompt"), text(*fields, "completion"));
  if (fields->contains("text")) return {.text = text(*fields, "text"), .messages = {}};
  from.fail_at(line, "a record has none of 'text', 'prompt' with 'completion', 'messages'");
}

json::value parse_record(const std::string& text, Characters& from, std::uint64_t line) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) from.fail_at(line, "this is not JSON: " + error.message());
  return value;
}

class JsonLinesFile final : public RecordFile {
 public:
  JsonLinesFile(Storage& storage, const std::string& uri) : characters_(storage, uri) {}

  std::optional<Record> next() override {
    while (true) {
      const std::uint64_t line_number = characters_.line();
      const std::optional<std::string> line = characters_.take_line();
      if (!line) return std::nullopt;
      if (line->find_first_not_of(" \t") == std::string::npos) continue;
      return record_of(parse_record(*line, characters_, line_number), characters_, line_number);
    }
  }

 private:
  Characters characters_;
};

// Takes the array apart by counting brackets, so that only one of its objects is in memory.
class JsonArrayFile final : public RecordFile {
 public:
  JsonArrayFile(Storage& storage, const std::string& uri) : characters_(storage, uri) {
    characters_.skip_space();
    if (characters_.take() != '[') characters_.fail_here("a .json dataset must be an array of objects");
  }

  std::optional<Record> next() override {
    characters_.skip_space();
    if (ended_) return std::nullopt;
    if (!is_first_ && characters_.peek() == ',') {
      characters_.take();
      characters_.skip_space();
    } else if (characters_.peek() == ']') {
      characters_.take();
      characters_.skip_space();
      if (characters_.peek()) characters_.fail_here("something follows the array");
      ended_ = true;
      return std::nullopt;
    } else if (!is_first_) {
      characters_.fail_here("expected ',' or ']'");
    }
    is_first_ = false;
    const std::uint64_t line = characters_.line();
    return record_of(parse_record(take_object(), characters_, line), characters_, line);
  }

 private:
  std::string take_object() {
    if (characters_.peek() != '{') characters_.fail_here("expected an object");
    std::string text;
    int depth = 0;
    bool in_string = false, escaped = false;
    while (const auto c = characters_.take()) {
      text += *c;
      characters_.check_size(text);
      if (in_string) {
        if (!escaped && *c == '"') in_string = false;
        escaped = !escaped && *c == '\\';
      } else if (*c == '"') {
        in_string = true;
      } else if (*c == '{' || *c == '[') {
        ++depth;
      } else if ((*c == '}' || *c == ']') && --depth == 0) {
        return text;
      }
    }
    characters_.fail_here("the array ends in the middle of an object");
  }

  Characters characters_;
  bool is_first_ = true, ended_ = false;
};

// https://www.rfc-editor.org/rfc/rfc4180
class CsvFile final : public RecordFile {
 public:
  CsvFile(Storage& storage, const std::string& uri) : characters_(storage, uri) {
    std::optional<std::vector<std::string>> header = take_row();
    if (!header) characters_.fail_here("a .csv dataset needs a header line");
    if (header->front().starts_with("\xEF\xBB\xBF")) header->front().erase(0, 3);
    for (std::size_t i = 0; i < header->size(); ++i) columns_[(*header)[i]] = i;
    width_ = header->size();
    if (!columns_.contains("text") && !(columns_.contains("prompt") && columns_.contains("completion")))
      characters_.fail_at(1, "the header has neither 'text' nor 'prompt' and 'completion'");
  }

  std::optional<Record> next() override {
    while (true) {
      const std::uint64_t line = characters_.line();
      std::optional<std::vector<std::string>> row = take_row();
      if (!row) return std::nullopt;
      if (row->size() == 1 && row->front().empty()) continue;
      if (row->size() != width_)
        characters_.fail_at(line, fmt::format("{} fields where the header has {}", row->size(), width_));
      if (const auto prompt = columns_.find("prompt"); prompt != columns_.end() && columns_.contains("completion"))
        return conversation((*row)[prompt->second], (*row)[columns_.at("completion")]);
      return Record{.text = (*row)[columns_.at("text")], .messages = {}};
    }
  }

 private:
  std::optional<std::vector<std::string>> take_row() {
    if (!characters_.peek()) return std::nullopt;
    const std::uint64_t first_line = characters_.line();
    std::vector<std::string> fields(1);
    bool quoted = false;
    while (const auto c = characters_.take()) {
      std::string& field = fields.back();
      characters_.check_size(field);
      if (quoted) {
        if (*c != '"') {
          field += *c;
        } else if (characters_.peek() == '"') {
          field += *characters_.take();
        } else {
          quoted = false;
        }
      } else if (*c == '"' && field.empty()) {
        quoted = true;
      } else if (*c == ',') {
        fields.emplace_back();
      } else if (*c == '\n') {
        return fields;
      } else if (*c != '\r') {
        field += *c;
      }
    }
    if (quoted) characters_.fail_at(first_line, "a quoted field never ends");
    return fields;
  }

  Characters characters_;
  std::map<std::string, std::size_t> columns_;
  std::size_t width_ = 0;
};

class TextFile final : public RecordFile {
 public:
  TextFile(Storage& storage, const std::string& uri) : characters_(storage, uri) {}

  std::optional<Record> next() override {
    Record record;
    while (const auto c = characters_.take()) {
      record.text += *c;
      const std::size_t size = record.text.size();
      if ((size >= text_record_bytes && *c == '\n') || size >= 8 * text_record_bytes) break;
    }
    if (record.text.empty()) return std::nullopt;
    record.continues = characters_.peek().has_value();
    return record;
  }

 private:
  Characters characters_;
};

}  // namespace

std::unique_ptr<RecordFile> open_records(Storage& storage, const std::string& uri) {
  if (uri.ends_with(".jsonl") || uri.ends_with(".ndjson")) return std::make_unique<JsonLinesFile>(storage, uri);
  if (uri.ends_with(".json")) return std::make_unique<JsonArrayFile>(storage, uri);
  if (uri.ends_with(".csv")) return std::make_unique<CsvFile>(storage, uri);
  return std::make_unique<TextFile>(storage, uri);
}

std::optional<Record> Records::next() {
  while (true) {
    if (file_) {
      if (std::optional<Record> record = file_->next()) return record;
    }
    if (opened_ == uris_.size()) return std::nullopt;
    file_ = open_records(storage_, uris_[opened_++]);
  }
}

}  // namespace hearth::llm::train
