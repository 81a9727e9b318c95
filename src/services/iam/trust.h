// Whom a trust policy means. AWS: an ARN stands for the one who had it when the policy was saved; who is made again
// under that name is another.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "ports/metadata_store.h"
#include "services/iam/policy/document.h"
#include "services/iam/rows.h"

namespace hearth::iam {

// The unique ids of the users, roles and sessions that the document names by ARN, as of this transaction: it conflicts
// with one that deletes them. MalformedPolicyDocument if one is not there. Those of accounts that are not ours are
// left out: nobody here knows them.
Async<policy::PrincipalNames> find_trusted_ids(Transaction& tx, std::string_view document,
                                               const std::set<std::string>& our_accounts);

// The trust policy as AWS shows it: who was renamed under its new ARN, who is gone by its unique id.
template <class Reader>
Async<std::string> shown_trust_policy(Reader& reader, const RoleRow& role);

}  // namespace hearth::iam
