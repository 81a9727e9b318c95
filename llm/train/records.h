// Reads a dataset's records one after another, whatever their format, with a few megabytes of memory. Malformed input
// is a Failure that names the file and the line or record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/common/storage.h"

namespace hearth::llm::train {

struct Message {
  std::string role, content;
};

// Either plain text or a conversation. `continues`: the next record goes on where this text ends (a long .txt file).
struct Record {
  std::string text;
  std::vector<Message> messages;
  bool continues = false;
};

class RecordFile {
 public:
  virtual ~RecordFile() = default;
  virtual std::optional<Record> next() = 0;
};

// By the name's ending: .jsonl or .ndjson, .json (an array of objects), .csv (with a header line), anything else is
// text. Objects and rows have `text`, or `prompt` and `completion`, or `messages`.
std::unique_ptr<RecordFile> open_records(Storage& storage, const std::string& uri);

// All records of several files, in order.
class Records {
 public:
  Records(Storage& storage, std::vector<std::string> uris) : storage_(storage), uris_(std::move(uris)) {}
  std::optional<Record> next();

 private:
  Storage& storage_;
  std::vector<std::string> uris_;
  std::size_t opened_ = 0;
  std::unique_ptr<RecordFile> file_;
};

}  // namespace hearth::llm::train
