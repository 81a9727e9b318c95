// IAM: users, groups, roles and their policies; and, for everybody else, who is calling, whether they may, and
// credentials for machines. Safe from any thread. Operations: https://docs.aws.amazon.com/IAM/latest/APIReference/
//
// Everything lives in the MetadataStore. What a decision needs is kept in memory until the next change (Cache below).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/iam/types.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/identity.h"
#include "ports/metadata_store.h"
#include "ports/service.h"
#include "services/iam/cache.h"
#include "services/iam/policy/decide.h"
#include "services/iam/rows.h"
#include "services/iam/secret_box.h"

namespace hearth::iam {

// The key pair of an account's root: given at start, kept by the operator, in no row.
struct RootKey {
  std::string access_key_id;
  std::string secret_access_key;
  std::string account_id;
};

// What one user or role may do, ready for a decision.
struct PrincipalPolicies {
  std::string id;  // AIDA…, AROA…: a session of a role that was deleted and made again is not a session of this one
  Tags tags;
  std::int32_t session_seconds_max = 3600;
  std::vector<policy::PolicyInForce> identity;
  std::vector<policy::PolicyInForce> boundary;
};

class IamService final : public CredentialDirectory, public RoleDirectory, public Authorizer, public SessionIssuer {
 public:
  IamService(MetadataStore& store, const Clock& clock, IdSource& ids, SecretBox secrets,
             std::vector<RootKey> root_keys);

  void register_operations(OperationTable& table);
  // After the store was changed behind our back: --test-mode's reset.
  void forget_cached();

  // CredentialDirectory
  Async<KeySecret> find_key(std::string_view access_key_id) override;
  Async<KeySecret> find_session_key(std::string_view access_key_id, std::string_view session_token) override;

  // RoleDirectory
  Async<hearth::InstanceProfile> find_instance_profile(std::string_view account_id,
                                                       std::string_view name_or_arn) override;
  Async<Credentials> assume_role_for_service(std::string_view role_arn, std::string_view service_principal,
                                             std::string_view session_name, std::chrono::seconds duration) override;

  // Authorizer
  Async<Decision> decide(const Principal& principal, const Access& access, const ConditionContext& context) override;
  void add_resource_policies(std::string arn_prefix, ResourcePolicySource source) override;
  void add_resource_tags(std::string arn_prefix, ResourceTagSource source) override;
  void add_resource_names(std::string arn_prefix, ResourceNameSource source) override;
  Result<void> check_resource_policy(std::string_view document) const override;

  // SessionIssuer
  Async<RoleSession> start_role_session(const Principal& caller, RoleSessionRequest request) override;
  Async<Credentials> start_user_session(const Principal& caller, std::chrono::seconds duration) override;
  Async<std::string> find_account_of_key(std::string_view access_key_id) override;

  // --- operations; each is described in the file that has it

  // users.cpp
  Async<api::iam::CreateUserResponse> create_user(const RequestContext& ctx, const api::iam::CreateUserRequest& in);
  Async<api::iam::GetUserResponse> get_user(const RequestContext& ctx, const api::iam::GetUserRequest& in);
  Async<api::iam::ListUsersResponse> list_users(const RequestContext& ctx, const api::iam::ListUsersRequest& in);
  Async<wire::Unit> update_user(const RequestContext& ctx, const api::iam::UpdateUserRequest& in);
  Async<wire::Unit> delete_user(const RequestContext& ctx, const api::iam::DeleteUserRequest& in);

  // access_keys.cpp
  Async<api::iam::CreateAccessKeyResponse> create_access_key(const RequestContext& ctx,
                                                             const api::iam::CreateAccessKeyRequest& in);
  Async<api::iam::ListAccessKeysResponse> list_access_keys(const RequestContext& ctx,
                                                           const api::iam::ListAccessKeysRequest& in);
  Async<wire::Unit> update_access_key(const RequestContext& ctx, const api::iam::UpdateAccessKeyRequest& in);
  Async<wire::Unit> delete_access_key(const RequestContext& ctx, const api::iam::DeleteAccessKeyRequest& in);
  Async<api::iam::GetAccessKeyLastUsedResponse> get_access_key_last_used(
      const RequestContext& ctx, const api::iam::GetAccessKeyLastUsedRequest& in);

  // groups.cpp
  Async<api::iam::CreateGroupResponse> create_group(const RequestContext& ctx, const api::iam::CreateGroupRequest& in);
  Async<api::iam::GetGroupResponse> get_group(const RequestContext& ctx, const api::iam::GetGroupRequest& in);
  Async<api::iam::ListGroupsResponse> list_groups(const RequestContext& ctx, const api::iam::ListGroupsRequest& in);
  Async<wire::Unit> delete_group(const RequestContext& ctx, const api::iam::DeleteGroupRequest& in);
  Async<wire::Unit> add_user_to_group(const RequestContext& ctx, const api::iam::AddUserToGroupRequest& in);
  Async<wire::Unit> remove_user_from_group(const RequestContext& ctx, const api::iam::RemoveUserFromGroupRequest& in);
  Async<api::iam::ListGroupsForUserResponse> list_groups_for_user(const RequestContext& ctx,
                                                                  const api::iam::ListGroupsForUserRequest& in);

  // roles.cpp
  Async<api::iam::CreateRoleResponse> create_role(const RequestContext& ctx, const api::iam::CreateRoleRequest& in);
  Async<api::iam::GetRoleResponse> get_role(const RequestContext& ctx, const api::iam::GetRoleRequest& in);
  Async<api::iam::ListRolesResponse> list_roles(const RequestContext& ctx, const api::iam::ListRolesRequest& in);
  Async<api::iam::UpdateRoleResponse> update_role(const RequestContext& ctx, const api::iam::UpdateRoleRequest& in);
  Async<wire::Unit> update_assume_role_policy(const RequestContext& ctx,
                                              const api::iam::UpdateAssumeRolePolicyRequest& in);
  Async<wire::Unit> delete_role(const RequestContext& ctx, const api::iam::DeleteRoleRequest& in);

  // instance_profiles.cpp
  Async<api::iam::CreateInstanceProfileResponse> create_instance_profile(
      const RequestContext& ctx, const api::iam::CreateInstanceProfileRequest& in);
  Async<api::iam::GetInstanceProfileResponse> get_instance_profile(const RequestContext& ctx,
                                                                   const api::iam::GetInstanceProfileRequest& in);
  Async<api::iam::ListInstanceProfilesResponse> list_instance_profiles(const RequestContext& ctx,
                                                                       const api::iam::ListInstanceProfilesRequest& in);
  Async<api::iam::ListInstanceProfilesForRoleResponse> list_instance_profiles_for_role(
      const RequestContext& ctx, const api::iam::ListInstanceProfilesForRoleRequest& in);
  Async<wire::Unit> add_role_to_instance_profile(const RequestContext& ctx,
                                                 const api::iam::AddRoleToInstanceProfileRequest& in);
  Async<wire::Unit> remove_role_from_instance_profile(const RequestContext& ctx,
                                                      const api::iam::RemoveRoleFromInstanceProfileRequest& in);
  Async<wire::Unit> delete_instance_profile(const RequestContext& ctx,
                                            const api::iam::DeleteInstanceProfileRequest& in);

  // managed_policy_operations.cpp
  Async<api::iam::CreatePolicyResponse> create_policy(const RequestContext& ctx,
                                                      const api::iam::CreatePolicyRequest& in);
  Async<api::iam::GetPolicyResponse> get_policy(const RequestContext& ctx, const api::iam::GetPolicyRequest& in);
  Async<api::iam::ListPoliciesResponse> list_policies(const RequestContext& ctx,
                                                      const api::iam::ListPoliciesRequest& in);
  Async<wire::Unit> delete_policy(const RequestContext& ctx, const api::iam::DeletePolicyRequest& in);
  Async<api::iam::CreatePolicyVersionResponse> create_policy_version(const RequestContext& ctx,
                                                                     const api::iam::CreatePolicyVersionRequest& in);
  Async<api::iam::GetPolicyVersionResponse> get_policy_version(const RequestContext& ctx,
                                                               const api::iam::GetPolicyVersionRequest& in);
  Async<api::iam::ListPolicyVersionsResponse> list_policy_versions(const RequestContext& ctx,
                                                                   const api::iam::ListPolicyVersionsRequest& in);
  Async<wire::Unit> set_default_policy_version(const RequestContext& ctx,
                                               const api::iam::SetDefaultPolicyVersionRequest& in);
  Async<wire::Unit> delete_policy_version(const RequestContext& ctx, const api::iam::DeletePolicyVersionRequest& in);
  Async<api::iam::ListEntitiesForPolicyResponse> list_entities_for_policy(
      const RequestContext& ctx, const api::iam::ListEntitiesForPolicyRequest& in);

  // attached_policies.cpp
  Async<wire::Unit> attach_user_policy(const RequestContext& ctx, const api::iam::AttachUserPolicyRequest& in);
  Async<wire::Unit> attach_group_policy(const RequestContext& ctx, const api::iam::AttachGroupPolicyRequest& in);
  Async<wire::Unit> attach_role_policy(const RequestContext& ctx, const api::iam::AttachRolePolicyRequest& in);
  Async<wire::Unit> detach_user_policy(const RequestContext& ctx, const api::iam::DetachUserPolicyRequest& in);
  Async<wire::Unit> detach_group_policy(const RequestContext& ctx, const api::iam::DetachGroupPolicyRequest& in);
  Async<wire::Unit> detach_role_policy(const RequestContext& ctx, const api::iam::DetachRolePolicyRequest& in);
  Async<api::iam::ListAttachedUserPoliciesResponse> list_attached_user_policies(
      const RequestContext& ctx, const api::iam::ListAttachedUserPoliciesRequest& in);
  Async<api::iam::ListAttachedGroupPoliciesResponse> list_attached_group_policies(
      const RequestContext& ctx, const api::iam::ListAttachedGroupPoliciesRequest& in);
  Async<api::iam::ListAttachedRolePoliciesResponse> list_attached_role_policies(
      const RequestContext& ctx, const api::iam::ListAttachedRolePoliciesRequest& in);

  // inline_policies.cpp
  Async<wire::Unit> put_user_policy(const RequestContext& ctx, const api::iam::PutUserPolicyRequest& in);
  Async<wire::Unit> put_group_policy(const RequestContext& ctx, const api::iam::PutGroupPolicyRequest& in);
  Async<wire::Unit> put_role_policy(const RequestContext& ctx, const api::iam::PutRolePolicyRequest& in);
  Async<api::iam::GetUserPolicyResponse> get_user_policy(const RequestContext& ctx,
                                                         const api::iam::GetUserPolicyRequest& in);
  Async<api::iam::GetGroupPolicyResponse> get_group_policy(const RequestContext& ctx,
                                                           const api::iam::GetGroupPolicyRequest& in);
  Async<api::iam::GetRolePolicyResponse> get_role_policy(const RequestContext& ctx,
                                                         const api::iam::GetRolePolicyRequest& in);
  Async<wire::Unit> delete_user_policy(const RequestContext& ctx, const api::iam::DeleteUserPolicyRequest& in);
  Async<wire::Unit> delete_group_policy(const RequestContext& ctx, const api::iam::DeleteGroupPolicyRequest& in);
  Async<wire::Unit> delete_role_policy(const RequestContext& ctx, const api::iam::DeleteRolePolicyRequest& in);
  Async<api::iam::ListUserPoliciesResponse> list_user_policies(const RequestContext& ctx,
                                                               const api::iam::ListUserPoliciesRequest& in);
  Async<api::iam::ListGroupPoliciesResponse> list_group_policies(const RequestContext& ctx,
                                                                 const api::iam::ListGroupPoliciesRequest& in);
  Async<api::iam::ListRolePoliciesResponse> list_role_policies(const RequestContext& ctx,
                                                               const api::iam::ListRolePoliciesRequest& in);

  // tags.cpp
  Async<wire::Unit> tag_user(const RequestContext& ctx, const api::iam::TagUserRequest& in);
  Async<wire::Unit> tag_role(const RequestContext& ctx, const api::iam::TagRoleRequest& in);
  Async<wire::Unit> untag_user(const RequestContext& ctx, const api::iam::UntagUserRequest& in);
  Async<wire::Unit> untag_role(const RequestContext& ctx, const api::iam::UntagRoleRequest& in);
  Async<api::iam::ListUserTagsResponse> list_user_tags(const RequestContext& ctx,
                                                       const api::iam::ListUserTagsRequest& in);
  Async<api::iam::ListRoleTagsResponse> list_role_tags(const RequestContext& ctx,
                                                       const api::iam::ListRoleTagsRequest& in);

  // simulate.cpp
  Async<api::iam::SimulatePolicyResponse> simulate_custom_policy(const RequestContext& ctx,
                                                                 const api::iam::SimulateCustomPolicyRequest& in);
  Async<api::iam::SimulatePolicyResponse> simulate_principal_policy(const RequestContext& ctx,
                                                                    const api::iam::SimulatePrincipalPolicyRequest& in);

 private:
  using PoliciesPtr = std::shared_ptr<const PrincipalPolicies>;
  using PolicyPtr = std::shared_ptr<const policy::Policy>;

  void register_users(OperationTable& table);
  void register_access_keys(OperationTable& table);
  void register_groups(OperationTable& table);
  void register_roles(OperationTable& table);
  void register_instance_profiles(OperationTable& table);
  void register_managed_policies(OperationTable& table);
  void register_attached_policies(OperationTable& table);
  void register_inline_policies(OperationTable& table);
  void register_tags(OperationTable& table);
  void register_simulation(OperationTable& table);

  std::set<std::string> hosted_accounts() const;
  std::int64_t now_ms() const { return to_ms(clock_.now()); }

  // Changes and creations that no decision may overlook.
  template <class Row, class Body>
  Async<Row> change(std::string_view account_id, std::string_view name, const Body& body);
  template <class Row, class Body>
  Async<void> create(std::string_view account_id, const Row& row, const Body& body);

  // principals.cpp: what a principal may do. not_found if it is gone.
  Async<PoliciesPtr> policies_of(std::string kind, std::string account_id, std::string name);
  Async<PoliciesPtr> load_user_policies(std::string_view account_id, std::string_view name);
  Async<PoliciesPtr> load_role_policies(std::string_view account_id, std::string_view name);
  Async<void> add_permissions(std::string_view account_id, const Permissions& permissions, std::string owner,
                              PrincipalPolicies& into);
  // The document of the default version; not_found if there is no such policy.
  Async<std::string> managed_policy_document(std::string_view account_id, std::string_view policy_arn);
  Result<PolicyPtr> parsed(std::string_view document, policy::DocumentKind kind) const;

  // authorizer.cpp
  struct ResourceWord {
    std::string account_id;
    std::optional<policy::PolicyInForce> policy;
    bool must_allow = false;
  };
  Async<ResourceWord> find_resource_policy(std::string_view action, const std::string& resource_arn);
  // The decision about the very ARN that the access says.
  Async<Decision> judge(const Principal& principal, const Access& access, const ConditionContext& context);
  Async<Decision> judge_what_is_meant(const Principal& principal, const Access& access,
                                      const ConditionContext& context);
  // The ARN a resource really has, where the request does not say it.
  Async<std::string> resolve_resource(const Access& access);
  Async<std::string> resolve_entity_arn(std::string arn);
  Async<ConditionContext> entity_tags(std::string arn);
  Async<void> note_key_use(const Principal& principal, std::string_view action, const ConditionContext& context);

  // sessions.cpp
  Async<RoleSession> issue_role_session(RoleSessionRequest request, const Principal* caller);

  // Shared by simulate.cpp's two operations.
  struct Simulation;
  Async<api::iam::SimulatePolicyResponse> simulate(Simulation simulation);

  MetadataStore& store_;
  const Clock& clock_;
  IdSource& ids_;
  const SecretBox secrets_;
  const std::vector<RootKey> root_keys_;
  // By ARN prefix; filled at start, then only read.
  std::map<std::string, ResourcePolicySource> resource_policies_;
  std::map<std::string, ResourceTagSource> resource_tags_;
  std::map<std::string, ResourceNameSource> resource_names_;

  Cache<KeySecret> keys_;
  Cache<KeySecret> sessions_;
  Cache<std::string> tokens_;  // of sessions seen, by access key id
  Cache<PrincipalPolicies> principals_;
  mutable Cache<policy::Policy> documents_;

  std::mutex key_use_mutex_;
  std::unordered_map<std::string, std::int64_t> key_use_noted_ms_;
};

}  // namespace hearth::iam
