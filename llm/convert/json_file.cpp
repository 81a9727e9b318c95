#include "llm/convert/json_file.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>
#include <sstream>

namespace hearth::llm::convert {
namespace json = boost::json;

namespace {
constexpr std::uintmax_t file_bytes_max = 256u << 20;
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(path, failure);
  if (failure)
    return Error(ErrorKind::not_found, fmt::format("{} is missing", path.filename().string()), path.string());
  if (size > file_bytes_max)
    return Error(ErrorKind::invalid, fmt::format("{} is larger than 256 MiB", path.filename().string()), path.string());
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error(ErrorKind::internal, fmt::format("cannot read {}", path.filename().string()), path.string());
  return std::move(text).str();
}

Result<json::object> read_json_file(const std::filesystem::path& path) {
  TRY(const std::string text, read_text_file(path));
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  if (failure || !value.is_object())
    return Error(ErrorKind::invalid, fmt::format("{} is not a JSON object", path.filename().string()), path.string());
  return std::move(value).as_object();
}

const json::value* find_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && !value->is_null() ? value : nullptr;
}

const json::object* find_object(const json::object& object, std::string_view name) {
  const json::value* value = find_member(object, name);
  return value ? value->if_object() : nullptr;
}

const json::array* find_array(const json::object& object, std::string_view name) {
  const json::value* value = find_member(object, name);
  return value ? value->if_array() : nullptr;
}

std::optional<std::string> find_string(const json::object& object, std::string_view name) {
  const json::value* value = find_member(object, name);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::optional<bool> find_bool(const json::object& object, std::string_view name) {
  const json::value* value = find_member(object, name);
  if (!value || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

std::optional<double> find_number(const json::object& object, std::string_view name) {
  const json::value* value = find_member(object, name);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::optional<std::uint32_t> find_count(const json::object& object, std::string_view name) {
  const std::optional<double> number = find_number(object, name);
  if (!number || *number < 0 || *number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  const auto count = static_cast<std::uint32_t>(*number);
  if (count != *number) return std::nullopt;
  return count;
}

}  // namespace hearth::llm::convert
