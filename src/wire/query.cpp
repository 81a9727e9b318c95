// Form bodies of the query and ec2 protocols: Member.1.Name=value.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, …/aws-ec2-query-protocol.html
#include <algorithm>
#include <map>

#include "http/message.h"
#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {
namespace {

void append_pair(std::string& out, std::string_view name, std::string_view value) {
  out += '&';
  out += http::percent_encode(name);
  out += '=';
  out += http::percent_encode(value);
}

void append_value(const Walker& walker, const TypeEntry& type, const void* value, bool flattened, std::string& prefix,
                  std::string& out) {
  const std::size_t length = prefix.size();
  const auto add_index = [&](std::size_t index) {
    prefix += '.';
    append_integer(prefix, static_cast<std::int64_t>(index));
  };
  switch (type.kind) {
    case Kind::structure: {
      const StructEntry& s = walker.structure(type.element);
      const MemberEntry* member = walker.members(s);
      for (unsigned i = 0; i < s.member_count; ++i, ++member) {
        const void* present = walker.present(*member, value);
        if (!present) continue;
        if (length) prefix += '.';
        prefix += walker.text(member->form);
        append_value(walker, walker.type(member->type), present, member->flags & MemberFlag::flattened, prefix, out);
        prefix.resize(length);
      }
      return;
    }
    case Kind::list: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      if (view.count == 0 && walker.protocol == Protocol::query) {
        append_pair(out, prefix, "");
        return;
      }
      if (walker.protocol == Protocol::query && !flattened) {
        prefix += '.';
        prefix += walker.text(type.element_name);
      }
      const std::size_t base = prefix.size();
      const TypeEntry& element = walker.type(type.element);
      for (std::size_t i = 0; i < view.count; ++i) {
        add_index(i + 1);
        append_value(walker, element, view.data + i * ops.stride, element.flags & TypeFlag::flattened, prefix, out);
        prefix.resize(base);
      }
      prefix.resize(length);
      return;
    }
    case Kind::map: {
      const ListOps& ops = walker.ops(type);
      const ListView view = ops.view(value);
      if (!flattened) prefix += ".entry";
      const std::size_t base = prefix.size();
      for (std::size_t i = 0; i < view.count; ++i) {
        const char* pair = view.data + i * ops.stride;
        add_index(i + 1);
        const std::size_t entry = prefix.size();
        prefix += '.';
        prefix += walker.text(type.key_name);
        append_pair(out, prefix, as<std::string>(pair));
        prefix.resize(entry);
        prefix += '.';
        prefix += walker.text(type.element_name);
        append_value(walker, walker.type(type.element), pair + ops.value_offset, false, prefix, out);
        prefix.resize(base);
      }
      prefix.resize(length);
      return;
    }
    default: {
      std::string text;
      walker.append_scalar(type, value, text, TimestampFormat::iso8601);
      append_pair(out, prefix, text);
    }
  }
}

constexpr std::size_t form_nodes_max = 200'000;

// The form as a tree: "A.1.B=x" is A → 1 → B. Nodes index each other, text is decoded once into one buffer.
class FormTree {
 public:
  struct Node {
    std::string_view name, value;
    std::int32_t first_child = -1, next = -1, last_child = -1;
  };

  explicit FormTree(std::string_view form) {
    buffer_.resize(form.size());
    nodes_.emplace_back();
    std::size_t at = 0;
    while (at < form.size()) {
      if (nodes_.size() > form_nodes_max) {
        is_too_large_ = true;
        return;
      }
      const std::size_t end = std::min(form.find('&', at), form.size());
      const std::size_t equals = std::min(form.find('=', at), end);
      const std::string_view name = decode(form.substr(at, equals - at));
      const std::string_view value =
          equals < end ? decode(form.substr(equals + 1, end - equals - 1)) : std::string_view();
      at = end + 1;
      if (!name.empty()) insert(name, value);
    }
  }
  bool is_too_large() const { return is_too_large_; }
  const Node& root() const { return nodes_[0]; }
  const Node* node(std::int32_t index) const { return index < 0 ? nullptr : &nodes_[static_cast<std::size_t>(index)]; }
  const Node* child(const Node& parent, std::string_view name) const {
    for (const Node* n = node(parent.first_child); n; n = node(n->next))
      if (n->name == name) return n;
    return nullptr;
  }

 private:
  std::string_view decode(std::string_view text) {
    const std::string plain = http::percent_decode(text, true);
    std::copy(plain.begin(), plain.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    const std::string_view stored(buffer_.data() + used_, plain.size());
    used_ += plain.size();
    return stored;
  }
  void insert(std::string_view name, std::string_view value) {
    std::int32_t current = 0;
    for (;;) {
      const std::size_t dot = name.find('.');
      current = child_or_new(current, name.substr(0, dot));
      if (dot == name.npos) break;
      name.remove_prefix(dot + 1);
    }
    nodes_[static_cast<std::size_t>(current)].value = value;
  }
  std::int32_t child_or_new(std::int32_t parent, std::string_view name) {
    Node& p = nodes_[static_cast<std::size_t>(parent)];
    // Clients send the members of one element one after another: the last child is nearly always the one.
    if (p.last_child >= 0 && node(p.last_child)->name == name) return p.last_child;
    // Among few children looking is fastest. What comes after them is found by its name, or a form of ever new names
    // would cost the square of its length.
    int looked_at = 0;
    for (std::int32_t i = p.first_child; i >= 0 && looked_at < few_children; i = node(i)->next, ++looked_at)
      if (node(i)->name == name) return i;
    const auto made = static_cast<std::int32_t>(nodes_.size());
    if (looked_at == few_children) {
      const auto [known, is_new] = later_children_.emplace(std::pair(parent, name), made);
      if (!is_new) return known->second;
    }
    if (p.last_child >= 0)
      nodes_[static_cast<std::size_t>(p.last_child)].next = made;
    else
      p.first_child = made;
    p.last_child = made;
    nodes_.push_back({name, {}, -1, -1, -1});
    return made;
  }
  static constexpr int few_children = 16;
  std::string buffer_;
  std::size_t used_ = 0;
  std::vector<Node> nodes_;
  std::map<std::pair<std::int32_t, std::string_view>, std::int32_t> later_children_;  // by parent and name
  bool is_too_large_ = false;
};

bool parse_value(Walker& walker, const TypeEntry& type, const FormTree& tree, const FormTree::Node& node, void* value,
                 bool flattened, int depth);

bool parse_structure(Walker& walker, const StructEntry& s, const FormTree& tree, const FormTree::Node& node,
                     void* value, SeenMembers& seen, int depth) {
  if (depth > depth_max) return walker.fail(walker.malformed_code(), "The request is nested too deeply.");
  unsigned hint = 0;
  for (const auto* child = tree.node(node.first_child); child; child = tree.node(child->next)) {
    const MemberEntry* member = walker.find(s, child->name, hint, &MemberEntry::form);
    if (!member || walker.type(member->type).kind >= Kind::stream) continue;
    seen.set(static_cast<std::size_t>(member - walker.members(s)));
    if (!parse_value(walker, walker.type(member->type), tree, *child, walker.make(*member, value),
                     member->flags & MemberFlag::flattened, depth + 1))
      return false;
  }
  return true;
}

bool parse_value(Walker& walker, const TypeEntry& type, const FormTree& tree, const FormTree::Node& outer, void* value,
                 bool flattened, int depth) {
  if (type.kind == Kind::structure) {
    SeenMembers seen;
    const StructEntry& s = walker.structure(type.element);
    return parse_structure(walker, s, tree, outer, value, seen, depth) && walker.require_members(s, seen);
  }
  if (type.kind != Kind::list && type.kind != Kind::map) return walker.parse_scalar(type, outer.value, value);

  const FormTree::Node* node = &outer;
  if (type.kind == Kind::map ? !flattened : walker.protocol == Protocol::query && !flattened) {
    node = tree.child(outer, type.kind == Kind::map ? std::string_view("entry") : walker.text(type.element_name));
    if (!node && type.kind == Kind::list) node = tree.child(outer, "member");
    if (!node) return true;  // "Names=" is an empty list
  }
  // Indexes are ordered as text on the wire ("1", "10", "2"); the list is in the order of the numbers.
  std::vector<std::pair<std::int64_t, const FormTree::Node*>> elements;
  for (const auto* child = tree.node(node->first_child); child; child = tree.node(child->next)) {
    std::int64_t index = 0;
    if (!parse_integer(child->name, index) || index < 0)
      return walker.fail(walker.malformed_code(),
                         "'" + std::string(child->name.substr(0, 64)) + "' is not a list index.");
    elements.emplace_back(index, child);
  }
  std::ranges::sort(elements);  // by index; nodes of equal index stay in the order they came
  const TypeEntry& element_type = walker.type(type.element);
  for (const auto& [index, element] : elements) {
    if (type.kind == Kind::list) {
      if (!parse_value(walker, element_type, tree, *element, walker.ops(type).emplace(value, {}),
                       element_type.flags & TypeFlag::flattened, depth + 1))
        return false;
      continue;
    }
    const FormTree::Node* key = tree.child(*element, walker.text(type.key_name));
    const FormTree::Node* mapped = tree.child(*element, walker.text(type.element_name));
    if (!key || !is_utf8(key->value)) return walker.fail(walker.malformed_code(), "A map entry has no key.");
    void* target = walker.ops(type).emplace(value, key->value);
    if (mapped && !parse_value(walker, element_type, tree, *mapped, target, false, depth + 1)) return false;
  }
  return true;
}

}  // namespace

void append_form_structure(const Walker& walker, std::uint16_t structure, const void* value, std::string& out) {
  TypeEntry type{};
  type.kind = Kind::structure;
  type.element = structure;
  std::string prefix;
  append_value(walker, type, value, false, prefix, out);
}

bool parse_form_structure(Walker& walker, const StructEntry& s, std::string_view form, void* value, SeenMembers& seen) {
  const FormTree tree(form);
  if (tree.is_too_large()) return walker.fail(walker.malformed_code(), "The request has too many parameters.");
  return parse_structure(walker, s, tree, tree.root(), value, seen, 0);
}

}  // namespace hearth::wire
