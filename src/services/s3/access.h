// What AccessRules are made of.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "ports/service.h"
#include "services/s3/text.h"
#include "wire/values.h"

namespace hearth::s3 {

inline std::string bucket_arn(std::string_view bucket) {
  return "arn:aws:s3:::" + std::string(bucket);
}
inline std::string object_arn(std::string_view bucket, std::string_view key) {
  return "arn:aws:s3:::" + std::string(bucket) + "/" + std::string(key);
}

// The s3:… condition keys of one request. A key the request does not speak of is not there.
class Conditions {
 public:
  Conditions& add(std::string name, const wire::Opt<std::string>& value) {
    if (value) context_[std::move(name)] = {*value};
    return *this;
  }
  Conditions& add(std::string name, const wire::Opt<std::int32_t>& value) {
    if (value) context_[std::move(name)] = {std::to_string(*value)};
    return *this;
  }
  // s3:RequestObjectTagKeys and s3:RequestObjectTag/KEY.
  Conditions& add_request_tags(const Tags& tags) {
    for (const auto& [key, value] : tags) {
      context_["s3:requestobjecttagkeys"].push_back(key);
      context_["s3:requestobjecttag/" + to_lower(key)].push_back(value);
    }
    return *this;
  }
  ConditionContext take() { return std::move(context_); }

 private:
  ConditionContext context_;
};

inline ConditionContext list_conditions(const wire::Opt<std::string>& prefix, const wire::Opt<std::string>& delimiter,
                                        const wire::Opt<std::int32_t>& max_keys) {
  return Conditions().add("s3:prefix", prefix).add("s3:delimiter", delimiter).add("s3:max-keys", max_keys).take();
}

// For reads and deletes that may name a version: "s3:GetObject" or "s3:GetObjectVersion" with s3:VersionId.
inline Access version_access(std::string_view action, std::string_view version_action, std::string_view bucket,
                             std::string_view key, const wire::Opt<std::string>& version_id) {
  return {.action = std::string(version_id ? version_action : action),
          .resource = object_arn(bucket, key),
          .context = Conditions().add("s3:versionid", version_id).take()};
}

}  // namespace hearth::s3
