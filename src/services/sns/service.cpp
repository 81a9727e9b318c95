#include "services/sns/service.h"

namespace hearth::sns {

SnsService::SnsService(MetadataStore& store, const Clock& clock, IdSource& ids, HttpCaller& http,
                       Authorizer& authorizer, SigningKey key, std::string public_url)
    : store_(store),
      clock_(clock),
      ids_(ids),
      http_(http),
      authorizer_(authorizer),
      key_(std::move(key)),
      public_url_(std::move(public_url)) {
  authorizer_.add_resource_policies("arn:aws:sns:", [this](const std::string& arn) { return topic_policy(arn); });
}

SnsService::~SnsService() {
  stop();
}

void SnsService::register_operations(OperationTable& table) {
  register_topics(table);
  register_subscriptions(table);
  register_publishing(table);
}

}  // namespace hearth::sns
