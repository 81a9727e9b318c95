// XML bodies: rest-xml both ways, and the answers of the query and ec2 protocols.
#include <charconv>
#include <pugixml.hpp>

#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {
namespace {

void open_tag(std::string& out, std::string_view name) {
  out += '<';
  out += name;
  out += '>';
}
void close_tag(std::string& out, std::string_view name) {
  out += "</";
  out += name;
  out += '>';
}

// xsi:type on Grantee is the only kind of attribute the models have.
void append_attributes(const Walker& walker, const TypeEntry& type, const void* value, std::string& out) {
  if (type.kind != Kind::structure) return;
  const StructEntry& s = walker.structure(type.element);
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (!(member->flags & MemberFlag::attribute)) continue;
    const TypeEntry& attribute = walker.type(member->type);
    const void* present = walker.present(*member, value);
    if (!present) continue;
    const std::string_view name = walker.text(member->wire);
    if (name.starts_with("xsi:")) out += " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    out += ' ';
    out += name;
    out += "=\"";
    std::string text;
    walker.append_scalar(attribute, present, text, TimestampFormat::iso8601);
    append_xml_text(out, text);
    out += '"';
  }
}

void append_entry(const Walker& walker, const TypeEntry& map, const char* pair, std::string& out) {
  const std::string_view key_name = walker.text(map.key_name), value_name = walker.text(map.element_name);
  open_tag(out, key_name);
  append_xml_text(out, as<std::string>(pair));
  close_tag(out, key_name);
  open_tag(out, value_name);
  append_xml_value(walker, walker.type(map.element), pair + walker.ops(map).value_offset, out);
  close_tag(out, value_name);
}

void append_flattened(const Walker& walker, const TypeEntry& type, const void* value, std::string_view name,
                      std::string& out) {
  const ListOps& ops = walker.ops(type);
  const ListView view = ops.view(value);
  for (std::size_t i = 0; i < view.count; ++i) {
    const char* element = view.data + i * ops.stride;
    open_tag(out, name);
    if (type.kind == Kind::map)
      append_entry(walker, type, element, out);
    else
      append_xml_value(walker, walker.type(type.element), element, out);
    close_tag(out, name);
  }
}

}  // namespace

void append_xml_members(const Walker& walker, const StructEntry& s, const void* value, std::string& out) {
  const MemberEntry* member = walker.members(s);
  for (unsigned i = 0; i < s.member_count; ++i, ++member) {
    if (member->location != Location::body || (member->flags & MemberFlag::attribute)) continue;
    const void* present = walker.present(*member, value);
    if (!present) continue;
    const TypeEntry& type = walker.type(member->type);
    const std::string_view name = walker.text(member->wire);
    if ((member->flags & MemberFlag::flattened) && (type.kind == Kind::list || type.kind == Kind::map)) {
      append_flattened(walker, type, present, name, out);
      continue;
    }
    out += '<';
    out += name;
    if (member->xmlns) {
      out += " xmlns=\"";
      out += walker.text(member->xmlns);
      out += '"';
    }
    append_attributes(walker, type, present, out);
    out += '>';
    append_xml_value(walker, type, present, out);
    close_tag(out, name);
  }
}

void append_xml_value(const Walker& walker, const TypeEntry& type, const void* value, std::string& out) {
  switch (type.kind) {
    case Kind::structure:
      append_xml_members(walker, walker.structure(type.element), value, out);
      return;
    case Kind::string:
      append_xml_text(out, as<std::string>(value));
      return;
    case Kind::list: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      const std::string_view name = walker.text(type.element_name);
      for (std::size_t i = 0; i < view.count; ++i) {
        open_tag(out, name);
        append_xml_value(walker, walker.type(type.element), view.data + i * ops.stride, out);
        close_tag(out, name);
      }
      return;
    }
    case Kind::map: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      for (std::size_t i = 0; i < view.count; ++i) {
        out += "<entry>";
        append_entry(walker, type, view.data + i * ops.stride, out);
        out += "</entry>";
      }
      return;
    }
    default:
      walker.append_scalar(type, value, out, TimestampFormat::iso8601);
  }
}

namespace {

std::string_view local_name(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

// All the text of an element: comments and CDATA sections cut it into pieces.
std::string text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node& piece : node.children()) text += piece.value();
  return text;
}

bool parse_value(Walker& walker, const TypeEntry& type, const pugi::xml_node& node, void* value, int depth);

bool parse_entry(Walker& walker, const TypeEntry& map, const pugi::xml_node& node, void* value, int depth) {
  const std::string_view key_name = walker.text(map.key_name), value_name = walker.text(map.element_name);
  std::string key;
  pugi::xml_node value_node;
  for (const pugi::xml_node& child : node.children()) {
    const std::string_view name = local_name(child.name());
    if (name == key_name)
      key = text_of(child);
    else if (name == value_name)
      value_node = child;
  }
  void* element = walker.ops(map).emplace(value, key);
  return !value_node || parse_value(walker, walker.type(map.element), value_node, element, depth + 1);
}

bool parse_structure(Walker& walker, const StructEntry& s, const pugi::xml_node& node, void* value, SeenMembers& seen,
                     int depth) {
  if (depth > depth_max) return walker.fail(walker.malformed_code(), "The document is nested too deeply.");
  unsigned hint = 0;
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const MemberEntry* member = walker.find(s, local_name(child.name()), hint, &MemberEntry::wire);
    if (!member || member->location != Location::body) continue;
    const TypeEntry& type = walker.type(member->type);
    if (type.kind >= Kind::stream) continue;
    void* target = walker.make(*member, value);
    const auto index = static_cast<std::size_t>(member - walker.members(s));
    seen.set(index);
    if ((member->flags & MemberFlag::flattened) && type.kind == Kind::list) {
      if (!parse_value(walker, walker.type(type.element), child, walker.ops(type).emplace(target, {}), depth + 1))
        return false;
      hint = static_cast<unsigned>(index);  // the next element is likely of the same list
    } else if ((member->flags & MemberFlag::flattened) && type.kind == Kind::map) {
      if (!parse_entry(walker, type, child, target, depth)) return false;
      hint = static_cast<unsigned>(index);
    } else if (!parse_value(walker, type, child, target, depth + 1)) {
      return false;
    }
  }
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    const MemberEntry* member = walker.members(s);
    for (unsigned i = 0; i < s.member_count; ++i, ++member) {
      if (!(member->flags & MemberFlag::attribute) ||
          local_name(walker.text(member->wire)) != local_name(attribute.name()))
        continue;
      seen.set(i);
      if (!walker.parse_scalar(walker.type(member->type), attribute.value(), walker.make(*member, value))) return false;
    }
  }
  return true;
}

bool parse_value(Walker& walker, const TypeEntry& type, const pugi::xml_node& node, void* value, int depth) {
  if (depth > depth_max) return walker.fail(walker.malformed_code(), "The document is nested too deeply.");
  switch (type.kind) {
    case Kind::structure: {
      SeenMembers seen;
      const StructEntry& s = walker.structure(type.element);
      return parse_structure(walker, s, node, value, seen, depth) && walker.require_members(s, seen);
    }
    case Kind::list:
      for (const pugi::xml_node& child : node.children())
        if (child.type() == pugi::node_element &&
            !parse_value(walker, walker.type(type.element), child, walker.ops(type).emplace(value, {}), depth + 1))
          return false;
      return true;
    case Kind::map:
      for (const pugi::xml_node& child : node.children())
        if (child.type() == pugi::node_element && !parse_entry(walker, type, child, value, depth)) return false;
      return true;
    default:
      return walker.parse_scalar(type, text_of(node), value);
  }
}

// What XML 1.0 forbids, as it is or by reference. pugixml takes it, which would make keys that no answer can name; it
// ends the text at a NUL, so that <Key>a&#0;b</Key> names "a"; and it wraps numbers that are too large.
bool holds_what_xml_forbids(std::string_view body) {
  for (std::size_t at = 0; at < body.size(); ++at)
    if (no_xml_character_at(body, at)) return true;
  for (auto at = body.find("&#"); at != body.npos; at = body.find("&#", at + 2)) {
    const char* digits = body.data() + at + 2;
    const char* const end = body.data() + body.size();
    const bool is_hex = digits != end && (*digits == 'x' || *digits == 'X');
    if (is_hex) ++digits;
    std::uint32_t point = 0;
    const auto [after, error] = std::from_chars(digits, end, point, is_hex ? 16 : 10);
    if (after == digits || after == end || *after != ';') continue;  // no reference
    if (error != std::errc() || !is_xml_character(point)) return true;
  }
  return false;
}

// pugixml builds its tree without recursion and knows no entities beyond the five predefined, so there is no bomb to
// defuse.
bool load(Walker& walker, std::string_view body, pugi::xml_document& document) {
  constexpr unsigned options =
      pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata | pugi::parse_eol | pugi::parse_ws_pcdata_single;
  if (!holds_what_xml_forbids(body) && document.load_buffer(body.data(), body.size(), options)) return true;
  return walker.fail(walker.malformed_code(),
                     "The XML you provided was not well-formed or did not validate against our published schema");
}

}  // namespace

bool parse_xml_structure(Walker& walker, const StructEntry& s, std::string_view body, std::string_view wrapper,
                         void* value, SeenMembers& seen) {
  pugi::xml_document document;
  if (!load(walker, body, document)) return false;
  pugi::xml_node root = document.document_element();
  if (!wrapper.empty()) root = root.child(std::string(wrapper).c_str());
  return parse_structure(walker, s, root, value, seen, 0);
}

bool parse_xml_value(Walker& walker, const TypeEntry& type, std::string_view body, void* value) {
  pugi::xml_document document;
  return load(walker, body, document) && parse_value(walker, type, document.document_element(), value, 0);
}

}  // namespace hearth::wire
