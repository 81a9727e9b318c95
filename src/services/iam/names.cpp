#include "services/iam/names.h"

#include <array>

namespace hearth::iam {

std::string entity_arn(std::string_view account_id, std::string_view type, std::string_view path,
                       std::string_view name) {
  std::string arn = "arn:aws:iam::";
  arn.append(account_id).append(":").append(type).append(path).append(name);
  return arn;
}

std::string root_arn(std::string_view account_id) {
  return "arn:aws:iam::" + std::string(account_id) + ":root";
}

std::string assumed_role_arn(std::string_view account_id, std::string_view role_name, std::string_view session_name) {
  std::string arn = "arn:aws:sts::";
  arn.append(account_id).append(":assumed-role/").append(role_name).append("/").append(session_name);
  return arn;
}

EntityName parse_entity_arn(std::string_view arn) {
  std::array<std::string_view, 5> parts;  // arn, aws, iam|sts, "", ACCOUNT
  for (std::string_view& part : parts) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    part = arn.substr(0, colon);
    arn.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || (parts[2] != "iam" && parts[2] != "sts")) return {};
  const std::size_t first_slash = arn.find('/');
  const std::size_t last_slash = arn.rfind('/');
  if (first_slash == std::string_view::npos || last_slash + 1 == arn.size()) return {};
  EntityName entity;
  entity.account_id = parts[4];
  entity.type = arn.substr(0, first_slash);
  if (entity.type == "assumed-role") {
    if (first_slash == last_slash) return {};
    entity.name = arn.substr(first_slash + 1, last_slash - first_slash - 1);
    entity.session = arn.substr(last_slash + 1);
  } else {
    entity.path = arn.substr(first_slash, last_slash - first_slash + 1);
    entity.name = arn.substr(last_slash + 1);
  }
  return entity;
}

std::string new_id(IdSource& ids, std::string_view prefix) {
  constexpr std::size_t id_length = 21;
  return ids.upper_alnum(prefix, id_length);
}

std::string percent_encode_document(std::string_view document) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(document.size() * 2);
  for (const char c : document) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '_' || c == '.' || c == '~';
    if (is_plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += hex[byte >> 4];
    encoded += hex[byte & 15];
  }
  return encoded;
}

}  // namespace hearth::iam
