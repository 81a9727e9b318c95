// Text forms of scalar values, shared by the codecs of this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/schema.h"

namespace hearth::wire {

void append_integer(std::string& out, std::int64_t value);
void append_double(std::string& out, double value);  // shortest form that reads back; NaN, Infinity, -Infinity
void append_float(std::string& out, float value);
void append_timestamp(std::string& out, Timestamp value, TimestampFormat format);
bool parse_integer(std::string_view text, std::int64_t& value);
bool parse_double(std::string_view text, double& value);
// Of epoch seconds; a moment that no TimePoint can hold (years 1677 to 2262) becomes the nearest. False for NaN.
bool timestamp_of_seconds(double seconds, Timestamp& value);
bool parse_timestamp(std::string_view text, Timestamp& value);  // any of the three forms

void append_json_string(std::string& out, std::string_view text);
// U+FFFD stands for what XML cannot hold.
void append_xml_text(std::string& out, std::string_view text);
bool is_xml_character(std::uint32_t point);
// Of UTF-8: how many bytes at `at` are a character that XML 1.0 cannot hold in any form; 0 where it can.
std::size_t no_xml_character_at(std::string_view text, std::size_t at);
bool is_utf8(std::string_view text);
// The text with '?' in place of what neither XML nor JSON may hold: control characters, and bytes that are not UTF-8.
std::string printable(std::string_view text);
std::size_t utf8_length(std::string_view text);

}  // namespace hearth::wire
