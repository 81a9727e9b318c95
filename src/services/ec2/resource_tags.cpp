// What the Authorizer asks about EC2's resources: their tags, and which one a name means.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
#include <algorithm>

#include "ports/arn.h"
#include "ports/read_rows.h"
#include "services/ec2/network.h"
#include "services/ec2/service.h"

namespace hearth::ec2 {
namespace {

// "instance/i-1" in parts, and where it is. Owns its text: it lives across awaits.
struct ResourceName {
  std::string account_id, region, type, id;
};
ResourceName resource_name(std::string_view resource_arn) {
  ResourceName name;
  const std::optional<Arn> arn = parse_arn(resource_arn);
  if (!arn) return name;
  name.account_id = arn->account_id;
  name.region = arn->region;
  const std::size_t slash = std::min(arn->resource.find('/'), arn->resource.size());
  name.type = arn->resource.substr(0, slash);
  name.id = arn->resource.substr(std::min(slash + 1, arn->resource.size()));
  return name;
}

template <class Row>
Async<Tags> tags_at(MetadataStore& store, std::string key) {
  CO_TRY(const auto stored, co_await store.get(key));
  if (!stored) co_return Tags();
  CO_TRY(const Row row, row::decode<Row>(*stored));
  co_return row.tags;
}

}  // namespace

ResourceTagSource Ec2Service::resource_tags() {
  return [this](const Principal& caller, const Access& access) -> Async<ConditionContext> {
    return tag_conditions(access.resource, caller.account_id);
  };
}

ResourceNameSource Ec2Service::resource_names() {
  return [this](const Access& access) -> Async<std::string> { return arn_of_named(access.resource, access.named); };
}

Async<ConditionContext> Ec2Service::tag_conditions(std::string resource_arn, std::string caller_account_id) {
  CO_TRY(const Tags tags, co_await tags_of(std::move(resource_arn), std::move(caller_account_id)));
  co_return resource_tag_context(tags, {"aws", "ec2"});
}

Async<Tags> Ec2Service::tags_of(std::string resource_arn, std::string caller_account_id) {
  const ResourceName name = resource_name(resource_arn);
  const auto& [account_id, region, type, id] = name;
  if (type == "instance") co_return co_await tags_at<InstanceRow>(ports_.store, instance_key(account_id, region, id));
  if (type == "key-pair") co_return co_await tags_at<KeyPairRow>(ports_.store, key_pair_key(account_id, region, id));
  // AWS: the ARN of an image names no account; everybody sees the tags that they gave themselves.
  if (type == "image") co_return co_await tags_at<ImageRow>(ports_.store, image_key(caller_account_id, region, id));
  if (type == "import-image-task")
    co_return co_await tags_at<ImportTaskRow>(ports_.store, import_task_key(account_id, region, id));
  if (type == "volume") {
    CO_TRY(const auto instances, co_await instances_of(account_id, region));
    const auto found = std::ranges::find(instances, id, &InstanceRow::volume_id);
    co_return found == instances.end() ? Tags() : found->volume_tags;
  }
  if (type == "security-group" || type == "security-group-rule") {
    CO_TRY(const auto groups, co_await groups_of(account_id, region));
    for (const SecurityGroupRow& group : groups) {
      if (type == "security-group" && group.id == id) co_return group.tags;
      const auto rule = std::ranges::find(group.rules, id, &RuleRow::id);
      if (type == "security-group-rule" && rule != group.rules.end()) co_return rule->tags;
    }
  }
  // Nothing of the default network is stored, so nothing of it is tagged.
  co_return Tags();
}

Async<std::string> Ec2Service::arn_of_named(std::string resource_arn, std::string named) {
  const ResourceName name = resource_name(resource_arn);
  const auto& [account_id, region, type, any] = name;
  const auto with_id = [&](std::string_view id) {
    return resource_arn.substr(0, resource_arn.size() - any.size()).append(id);
  };
  if (type == "security-group") {
    CO_TRY(const auto groups, co_await groups_of(account_id, region));
    const auto found = std::ranges::find(groups, named, &SecurityGroupRow::name);
    if (found != groups.end()) co_return with_id(found->id);
  } else if (type == "key-pair") {
    CO_TRY(const auto rows, co_await read_rows<KeyPairRow>(ports_.store, key_pair_prefix(account_id, region)));
    const auto found = std::ranges::find(rows, named, &KeyPairRow::id);
    if (found != rows.end()) co_return with_id(found->name);
  }
  co_return resource_arn;
}

}  // namespace hearth::ec2
