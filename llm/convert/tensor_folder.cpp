#include "llm/convert/tensor_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "llm/convert/json_file.h"

namespace hearth::llm::convert {
namespace json = boost::json;

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian, and so is what we map");

namespace {

constexpr std::uint64_t header_bytes_max = 100'000'000;  // the format's own limit

std::optional<TensorType> tensor_type(std::string_view name) {
  if (name == "F32") return TensorType::f32;
  if (name == "F16") return TensorType::f16;
  if (name == "BF16") return TensorType::bf16;
  return std::nullopt;
}

Error damaged(const std::string& file_name, std::string_view what) {
  return Error(ErrorKind::corrupt, fmt::format("{}: {}", file_name, what));
}

// How many bytes a tensor of that shape has, or nothing if the shape is nonsense.
std::optional<std::uint64_t> shape_bytes(const std::vector<std::int64_t>& shape, TensorType type) {
  std::uint64_t bytes = byte_size(type);
  for (const std::int64_t length : shape) {
    if (length <= 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(length), &bytes)) return std::nullopt;
  }
  return bytes;
}

}  // namespace

std::size_t byte_size(TensorType type) {
  return type == TensorType::f32 ? 4 : 2;
}

TensorFolder::MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

TensorFolder::MappedFile::~MappedFile() {
  if (bytes_) munmap(const_cast<char*>(bytes_), size_);
}

Result<TensorFolder> TensorFolder::open(const std::filesystem::path& folder) {
  TensorFolder opened;
  if (std::filesystem::exists(folder / "model.safetensors")) {
    TRY_DO(opened.add_file(folder / "model.safetensors"));
    return opened;
  }

  auto index = read_json_file(folder / "model.safetensors.index.json");
  if (!index && index.error().kind() == ErrorKind::not_found)
    return Error(ErrorKind::not_found, "the folder has neither model.safetensors nor model.safetensors.index.json",
                 folder.string());
  if (!index) return std::move(index).error();
  const json::object* weight_map = find_object(*index, "weight_map");
  if (!weight_map) return damaged("model.safetensors.index.json", "it has no weight_map");

  std::set<std::string> shards;
  for (const auto& [tensor, file] : *weight_map) {
    if (!file.is_string()) return damaged("model.safetensors.index.json", "a weight_map entry is not a file name");
    const std::string name(file.get_string());
    if (name.find('/') != std::string::npos)
      return damaged("model.safetensors.index.json", "a shard lies outside the folder");
    shards.insert(name);
  }
  for (const std::string& shard : shards) TRY_DO(opened.add_file(folder / shard));
  for (const auto& [tensor, file] : *weight_map) {
    if (!opened.tensors_.contains(std::string(tensor)))
      return damaged(std::string(file.get_string()),
                     fmt::format("{} is not in it, though the index says so", std::string_view(tensor)));
  }
  return opened;
}

Result<void> TensorFolder::add_file(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error(ErrorKind::not_found, fmt::format("{} is missing", name), path.string());
  struct stat status{};
  const bool has_size = fstat(fd, &status) == 0;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = has_size && size >= 8 ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  if (has_size && size < 8) return damaged(name, "it is shorter than a safetensors header");
  if (mapped == MAP_FAILED) return Error(ErrorKind::internal, fmt::format("cannot map {}", name), std::strerror(errno));
  madvise(mapped, size, MADV_SEQUENTIAL);
  const std::span<const char> bytes = files_.emplace_back(static_cast<const char*>(mapped), size).bytes();

  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  if (header_size > header_bytes_max || header_size > size - 8)
    return damaged(name, "its header is longer than itself");
  const std::string_view header(bytes.data() + 8, header_size);
  return add_header(header, bytes.subspan(8 + header_size), name);
}

Result<void> TensorFolder::add_header(std::string_view header, std::span<const char> data,
                                      const std::string& file_name) {
  boost::system::error_code failure;
  const json::value parsed = json::parse(header, failure);
  if (failure || !parsed.is_object()) return damaged(file_name, "its header is not a JSON object");

  for (const auto& [key, entry] : parsed.get_object()) {
    const std::string name(key);
    if (name == "__metadata__") continue;
    const json::object* fields = entry.if_object();
    const json::array* shape = fields ? find_array(*fields, "shape") : nullptr;
    const json::array* offsets = fields ? find_array(*fields, "data_offsets") : nullptr;
    const std::optional<std::string> type_name = fields ? find_string(*fields, "dtype") : std::nullopt;
    if (!shape || !offsets || offsets->size() != 2 || !type_name)
      return damaged(file_name, fmt::format("the entry of {} is incomplete", name));

    TensorView view;
    const std::optional<TensorType> type = tensor_type(*type_name);
    if (!type)
      return Error(ErrorKind::unsupported,
                   fmt::format("{} has element type {}; F32, F16 and BF16 are served", name, *type_name));
    view.type = *type;
    for (const json::value& length : *shape) {
      if (!length.is_int64()) return damaged(file_name, fmt::format("{} has an impossible shape", name));
      view.shape.push_back(length.get_int64());
    }
    if (!(*offsets)[0].is_int64() || !(*offsets)[1].is_int64())
      return damaged(file_name, fmt::format("{} has impossible offsets", name));
    const std::int64_t first = (*offsets)[0].get_int64();
    const std::int64_t last = (*offsets)[1].get_int64();
    if (first < 0 || last < first || static_cast<std::uint64_t>(last) > data.size())
      return damaged(file_name, fmt::format("{} lies outside the file", name));
    view.bytes = data.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
    if (shape_bytes(view.shape, view.type) != view.bytes.size())
      return damaged(file_name, fmt::format("{} has other bytes than its shape asks for", name));
    if (!tensors_.emplace(name, std::move(view)).second)
      return damaged(file_name, fmt::format("{} is there twice", name));
  }
  return ok;
}

}  // namespace hearth::llm::convert
