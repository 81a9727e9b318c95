// The constraints of the models: length, range, enumeration, pattern.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/log.h"
#include "wire/codec.h"
#include "wire/patterns.h"
#include "wire/scalars.h"
#include "wire/walker.h"

namespace hearth::wire {
namespace {

// A compiled pattern, anchored at both ends (most of the models' patterns are not, but all are meant to be).
class Pattern {
 public:
  explicit Pattern(std::string_view source) : source_(source) {
    const std::string anchored = "^(?:" + std::string(source) + ")$";
    int error = 0;
    PCRE2_SIZE offset = 0;
    // The models' patterns are written for Java and JavaScript: \uXXXX is PCRE2_ALT_BSUX.
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(anchored.data()), anchored.size(),
                              PCRE2_UTF | PCRE2_UCP | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr));
    if (code_)
      pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    else
      log::warning("a pattern of the API models does not compile", {{"pattern", source}});
    limits_.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(limits_.get(), 200'000);  // no input makes a match slow
    pcre2_set_depth_limit(limits_.get(), 2'000);
  }
  bool is_compiled() const { return code_ != nullptr; }
  // A pattern we cannot compile, or a match that runs into its limit, does not refuse input. Both are said once.
  bool matches(std::string_view text) const {
    if (!code_) return true;
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
    const int result = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                   PCRE2_NO_UTF_CHECK, data.get(), limits_.get());
    if (result < 0 && result != PCRE2_ERROR_NOMATCH && !gave_up_.exchange(true))
      log::warning("a pattern of the API models was given up on a value", {{"pattern", source_}});
    return result != PCRE2_ERROR_NOMATCH;
  }

 private:
  struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  struct FreeContext {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  };
  std::string_view source_;
  mutable std::atomic<bool> gave_up_ = false;
  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_match_context, FreeContext> limits_;
};

const Pattern& compiled(std::string_view source) {
  static std::mutex mutex;
  static std::map<std::string_view, std::unique_ptr<Pattern>> patterns;  // sources live in the tables, for ever
  std::lock_guard lock(mutex);
  auto& entry = patterns[source];
  if (!entry) entry = std::make_unique<Pattern>(source);
  return *entry;
}

class Validator {
 public:
  Validator(const ServiceSchema& schema) : walker_{.schema = schema, .protocol = schema.primary_protocol} {}

  bool structure(const StructEntry& s, const void* value, const std::string& path) {
    const MemberEntry* member = walker_.members(s);
    for (unsigned i = 0; i < s.member_count; ++i, ++member) {
      const void* present = walker_.present(*member, value);
      if (!present) continue;
      if (!this->value(walker_.type(member->type), present, path, walker_.text(member->name))) return false;
    }
    return true;
  }
  std::optional<Error> take_error() { return std::move(walker_.error); }

 private:
  bool value(const TypeEntry& type, const void* present, const std::string& parent, std::string_view name) {
    const bool is_container = type.kind == Kind::structure || type.kind == Kind::list || type.kind == Kind::map;
    if (!type.constraint && !is_container) return true;
    const std::string path = parent.empty() ? std::string(name) : parent + "." + std::string(name);
    if (type.constraint && !constraint(walker_.schema.constraints[type.constraint], type, present, path)) return false;
    if (type.kind == Kind::structure) return structure(walker_.structure(type.element), present, path);
    if (type.kind != Kind::list && type.kind != Kind::map) return true;
    const TypeEntry& element = walker_.type(type.element);
    const bool keys_are_constrained = type.kind == Kind::map && walker_.type(type.key).constraint;
    const ListOps& ops = walker_.ops(type);
    if (!ops.view) return true;
    const ListView view = ops.view(present);
    for (std::size_t i = 0; i < view.count; ++i) {
      const char* item = view.data + i * ops.stride;
      if (keys_are_constrained && !value(walker_.type(type.key), item, path, "key")) return false;
      if (!value(element, item + ops.value_offset, path, type.kind == Kind::map ? "value" : "member")) return false;
    }
    return true;
  }

  bool constraint(const ConstraintEntry& c, const TypeEntry& type, const void* present, const std::string& path) {
    double size = 0;
    bool is_length = true;
    switch (type.kind) {
      case Kind::string:
        size = static_cast<double>(utf8_length(as<std::string>(present)));
        break;
      case Kind::blob:
        size = static_cast<double>(as<Blob>(present).data.size());
        break;
      case Kind::list:
      case Kind::map:
        size = static_cast<double>(walker_.ops(type).view(present).count);
        break;
      case Kind::i32:
        size = as<std::int32_t>(present), is_length = false;
        break;
      case Kind::i64:
        size = static_cast<double>(as<std::int64_t>(present)), is_length = false;
        break;
      case Kind::f32:
        size = as<float>(present), is_length = false;
        break;
      case Kind::f64:
        size = as<double>(present), is_length = false;
        break;
      default:
        return true;
    }
    std::string shown;
    if (!(type.flags & TypeFlag::sensitive) && !is_length) append_double(shown, size);
    if (!(type.flags & TypeFlag::sensitive) && type.kind == Kind::string)
      shown = as<std::string>(present).substr(0, 128);
    if (c.min > -1e300 && size < c.min) return violation(path, shown, bound(is_length, "greater", c.min));
    if (c.max < 1e300 && size > c.max) return violation(path, shown, bound(is_length, "less", c.max));
    if (type.kind != Kind::string) return true;
    const std::string& text = as<std::string>(present);
    if (c.enum_count && !walker_.schema.open_enums && !is_listed(c, text))
      return violation(path, shown, "Member must satisfy enum value set: [" + listed(c) + "]");
    if (c.pattern && !compiled(walker_.text(c.pattern)).matches(text))
      return violation(path, shown,
                       "Member must satisfy regular expression pattern: " + std::string(walker_.text(c.pattern)));
    return true;
  }

  static std::string bound(bool is_length, std::string_view relation, double limit) {
    std::string text = is_length ? "Member must have length " : "Member must have value ";
    text += relation;
    text += " than or equal to ";
    append_double(text, limit);
    return text;
  }
  bool is_listed(const ConstraintEntry& c, std::string_view text) const {
    for (std::uint32_t i = 0; i < c.enum_count; ++i)
      if (walker_.text(walker_.schema.enum_values[c.first_enum + i]) == text) return true;
    return false;
  }
  std::string listed(const ConstraintEntry& c) const {
    std::string all;
    for (std::uint32_t i = 0; i < c.enum_count && i < 40; ++i) {
      if (i) all += ", ";
      all += walker_.text(walker_.schema.enum_values[c.first_enum + i]);
    }
    return all;
  }
  bool violation(const std::string& path, const std::string& shown, const std::string& rule) {
    std::string lower_first = path;
    if (!lower_first.empty() && lower_first[0] >= 'A' && lower_first[0] <= 'Z') lower_first[0] |= 32;
    return walker_.fail(walker_.schema.validation_error, "1 validation error detected: Value" +
                                                             (shown.empty() ? "" : " '" + shown + "'") + " at '" +
                                                             lower_first + "' failed to satisfy constraint: " + rule);
  }

  Walker walker_;
};

// Walks the tables from the operations down, and each structure once.
class PatternCollector {
 public:
  explicit PatternCollector(const ServiceSchema& schema) : schema_(schema) {}
  void structure(std::size_t index) {
    if (index == no_index || !seen_.insert(index).second) return;
    const StructEntry& s = schema_.structs[index];
    for (unsigned i = 0; i < s.member_count; ++i) type(schema_.types[schema_.members[s.first_member + i].type]);
  }
  std::vector<std::string_view> found;

 private:
  void type(const TypeEntry& t) {
    if (t.constraint)
      if (const PoolRef pattern = schema_.constraints[t.constraint].pattern) found.push_back(schema_.text(pattern));
    if (t.kind == Kind::structure || t.kind == Kind::events) structure(t.element);
    if (t.kind == Kind::list || t.kind == Kind::map) type(schema_.types[t.element]);
    if (t.kind == Kind::map) type(schema_.types[t.key]);
  }
  const ServiceSchema& schema_;
  std::set<std::size_t> seen_;
};

}  // namespace

std::vector<std::string_view> patterns(const ServiceSchema& service) {
  PatternCollector collector(service);
  for (std::uint32_t i = 0; i < service.operation_count; ++i) {
    collector.structure(service.operations[i].input);
    collector.structure(service.operations[i].output);
  }
  return std::move(collector.found);
}

bool pattern_compiles(std::string_view pattern) {
  return Pattern(pattern).is_compiled();
}

Result<void> validate(const ServiceSchema& service, const OperationEntry& operation, const void* in) {
  if (operation.input == no_index) return ok;
  Validator validator(service);
  if (validator.structure(service.structs[operation.input], in, {})) return ok;
  return *validator.take_error();
}

}  // namespace hearth::wire
