// The AWS managed policies people attach by habit, written by us in their documented spirit for the services served
// here. They belong to no account, cannot be changed, and have one version, v1.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hearth::iam {

struct AwsManagedPolicy {
  std::string_view path;  // "/", "/service-role/", "/job-function/"
  std::string_view name;
  std::string_view description;
  std::string_view document;

  std::string arn() const { return "arn:aws:iam::aws:policy" + std::string(path) + std::string(name); }
  std::string id() const;  // ANPA…, the same on every server
};

std::span<const AwsManagedPolicy> aws_managed_policies();
// Null if there is none.
const AwsManagedPolicy* find_aws_managed_policy(std::string_view arn);

}  // namespace hearth::iam
