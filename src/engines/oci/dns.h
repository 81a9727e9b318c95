// The little of DNS that an instance's name server needs: reading a question and writing short answers. Functions on
// bytes that strangers sent; they keep nothing and never fail but by saying so. https://www.rfc-editor.org/rfc/rfc1035
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::oci::dns {

inline constexpr std::uint16_t type_a = 1, type_any = 255, class_internet = 1;

enum class Code : std::uint8_t { no_error = 0, server_failure = 2, name_error = 3 };

struct Question {
  std::string name;  // lower case, without the dot at the end
  std::uint16_t type = 0, question_class = 0;
  std::size_t end = 0;  // where in the packet the question ends
};

// nullopt for what is no query with exactly one question.
std::optional<Question> read_query(std::string_view packet);

// Whether `answer` answers `query`: the same number and the same question.
bool is_answer_to(std::string_view answer, std::string_view query);

struct Answer {
  Code code = Code::no_error;
  std::optional<std::uint32_t> address;  // IPv4, host byte order; for questions of type A
};

// What needs no other server, as in a VPC: ip-172-31-0-5.ec2.internal is the address in the name, and no other name
// below ec2.internal or compute.internal exists. nullopt: ask a server.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
std::optional<Answer> answer_here(const Question& question);

std::string write_answer(std::string_view query, const Question& question, const Answer& answer);

// The number that tells answers apart: the first two bytes. The packet has at least those.
std::uint16_t number_of(std::string_view packet);
void set_number(std::string& packet, std::uint16_t number);

}  // namespace hearth::oci::dns
