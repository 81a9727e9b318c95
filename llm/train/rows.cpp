#include "llm/train/rows.h"

#include "llm/common/failure.h"

namespace hearth::llm::train {

namespace {

constexpr std::size_t window_rows = 2048;

// SplitMix64: the same answer for the same record on every machine.
std::uint64_t scramble(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

TokenId first_special(const Tokenizer& tokenizer, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const auto id = tokenizer.special(name)) return *id;
  fail(FailureKind::input, "tokenizer.json: has no token that ends a text (such as {})", *names.begin());
}

}  // namespace

RowReader::RowReader(Storage& storage, std::vector<std::string> uris, Tokenizer& tokenizer, std::size_t length,
                     Selection selection)
    : records_(storage, std::move(uris)),
      tokenizer_(tokenizer),
      length_(length),
      selection_(selection),
      text_end_(first_special(tokenizer, {text_end_token, "<|endoftext|>", "</s>", turn_end_token})) {}

bool RowReader::is_selected() {
  const std::uint64_t index = record_index_++;
  if (selection_.part == Selection::Part::all) return true;
  const double at = static_cast<double>(scramble(index ^ scramble(selection_.seed)) >> 11) * 0x1p-53;
  return (at < selection_.held_out_fraction) == (selection_.part == Selection::Part::held_out);
}

void RowReader::append(const Record& record) {
  const auto put = [&](const std::vector<TokenId>& ids, bool learnt) {
    tokens_.insert(tokens_.end(), ids.begin(), ids.end());
    learnt_.insert(learnt_.end(), ids.size(), learnt);
  };
  if (record.messages.empty()) {
    put(tokenizer_.encode(record.text), true);
    if (!record.continues) put({text_end_}, true);
    return;
  }
  const std::size_t before = tokens_.size();
  if (!form_) form_.emplace(tokenizer_);
  for (const ConversationForm::Part& part : form_->write(record.messages)) put(part.ids, part.learnt);
  const std::size_t added = tokens_.size() - before;
  if (before == 0 || tokens_.size() <= length_ + 1 || added > length_ + 1) return;
  // It would be cut: fill up the row before it, and let it begin the next.
  const std::vector<TokenId> tokens(tokens_.begin() + static_cast<std::ptrdiff_t>(before), tokens_.end());
  const std::vector<bool> learnt(learnt_.begin() + static_cast<std::ptrdiff_t>(before), learnt_.end());
  tokens_.resize(before);
  learnt_.resize(before);
  fill_up();
  tokens_ = tokens;
  learnt_ = learnt;
}

// Neighbouring rows share one token: the last of one is only foretold there, and begins the next.
void RowReader::cut_full_rows() {
  std::size_t from = 0;
  while (tokens_.size() - from > length_) {
    const auto first = static_cast<std::ptrdiff_t>(from);
    const auto last = static_cast<std::ptrdiff_t>(from + length_ + 1);
    ready_.push_back(
        {{tokens_.begin() + first, tokens_.begin() + last}, {learnt_.begin() + first, learnt_.begin() + last}});
    from += length_;
  }
  if (from == 0) return;
  tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(from));
  learnt_.erase(learnt_.begin(), learnt_.begin() + static_cast<std::ptrdiff_t>(from));
}

void RowReader::fill_up() {
  if (tokens_.size() > 1) {
    tokens_.resize(length_ + 1, text_end_);
    learnt_.resize(length_ + 1, false);
    ready_.push_back({tokens_, learnt_});
  }
  tokens_.clear();
  learnt_.clear();
}

std::optional<Row> RowReader::next() {
  while (true) {
    while (!ready_.empty()) {
      Row row = std::move(ready_.front());
      ready_.pop_front();
      bool teaches = false;
      for (std::size_t i = 1; i < row.learnt.size(); ++i) teaches |= row.learnt[i];
      if (teaches) return row;
    }
    const std::optional<Record> record = records_.next();
    if (!record) {
      if (tokens_.size() < 2) return std::nullopt;
      fill_up();
      continue;
    }
    if (!is_selected()) continue;
    append(*record);
    cut_full_rows();
  }
}

ShuffledRows::ShuffledRows(Storage& storage, std::vector<std::string> uris, Tokenizer& tokenizer, std::size_t length,
                           Selection selection)
    : storage_(storage),
      uris_(std::move(uris)),
      tokenizer_(tokenizer),
      length_(length),
      selection_(selection),
      random_(selection.seed) {
  reader_.emplace(storage_, uris_, tokenizer_, length_, selection_);
  refill();
  if (window_.empty()) fail(FailureKind::input, "the training data holds nothing to learn");
}

void ShuffledRows::refill() {
  while (window_.size() < window_rows) {
    std::optional<Row> row = reader_->next();
    met_conversation_ = met_conversation_ || reader_->met_conversation();
    if (!row) return;
    window_.push_back(std::move(*row));
  }
}

Row ShuffledRows::next() {
  if (window_.empty()) {
    ++epoch_;
    reader_.emplace(storage_, uris_, tokenizer_, length_, selection_);
  }
  refill();
  if (window_.empty()) fail(FailureKind::input, "the training data vanished while it was read");
  const std::size_t chosen = random_() % window_.size();
  Row row = std::move(window_[chosen]);
  window_[chosen] = std::move(window_.back());
  window_.pop_back();
  ++position_;
  return row;
}

void ShuffledRows::skip_to(std::uint64_t position) {
  while (position_ < position) next();
}

}  // namespace hearth::llm::train
