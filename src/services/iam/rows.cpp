#include "services/iam/rows.h"

#include <boost/describe.hpp>

#include "base/row.h"

namespace hearth::iam {

BOOST_DESCRIBE_STRUCT(Permissions, (), (inline_policies, attached_policy_arns, boundary_arn))
BOOST_DESCRIBE_STRUCT(UserRow, (), (name, path, id, created_ms, permissions, tags, groups, access_key_ids))
BOOST_DESCRIBE_STRUCT(GroupRow, (), (name, path, id, created_ms, permissions))
BOOST_DESCRIBE_STRUCT(RoleRow, (),
                      (name, path, id, created_ms, permissions, tags, trust_policy, trusted_ids, description,
                       session_seconds_max))
BOOST_DESCRIBE_STRUCT(ProfileRow, (), (name, path, id, created_ms, role, tags))
BOOST_DESCRIBE_STRUCT(PolicyVersionRow, (), (id, document, created_ms))
BOOST_DESCRIBE_STRUCT(PolicyRow, (),
                      (name, path, id, created_ms, updated_ms, description, tags, versions, default_version_id,
                       version_number_last))
BOOST_DESCRIBE_STRUCT(AccessKeyRow, (), (account_id, user_name, id, sealed_secret, is_active, created_ms))
BOOST_DESCRIBE_STRUCT(KeyUseRow, (), (used_ms, service, region))

template <class Row>
std::string encode_row(const Row& row) {
  return row::encode(row);
}

template <class Row>
Result<Row> decode_row(std::string_view bytes) {
  return row::decode<Row>(bytes);
}

template std::string encode_row(const UserRow&);
template Result<UserRow> decode_row(std::string_view);
template std::string encode_row(const GroupRow&);
template Result<GroupRow> decode_row(std::string_view);
template std::string encode_row(const RoleRow&);
template Result<RoleRow> decode_row(std::string_view);
template std::string encode_row(const ProfileRow&);
template Result<ProfileRow> decode_row(std::string_view);
template std::string encode_row(const PolicyRow&);
template Result<PolicyRow> decode_row(std::string_view);
template std::string encode_row(const AccessKeyRow&);
template Result<AccessKeyRow> decode_row(std::string_view);
template std::string encode_row(const KeyUseRow&);
template Result<KeyUseRow> decode_row(std::string_view);

}  // namespace hearth::iam
