// Domain events written in the same transaction as the change they tell of, delivered at least once and in order per
// key. Subscribers are registered at start, before the first delivery. Implemented in ports/outbox.cpp on any
// MetadataStore.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ports/metadata_store.h"

namespace hearth {

struct DomainEvent {
  std::string topic;    // "ec2.instance.state"
  std::string key;      // order holds among events of one key: the instance id
  std::string payload;  // JSON
};

class Outbox {
 public:
  virtual ~Outbox() = default;
  // Adds the event to the caller's transaction; it is delivered after that commits.
  virtual void emit(Transaction& tx, DomainEvent event) = 0;
  // `deliver` may be called again for an event it has already seen; an error means try again later.
  virtual void subscribe(std::string topic, std::function<Async<void>(const DomainEvent&)> deliver) = 0;
  // Call after a commit that emitted: deliveries start soon.
  virtual void wake() = 0;
};

}  // namespace hearth
