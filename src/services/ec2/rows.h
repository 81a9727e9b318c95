// What EC2 keeps: instances, security groups, key pairs, images, and what a ClientToken made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/key.h"
#include "base/row.h"

namespace hearth::ec2 {

using Tags = std::map<std::string, std::string>;

struct GroupRef {
  std::string id, name;
};
BOOST_DESCRIBE_STRUCT(GroupRef, (), (id, name))

// The state says what should be; the reconciler makes it so: pending starts, stopping stops, shutting-down removes.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
namespace state {
inline constexpr const char* pending = "pending";
inline constexpr const char* running = "running";
inline constexpr const char* stopping = "stopping";
inline constexpr const char* stopped = "stopped";
inline constexpr const char* shutting_down = "shutting-down";
inline constexpr const char* terminated = "terminated";
}  // namespace state

struct InstanceRow {
  std::string account_id, region;
  std::string id, reservation_id, client_token;
  int launch_index = 0;
  std::string instance_type, image_id, key_name;
  std::string subnet_id, availability_zone;
  std::string private_address, mac_address, interface_id, interface_attachment_id;
  std::string interface_description;
  std::string volume_id, volume_type = "gp3";
  int volume_gib = 8;
  std::vector<GroupRef> groups;
  std::string profile_arn, profile_id;
  // Machines of our own services have a role without a profile; the principal is who may assume it.
  std::string role_arn;
  std::string service_principal;
  bool platform_may_connect = false;  // our own services connect to it, whatever its security groups say
  std::string user_data;              // base64, as it came
  Tags tags, volume_tags;

  std::string state = state::pending;
  std::string state_reason_code, state_reason_message;
  std::string transition_reason;
  std::int64_t launched_ms = 0, changed_ms = 0;
  bool reboot_wanted = false;
  bool has_run = false;                // its root volume may hold something
  std::vector<std::string> gpu_uuids;  // held while pending or running

  std::string shutdown_behavior = "stop";
  bool disable_api_termination = false, disable_api_stop = false;
  bool ebs_optimized = false, is_monitored = false;  // shown as asked: volumes and metrics are the same either way
  bool skip_os_shutdown = false;                     // its programs are not told that it ends
  std::string http_tokens = "optional", http_endpoint = "enabled", metadata_tags = "disabled";
  int hop_limit = 1;
};
BOOST_DESCRIBE_STRUCT(InstanceRow, (),
                      (account_id, region, id, reservation_id, client_token, launch_index, instance_type, image_id,
                       key_name, subnet_id, availability_zone, private_address, mac_address, interface_id,
                       interface_attachment_id, interface_description, volume_id, volume_type, volume_gib, groups,
                       profile_arn, profile_id, role_arn, service_principal, platform_may_connect, user_data, tags,
                       volume_tags, state, state_reason_code, state_reason_message, transition_reason, launched_ms,
                       changed_ms, reboot_wanted, has_run, gpu_uuids, shutdown_behavior, disable_api_termination,
                       disable_api_stop, ebs_optimized, is_monitored, skip_os_shutdown, http_tokens, http_endpoint,
                       metadata_tags, hop_limit))

struct RuleRow {
  std::string id;  // sgr-…
  bool is_egress = false;
  std::string protocol = "-1";  // "tcp", "udp", "icmp", "-1" or a number
  int from_port = -1, to_port = -1;
  // One of them is set.
  std::string cidr, cidr6, group_id;
  std::string description;
  Tags tags;

  // Whether both let the same packets through; ids and descriptions aside.
  bool same_as(const RuleRow& other) const {
    return is_egress == other.is_egress && protocol == other.protocol && from_port == other.from_port &&
           to_port == other.to_port && cidr == other.cidr && cidr6 == other.cidr6 && group_id == other.group_id;
  }
};
BOOST_DESCRIBE_STRUCT(RuleRow, (),
                      (id, is_egress, protocol, from_port, to_port, cidr, cidr6, group_id, description, tags))

struct SecurityGroupRow {
  std::string account_id, region;
  std::string id, name, description;
  std::vector<RuleRow> rules;
  Tags tags;
};
BOOST_DESCRIBE_STRUCT(SecurityGroupRow, (), (account_id, region, id, name, description, rules, tags))

struct KeyPairRow {
  std::string id, name, type, fingerprint;
  std::string public_key;  // one line of authorized_keys
  Tags tags;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(KeyPairRow, (), (id, name, type, fingerprint, public_key, tags, created_ms))

// The state is AWS's: pending while a RegisterImage is under way, available, failed.
struct ImageRow {
  std::string account_id, region;
  std::string id, name, description;
  std::string location;  // bucket/key of what it was made from
  std::string state = "available";
  std::string state_reason;
  bool is_public = false;
  Tags tags;
  std::int64_t created_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ImageRow, (),
                      (account_id, region, id, name, description, location, state, state_reason, is_public, tags,
                       created_ms))

// AWS's words for an import task, and what each means for the importer: active is to be done, deleting to be given up.
namespace import_status {
inline constexpr const char* active = "active";
inline constexpr const char* deleting = "deleting";
inline constexpr const char* deleted = "deleted";
inline constexpr const char* completed = "completed";
}  // namespace import_status

// An object on its way to an image.
struct ImportTaskRow {
  std::string account_id, region;
  std::string id, client_token;
  std::string parameters;  // of the call, to tell a repetition from a mistake
  std::string description, format, disk_description, device_name;
  std::string bucket, key, etag;
  std::uint64_t size_bytes = 0;
  std::string image_id;          // chosen when the task is; an image once the task is completed
  bool is_registration = false;  // of RegisterImage: the image's row tells how it goes, the task is not shown
  std::string status = import_status::active, status_message;
  Tags tags;
  std::int64_t created_ms = 0, ended_ms = 0;
};
BOOST_DESCRIBE_STRUCT(ImportTaskRow, (),
                      (account_id, region, id, client_token, parameters, description, format, disk_description,
                       device_name, bucket, key, etag, size_bytes, image_id, is_registration, status, status_message,
                       tags, created_ms, ended_ms))

// The answer of a call with a ClientToken, for its repetition.
struct ClientTokenRow {
  std::string parameters;  // what was asked, to tell a repetition from a mistake
  std::string reservation_id;
  std::vector<std::string> instance_ids;
};
BOOST_DESCRIBE_STRUCT(ClientTokenRow, (), (parameters, reservation_id, instance_ids))

// How far the console of an instance is in Logs.
struct ConsoleRow {
  std::uint64_t offset = 0;
};
BOOST_DESCRIBE_STRUCT(ConsoleRow, (), (offset))

inline std::string instance_prefix() {
  return make_key("ec2", "instance");
}
inline std::string instance_prefix(std::string_view account, std::string_view region) {
  return make_key("ec2", "instance", account, region);
}
inline std::string instance_key(std::string_view account, std::string_view region, std::string_view id) {
  return make_key("ec2", "instance", account, region, id);
}
// Value: the key of the instance's row. For those who know nothing but the id.
inline std::string instance_index_key(std::string_view id) {
  return make_key("ec2", "instance-by-id", id);
}
inline std::string group_prefix(std::string_view account, std::string_view region) {
  return make_key("ec2", "security-group", account, region);
}
inline std::string group_key(std::string_view account, std::string_view region, std::string_view id) {
  return make_key("ec2", "security-group", account, region, id);
}
inline std::string key_pair_prefix(std::string_view account, std::string_view region) {
  return make_key("ec2", "key-pair", account, region);
}
inline std::string key_pair_key(std::string_view account, std::string_view region, std::string_view name) {
  return make_key("ec2", "key-pair", account, region, name);
}
inline std::string image_prefix() {
  return make_key("ec2", "image");
}
inline std::string image_prefix(std::string_view account, std::string_view region) {
  return make_key("ec2", "image", account, region);
}
inline std::string image_key(std::string_view account, std::string_view region, std::string_view id) {
  return make_key("ec2", "image", account, region, id);
}
inline std::string import_task_prefix() {
  return make_key("ec2", "import-image-task");
}
inline std::string import_task_prefix(std::string_view account, std::string_view region) {
  return make_key("ec2", "import-image-task", account, region);
}
inline std::string import_task_key(std::string_view account, std::string_view region, std::string_view id) {
  return make_key("ec2", "import-image-task", account, region, id);
}
inline std::string client_token_key(std::string_view account, std::string_view region, std::string_view token) {
  return make_key("ec2", "client-token", account, region, token);
}
inline std::string console_key(std::string_view id) {
  return make_key("ec2", "console", id);
}

}  // namespace hearth::ec2
