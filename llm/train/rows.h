// Turns records into the rows a model trains on: `length` + 1 tokens each, and which of them are to be learnt.
// Everything depends on the seed and the data alone, so a resumed run meets the same rows in the same order.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "llm/train/conversation.h"
#include "llm/train/records.h"
#include "llm/train/tokenizer.h"

namespace hearth::llm::train {

struct Row {
  std::vector<TokenId> tokens;
  std::vector<bool> learnt;  // of a conversation only what the assistant says
};

// Which records a stream gives: all, only those held out for validation, or only the others.
struct Selection {
  enum class Part { all, training, held_out } part = Part::all;
  double held_out_fraction = 0;
  std::uint64_t seed = 0;
};

// One pass over the data. Texts follow each other, with an end-of-text token between; a conversation that fits into a
// row is not cut.
class RowReader {
 public:
  RowReader(Storage& storage, std::vector<std::string> uris, Tokenizer& tokenizer, std::size_t length,
            Selection selection);
  std::optional<Row> next();
  // Whether a record so far was a conversation.
  bool met_conversation() const { return form_.has_value(); }

 private:
  bool is_selected();
  void append(const Record& record);
  void cut_full_rows();
  void fill_up();

  Records records_;
  Tokenizer& tokenizer_;
  std::size_t length_;
  Selection selection_;
  std::uint64_t record_index_ = 0;
  TokenId text_end_;
  std::optional<ConversationForm> form_;  // once one is met
  std::vector<TokenId> tokens_;
  std::vector<bool> learnt_;
  std::deque<Row> ready_;
};

// Passes without end, each shuffled within a window of rows.
class ShuffledRows {
 public:
  ShuffledRows(Storage& storage, std::vector<std::string> uris, Tokenizer& tokenizer, std::size_t length,
               Selection selection);
  Row next();
  // Rows given so far: what a checkpoint remembers.
  std::uint64_t position() const { return position_; }
  std::uint64_t epoch() const { return epoch_; }
  bool met_conversation() const { return met_conversation_; }
  void skip_to(std::uint64_t position);

 private:
  void refill();

  Storage& storage_;
  std::vector<std::string> uris_;
  Tokenizer& tokenizer_;
  std::size_t length_;
  Selection selection_;
  std::optional<RowReader> reader_;
  std::vector<Row> window_;
  std::mt19937_64 random_;
  std::uint64_t position_ = 0, epoch_ = 0;
  bool met_conversation_ = false;
};

}  // namespace hearth::llm::train
