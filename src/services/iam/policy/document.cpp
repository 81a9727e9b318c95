#include "services/iam/policy/document.h"

#include <algorithm>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <set>

namespace hearth::policy {
namespace {

namespace json = boost::json;

constexpr std::size_t nesting_max = 16;

Error malformed(std::string message) {
  return Error(ErrorKind::invalid, std::move(message));
}

// Refuses an object that says the same thing twice: a reader who takes the first and one who takes the last would
// disagree.
class DuplicateKeyFinder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using error_code = boost::system::error_code;
  using string_view = json::string_view;

  std::string duplicate;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    keys_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    key_ += part;
    return true;
  }
  bool on_key(string_view rest, std::size_t, error_code&) {
    key_ += rest;
    if (!keys_.back().insert(key_).second && duplicate.empty()) duplicate = key_;
    key_.clear();
    return true;
  }
  bool on_string_part(string_view, std::size_t, error_code&) { return true; }
  bool on_string(string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  bool on_double(double, string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  std::string key_;
  std::vector<std::set<std::string>> keys_;
};

// "line 3, column 14" of a byte.
std::string position_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(at - line_start + 1);
}

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = nesting_max;
  boost::system::error_code error;
  json::basic_parser<DuplicateKeyFinder> finder(options);
  const std::size_t read = finder.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = json::error::extra_data;
  if (error) return malformed("Syntax errors in policy: " + error.message() + " at " + position_of(text, read) + ".");
  if (!finder.handler().duplicate.empty())
    return malformed("Syntax errors in policy: duplicate key \"" + finder.handler().duplicate + "\".");
  json::value value = json::parse(text, error, {}, options);
  if (error) return malformed("Syntax errors in policy: " + error.message() + ".");
  return value;
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

// A string, or a list of them.
Result<std::vector<std::string>> parse_strings(const json::value& value, std::string_view element) {
  std::vector<std::string> strings;
  if (value.is_string()) {
    strings.emplace_back(view(value.get_string()));
    return strings;
  }
  if (!value.is_array())
    return malformed("Syntax errors in policy: " + std::string(element) + " must be a string or a list of strings.");
  for (const json::value& item : value.get_array()) {
    if (!item.is_string())
      return malformed("Syntax errors in policy: " + std::string(element) + " must hold strings only.");
    strings.emplace_back(view(item.get_string()));
  }
  return strings;
}

// Condition values may also be numbers and booleans.
Result<std::string> parse_condition_value(const json::value& value, std::string_view key) {
  if (value.is_string()) return std::string(view(value.get_string()));
  if (value.is_bool() || value.is_number()) return json::serialize(value);
  return malformed("Syntax errors in policy: the values of condition key " + std::string(key) +
                   " must be strings, numbers or booleans.");
}

bool all_of(std::string_view text, std::string_view also, bool digits_only = false) {
  return std::ranges::all_of(text, [&](char c) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return digit || (!digits_only && letter) || also.find(c) != std::string_view::npos;
  });
}

bool is_account_id(std::string_view text) {
  return text.size() == 12 && all_of(text, "", true);
}

Result<std::vector<ActionPattern>> parse_actions(const json::value& value, std::string_view element) {
  TRY(const std::vector<std::string> texts, parse_strings(value, element));
  if (texts.empty()) return malformed("Policy statement must contain actions.");
  std::vector<ActionPattern> actions;
  for (const std::string& text : texts) {
    if (text != "*") {
      const std::size_t colon = text.find(':');
      if (colon == std::string::npos || colon == 0)
        return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
      const std::string_view vendor = std::string_view(text).substr(0, colon);
      if (!all_of(vendor, "-")) return malformed("Vendor " + std::string(vendor) + " is not valid.");
      const std::string_view name = std::string_view(text).substr(colon + 1);
      if (name.empty() || !all_of(name, "*?_-"))
        return malformed("The action " + text +
                         " is not valid: after the vendor stands a name, with * and ? if need be.");
    }
    actions.emplace_back(text);
  }
  return actions;
}

// Whether it is "*" or has the six parts of an ARN. A final star may stand for the parts that are left out.
Result<void> check_resource_format(const std::string& text) {
  if (text == "*") return ok;
  std::vector<std::string> parts(1);
  bool in_variable = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) in_variable = true;
    if (text[i] == '}') in_variable = false;
    if (text[i] == ':' && !in_variable)
      parts.emplace_back();
    else
      parts.back() += text[i];
  }
  if (parts.front() != "arn" || parts.size() < 2)
    return malformed("Resource " + text + " must be in ARN format or \"*\".");
  const std::string& partition = parts[1];
  if (partition != "*" && partition != "aws" && !partition.starts_with("aws-") && !partition.starts_with("${"))
    return malformed("Partition \"" + partition + "\" is not valid for resource \"" + text + "\".");
  if (parts.size() < 6 && !text.ends_with('*'))
    return malformed("Resource " + text + " must be in ARN format or \"*\".");
  return ok;
}

Result<PrincipalEntry> parse_aws_principal(const std::string& text) {
  using Kind = PrincipalEntry::Kind;
  const auto invalid = [&] { return malformed("Invalid principal in policy: \"AWS\":\"" + text + "\""); };
  if (text == "*") return PrincipalEntry{Kind::anyone, text};
  if (is_account_id(text)) return PrincipalEntry{Kind::account, text};
  if (text.starts_with("arn:")) {
    // arn:PARTITION:iam::ACCOUNT:root and the rest
    std::vector<std::string_view> parts;
    std::string_view rest = text;
    for (int i = 0; i < 5; ++i) {
      const std::size_t colon = rest.find(':');
      if (colon == std::string_view::npos) return invalid();
      parts.push_back(rest.substr(0, colon));
      rest.remove_prefix(colon + 1);
    }
    if ((parts[2] != "iam" && parts[2] != "sts") || !is_account_id(parts[4]) || rest.empty()) return invalid();
    // AWS: a wildcard cannot match part of a principal's name.
    if (text.find_first_of("*?") != std::string::npos) return invalid();
    if (rest == "root") return PrincipalEntry{Kind::account, std::string(parts[4])};
    return PrincipalEntry{Kind::arn, text};
  }
  if (text.size() >= 16 && text.starts_with('A') && all_of(text, "")) return PrincipalEntry{Kind::unique_id, text};
  return invalid();
}

Result<std::vector<PrincipalEntry>> parse_principals(const json::value& value, std::string_view element) {
  using Kind = PrincipalEntry::Kind;
  if (value.is_string()) {
    if (view(value.get_string()) != "*")
      return malformed("Invalid principal in policy: " + std::string(element) + " must be \"*\" or an object.");
    return std::vector<PrincipalEntry>{{Kind::anyone, "*"}};
  }
  if (!value.is_object())
    return malformed("Syntax errors in policy: " + std::string(element) + " must be \"*\" or an object.");
  std::vector<PrincipalEntry> entries;
  for (const auto& [name, list] : value.get_object()) {
    const std::string_view type(name.data(), name.size());
    TRY(const std::vector<std::string> texts, parse_strings(list, element));
    for (const std::string& text : texts) {
      if (type == "AWS") {
        TRY(PrincipalEntry entry, parse_aws_principal(text));
        entries.push_back(std::move(entry));
      } else if (type == "Service") {
        if (text != "*" && (text.find('.') == std::string::npos || !all_of(text, ".-")))
          return malformed("Invalid principal in policy: \"SERVICE\":\"" + text + "\"");
        entries.push_back({text == "*" ? Kind::anyone : Kind::service, text});
      } else if (type == "Federated") {
        if (text.empty() || text == "*")
          return malformed("Invalid principal in policy: \"FEDERATED\":\"" + text + "\"");
        entries.push_back({Kind::federated, text});
      } else if (type == "CanonicalUser") {
        entries.push_back({Kind::canonical_user, text});
      } else {
        return malformed("Invalid principal in policy: unknown principal type \"" + std::string(type) + "\".");
      }
    }
  }
  if (entries.empty()) return malformed("Missing required field " + std::string(element) + " cannot be empty!");
  return entries;
}

Result<std::vector<Condition>> parse_conditions(const json::value& value, bool variables_allowed) {
  if (!value.is_object()) return malformed("Syntax errors in policy: Condition must be an object.");
  std::vector<Condition> conditions;
  for (const auto& [operator_name, block] : value.get_object()) {
    const std::string_view name(operator_name.data(), operator_name.size());
    if (!parse_operator(name)) return malformed("Invalid Condition type : " + std::string(name) + ".");
    if (!block.is_object())
      return malformed("Syntax errors in policy: condition operator " + std::string(name) + " must hold an object.");
    for (const auto& [condition_key, list] : block.get_object()) {
      const std::string_view key(condition_key.data(), condition_key.size());
      if (key.find(':') == std::string_view::npos || key.starts_with(':'))
        return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
      std::vector<std::string> values;
      if (list.is_array()) {
        for (const json::value& item : list.get_array()) {
          TRY(std::string text, parse_condition_value(item, key));
          values.push_back(std::move(text));
        }
      } else {
        TRY(std::string text, parse_condition_value(list, key));
        values.push_back(std::move(text));
      }
      TRY(Condition condition, Condition::parse(name, key, values, variables_allowed));
      conditions.push_back(std::move(condition));
    }
  }
  return conditions;
}

Result<void> check_elements(const Statement& statement, DocumentKind kind, bool has_action, bool has_effect) {
  if (!has_effect) return malformed("Missing required field Effect");
  if (!has_action)
    return malformed(kind == DocumentKind::trust ? "Missing required field Action"
                                                 : "Policy statement must contain actions.");
  switch (kind) {
    case DocumentKind::identity:
      if (statement.has_principal) return malformed("Policy document should not specify a principal.");
      if (!statement.has_resource) return malformed("Policy statement must contain resources.");
      break;
    case DocumentKind::resource:
      if (!statement.has_principal) return malformed("Missing required field Principal");
      if (!statement.has_resource) return malformed("Missing required field Resource");
      break;
    case DocumentKind::trust:
      if (!statement.has_principal) return malformed("Missing required field Principal");
      if (statement.has_resource) return malformed("Has prohibited field Resource");
      break;
  }
  if (statement.is_allow && statement.is_not_principal)
    return malformed("Allow with NotPrincipal is not allowed: NotPrincipal goes with \"Effect\": \"Deny\".");
  return ok;
}

void collect_context_keys(const Statement& statement, std::vector<std::string>& keys) {
  for (const Pattern& resource : statement.resources)
    std::ranges::copy(resource.variable_names(), std::back_inserter(keys));
  for (const Condition& condition : statement.conditions) {
    keys.push_back(condition.key());
    condition.collect_variable_names(keys);
  }
}

// Of a key in lower case: aws:resourcetag/team, ec2:resourcetag/team, s3:existingobjecttag/team.
bool is_resource_tag(std::string_view key) {
  const std::string_view name = key.substr(std::min(key.find(':'), key.size()));
  return name.starts_with(":resourcetag/") || name.starts_with(":existingobjecttag/");
}

Result<Statement> parse_statement(const json::value& value, DocumentKind kind, bool variables_allowed) {
  if (!value.is_object()) return malformed("Syntax errors in policy: a statement must be an object.");
  Statement statement;
  bool has_effect = false;
  bool has_action = false;
  for (const auto& [field, content] : value.get_object()) {
    const std::string_view name(field.data(), field.size());
    if (name == "Sid") {
      if (!content.is_string()) return malformed("Syntax errors in policy: Sid must be a string.");
      statement.sid = view(content.get_string());
      if (kind != DocumentKind::resource && !all_of(statement.sid, ""))
        return malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*");
    } else if (name == "Effect") {
      if (!content.is_string()) return malformed("Syntax errors in policy: Effect must be a string.");
      const std::string_view effect = view(content.get_string());
      if (effect != "Allow" && effect != "Deny") return malformed("Invalid effect: " + std::string(effect));
      statement.is_allow = effect == "Allow";
      has_effect = true;
    } else if (name == "Principal" || name == "NotPrincipal") {
      if (statement.has_principal) return malformed("Syntax errors in policy: both Principal and NotPrincipal.");
      TRY(statement.principals, parse_principals(content, name));
      statement.has_principal = true;
      statement.is_not_principal = name == "NotPrincipal";
    } else if (name == "Action" || name == "NotAction") {
      if (has_action) return malformed("Syntax errors in policy: both Action and NotAction.");
      TRY(statement.actions, parse_actions(content, name));
      has_action = true;
      statement.is_not_action = name == "NotAction";
    } else if (name == "Resource" || name == "NotResource") {
      if (statement.has_resource) return malformed("Syntax errors in policy: both Resource and NotResource.");
      TRY(const std::vector<std::string> texts, parse_strings(content, name));
      if (texts.empty()) return malformed("Policy statement must contain resources.");
      for (const std::string& text : texts) {
        if (kind == DocumentKind::identity) TRY_DO(check_resource_format(text));
        TRY(Pattern pattern, Pattern::compile(text, {.wildcards = true, .variables = variables_allowed}));
        statement.resources.push_back(std::move(pattern));
      }
      statement.has_resource = true;
      statement.is_not_resource = name == "NotResource";
    } else if (name == "Condition") {
      TRY(statement.conditions, parse_conditions(content, variables_allowed));
    } else {
      return malformed("Syntax errors in policy: unknown field \"" + std::string(name) + "\" in a statement.");
    }
  }
  TRY_DO(check_elements(statement, kind, has_action, has_effect));
  std::vector<std::string> keys;
  collect_context_keys(statement, keys);
  statement.asks_for_resource_tags = std::ranges::any_of(keys, is_resource_tag);
  return statement;
}

}  // namespace

std::string Statement::name() const {
  return "statement " + (sid.empty() ? std::to_string(number) : sid);
}

std::vector<std::string> Policy::context_keys() const {
  std::vector<std::string> keys;
  for (const Statement& statement : statements) collect_context_keys(statement, keys);
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  return keys;
}

Result<Policy> parse_policy(std::string_view text, DocumentKind kind) {
  if (text.size() > document_size_max) return malformed("The policy is longer than any policy may be.");
  TRY(const json::value document, parse_json(text));
  if (!document.is_object()) return malformed("Syntax errors in policy: the document must be an object.");
  const json::object& root = document.get_object();

  Policy policy;  // AWS: without a Version it is 2008-10-17, which knows no variables
  const json::value* statements = nullptr;
  for (const auto& [field, content] : root) {
    const std::string_view name(field.data(), field.size());
    if (name == "Version") {
      const std::string_view version = content.is_string() ? view(content.get_string()) : std::string_view();
      if (version != "2012-10-17" && version != "2008-10-17")
        return malformed("Policy document must be version 2012-10-17 or greater.");
      policy.has_variables = version == "2012-10-17";
    } else if (name == "Id") {
      if (!content.is_string()) return malformed("Syntax errors in policy: Id must be a string.");
      policy.id = view(content.get_string());
    } else if (name == "Statement") {
      statements = &content;
    } else {
      return malformed("Syntax errors in policy: unknown field \"" + std::string(name) + "\".");
    }
  }
  if (!statements) return malformed("Syntax errors in policy: missing required field Statement.");

  std::set<std::string> sids;
  const auto add = [&](const json::value& value) -> Result<void> {
    TRY(Statement statement, parse_statement(value, kind, policy.has_variables));
    statement.number = static_cast<int>(policy.statements.size()) + 1;
    if (!statement.sid.empty() && !sids.insert(statement.sid).second)
      return malformed("Statement IDs (SID) in a single policy must be unique.");
    policy.asks_for_resource_tags |= statement.asks_for_resource_tags;
    policy.statements.push_back(std::move(statement));
    return ok;
  };
  if (!statements->is_array()) {
    TRY_DO(add(*statements));
  } else {
    for (const json::value& statement : statements->get_array()) TRY_DO(add(statement));
  }
  return policy;
}

std::vector<std::string> principal_arns(const Policy& policy) {
  std::set<std::string> arns;
  for (const Statement& statement : policy.statements)
    for (const PrincipalEntry& entry : statement.principals)
      if (entry.kind == PrincipalEntry::Kind::arn) arns.insert(entry.value);
  return {arns.begin(), arns.end()};
}

Policy bind_principals(Policy policy, const PrincipalNames& unique_ids) {
  for (Statement& statement : policy.statements)
    for (PrincipalEntry& entry : statement.principals) {
      if (entry.kind != PrincipalEntry::Kind::arn) continue;
      if (const auto id = unique_ids.find(entry.value); id != unique_ids.end())
        entry = {PrincipalEntry::Kind::unique_id, id->second};
    }
  return policy;
}

std::string rewrite_principals(std::string_view text, const PrincipalNames& names) {
  Result<json::value> document = parse_json(text);
  if (!document || !document->is_object()) return std::string(text);
  const auto rewrite = [&](json::value& principal) {
    if (!principal.is_string()) return;
    if (const auto name = names.find(std::string(view(principal.get_string()))); name != names.end())
      principal = name->second;
  };
  const auto rewrite_statement = [&](json::value& statement) {
    if (!statement.is_object()) return;
    for (const std::string_view element : {"Principal", "NotPrincipal"}) {
      json::value* principals = statement.get_object().if_contains(element);
      if (!principals || !principals->is_object()) continue;
      json::value* list = principals->get_object().if_contains("AWS");
      if (!list) continue;
      if (list->is_array())
        for (json::value& principal : list->get_array()) rewrite(principal);
      else
        rewrite(*list);
    }
  };
  if (json::value* statements = document->get_object().if_contains("Statement")) {
    if (statements->is_array())
      for (json::value& statement : statements->get_array()) rewrite_statement(statement);
    else
      rewrite_statement(*statements);
  }
  return json::serialize(*document);
}

std::size_t size_without_whitespace(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; }));
}

}  // namespace hearth::policy
