#include "wire/routing.h"

#include <algorithm>
#include <array>
#include <map>

#include "wire/walker.h"

namespace hearth::wire {
namespace {

struct QueryPair {
  std::string name, value;
  bool has_value = false;
};
std::vector<QueryPair> split_query(std::string_view query) {
  std::vector<QueryPair> pairs;
  while (!query.empty()) {
    const auto ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query = ampersand == query.npos ? std::string_view() : query.substr(ampersand + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    pairs.push_back({http::percent_decode(pair.substr(0, equals)),
                     equals == pair.npos ? "" : http::percent_decode(pair.substr(equals + 1), true),
                     equals != pair.npos});
  }
  return pairs;
}

const QueryPair* find_pair(const std::vector<QueryPair>& pairs, std::string_view name) {
  const auto it = std::ranges::find(pairs, name, &QueryPair::name);
  return it == pairs.end() ? nullptr : &*it;
}

std::string form_value(std::string_view form, std::string_view name) {
  for (std::size_t at = 0; at < form.size();) {
    const auto end = std::min(form.find('&', at), form.size());
    const std::string_view pair = form.substr(at, end - at);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return http::percent_decode(pair.substr(name.size() + 1), true);
    at = end + 1;
  }
  return {};
}

std::optional<CredentialScope> parse_scope(std::string_view credential) {
  std::array<std::string_view, 6> fields;
  std::size_t count = 0;
  while (count < fields.size()) {
    const auto slash = credential.find('/');
    fields[count++] = credential.substr(0, slash);
    if (slash == credential.npos) break;
    credential.remove_prefix(slash + 1);
  }
  const auto scope = [&](std::string_view region, std::string_view service) {
    return CredentialScope{std::string(fields[0]), std::string(fields[1]), std::string(region), std::string(service)};
  };
  if (count == 5) return scope(fields[2], fields[3]);
  if (count == 4) return scope("*", fields[2]);  // SigV4A has no region
  return std::nullopt;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

std::optional<CredentialScope> find_credential_scope(const http::Request& request) {
  const std::string_view authorization = request.headers.get("authorization");
  if (const auto at = authorization.find("Credential=");
      authorization.starts_with("AWS4-") && at != authorization.npos) {
    std::string_view rest = authorization.substr(at + 11);
    return parse_scope(rest.substr(0, rest.find_first_of(", ")));
  }
  const std::vector<QueryPair> pairs = split_query(request.query);
  if (const QueryPair* credential = find_pair(pairs, "X-Amz-Credential")) return parse_scope(credential->value);
  if (const QueryPair* key = find_pair(pairs, "AWSAccessKeyId"); key && find_pair(pairs, "Signature"))
    return CredentialScope{.access_key_id = key->value, .date = {}, .region = {}, .service = "s3"};
  return std::nullopt;
}

// A REST operation as something to match: made from its method, URI template and required members.
struct Router::RestRoute {
  const ServiceSchema* service;
  std::size_t operation_index;  // no_index: known, not served
  std::string_view name, method;
  std::vector<std::string_view> segments;  // "{Bucket}", "{Key+}", "endpoints"
  std::vector<QueryPair> literals;         // ?list-type=2
  std::vector<std::string_view> required_query, required_headers;
  int score = 0;  // the more a route asks for, the earlier it is tried

  bool matches_query(const std::vector<QueryPair>& pairs, const http::Headers& headers) const {
    for (const QueryPair& literal : literals) {
      const QueryPair* found = find_pair(pairs, literal.name);
      if (!found || (literal.has_value && found->value != literal.value)) return false;
    }
    for (const std::string_view name : required_query)
      if (!find_pair(pairs, name)) return false;
    for (const std::string_view name : required_headers)
      if (!headers.contains(name)) return false;
    return true;
  }
};

struct Router::Tables {
  std::vector<const ServiceSchema*> services;
  std::vector<RestRoute> s3_routes, rest_routes;
  // The longer before what they end in.
  std::vector<std::string> s3_host_suffixes = {"s3.localhost.localdomain", "s3.amazonaws.com", "s3.localhost",
                                               "localhost"};
  const ServiceSchema* s3 = nullptr;

  Route named(const ServiceSchema& service, std::string_view operation, Protocol protocol) const {
    Route route;
    route.service = &service;
    route.protocol = protocol;
    route.operation_name = operation.substr(0, 128);
    for (std::size_t i = 0; i < service.operation_count; ++i) {
      if (service.text(service.operations[i].name) != operation) continue;
      route.operation = &service.operations[i];
      route.operation_index = i;
      route.is_known = true;
      return route;
    }
    for (std::size_t i = 0; i < service.unserved_count; ++i)
      if (service.text(service.unserved[i].name) == operation) route.is_known = true;
    return route;
  }
};

Router::Router() : tables_(std::make_unique<Tables>()) {}
Router::~Router() = default;

void Router::add_s3_host_suffix(std::string suffix) {
  tables_->s3_host_suffixes.insert(tables_->s3_host_suffixes.begin(), std::move(suffix));
}

std::string_view Router::host_bucket(const http::Request& request) const {
  std::string_view host = request.headers.get("host");
  if (const auto colon = host.rfind(':'); colon != host.npos && host.find(']') == host.npos)
    host = host.substr(0, colon);
  for (const std::string& suffix : tables_->s3_host_suffixes) {
    if (host == suffix) return {};
    if (host.size() > suffix.size() + 1 && host.ends_with(suffix) && host[host.size() - suffix.size() - 1] == '.')
      return host.substr(0, host.size() - suffix.size() - 1);
  }
  // bucket.s3.REGION.amazonaws.com
  if (const auto at = host.find(".s3."); at != host.npos && at > 0 && host.ends_with(".amazonaws.com"))
    return host.substr(0, at);
  return {};
}

void Router::add_service(const ServiceSchema& service) {
  tables_->services.push_back(&service);
  const bool is_s3 = service.name == "s3";
  if (is_s3) tables_->s3 = &service;
  if (service.primary_protocol != Protocol::rest_xml && service.primary_protocol != Protocol::rest_json) return;
  std::vector<RestRoute>& routes = is_s3 ? tables_->s3_routes : tables_->rest_routes;
  const auto add = [&](PoolRef name, PoolRef method, PoolRef uri_ref, std::size_t index) {
    RestRoute route{
        .service = &service, .operation_index = index, .name = service.text(name), .method = service.text(method)};
    const std::string_view uri = service.text(uri_ref);
    const auto question = uri.find('?');
    route.segments = split_path(uri.substr(0, question));
    if (question != uri.npos) route.literals = split_query(uri.substr(question + 1));
    route.score = static_cast<int>(route.literals.size()) * 8;
    if (index != no_index) {
      const OperationEntry& operation = service.operations[index];
      if (operation.host_prefix) return;  // reached through another host name
      if (operation.flags & OperationFlag::deprecated) route.score -= 1;
      if (operation.input != no_index) {
        const StructEntry& s = service.structs[operation.input];
        for (unsigned i = 0; i < s.member_count; ++i) {
          const MemberEntry& member = service.members[s.first_member + i];
          if (!(member.flags & MemberFlag::required)) continue;
          if (member.location == Location::query) route.required_query.push_back(service.text(member.wire));
          if (member.location == Location::header) route.required_headers.push_back(service.text(member.wire));
        }
      }
    } else {
      // What it requires is not in the tables; only operations with a query literal of their own can be told apart.
      if (is_s3 && route.literals.empty()) return;
      route.score -= 2;
    }
    route.score +=
        static_cast<int>(route.required_query.size()) * 4 + static_cast<int>(route.required_headers.size()) * 2;
    routes.push_back(std::move(route));
  };
  for (std::size_t i = 0; i < service.operation_count; ++i)
    add(service.operations[i].name, service.operations[i].method, service.operations[i].uri, i);
  for (std::size_t i = 0; i < service.unserved_count; ++i)
    add(service.unserved[i].name, service.unserved[i].method, service.unserved[i].uri, no_index);
  std::ranges::stable_sort(routes, std::greater<>(), &RestRoute::score);
}

std::optional<Route> Router::route(const http::Request& request) const {
  const auto scope = find_credential_scope(request);
  std::string service_name = scope ? scope->service : "";
  const std::string_view host = request.headers.get("host");
  if (service_name.empty()) {
    // SERVICE.REGION.amazonaws.com, for requests that are not signed.
    const auto dot = host.find('.');
    if (dot != host.npos && host.find(".amazonaws.com") != host.npos) service_name = host.substr(0, dot);
  }
  const bool is_s3 = service_name == "s3" || service_name == "s3express";
  const auto signs_as = [&](const ServiceSchema& service) {
    return service_name.empty() || service.signing_name == service_name || service.endpoint_prefix == service_name;
  };

  if (!is_s3) {
    // RPC v2 CBOR: /service/{target prefix}/operation/{name}
    const std::string_view path = request.path;
    if (const auto at = path.find("/operation/"); path.starts_with("/service/") && at != path.npos) {
      const std::string_view prefix = path.substr(9, at - 9);
      for (const ServiceSchema* service : tables_->services)
        if (service->target_prefix == prefix && (service->protocols & ProtocolSet::rpc_cbor))
          return tables_->named(*service, path.substr(at + 11), Protocol::rpc_cbor);
    }
    // JSON: X-Amz-Target: Prefix.Operation
    if (const std::string* target = request.headers.find("x-amz-target")) {
      const auto dot = target->rfind('.');
      const std::string_view prefix = std::string_view(*target).substr(0, dot);
      for (const ServiceSchema* service : tables_->services)
        if (dot != target->npos && service->target_prefix == prefix && (service->protocols & ProtocolSet::json))
          return tables_->named(*service, std::string_view(*target).substr(dot + 1), Protocol::json);
    }
    // Query: Action and Version in a form body or in the query string
    const bool is_form = request.headers.get("content-type").starts_with("application/x-www-form-urlencoded");
    const std::string_view form =
        is_form && !request.body.empty() ? std::string_view(request.body) : std::string_view(request.query);
    if (const std::string action = form_value(form, "Action"); !action.empty()) {
      const std::string version = form_value(form, "Version");
      const ServiceSchema* chosen = nullptr;
      for (const ServiceSchema* service : tables_->services) {
        if (!(service->protocols & (ProtocolSet::query | ProtocolSet::ec2_query))) continue;
        if (!service_name.empty() ? signs_as(*service) : service->api_version == version) chosen = service;
      }
      if (chosen)
        return tables_->named(*chosen, action,
                              chosen->protocols & ProtocolSet::ec2_query ? Protocol::ec2_query : Protocol::query);
    }
    if (!service_name.empty()) {
      if (auto found = route_rest_json(request, service_name)) return found;
      for (const ServiceSchema* service : tables_->services) {
        if (!signs_as(*service) || service->name == "s3") continue;
        Route route;  // the service is clear, the operation is not
        route.service = service;
        route.protocol = service->primary_protocol;
        route.operation_name = request.method + " " + request.path.substr(0, 100);
        return route;
      }
      if (scope) return std::nullopt;  // signed for a service we do not know
    }
  }
  return route_s3(request);
}

std::optional<Route> Router::route_rest_json(const http::Request& request, std::string_view scope) const {
  const std::vector<std::string_view> segments = split_path(request.path);
  const std::vector<QueryPair> pairs = split_query(request.query);
  for (const RestRoute& rest : tables_->rest_routes) {
    if ((rest.service->signing_name != scope && rest.service->endpoint_prefix != scope) ||
        rest.method != request.method)
      continue;
    Labels labels;
    std::size_t at = 0;
    bool matches = true;
    for (std::size_t i = 0; i < rest.segments.size() && matches; ++i) {
      std::string_view segment = rest.segments[i];
      if (at >= segments.size()) {
        matches = segment.empty() && i > 0;
      } else if (segment.starts_with('{')) {
        segment = segment.substr(1, segment.size() - 2);
        std::string value = http::percent_decode(segments[at++]);
        if (segment.ends_with('+')) {
          segment.remove_suffix(1);
          const std::size_t fixed_after = rest.segments.size() - i - 1;
          while (at + fixed_after < segments.size()) value += "/" + http::percent_decode(segments[at++]);
        }
        matches = !value.empty();
        labels.emplace_back(segment, std::move(value));
      } else {
        matches = segments[at++] == segment;
      }
    }
    if (!matches || at != segments.size() || !rest.matches_query(pairs, request.headers)) continue;
    Route route;
    route.service = rest.service;
    route.protocol = rest.service->primary_protocol;
    route.operation_name = rest.name;
    route.is_known = true;
    route.operation_index = rest.operation_index;
    if (rest.operation_index != no_index) route.operation = &rest.service->operations[rest.operation_index];
    route.labels = std::move(labels);
    return route;
  }
  return std::nullopt;
}

std::optional<Route> Router::route_s3(const http::Request& request) const {
  if (!tables_->s3) return std::nullopt;
  std::string_view path = request.path;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view host_bucket = this->host_bucket(request);
  std::string_view bucket = host_bucket, key = path;
  if (host_bucket.empty()) {
    const auto slash = path.find('/');
    bucket = path.substr(0, slash);
    key = slash == path.npos ? std::string_view() : path.substr(slash + 1);
  }
  const bool has_key_part = !key.empty();
  const std::size_t level = has_key_part ? 2 : bucket.empty() ? 0 : 1;
  const std::vector<QueryPair> pairs = split_query(request.query);
  Route route;
  route.service = tables_->s3;
  route.protocol = Protocol::rest_xml;
  route.operation_name = request.method;
  route.host_bucket = host_bucket;
  if (!bucket.empty()) route.labels.emplace_back("Bucket", http::percent_decode(bucket));
  if (has_key_part) route.labels.emplace_back("Key", http::percent_decode(key));
  for (const RestRoute& rest : tables_->s3_routes) {
    const std::size_t rest_level = rest.segments[0].starts_with("{Bucket}") ? (rest.segments.size() > 1 ? 2 : 1) : 0;
    if (rest_level == 0 && !rest.segments[0].empty()) continue;
    if (rest_level != level || rest.method != request.method || !rest.matches_query(pairs, request.headers)) continue;
    route.operation_name = rest.name;
    route.is_known = true;
    route.operation_index = rest.operation_index;
    if (rest.operation_index != no_index) route.operation = &tables_->s3->operations[rest.operation_index];
    break;
  }
  return route;
}

}  // namespace hearth::wire
