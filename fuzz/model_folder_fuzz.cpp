// Any bytes as a file of a model folder that a customer put into a bucket: model.safetensors, its index or
// tokenizer.json. Opening must say what is wrong, and a tensor's bytes are all inside the file. The first byte picks
// the file.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "llm/convert/tensor_folder.h"
#include "llm/convert/vocabulary.h"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

// Removed when the process ends in peace.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("hearth-fuzz-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

template <class T>
void require_sentence(const Result<T>& result) {
  if (!result && result.error().message().empty()) std::abort();
}

void read_tensors(const fs::path& folder) {
  const auto opened = llm::convert::TensorFolder::open(folder);
  require_sentence(opened);
  if (!opened) return;
  std::uint8_t sum = 0;
  for (const auto& [name, tensor] : opened->tensors())
    for (const char byte : tensor.bytes) sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(byte));
  [[maybe_unused]] static volatile std::uint8_t kept;
  kept = sum;
}

void read_tokenizer(const fs::path& folder) {
  const boost::json::object config = {{"eos_token_id", 2}, {"bos_token_id", 1}};
  require_sentence(llm::convert::read_vocabulary(folder, config, 64));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Folder folder;
  static constexpr const char* names[] = {"model.safetensors", "model.safetensors.index.json", "tokenizer.json"};
  const std::size_t choice = data[0] % std::size(names);
  const fs::path file = folder.path / names[choice];
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(data) + 1, static_cast<std::streamsize>(size - 1));
  if (choice == 2)
    read_tokenizer(folder.path);
  else
    read_tensors(folder.path);
  fs::remove(file);
  return 0;
}
