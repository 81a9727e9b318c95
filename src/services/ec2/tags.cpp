// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html, DeleteTags, DescribeTags
#include "services/ec2/tags.h"

#include <algorithm>

#include "api/ec2/errors.h"
#include "ports/read_rows.h"
#include "services/ec2/access.h"
#include "services/ec2/filters.h"
#include "services/ec2/network.h"
#include "services/ec2/refusals.h"
#include "services/ec2/served_members.h"
#include "services/ec2/service.h"

namespace hearth {

namespace op = api::ec2::op;

namespace ec2 {

// The ARN type of a resource id: what its prefix says.
std::string_view resource_type_of(std::string_view id) {
  for (const auto& [prefix, type] : {std::pair<std::string_view, std::string_view>{"i-", "instance"},
                                     {"vol-", "volume"},
                                     {"sg-", "security-group"},
                                     {"sgr-", "security-group-rule"},
                                     {"key-", "key-pair"},
                                     {"ami-", "image"},
                                     {"import-ami-", "import-image-task"},
                                     {"subnet-", "subnet"},
                                     {"vpc-", "vpc"}})
    if (id.starts_with(prefix)) return type;
  return {};
}

template <class Op>
struct OnTaggedResources {
  static std::vector<Access> of(const RequestContext& ctx, const typename Op::Input& in) {
    ConditionContext context;
    if constexpr (requires { in.tags.begin(); })
      add_tag_conditions(in.tags, context);
    else if (in.tags)
      add_tag_conditions(*in.tags, context);
    std::vector<Access> accesses;
    for (const auto& id : in.resources) {
      const std::string type(resource_type_of(id));
      if (type == "image")
        accesses.push_back({action_of<Op>(), image_arn(ctx, id), context});
      else if (type == "key-pair")  // its ARN holds its name
        accesses.push_back({action_of<Op>(), arn(ctx, type, "*"), context, id});
      else
        accesses.push_back({action_of<Op>(), arn(ctx, type.empty() ? "*" : type, id), context});
    }
    return accesses;
  }
};

}  // namespace ec2

template <>
struct AccessRule<op::CreateTags> : ec2::OnTaggedResources<op::CreateTags> {};
template <>
struct AccessRule<op::DeleteTags> : ec2::OnTaggedResources<op::DeleteTags> {};
template <>
struct AccessRule<op::DescribeTags> : ec2::OnAnything<op::DescribeTags> {};

namespace ec2 {
namespace errors = api::ec2::errors;

Result<void> add_tags(Tags& tags, const std::vector<api::ec2::Tag>& added) {
  for (const auto& tag : added) {
    const std::string key = tag.key.value_or(""), value = tag.value.value_or("");
    if (key.empty() || key.size() > 127 * 4)
      return errors::invalid_parameter_value("Tag key must be between 1 and 127 characters long.");
    if (value.size() > 255 * 4)
      return errors::invalid_parameter_value("Tag value exceeds the maximum length of 255 characters.");
    if (key.starts_with("aws:"))
      return errors::invalid_parameter_value("Tag keys starting with 'aws:' are reserved for internal use");
    tags[key] = value;
  }
  if (tags.size() > tag_count_max)
    return errors::tag_limit_exceeded("You have reached the maximum number of tags (50) for this resource.");
  return ok;
}

Result<Tags> tags_for(const wire::Opt<std::vector<api::ec2::TagSpecification>>& specifications,
                      std::string_view resource_type) {
  Tags tags;
  if (specifications)
    for (const auto& specification : *specifications)
      if (specification.resource_type.value_or("") == resource_type && specification.tags)
        TRY_DO(add_tags(tags, *specification.tags));
  return tags;
}

Result<void> check_tag_specifications(const wire::Opt<std::vector<api::ec2::TagSpecification>>& specifications,
                                      const std::vector<std::string_view>& resource_types) {
  if (!specifications) return ok;
  for (const auto& specification : *specifications) {
    const std::string type = specification.resource_type.value_or("");
    if (std::ranges::find(resource_types, type) == resource_types.end())
      return errors::invalid_parameter_value("'" + type +
                                             "' is not a valid taggable resource type for this operation.");
  }
  return ok;
}

std::vector<api::ec2::Tag> tags_view(const Tags& tags) {
  std::vector<api::ec2::Tag> views;
  for (const auto& [key, value] : tags) {
    auto& view = views.emplace_back();
    view.key = key;
    view.value = value;
  }
  return views;
}

void Ec2Service::register_tags(OperationTable& table) {
  table.serve<op::CreateTags>(*this, &Ec2Service::create_tags);
  table.serve<op::DeleteTags>(*this, &Ec2Service::delete_tags);
  table.serve<op::DescribeTags>(*this, &Ec2Service::describe_tags);
}

namespace {

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html, Filter.N
FieldsOf tag_description_fields(const api::ec2::TagDescription& tag) {
  return [&tag](std::string_view name) -> std::optional<std::vector<std::string>> {
    const std::string key = tag.key.value_or(""), value = tag.value.value_or("");
    if (name == "key") return std::vector{key};
    if (name == "value") return std::vector{value};
    if (name == "resource-id") return std::vector{tag.resource_id.value_or("")};
    if (name == "resource-type") return std::vector{tag.resource_type.value_or("")};
    if (name.starts_with("tag:") || name == "tag-key" || name == "tag-value")
      return tag_fields(name, Tags{{key, value}});
    return std::nullopt;
  };
}

using TagChange = std::function<Result<void>(Tags&)>;

Error no_such_resource(const std::string& id) {
  const std::string_view type = resource_type_of(id);
  if (type == "instance") return no_such_instance(id);
  if (type == "volume") return no_such_volume(id);
  if (type == "security-group") return no_such_security_group(id);
  if (type == "image") return no_such_image(id);
  if (type == "key-pair") return no_such_key_pair(id);
  return errors::invalid_id("The ID '" + id + "' is not valid");
}

// Changes the first row that has tags to change; `key_of` says where it is kept.
template <class Row, class TagsOf, class KeyOf>
Async<bool> change_rows(Transaction& tx, std::string prefix, const TagsOf& tags_of, const KeyOf& key_of,
                        const TagChange& change) {
  CO_TRY(auto rows, co_await read_rows<Row>(tx, prefix));
  for (Row& row : rows)
    if (Tags* tags = tags_of(row)) {
      CO_TRY_DO(change(*tags));
      tx.put(key_of(row), row::encode(row));
      co_return true;
    }
  co_return false;
}

// Finds the resource by what its id says and changes its tags.
Async<void> change_tags(Transaction& tx, const RequestContext& ctx, std::string id, TagChange change) {
  const std::string_view type = resource_type_of(id);
  bool found = false;
  if (type == "instance" || type == "volume") {
    const auto tags_of = [&](InstanceRow& row) -> Tags* {
      return row.id == id ? &row.tags : row.volume_id == id ? &row.volume_tags : nullptr;
    };
    const auto key_of = [&](const InstanceRow& row) { return instance_key(ctx.account_id, ctx.region, row.id); };
    CO_TRY(found,
           co_await change_rows<InstanceRow>(tx, instance_prefix(ctx.account_id, ctx.region), tags_of, key_of, change));
  } else if (type == "security-group" || type == "security-group-rule") {
    const auto tags_of = [&](SecurityGroupRow& row) -> Tags* {
      if (row.id == id) return &row.tags;
      for (auto& rule : row.rules)
        if (rule.id == id) return &rule.tags;
      return nullptr;
    };
    // The default group becomes a row when it, or a rule of it, first differs from what every account has.
    if (SecurityGroupRow fallback = default_group(ctx.account_id, ctx.region); tags_of(fallback)) {
      const std::string key = group_key(ctx.account_id, ctx.region, fallback.id);
      CO_TRY(const auto stored, co_await tx.get(key));
      if (!stored) tx.put(key, row::encode(fallback));
    }
    const auto key_of = [&](const SecurityGroupRow& row) { return group_key(ctx.account_id, ctx.region, row.id); };
    CO_TRY(found, co_await change_rows<SecurityGroupRow>(tx, group_prefix(ctx.account_id, ctx.region), tags_of, key_of,
                                                         change));
  } else if (type == "key-pair") {
    const auto tags_of = [&](KeyPairRow& row) -> Tags* { return row.id == id ? &row.tags : nullptr; };
    const auto key_of = [&](const KeyPairRow& row) { return key_pair_key(ctx.account_id, ctx.region, row.name); };
    CO_TRY(found,
           co_await change_rows<KeyPairRow>(tx, key_pair_prefix(ctx.account_id, ctx.region), tags_of, key_of, change));
  } else if (type == "image") {
    const auto tags_of = [&](ImageRow& row) -> Tags* { return row.id == id ? &row.tags : nullptr; };
    const auto key_of = [&](const ImageRow& row) { return image_key(ctx.account_id, ctx.region, row.id); };
    CO_TRY(found,
           co_await change_rows<ImageRow>(tx, image_prefix(ctx.account_id, ctx.region), tags_of, key_of, change));
  } else if (type == "import-image-task") {
    const auto tags_of = [&](ImportTaskRow& row) -> Tags* { return row.id == id ? &row.tags : nullptr; };
    const auto key_of = [&](const ImportTaskRow& row) { return import_task_key(ctx.account_id, ctx.region, row.id); };
    CO_TRY(found, co_await change_rows<ImportTaskRow>(tx, import_task_prefix(ctx.account_id, ctx.region), tags_of,
                                                      key_of, change));
  }
  if (!found) co_return no_such_resource(id);
  co_return ok;
}

}  // namespace

Async<wire::Unit> Ec2Service::create_tags(const RequestContext& ctx, const api::ec2::CreateTagsRequest& in) {
  CO_TRY_DO(check_request<op::CreateTags>(in));
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    for (const auto& id : in.resources) {
      const TagChange add = [&](Tags& tags) { return add_tags(tags, in.tags); };
      CO_TRY_DO(co_await change_tags(tx, ctx, id, add));
    }
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  co_return wire::Unit{};
}

Async<wire::Unit> Ec2Service::delete_tags(const RequestContext& ctx, const api::ec2::DeleteTagsRequest& in) {
  CO_TRY_DO(check_request<op::DeleteTags>(in));
  // AWS: no tags given removes all; a tag without value goes whatever its value; with one only if it is equal.
  const TagChange remove = [&](Tags& tags) -> Result<void> {
    if (!in.tags || in.tags->empty())
      tags.clear();
    else
      for (const auto& tag : *in.tags) {
        const auto found = tags.find(tag.key.value_or(""));
        if (found != tags.end() && (!tag.value || *tag.value == found->second)) tags.erase(found);
      }
    return ok;
  };
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    for (const auto& id : in.resources) CO_TRY_DO(co_await change_tags(tx, ctx, id, remove));
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  co_return wire::Unit{};
}

Async<api::ec2::DescribeTagsResult> Ec2Service::describe_tags(const RequestContext& ctx,
                                                              const api::ec2::DescribeTagsRequest& in) {
  CO_TRY_DO(check_request<op::DescribeTags>(in));
  CO_TRY_DO(check_filters(in.filters, tag_description_fields(api::ec2::TagDescription())));
  std::vector<api::ec2::TagDescription> all;
  const auto add = [&](const std::string& id, const Tags& tags) {
    for (const auto& [key, value] : tags) {
      auto& tag = all.emplace_back();
      tag.resource_id = id;
      tag.resource_type = std::string(resource_type_of(id));
      tag.key = key;
      tag.value = value;
    }
  };
  CO_TRY(const auto instances, co_await instances_of(ctx.account_id, ctx.region));
  for (const auto& row : instances) {
    add(row.id, row.tags);
    add(row.volume_id, row.volume_tags);
  }
  CO_TRY(const auto groups, co_await groups_of(ctx.account_id, ctx.region));
  for (const auto& group : groups) {
    add(group.id, group.tags);
    for (const auto& rule : group.rules) add(rule.id, rule.tags);
  }
  CO_TRY(const auto keys, co_await read_rows<KeyPairRow>(ports_.store, key_pair_prefix(ctx.account_id, ctx.region)));
  for (const auto& key : keys) add(key.id, key.tags);
  CO_TRY(const auto images, co_await read_rows<ImageRow>(ports_.store, image_prefix(ctx.account_id, ctx.region)));
  for (const auto& image : images) add(image.id, image.tags);
  CO_TRY(const auto tasks,
         co_await read_rows<ImportTaskRow>(ports_.store, import_task_prefix(ctx.account_id, ctx.region)));
  for (const auto& task : tasks) add(task.id, task.tags);

  std::vector<api::ec2::TagDescription> passed;
  for (auto& tag : all) {
    CO_TRY(const bool holds, passes(in.filters, tag_description_fields(tag)));
    if (holds) passed.push_back(std::move(tag));
  }
  api::ec2::DescribeTagsResult out;
  CO_TRY(auto page, cut_page(std::move(passed), in, out.next_token));
  out.tags = std::move(page);
  co_return out;
}

}  // namespace ec2
}  // namespace hearth
