#include "engines/oci/boot.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "engines/oci/command.h"
#include "engines/oci/resolver.h"
#include "engines/oci/root_volume.h"

namespace hearth::oci {
namespace fs = std::filesystem;
namespace {

// Its standard output is the instance's console. User data runs once in the life of the root volume, as on EC2, with
// its output in /var/log/cloud-init-output.log too, through a pipe: programs see that no terminal is there.
constexpr std::string_view boot_script = R"(#!/bin/sh
# First program of an instance after its init: user data at first boot, sshd where there is one, then waits.
# TERM stops the instance, HUP boots it again.
here=/run/hearth
done_once=/var/lib/cloud/instance/sem

others() { # is any process alive besides init, this script and kernel threads?
  for stat in /proc/[0-9]*/stat; do
    pid=${stat#/proc/}; pid=${pid%/stat}
    case $pid in 1|$$) ;; *) return 0 ;; esac
  done
  return 1
}
stop_others() {
  trap '' TERM HUP INT
  kill -TERM -1 2>/dev/null
  tries=0
  while others && [ $tries -lt 40 ]; do tries=$((tries + 1)); sleep 0.25; done
  kill -KILL -1 2>/dev/null
}
trap 'echo "The system is going down."; stop_others; exit 0' TERM
trap 'echo "The system is going down for reboot."; stop_others; exec /bin/sh "$here/boot"' HUP

mkdir -p /run/lock /run/sshd /tmp /var/tmp "$done_once" /var/lib/cloud/instance/scripts /var/log
read -r name </etc/hostname
echo "$name booted"
if [ -x /usr/sbin/sshd ] && [ -s /root/.ssh/authorized_keys ]; then
  { ssh-keygen -A >/dev/null 2>&1; /usr/sbin/sshd; } & # making keys takes a second: nobody waits for it
fi
[ -e "$here/notice" ] && cat "$here/notice"
if [ -x "$here/user-data" ] && [ ! -e "$done_once/user-data" ]; then
  : >"$done_once/user-data"
  cp "$here/user-data" /var/lib/cloud/instance/scripts/part-001
  { /var/lib/cloud/instance/scripts/part-001 </dev/null 2>&1
    status=$?
    [ $status -eq 0 ] || echo "user data ended with exit code $status"
  } | (trap '' TERM; exec tee -a /var/log/cloud-init-output.log) & # writes on while the script says goodbye
fi
while :; do
  sleep 2147483647 &
  wait $!
done
)";

constexpr std::string_view unused_user_data =
    "user data does not begin with #! and was not run (there is no cloud-init here); it is at "
    "http://169.254.169.254/latest/user-data\n";

Result<void> write_file(const fs::path& path, std::string_view content, mode_t mode) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file || ::chmod(path.c_str(), mode) != 0)
    return Error(ErrorKind::unavailable, "cannot write the instance's boot files", path.string());
  return ok;
}

// As AWS names the machines of a region.
std::string internal_domain(const InstanceSpec& spec) {
  const auto region = spec.environment.find("AWS_REGION");
  if (region == spec.environment.end() || region->second == "us-east-1") return "ec2.internal";
  return region->second + ".compute.internal";
}

// Our resolver, and the domains in which the host would look for a short name.
std::string resolver_configuration(const InstanceSpec& spec) {
  std::string search = internal_domain(spec);
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword;
    if (!(words >> keyword) || keyword != "search") continue;
    for (std::string domain; words >> domain;) search += " " + domain;
  }
  return std::string("nameserver ") + resolver_address + "\nsearch " + search + "\n";
}

}  // namespace

Result<void> write_boot_folder(const fs::path& boot_folder, const InstanceSpec& spec) {
  std::error_code error;
  fs::create_directories(boot_folder, error);
  fs::copy_file(find_tool("catatonit"), boot_folder / "catatonit", fs::copy_options::update_existing, error);
  if (error) return Error(ErrorKind::unavailable, "cannot write the instance's boot files", error.message());
  TRY_DO(write_file(boot_folder / "boot", boot_script, 0755));
  fs::remove(boot_folder / "user-data", error);
  fs::remove(boot_folder / "notice", error);
  // As cloud-init: only a script is run; anything else is left for programs that read it from instance metadata.
  const bool is_script = spec.user_data.starts_with("#!");
  if (is_script) TRY_DO(write_file(boot_folder / "user-data", spec.user_data, 0700));
  if (!is_script && !spec.user_data.empty()) TRY_DO(write_file(boot_folder / "notice", unused_user_data, 0644));
  return ok;
}

Result<void> write_instance_files(const fs::path& root, const InstanceSpec& spec) {
  TRY_DO(write_file_in_root(root, "/etc/hostname", spec.hostname + "\n"));
  // Many programs look up their own name at start and hang when nobody answers.
  TRY_DO(write_file_in_root(root, "/etc/hosts",
                            "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" + spec.private_address +
                                " " + spec.hostname + "." + internal_domain(spec) + " " + spec.hostname +
                                "\n169.254.169.254 instance-data instance-data.ec2.internal\n"));
  TRY_DO(write_file_in_root(root, "/etc/resolv.conf", resolver_configuration(spec)));
  // For logins; processes started by the platform get the environment directly.
  std::string environment, profile = "# Written by the platform at every start.\n";
  for (const auto& [name, value] : spec.environment) {
    environment += name + "=" + value + "\n";
    profile += "export " + name + "=" + shell_quoted(value) + "\n";
  }
  TRY_DO(write_file_in_root(root, "/etc/environment", environment));
  TRY_DO(write_file_in_root(root, "/etc/profile.d/hearth.sh", profile));
  if (!spec.ssh_public_keys.empty()) {
    std::string keys;
    for (const auto& key : spec.ssh_public_keys) keys += key + (key.ends_with('\n') ? "" : "\n");
    TRY_DO(write_file_in_root(root, "/root/.ssh/authorized_keys", keys, 0600));
  }
  return ok;
}

}  // namespace hearth::oci
