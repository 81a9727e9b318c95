#include "wire/http_binding.h"

#include "wire/scalars.h"

namespace hearth::wire {
namespace {

// A list in one header: comma separated, elements with commas or quotes in double quotes.
void append_header_list(const Walker& walker, const TypeEntry& type, const void* value, std::string& out) {
  const ListOps& ops = walker.ops(type);
  const ListView view = ops.view(value);
  const TypeEntry& element = walker.type(type.element);
  for (std::size_t i = 0; i < view.count; ++i) {
    if (i) out += ',';
    std::string text;
    walker.append_scalar(element, view.data + i * ops.stride, text, TimestampFormat::http_date);
    if (element.kind != Kind::string || text.find_first_of("\",") == text.npos) {
      out += text;
      continue;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"') out += '\\';
      out += c;
    }
    out += '"';
  }
}

template <class Element>
bool split_header_list(std::string_view text, const Element& element) {
  const auto trimmed = [](std::string_view t) {
    while (!t.empty() && t.front() == ' ') t.remove_prefix(1);
    while (!t.empty() && t.back() == ' ') t.remove_suffix(1);
    return t;
  };
  std::string current;
  bool quoted = false, was_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\' && i + 1 < text.size())
        current += text[++i];
      else if (c == '"')
        quoted = false;
      else
        current += c;
    } else if (c == '"' && trimmed(current).empty()) {
      quoted = was_quoted = true;
      current.clear();
    } else if (c == ',') {
      if (!element(was_quoted ? std::string_view(current) : trimmed(current))) return false;
      current.clear();
      was_quoted = false;
    } else {
      current += c;
    }
  }
  return element(was_quoted ? std::string_view(current) : trimmed(current));
}

bool read_header(Walker& walker, const MemberEntry& member, std::string_view text, void* structure) {
  const TypeEntry& type = walker.type(member.type);
  void* value = walker.make(member, structure);
  if (type.kind != Kind::list) return walker.parse_scalar(type, text, value);
  const TypeEntry& element = walker.type(type.element);
  return split_header_list(text, [&](std::string_view item) {
    return walker.parse_scalar(element, item, walker.ops(type).emplace(value, {}));
  });
}

}  // namespace

bool bind_headers(Walker& walker, const StructEntry& s, const http::Headers& headers, void* value, SeenMembers& seen) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (member->location == Location::header) {
      const std::string* text = headers.find(walker.text(member->wire));
      if (!text) continue;
      seen.set(i);
      if (!read_header(walker, *member, *text, value)) return false;
    } else if (member->location == Location::headers) {
      const std::string_view prefix = walker.text(member->wire);
      const TypeEntry& type = walker.type(member->type);
      for (const http::Header& field : headers) {
        if (field.name.size() <= prefix.size() ||
            !equal_ignoring_case(std::string_view(field.name).substr(0, prefix.size()), prefix))
          continue;
        seen.set(i);
        std::string key = field.name.substr(prefix.size());
        for (char& c : key)
          if (c >= 'A' && c <= 'Z') c |= 32;
        if (!walker.parse_scalar(walker.type(type.element), field.value,
                                 walker.ops(type).emplace(walker.make(*member, value), key)))
          return false;
      }
    }
  }
  return true;
}

bool bind_request(Walker& walker, const StructEntry& s, const http::Request& request, const Labels& labels, void* value,
                  SeenMembers& seen) {
  if (!bind_headers(walker, s, request.headers, value, seen)) return false;
  const MemberEntry* first = walker.members(s);
  for (const auto& [name, text] : labels) {
    for (unsigned i = 0; i < s.member_count; ++i) {
      if (first[i].location != Location::label || walker.text(first[i].wire) != name) continue;
      seen.set(i);
      if (!walker.parse_scalar(walker.type(first[i].type), text, walker.make(first[i], value))) return false;
    }
  }
  std::string_view query = request.query;
  while (!query.empty()) {
    const auto ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query = ampersand == query.npos ? std::string_view() : query.substr(ampersand + 1);
    const auto equals = pair.find('=');
    const std::string name = http::percent_decode(pair.substr(0, equals));
    const std::string text = equals == pair.npos ? std::string() : http::percent_decode(pair.substr(equals + 1), true);
    const MemberEntry* everything_else = nullptr;  // a map takes the parameters no other member is named for
    bool taken = false;
    for (unsigned i = 0; i < s.member_count; ++i) {
      const MemberEntry& member = first[i];
      if (member.location != Location::query) continue;
      const TypeEntry& type = walker.type(member.type);
      if (type.kind == Kind::map) {
        everything_else = &member;
        continue;
      }
      if (walker.text(member.wire) != name) continue;
      taken = true;
      seen.set(i);
      void* target = walker.make(member, value);
      if (type.kind == Kind::list) {
        if (!walker.parse_scalar(walker.type(type.element), text, walker.ops(type).emplace(target, {}))) return false;
      } else if (text.empty() && type.kind != Kind::string) {
        if (member.has_offset != no_index)
          static_cast<char*>(value)[member.has_offset] = 0;  // "max-keys=" is not given
      } else if (!walker.parse_scalar(type, text, target)) {
        return false;
      }
    }
    if (!taken && everything_else) {
      const TypeEntry& type = walker.type(everything_else->type);
      as<std::string>(walker.ops(type).emplace(walker.make(*everything_else, value), name)) = text;
    }
  }
  return true;
}

void write_headers(const Walker& walker, const StructEntry& s, const void* value, http::Headers& headers) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (member->location != Location::header && member->location != Location::headers) continue;
    const void* present = walker.present(*member, value);
    if (!present) continue;
    const TypeEntry& type = walker.type(member->type);
    if (member->location == Location::headers) {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(present);
      for (std::size_t k = 0; k < view.count; ++k) {
        const char* pair = view.data + k * ops.stride;
        std::string text;
        walker.append_scalar(walker.type(type.element), pair + ops.value_offset, text, TimestampFormat::http_date);
        headers.add(std::string(walker.text(member->wire)) + as<std::string>(pair), std::move(text));
      }
      continue;
    }
    std::string text;
    if (type.kind == Kind::list) {
      append_header_list(walker, type, present, text);
      if (text.empty()) continue;
    } else {
      walker.append_scalar(type, present, text, TimestampFormat::http_date);
    }
    // A value with a line break would be a second header: nothing of ours may ever write one.
    if (text.find_first_of("\r\n") != text.npos) continue;
    headers.add(walker.text(member->wire), std::move(text));
  }
}

void write_uri(const Walker& walker, const OperationEntry& operation, const StructEntry* s, const void* value,
               http::Request& request) {
  std::string_view uri = walker.text(operation.uri);
  const auto question = uri.find('?');
  request.query = question == uri.npos ? "" : std::string(uri.substr(question + 1));
  uri = uri.substr(0, question);
  request.path.clear();
  const MemberEntry* first = s ? walker.members(*s) : nullptr;
  const unsigned count = s ? s->member_count : 0;
  for (std::size_t at = 0; at < uri.size();) {
    if (uri[at] != '{') {
      request.path += uri[at++];
      continue;
    }
    const auto end = uri.find('}', at);
    std::string_view label = uri.substr(at + 1, end - at - 1);
    const bool greedy = label.ends_with('+');
    if (greedy) label.remove_suffix(1);
    at = end + 1;
    for (unsigned i = 0; i < count; ++i) {
      if (first[i].location != Location::label || walker.text(first[i].wire) != label) continue;
      if (const void* present = walker.present(first[i], value)) {
        std::string text;
        walker.append_scalar(walker.type(first[i].type), present, text, TimestampFormat::iso8601);
        request.path += http::percent_encode(text, greedy);
      }
    }
  }
  const auto add = [&](std::string_view name, std::string_view text) {
    if (!request.query.empty()) request.query += '&';
    request.query += http::percent_encode(name) + "=" + http::percent_encode(text);
  };
  for (unsigned i = 0; i < count; ++i) {
    if (first[i].location != Location::query) continue;
    const void* present = walker.present(first[i], value);
    if (!present) continue;
    const TypeEntry& type = walker.type(first[i].type);
    if (type.kind == Kind::list || type.kind == Kind::map) {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(present);
      for (std::size_t k = 0; k < view.count; ++k) {
        const char* element = view.data + k * ops.stride;
        std::string text;
        walker.append_scalar(walker.type(type.element), element + ops.value_offset, text, TimestampFormat::iso8601);
        add(type.kind == Kind::map ? std::string_view(as<std::string>(element)) : walker.text(first[i].wire), text);
      }
    } else {
      std::string text;
      walker.append_scalar(type, present, text, TimestampFormat::iso8601);
      add(walker.text(first[i].wire), text);
    }
  }
}

}  // namespace hearth::wire
