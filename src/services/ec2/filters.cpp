#include "services/ec2/filters.h"

#include <charconv>

#include "api/ec2/errors.h"
#include "base/bytes.h"

namespace hearth::ec2 {

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  // The usual walk with one place to come back to: the last "*".
  std::size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    if (p < pattern.size() && !escaped && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() &&
               (escaped ? pattern[p + 1] == text[t] : pattern[p] == '?' || pattern[p] == text[t])) {
      p += escaped ? 2 : 1;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<bool> passes(const Filters& filters, const FieldsOf& fields) {
  if (!filters) return true;
  bool all_hold = true;
  for (const auto& filter : *filters) {
    const std::string name = filter.name.value_or("");
    const auto values = fields(name);
    if (!values) return api::ec2::errors::invalid_parameter_value("The filter '" + name + "' is invalid");
    if (!filter.values || filter.values->empty())
      return api::ec2::errors::invalid_parameter_value("The filter '" + name + "' has no values");
    const bool holds = std::ranges::any_of(*filter.values, [&](const std::string& pattern) {
      return std::ranges::any_of(*values, [&](const std::string& value) { return matches_wildcard(pattern, value); });
    });
    all_hold = all_hold && holds;
  }
  return all_hold;
}

Result<void> check_filters(const Filters& filters, const FieldsOf& fields) {
  TRY_DO(passes(filters, fields));
  return ok;
}

std::optional<std::vector<std::string>> tag_fields(std::string_view filter_name, const Tags& tags) {
  std::vector<std::string> values;
  if (filter_name.starts_with("tag:")) {
    const auto found = tags.find(std::string(filter_name.substr(4)));
    if (found != tags.end()) values.push_back(found->second);
    return values;
  }
  if (filter_name != "tag-key" && filter_name != "tag-value") return std::nullopt;
  for (const auto& [key, value] : tags) values.push_back(filter_name == "tag-key" ? key : value);
  return values;
}

Result<PageRange> page_of(std::size_t count, const wire::Opt<std::string>& next_token,
                          const wire::Opt<std::int32_t>& max_results, std::int32_t max_results_min,
                          std::int32_t max_results_max) {
  PageRange page{.end = count};
  if (next_token && !next_token->empty()) {
    const auto text = from_base64(*next_token);
    const auto [end, error] =
        std::from_chars(text ? text->data() : nullptr, text ? text->data() + text->size() : nullptr, page.begin);
    if (!text || error != std::errc() || end != text->data() + text->size() || page.begin > count)
      return api::ec2::errors::invalid_next_token("The token '" + *next_token + "' is invalid.");
  }
  if (max_results) {
    if (*max_results < max_results_min || *max_results > max_results_max)
      return api::ec2::errors::invalid_parameter_value(
          "Value ( " + std::to_string(*max_results) +
          " ) for parameter maxResults is invalid. Expecting a value between " + std::to_string(max_results_min) +
          " and " + std::to_string(max_results_max) + ".");
    page.end = std::min(count, page.begin + static_cast<std::size_t>(*max_results));
  }
  if (page.end < count) page.next_token = to_base64(std::to_string(page.end));
  return page;
}

Result<void> check_dry_run(const wire::Opt<bool>& dry_run) {
  if (dry_run.value_or(false))
    return api::ec2::errors::dry_run_operation("Request would have succeeded, but DryRun flag is set.");
  return ok;
}

}  // namespace hearth::ec2
