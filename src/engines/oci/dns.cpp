#include "engines/oci/dns.h"

#include <charconv>

#include "base/text.h"

namespace hearth::oci::dns {
namespace {

constexpr std::size_t header_bytes = 12;
constexpr std::size_t name_bytes_max = 255, label_bytes_max = 63;
constexpr std::uint32_t answer_seconds = 60;
constexpr std::uint32_t metadata_address = 0xA9FEA9FE;  // 169.254.169.254
constexpr unsigned response_flag = 0x80, opcode_mask = 0x78, recursion_desired = 0x01, authoritative = 0x04,
                   recursion_available = 0x80;

std::uint16_t read_16(std::string_view packet, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(packet[at]) << 8 |
                                    static_cast<unsigned char>(packet[at + 1]));
}
void append_16(std::string& packet, unsigned value) {
  packet.push_back(static_cast<char>(value >> 8 & 0xFF));
  packet.push_back(static_cast<char>(value & 0xFF));
}
void append_32(std::string& packet, std::uint32_t value) {
  append_16(packet, value >> 16);
  append_16(packet, value & 0xFFFF);
}

// The question that follows a header that says there is one.
std::optional<Question> read_question(std::string_view packet) {
  Question question;
  std::size_t at = header_bytes;
  for (;;) {
    if (at >= packet.size()) return std::nullopt;
    const std::size_t length = static_cast<unsigned char>(packet[at++]);
    if (length == 0) break;
    // Longer ones are pointers, which a question has no reason to use.
    if (length > label_bytes_max || at + length > packet.size()) return std::nullopt;
    if (!question.name.empty()) question.name.push_back('.');
    question.name += packet.substr(at, length);
    if (question.name.size() > name_bytes_max) return std::nullopt;
    at += length;
  }
  if (at + 4 > packet.size()) return std::nullopt;
  question.type = read_16(packet, at);
  question.question_class = read_16(packet, at + 2);
  question.end = at + 4;
  question.name = to_lower(question.name);
  return question;
}

bool is_private(std::uint32_t address) {
  return address >> 24 == 10 || address >> 20 == (172U << 4 | 1) || address >> 16 == (192U << 8 | 168);
}

// "ip-172-31-0-5" -> 172.31.0.5, if that is an address a VPC can have.
std::optional<std::uint32_t> address_in(std::string_view label) {
  constexpr std::string_view prefix = "ip";
  if (!label.starts_with(prefix)) return std::nullopt;
  label.remove_prefix(prefix.size());
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    if (!label.starts_with('-')) return std::nullopt;
    label.remove_prefix(1);
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), value);
    if (error != std::errc()) return std::nullopt;
    label.remove_prefix(static_cast<std::size_t>(end - label.data()));
    address = address << 8 | value;
  }
  if (!label.empty() || !is_private(address)) return std::nullopt;
  return address;
}

}  // namespace

std::optional<Question> read_query(std::string_view packet) {
  if (packet.size() < header_bytes) return std::nullopt;
  if (static_cast<unsigned char>(packet[2]) & (response_flag | opcode_mask)) return std::nullopt;
  if (read_16(packet, 4) != 1) return std::nullopt;
  return read_question(packet);
}

bool is_answer_to(std::string_view answer, std::string_view query) {
  if (answer.size() < header_bytes || query.size() < header_bytes) return false;
  if (!(static_cast<unsigned char>(answer[2]) & response_flag) || number_of(answer) != number_of(query)) return false;
  if (read_16(answer, 4) != 1) return false;
  const auto asked = read_question(query), answered = read_question(answer);
  return asked && answered && asked->name == answered->name && asked->type == answered->type &&
         asked->question_class == answered->question_class;
}

std::optional<Answer> answer_here(const Question& question) {
  const auto dot = question.name.find('.');
  if (dot == std::string::npos || question.question_class != class_internet) return std::nullopt;
  const std::string_view label = std::string_view(question.name).substr(0, dot),
                         domain = std::string_view(question.name).substr(dot + 1);
  const bool is_ours = domain == "ec2.internal" || domain.ends_with(".ec2.internal") || domain == "compute.internal" ||
                       domain.ends_with(".compute.internal");
  if (!is_ours) return std::nullopt;
  std::optional<std::uint32_t> address = address_in(label);
  if (question.name == "instance-data.ec2.internal") address = metadata_address;
  if (!address) return Answer{.code = Code::name_error, .address = {}};
  if (question.type != type_a && question.type != type_any) return Answer{};  // it exists, without an IPv6 address
  return Answer{.address = address};
}

std::string write_answer(std::string_view query, const Question& question, const Answer& answer) {
  std::string packet(query.substr(0, 2));
  packet.push_back(
      static_cast<char>(response_flag | authoritative | (static_cast<unsigned char>(query[2]) & recursion_desired)));
  packet.push_back(static_cast<char>(recursion_available | static_cast<unsigned>(answer.code)));
  append_16(packet, 1);
  append_16(packet, answer.address ? 1 : 0);
  append_32(packet, 0);  // no authorities, nothing additional
  packet += query.substr(header_bytes, question.end - header_bytes);
  if (answer.address) {
    constexpr unsigned name_of_the_question = 0xC000 | header_bytes;
    append_16(packet, name_of_the_question);
    append_16(packet, type_a);
    append_16(packet, class_internet);
    append_32(packet, answer_seconds);
    append_16(packet, 4);
    append_32(packet, *answer.address);
  }
  return packet;
}

std::uint16_t number_of(std::string_view packet) {
  return read_16(packet, 0);
}

void set_number(std::string& packet, std::uint16_t number) {
  packet[0] = static_cast<char>(number >> 8);
  packet[1] = static_cast<char>(number & 0xFF);
}

}  // namespace hearth::oci::dns
