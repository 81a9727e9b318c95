// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
#include "services/ec2/metadata.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/text.h"
#include "services/ec2/instances.h"
#include "services/ec2/network.h"
#include "services/ec2/service.h"

namespace hearth::ec2 {
namespace {

constexpr int token_seconds_max = 21'600;
constexpr std::chrono::hours credentials_duration{6};
constexpr std::chrono::minutes credentials_renewed_before{15};

MetadataResponse answer(int status, std::string body = {}) {
  return {.status = status, .headers = {{"Content-Type", "text/plain"}, {"Server", "EC2ws"}}, .body = std::move(body)};
}

const std::string* find_header(const MetadataRequest& request, std::string_view name) {
  const auto found = std::ranges::find_if(request.headers,
                                          [&](const auto& header) { return equal_ignoring_case(header.first, name); });
  return found == request.headers.end() ? nullptr : &found->second;
}

// A token holds when it ends and proof that we made it for this instance: nothing is stored, and restarts do not
// matter.
std::string make_token(const std::string& secret, const std::string& instance_id, std::int64_t ends_ms) {
  const std::string end = std::to_string(ends_ms);
  return to_base64(end + ":" + hmac_sha256(secret, instance_id + ":" + end));
}
bool is_token(const std::string& secret, const std::string& instance_id, const std::string& token,
              std::int64_t now_ms) {
  const auto decoded = from_base64(token);
  if (!decoded) return false;
  const auto colon = decoded->find(':');
  std::int64_t ends_ms = 0;
  if (colon == std::string::npos ||
      std::from_chars(decoded->data(), decoded->data() + colon, ends_ms).ec != std::errc())
    return false;
  return ends_ms > now_ms && equal_constant_time(token, make_token(secret, instance_id, ends_ms));
}

// The tree of instance metadata: full paths of the leaves; what lies above them is a listing.
std::map<std::string, std::string> leaves_of(const InstanceRow& row) {
  std::map<std::string, std::string> leaves = {
      {"ami-id", row.image_id},
      {"ami-launch-index", std::to_string(row.launch_index)},
      {"ami-manifest-path", "(unknown)"},
      {"block-device-mapping/ami", root_device},
      {"block-device-mapping/root", root_device},
      {"hostname", private_dns_name(row.private_address, row.region)},
      {"instance-action", "none"},
      {"instance-id", row.id},
      {"instance-life-cycle", "on-demand"},
      {"instance-type", row.instance_type},
      {"local-hostname", private_dns_name(row.private_address, row.region)},
      {"local-ipv4", row.private_address},
      {"mac", row.mac_address},
      {"placement/availability-zone", row.availability_zone},
      {"placement/region", row.region},
      {"profile", "default-hvm"},
      {"reservation-id", row.reservation_id},
      {"services/domain", "amazonaws.com"},
      {"services/partition", "aws"},
  };
  for (const auto& zone : zones_of(row.region))
    if (zone.name == row.availability_zone) leaves["placement/availability-zone-id"] = zone.id;
  std::string group_names, group_ids;
  for (const auto& group : row.groups) {
    group_names += (group_names.empty() ? "" : "\n") + group.name;
    group_ids += (group_ids.empty() ? "" : "\n") + group.id;
  }
  leaves["security-groups"] = group_names;
  const std::string interface = "network/interfaces/macs/" + row.mac_address + "/";
  leaves[interface + "device-number"] = "0";
  leaves[interface + "interface-id"] = row.interface_id;
  leaves[interface + "local-hostname"] = private_dns_name(row.private_address, row.region);
  leaves[interface + "local-ipv4s"] = row.private_address;
  leaves[interface + "mac"] = row.mac_address;
  leaves[interface + "owner-id"] = row.account_id;
  leaves[interface + "security-group-ids"] = group_ids;
  leaves[interface + "security-groups"] = group_names;
  leaves[interface + "subnet-id"] = row.subnet_id;
  leaves[interface + "vpc-id"] = default_vpc_id(row.account_id, row.region);
  leaves[interface + "vpc-ipv4-cidr-block"] = std::string(vpc_cidr);
  if (row.metadata_tags == "enabled")
    for (const auto& [key, value] : row.tags) leaves["tags/instance/" + key] = value;
  return leaves;
}

std::string identity_document(const InstanceRow& row) {
  const boost::json::object document = {{"accountId", row.account_id},
                                        {"architecture", "x86_64"},
                                        {"availabilityZone", row.availability_zone},
                                        {"imageId", row.image_id},
                                        {"instanceId", row.id},
                                        {"instanceType", row.instance_type},
                                        {"pendingTime", format_iso8601_seconds(from_ms(row.launched_ms))},
                                        {"privateIp", row.private_address},
                                        {"region", row.region},
                                        {"version", "2017-09-30"}};
  return boost::json::serialize(document);
}

// What a folder of the tree shows: names below it, folders with a slash. nullopt: no such folder.
std::optional<std::string> listing(const std::map<std::string, std::string>& leaves, const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& [path, value] : leaves) {
    if (!path.starts_with(folder) || path.size() == folder.size()) continue;
    const auto slash = path.find('/', folder.size());
    std::string name = path.substr(folder.size(), slash == std::string::npos ? slash : slash - folder.size() + 1);
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  if (names.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(names, "\n"));
}

std::string last_part(std::string_view arn) {
  return std::string(arn.substr(arn.rfind('/') + 1));
}

}  // namespace

// Kept as a row, so that tokens outlive a restart.
Async<std::string> Ec2Service::metadata_secret() {
  {
    std::lock_guard lock(mutex_);
    if (!metadata_secret_.empty()) co_return metadata_secret_;
  }
  std::string secret;
  const std::string key = make_key("ec2", "metadata-secret");
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(const auto stored, co_await tx.get(key));
    if (stored) {
      secret = *stored;
      co_return ok;
    }
    constexpr std::size_t secret_bytes = 32;
    secret = ports_.ids.random_bytes(secret_bytes);
    tx.put(key, secret);
    co_return ok;
  };
  CO_TRY_DO(co_await transact(ports_.store, body));
  std::lock_guard lock(mutex_);
  metadata_secret_ = secret;
  co_return secret;
}

// Cached, and renewed while the old ones are still good.
Async<Credentials> Ec2Service::role_credentials(const InstanceRow& row, std::string role_arn) {
  const std::string cache_key = row.id + " " + role_arn;
  {
    std::lock_guard lock(mutex_);
    const auto found = role_credentials_.find(cache_key);
    if (found != role_credentials_.end() && found->second.expires_at - ports_.clock.now() > credentials_renewed_before)
      co_return found->second;
  }
  CO_TRY(Credentials credentials,
         co_await ports_.roles.assume_role_for_service(role_arn, row.service_principal, row.id, credentials_duration));
  std::lock_guard lock(mutex_);
  role_credentials_[cache_key] = credentials;
  co_return credentials;
}

Async<MetadataResponse> Ec2Service::metadata_answer(std::string instance_id, MetadataRequest request) {
  CO_TRY(const InstanceRow row, co_await find_instance_by_id(instance_id));
  if (row.http_endpoint == "disabled") co_return answer(403);
  CO_TRY(const std::string secret, co_await metadata_secret());

  std::string path = request.path.substr(0, request.path.find('?'));
  if (path == "/latest/api/token") {
    if (request.method != "PUT") co_return answer(405);
    // A proxy that forwards requests of strangers must not get tokens for them.
    if (find_header(request, "X-Forwarded-For")) co_return answer(403);
    const std::string* ttl = find_header(request, "X-aws-ec2-metadata-token-ttl-seconds");
    int seconds = 0;
    if (!ttl) co_return answer(400);
    const auto [end, error] = std::from_chars(ttl->data(), ttl->data() + ttl->size(), seconds);
    if (error != std::errc() || end != ttl->data() + ttl->size() || seconds < 1 || seconds > token_seconds_max)
      co_return answer(400);
    MetadataResponse response = answer(200, make_token(secret, row.id, now_ms() + seconds * std::int64_t{1000}));
    response.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", *ttl);
    co_return response;
  }
  if (request.method != "GET" && request.method != "HEAD") co_return answer(405);
  if (const std::string* token = find_header(request, "X-aws-ec2-metadata-token")) {
    if (!is_token(secret, row.id, *token, now_ms())) co_return answer(401);
  } else if (row.http_tokens == "required") {
    co_return answer(401);
  }

  // "/latest" and every dated version have the same tree.
  if (path == "/" || path.empty()) co_return answer(200, "1.0\n2021-07-15\nlatest");
  const auto version_end = path.find('/', 1);
  std::string rest = version_end == std::string::npos ? "" : path.substr(version_end + 1);
  if (const std::string version = path.substr(1, version_end == std::string::npos ? version_end : version_end - 1);
      version != "latest" && version != "1.0" && !(version.size() == 10 && version.starts_with("20")))
    co_return answer(404);
  if (rest.empty())
    co_return answer(200, row.user_data.empty() ? "dynamic\nmeta-data" : "dynamic\nmeta-data\nuser-data");
  if (rest == "user-data") {
    if (row.user_data.empty()) co_return answer(404);
    MetadataResponse response = answer(200, from_base64(row.user_data).value_or(""));
    response.headers[0].second = "application/octet-stream";
    co_return response;
  }
  if (rest == "dynamic" || rest == "dynamic/") co_return answer(200, "instance-identity/");
  if (rest == "dynamic/instance-identity" || rest == "dynamic/instance-identity/") co_return answer(200, "document");
  if (rest == "dynamic/instance-identity/document") {
    MetadataResponse response = answer(200, identity_document(row));
    response.headers[0].second = "application/json";
    co_return response;
  }
  if (rest == "meta-data") rest = "meta-data/";
  if (!rest.starts_with("meta-data/")) co_return answer(404);
  rest.erase(0, std::string_view("meta-data/").size());

  auto leaves = leaves_of(row);
  if (!row.key_name.empty()) {
    const std::string key = key_pair_key(row.account_id, row.region, row.key_name);
    CO_TRY(const auto stored, co_await ports_.store.get(key));
    if (stored) {
      CO_TRY(const auto pair, row::decode<KeyPairRow>(*stored));
      leaves["public-keys/0/openssh-key"] = pair.public_key;
      if (rest == "public-keys" || rest == "public-keys/") co_return answer(200, "0=" + row.key_name);
    }
  }
  // The role the profile has now: it may have been changed since the launch.
  std::string role_arn = row.role_arn;
  if (!row.profile_arn.empty())
    if (const auto profile = co_await ports_.roles.find_instance_profile(row.account_id, row.profile_arn); profile) {
      role_arn = profile->role_arn;
      leaves["iam/info"] =
          boost::json::serialize(boost::json::object{{"Code", "Success"},
                                                     {"LastUpdated", format_iso8601_seconds(ports_.clock.now())},
                                                     {"InstanceProfileArn", profile->arn},
                                                     {"InstanceProfileId", profile->id}});
    }
  if (!role_arn.empty()) {
    const std::string name = last_part(role_arn), place = "iam/security-credentials/" + name;
    leaves[place] = "";
    if (rest == place) {
      const auto credentials = co_await role_credentials(row, role_arn);
      if (!credentials)
        co_return answer(
            200,
            boost::json::serialize(boost::json::object{
                {"Code", "AssumeRoleUnauthorizedAccess"},
                {"Message", "EC2 cannot assume the role " + name + ". Please see documentation for more information."},
                {"LastUpdated", format_iso8601_seconds(ports_.clock.now())}}));
      co_return answer(200, boost::json::serialize(
                                boost::json::object{{"Code", "Success"},
                                                    {"LastUpdated", format_iso8601_seconds(ports_.clock.now())},
                                                    {"Type", "AWS-HMAC"},
                                                    {"AccessKeyId", credentials->access_key_id},
                                                    {"SecretAccessKey", credentials->secret_access_key},
                                                    {"Token", credentials->session_token},
                                                    {"Expiration", format_iso8601_seconds(credentials->expires_at)}}));
    }
  }
  if (const auto leaf = leaves.find(rest); leaf != leaves.end()) co_return answer(200, leaf->second);
  if (!rest.empty() && !rest.ends_with('/')) rest += '/';
  if (const auto shown = listing(leaves, rest)) co_return answer(200, *shown);
  co_return answer(404);
}

}  // namespace hearth::ec2
