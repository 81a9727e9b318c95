#include "services/iam/service.h"

namespace hearth::iam {

IamService::IamService(MetadataStore& store, const Clock& clock, IdSource& ids, SecretBox secrets,
                       std::vector<RootKey> root_keys)
    : store_(store),
      clock_(clock),
      ids_(ids),
      secrets_(std::move(secrets)),
      root_keys_(std::move(root_keys)),
      keys_(10'000),
      sessions_(10'000),
      tokens_(10'000),
      principals_(10'000),
      documents_(10'000) {
  const auto tags_of_entity = [this](const Principal&, const Access& access) { return entity_tags(access.resource); };
  add_resource_tags("arn:aws:iam::", tags_of_entity);
}

std::set<std::string> IamService::hosted_accounts() const {
  std::set<std::string> accounts;
  for (const RootKey& key : root_keys_) accounts.insert(key.account_id);
  return accounts;
}

void IamService::register_operations(OperationTable& table) {
  register_users(table);
  register_access_keys(table);
  register_groups(table);
  register_roles(table);
  register_instance_profiles(table);
  register_managed_policies(table);
  register_attached_policies(table);
  register_inline_policies(table);
  register_tags(table);
  register_simulation(table);
}

}  // namespace hearth::iam
