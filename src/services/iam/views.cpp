#include "services/iam/views.h"

namespace hearth::iam {
namespace {

api::iam::AttachedPermissionsBoundary boundary_view(const std::string& policy_arn) {
  api::iam::AttachedPermissionsBoundary boundary;
  boundary.permissions_boundary_type = "Policy";
  boundary.permissions_boundary_arn = policy_arn;
  return boundary;
}

}  // namespace

std::vector<api::iam::Tag> tags_view(const Tags& tags) {
  std::vector<api::iam::Tag> view;
  for (const auto& [key, value] : tags) view.push_back({key, value});
  return view;
}

api::iam::User user_view(std::string_view account_id, const UserRow& row) {
  api::iam::User user;
  user.path = row.path;
  user.user_name = row.name;
  user.user_id = row.id;
  user.arn = arn_of(account_id, row);
  user.create_date = wire::Timestamp(row.created_ms);
  if (!row.permissions.boundary_arn.empty()) user.permissions_boundary = boundary_view(row.permissions.boundary_arn);
  if (!row.tags.empty()) user.tags = tags_view(row.tags);
  return user;
}

api::iam::Group group_view(std::string_view account_id, const GroupRow& row) {
  api::iam::Group group;
  group.path = row.path;
  group.group_name = row.name;
  group.group_id = row.id;
  group.arn = arn_of(account_id, row);
  group.create_date = wire::Timestamp(row.created_ms);
  return group;
}

api::iam::Role role_view(std::string_view account_id, const RoleRow& row, std::string_view trust_policy) {
  api::iam::Role role;
  role.path = row.path;
  role.role_name = row.name;
  role.role_id = row.id;
  role.arn = arn_of(account_id, row);
  role.create_date = wire::Timestamp(row.created_ms);
  role.assume_role_policy_document = percent_encode_document(trust_policy);
  if (!row.description.empty()) role.description = row.description;
  role.max_session_duration = row.session_seconds_max;
  if (!row.permissions.boundary_arn.empty()) role.permissions_boundary = boundary_view(row.permissions.boundary_arn);
  if (!row.tags.empty()) role.tags = tags_view(row.tags);
  return role;
}

}  // namespace hearth::iam
