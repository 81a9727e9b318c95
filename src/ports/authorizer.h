// Decides whether a principal may do actions on resources. One engine for every service; deny wins, deny by default.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
// Implemented by services/iam. Safe from any thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.h"
#include "ports/identity.h"

namespace hearth {

// Condition keys known for one request, lower-case names ("aws:sourceip", "s3:prefix"), each with one or more values.
using ConditionContext = std::map<std::string, std::vector<std::string>>;

// A tag that a request gives to something: aws:RequestTag/KEY and aws:TagKeys. Names of condition keys have no case,
// the value of aws:TagKeys has.
void add_request_tag(ConditionContext& context, std::string_view key, std::string_view value);
// The tags a resource has, under each vendor's name: {"aws", "ec2"} gives aws:ResourceTag/KEY and ec2:ResourceTag/KEY.
ConditionContext resource_tag_context(const std::map<std::string, std::string>& tags,
                                      std::initializer_list<std::string_view> vendors);

// One thing to be allowed.
struct Access {
  std::string action;        // "s3:GetObject"
  std::string resource;      // an ARN, or "*" where the action has no resource type
  ConditionContext context;  // added to the request's own
  // Where the request names the resource by something its ARN does not hold (a security group by its name, a key pair
  // by its id): that. `resource` then ends in "/*", and a ResourceNameSource says which one it is.
  std::string named = {};
  // The handler asks decide() for this one and reports a refusal beside what it did do (DeleteObjects): authorize()
  // passes over it.
  bool is_decided_by_handler = false;
};

struct Decision {
  bool allowed = false;
  // For people, to follow "… is not authorized to perform: ACTION on resource: ARN", in AWS's words: "because no
  // identity-based policy allows the s3:GetObject action", "with an explicit deny in an identity-based policy:
  // statement NoProd of inline policy dev of user ana". Empty when allowed.
  std::string reason;
  // The ARN that was looked at; empty where it is the request's own.
  std::string resource = {};
};

// A resource's own policy (a bucket's, a topic's). Services that have them register a source for their ARN prefix.
struct ResourcePolicy {
  std::string owner_account_id;  // whose resource this is; empty: unknown resource
  std::string document;          // JSON; empty: none
};
using ResourcePolicySource = std::function<Async<ResourcePolicy>(const std::string& resource_arn)>;

// The tags that the resource of an access has now, as condition keys (resource_tag_context); none if there is no such
// resource. Asked only when a policy in force asks. An error fails the request: nothing is passed over because its
// tags cannot be told. The caller is given because an image's ARN names no account.
using ResourceTagSource = std::function<Async<ConditionContext>(const Principal& caller, const Access& access)>;

// The ARN of what `access.named` names; `access.resource` if there is no such thing. An error fails the request.
using ResourceNameSource = std::function<Async<std::string>(const Access& access)>;

class Authorizer;

// Proof that every access of a request was allowed. Only an Authorizer makes one; dispatch takes nothing else.
class Authorized {
 private:
  friend class Authorizer;
  Authorized() = default;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;

  // The decision for one access, with its reason; never an error for "no".
  virtual Async<Decision> decide(const Principal& principal, const Access& access, const ConditionContext& context) = 0;

  // Every access must be allowed, but for those the handler decides. ErrorKind::denied with AWS's message otherwise:
  // "User: ARN is not authorized to perform: ACTION on resource: ARN because …" or "… with an explicit deny …".
  // `principal` and `context` must outlive the call.
  Async<Authorized> authorize(const Principal& principal, std::vector<Access> accesses,
                              const ConditionContext& context);

  // What authorize() says of a decision that was no. ErrorKind::denied.
  static Error denial(const Principal& principal, const Access& access, const Decision& decision);

  // Called at start, before the first request. `arn_prefix` e.g. "arn:aws:s3:::". Every service whose resources can
  // have tags tells them: of one that does not, each resource looks as if it had none. (What decides without
  // conditions, as tests' do, may ignore them.)
  virtual void add_resource_policies(std::string arn_prefix, ResourcePolicySource source) = 0;
  virtual void add_resource_tags(std::string arn_prefix, ResourceTagSource source) { (void)arn_prefix, (void)source; }
  virtual void add_resource_names(std::string arn_prefix, ResourceNameSource source) { (void)arn_prefix, (void)source; }

  // Whether `document` can be a resource policy (a bucket's, a topic's). ErrorKind::invalid with a sentence for its
  // author; the service gives it its own code (MalformedPolicy, InvalidParameter).
  virtual Result<void> check_resource_policy(std::string_view document) const {
    (void)document;
    return ok;
  }
};

}  // namespace hearth
