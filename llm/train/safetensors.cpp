#include "llm/train/safetensors.h"

#include <ATen/Functions.h>

#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <set>

#include "llm/common/failure.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::uint64_t header_bytes_max = 100 << 20;

[[noreturn]] void refuse(const std::string& uri, std::string_view reason) {
  fail(FailureKind::input, "{}: {}", uri, reason);
}

std::optional<at::ScalarType> type_named(std::string_view name) {
  if (name == "F32") return at::kFloat;
  if (name == "F16") return at::kHalf;
  if (name == "BF16") return at::kBFloat16;
  return std::nullopt;
}

std::vector<std::int64_t> numbers(const json::object& entry, std::string_view name, const std::string& uri) {
  const json::value* list = entry.if_contains(name);
  if (!list || !list->is_array()) refuse(uri, "its header is malformed");
  std::vector<std::int64_t> found;
  for (const json::value& number : list->get_array()) {
    if (!number.is_int64() || number.get_int64() < 0) refuse(uri, "its header is malformed");
    found.push_back(number.get_int64());
  }
  return found;
}

}  // namespace

TensorMap read_safetensors(Storage& storage, const std::string& uri) {
  const std::unique_ptr<ObjectReader> reader = storage.open(uri);
  std::uint64_t header_size = 0;
  if (reader->read_at(0, {reinterpret_cast<char*>(&header_size), 8}) != 8 || header_size > header_bytes_max ||
      8 + header_size > reader->size())
    refuse(uri, "is not a safetensors file");
  std::string header(header_size, '\0');
  reader->read_at(8, header);
  boost::system::error_code error;
  const json::value parsed = json::parse(header, error);
  if (error || !parsed.is_object()) refuse(uri, "its header is not JSON");

  const std::uint64_t data_at = 8 + header_size;
  const auto data_size = static_cast<std::int64_t>(reader->size() - data_at);
  TensorMap tensors;
  for (const auto& [key, value] : parsed.get_object()) {
    const std::string name(key);
    if (name == "__metadata__") continue;
    if (!value.is_object()) refuse(uri, "its header is malformed");
    const json::object& entry = value.get_object();
    const json::value* type_name = entry.if_contains("dtype");
    const auto type = type_name && type_name->is_string() ? type_named(type_name->get_string()) : std::nullopt;
    if (!type) refuse(uri, "tensor " + name + " is not of type F32, F16 or BF16");
    const std::vector<std::int64_t> shape = numbers(entry, "shape", uri);
    const std::vector<std::int64_t> offsets = numbers(entry, "data_offsets", uri);
    const auto element_size = static_cast<std::int64_t>(c10::elementSize(*type));
    std::int64_t expected = element_size;
    for (const std::int64_t length : shape) {
      if (length != 0 && expected > data_size / length) refuse(uri, "tensor " + name + " is larger than the file");
      expected *= length;
    }
    if (offsets.size() != 2 || offsets[1] > data_size || offsets[1] - offsets[0] != expected)
      refuse(uri, "tensor " + name + " does not fit its place in the file");
    at::Tensor tensor = at::empty(shape, at::TensorOptions(*type));
    const std::span<char> bytes(static_cast<char*>(tensor.data_ptr()), static_cast<std::size_t>(expected));
    reader->read_at(data_at + static_cast<std::uint64_t>(offsets[0]), bytes);
    tensors[name] = tensor.to(at::kFloat);
  }
  return tensors;
}

TensorMap read_model_tensors(Storage& storage, const std::string& folder_uri) {
  const std::string index_uri = join_uri(folder_uri, "model.safetensors.index.json");
  if (!storage.exists(index_uri)) return read_safetensors(storage, join_uri(folder_uri, "model.safetensors"));
  boost::system::error_code error;
  const json::value index = json::parse(storage.read_text(index_uri), error);
  const json::value* map = error ? nullptr : index.find_pointer("/weight_map", error);
  if (!map || !map->is_object()) refuse(index_uri, "has no weight_map");
  std::set<std::string> shards;
  for (const auto& [name, shard] : map->get_object()) {
    if (!shard.is_string() || shard.get_string().find('/') != json::string::npos)
      refuse(index_uri, "names a shard oddly");
    shards.insert(std::string(shard.get_string()));
  }
  TensorMap tensors;
  for (const std::string& shard : shards) tensors.merge(read_safetensors(storage, join_uri(folder_uri, shard)));
  return tensors;
}

void write_safetensors(Storage& storage, const std::string& uri, const TensorMap& tensors, bool as_bf16) {
  const std::int64_t element_size = as_bf16 ? 2 : 4;
  json::object header = {{"__metadata__", {{"format", "pt"}}}};
  std::int64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::int64_t end = offset + tensor.numel() * element_size;
    json::array shape;
    for (const std::int64_t length : tensor.sizes()) shape.emplace_back(length);
    header[name] = {{"dtype", as_bf16 ? "BF16" : "F32"}, {"shape", shape}, {"data_offsets", json::array{offset, end}}};
    offset = end;
  }
  std::string text = json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_size = text.size();

  const std::unique_ptr<ObjectWriter> writer = storage.create(uri);
  writer->write({reinterpret_cast<const char*>(&header_size), 8});
  writer->write(text);
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor plain = tensor.detach().to(at::kCPU, as_bf16 ? at::kBFloat16 : at::kFloat).contiguous();
    writer->write({static_cast<const char*>(plain.data_ptr()), static_cast<std::size_t>(plain.nbytes())});
  }
  writer->close();
}

}  // namespace hearth::llm::train
