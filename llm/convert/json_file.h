// Reading the JSON files of a model folder, whose members are often absent or null.
// Used inside llm/convert only.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::llm::convert {

// The whole file, at most 256 MiB. not_found if it is absent.
Result<std::string> read_text_file(const std::filesystem::path& path);

// The file's JSON object. not_found if it is absent, invalid if it is anything but an object.
Result<boost::json::object> read_json_file(const std::filesystem::path& path);

// The member, or null when it is absent or JSON null.
const boost::json::value* find_member(const boost::json::object& object, std::string_view name);
const boost::json::object* find_object(const boost::json::object& object, std::string_view name);
const boost::json::array* find_array(const boost::json::object& object, std::string_view name);
std::optional<std::string> find_string(const boost::json::object& object, std::string_view name);
std::optional<bool> find_bool(const boost::json::object& object, std::string_view name);
std::optional<double> find_number(const boost::json::object& object, std::string_view name);
// Whole numbers from 0 to 2^31-1 only.
std::optional<std::uint32_t> find_count(const boost::json::object& object, std::string_view name);

}  // namespace hearth::llm::convert
