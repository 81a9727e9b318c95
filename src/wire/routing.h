// Which service, operation and protocol a request is for. One port serves all of them, so this looks, in this order,
// at: the credential scope of the signature, the RPC v2 path, X-Amz-Target, the form's Action and Version, and for REST
// services the method and path. S3 takes what nothing else claims, in path style and in virtual-host style.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "wire/codec.h"
#include "wire/schema.h"

namespace hearth::wire {

struct Route {
  const ServiceSchema* service = nullptr;
  const OperationEntry* operation = nullptr;  // null: known but not served, or unknown
  std::size_t operation_index = 0;
  Protocol protocol{};
  std::string operation_name;  // as far as known, also when not served
  bool is_known = false;       // the model has such an operation
  Labels labels;
  std::string host_bucket;  // S3: the bucket, where the Host header names it
};

// What the signature says before it is checked: the fields of Credential=AKID/date/region/service/aws4_request. Of a
// URL that was presigned with version 2, which only S3 has, the service and the key.
struct CredentialScope {
  std::string access_key_id, date, region, service;
};
std::optional<CredentialScope> find_credential_scope(const http::Request& request);

class Router {
 public:
  Router();
  ~Router();
  // At start, before the first route().
  void add_service(const ServiceSchema& service);
  // One more suffix of virtual-host style names: "s3.example.org" makes photos.s3.example.org the bucket photos.
  // Always there: s3.localhost, localhost, and AWS's own.
  void add_s3_host_suffix(std::string suffix);

  // Needs the body of form requests to have been read. Null only when nothing claims the request at all. Safe from any
  // thread.
  std::optional<Route> route(const http::Request& request) const;

  // The bucket that the Host header names, or "".
  std::string_view host_bucket(const http::Request& request) const;

 private:
  struct RestRoute;
  struct Tables;
  std::optional<Route> route_s3(const http::Request& request) const;
  std::optional<Route> route_rest_json(const http::Request& request, std::string_view scope) const;
  std::unique_ptr<Tables> tables_;
};

}  // namespace hearth::wire
