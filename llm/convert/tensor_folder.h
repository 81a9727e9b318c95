// The weights of a Hugging Face model folder: model.safetensors, or the shards that model.safetensors.index.json names.
// Files are mapped, not read, so opening a folder costs no memory. Move-only; views live as long as the folder.
// https://huggingface.co/docs/safetensors/index#format
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::llm::convert {

enum class TensorType : std::uint8_t { f32, f16, bf16 };
std::size_t byte_size(TensorType type);

struct TensorView {
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;  // outermost first, as in the file
  std::span<const char> bytes;      // exactly as many as type and shape ask for
};

class TensorFolder {
 public:
  // not_found without weights; unsupported for another element type; corrupt if a header lies about its file.
  static Result<TensorFolder> open(const std::filesystem::path& folder);

  TensorFolder(TensorFolder&& other) noexcept = default;
  TensorFolder& operator=(TensorFolder&& other) noexcept = default;

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

 private:
  class MappedFile {
   public:
    MappedFile(const char* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;
    ~MappedFile();
    std::span<const char> bytes() const { return {bytes_, size_}; }

   private:
    const char* bytes_;
    std::size_t size_;
  };

  TensorFolder() = default;
  Result<void> add_file(const std::filesystem::path& path);
  Result<void> add_header(std::string_view header, std::span<const char> data, const std::string& file_name);

  std::vector<MappedFile> files_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace hearth::llm::convert
