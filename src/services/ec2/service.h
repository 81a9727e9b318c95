// EC2: instances on the InstanceRuntime, their network, keys, images, tags and metadata. An operation writes what
// should be; one reconciler compares that with what the runtime observes and drives it, so a crash anywhere is finished
// later. Safe from any thread. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/ec2/types.h"
#include "base/background.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/identity.h"
#include "ports/image_store.h"
#include "ports/instance_front_door.h"
#include "ports/instance_launcher.h"
#include "ports/instance_runtime.h"
#include "ports/metadata_store.h"
#include "ports/object_reader.h"
#include "ports/observability.h"
#include "ports/outbox.h"
#include "ports/service.h"
#include "services/ec2/image_importer.h"
#include "services/ec2/instance_types.h"
#include "services/ec2/metadata.h"
#include "services/ec2/rows.h"

namespace hearth::ec2 {

struct Ec2Options {
  // Shown read-only inside every instance: host path -> inside path.
  std::map<std::string, std::string> read_only_mounts;
  // In every instance's environment besides AWS_ENDPOINT_URL and AWS_REGION.
  std::map<std::string, std::string> environment;
  std::chrono::milliseconds reconcile_period{1'000};
  std::chrono::milliseconds metrics_period{10'000};
  std::chrono::milliseconds stop_grace{30'000};
  std::chrono::milliseconds terminated_kept_for{3'600'000};
};

// The ports EC2 stands on; all outlive it.
struct Ec2Ports {
  MetadataStore& store;
  InstanceRuntime& runtime;
  InstanceFrontDoor& front_door;
  RoleDirectory& roles;
  Authorizer& authorizer;
  MetricSink& metrics;
  LogSink& logs;
  Outbox& outbox;
  const Clock& clock;
  IdSource& ids;
  ImageStore& images;
  ObjectReader& objects;
};

class Ec2Service final : public InstanceLauncher {
 public:
  Ec2Service(Ec2Ports ports, Ec2Options options);
  ~Ec2Service() override;

  void register_operations(OperationTable& table);
  // Background work: reconciling, consoles to Logs, metrics. stop() leaves instances running.
  void start();
  void stop();
  // After everything was wiped (--test-mode): no instance is left when it returns.
  Async<void> forget_all();

  // One look at what should be and what is; returns when every action it began has ended. What the background does.
  Result<void> reconcile_once();
  Result<void> report_metrics_once();
  Result<void> follow_consoles_once();
  Result<void> import_images_once() { return importer_.run_once(); }

  // For Authorizer::add_resource_tags("arn:aws:ec2:", …) and add_resource_names.
  ResourceTagSource resource_tags();
  ResourceNameSource resource_names();

  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  Async<MetadataResponse> metadata_answer(std::string instance_id, MetadataRequest request);

  // InstanceLauncher
  Async<LaunchedInstance> launch(LaunchRequest request) override;
  Async<LaunchedInstance> describe(std::string_view account_id, std::string_view instance_id) override;
  Async<void> terminate(std::string_view account_id, std::string_view instance_id) override;

  // instances
  Async<api::ec2::Reservation> run_instances(const RequestContext&, const api::ec2::RunInstancesRequest&);
  Async<api::ec2::DescribeInstancesResult> describe_instances(const RequestContext&,
                                                              const api::ec2::DescribeInstancesRequest&);
  Async<api::ec2::StartInstancesResult> start_instances(const RequestContext&, const api::ec2::StartInstancesRequest&);
  Async<api::ec2::StopInstancesResult> stop_instances(const RequestContext&, const api::ec2::StopInstancesRequest&);
  Async<api::ec2::TerminateInstancesResult> terminate_instances(const RequestContext&,
                                                                const api::ec2::TerminateInstancesRequest&);
  Async<wire::Unit> reboot_instances(const RequestContext&, const api::ec2::RebootInstancesRequest&);
  Async<api::ec2::DescribeInstanceStatusResult> describe_instance_status(
      const RequestContext&, const api::ec2::DescribeInstanceStatusRequest&);
  Async<api::ec2::InstanceAttribute> describe_instance_attribute(const RequestContext&,
                                                                 const api::ec2::DescribeInstanceAttributeRequest&);
  Async<api::ec2::DescribeInstanceCreditSpecificationsResult> describe_instance_credit_specifications(
      const RequestContext&, const api::ec2::DescribeInstanceCreditSpecificationsRequest&);
  Async<api::ec2::MonitorInstancesResult> monitor_instances(const RequestContext&,
                                                            const api::ec2::MonitorInstancesRequest&);
  Async<api::ec2::UnmonitorInstancesResult> unmonitor_instances(const RequestContext&,
                                                                const api::ec2::UnmonitorInstancesRequest&);
  Async<wire::Unit> modify_instance_attribute(const RequestContext&, const api::ec2::ModifyInstanceAttributeRequest&);
  Async<api::ec2::GetConsoleOutputResult> get_console_output(const RequestContext&,
                                                             const api::ec2::GetConsoleOutputRequest&);
  Async<api::ec2::DescribeInstanceTypesResult> describe_instance_types(const RequestContext&,
                                                                       const api::ec2::DescribeInstanceTypesRequest&);
  Async<api::ec2::DescribeInstanceTypeOfferingsResult> describe_instance_type_offerings(
      const RequestContext&, const api::ec2::DescribeInstanceTypeOfferingsRequest&);
  Async<api::ec2::DescribeVolumesResult> describe_volumes(const RequestContext&,
                                                          const api::ec2::DescribeVolumesRequest&);
  Async<api::ec2::DescribeNetworkInterfacesResult> describe_network_interfaces(
      const RequestContext&, const api::ec2::DescribeNetworkInterfacesRequest&);
  // network
  Async<api::ec2::DescribeRegionsResult> describe_regions(const RequestContext&,
                                                          const api::ec2::DescribeRegionsRequest&);
  Async<api::ec2::DescribeAvailabilityZonesResult> describe_availability_zones(
      const RequestContext&, const api::ec2::DescribeAvailabilityZonesRequest&);
  Async<api::ec2::DescribeVpcsResult> describe_vpcs(const RequestContext&, const api::ec2::DescribeVpcsRequest&);
  Async<api::ec2::DescribeVpcAttributeResult> describe_vpc_attribute(const RequestContext&,
                                                                     const api::ec2::DescribeVpcAttributeRequest&);
  Async<api::ec2::DescribeSubnetsResult> describe_subnets(const RequestContext&,
                                                          const api::ec2::DescribeSubnetsRequest&);
  // security groups
  Async<api::ec2::CreateSecurityGroupResult> create_security_group(const RequestContext&,
                                                                   const api::ec2::CreateSecurityGroupRequest&);
  Async<api::ec2::DeleteSecurityGroupResult> delete_security_group(const RequestContext&,
                                                                   const api::ec2::DeleteSecurityGroupRequest&);
  Async<api::ec2::DescribeSecurityGroupsResult> describe_security_groups(
      const RequestContext&, const api::ec2::DescribeSecurityGroupsRequest&);
  Async<api::ec2::DescribeSecurityGroupRulesResult> describe_security_group_rules(
      const RequestContext&, const api::ec2::DescribeSecurityGroupRulesRequest&);
  Async<api::ec2::AuthorizeSecurityGroupIngressResult> authorize_security_group_ingress(
      const RequestContext&, const api::ec2::AuthorizeSecurityGroupIngressRequest&);
  Async<api::ec2::AuthorizeSecurityGroupEgressResult> authorize_security_group_egress(
      const RequestContext&, const api::ec2::AuthorizeSecurityGroupEgressRequest&);
  Async<api::ec2::RevokeSecurityGroupIngressResult> revoke_security_group_ingress(
      const RequestContext&, const api::ec2::RevokeSecurityGroupIngressRequest&);
  Async<api::ec2::RevokeSecurityGroupEgressResult> revoke_security_group_egress(
      const RequestContext&, const api::ec2::RevokeSecurityGroupEgressRequest&);
  // key pairs
  Async<api::ec2::KeyPair> create_key_pair(const RequestContext&, const api::ec2::CreateKeyPairRequest&);
  Async<api::ec2::ImportKeyPairResult> import_key_pair(const RequestContext&, const api::ec2::ImportKeyPairRequest&);
  Async<api::ec2::DeleteKeyPairResult> delete_key_pair(const RequestContext&, const api::ec2::DeleteKeyPairRequest&);
  Async<api::ec2::DescribeKeyPairsResult> describe_key_pairs(const RequestContext&,
                                                             const api::ec2::DescribeKeyPairsRequest&);
  // images
  Async<api::ec2::DescribeImagesResult> describe_images(const RequestContext&, const api::ec2::DescribeImagesRequest&);
  Async<api::ec2::RegisterImageResult> register_image(const RequestContext&, const api::ec2::RegisterImageRequest&);
  Async<api::ec2::DeregisterImageResult> deregister_image(const RequestContext&,
                                                          const api::ec2::DeregisterImageRequest&);
  Async<api::ec2::ImportImageResult> import_image(const RequestContext&, const api::ec2::ImportImageRequest&);
  Async<api::ec2::DescribeImportImageTasksResult> describe_import_image_tasks(
      const RequestContext&, const api::ec2::DescribeImportImageTasksRequest&);
  Async<api::ec2::CancelImportTaskResult> cancel_import_task(const RequestContext&,
                                                             const api::ec2::CancelImportTaskRequest&);
  // tags
  Async<wire::Unit> create_tags(const RequestContext&, const api::ec2::CreateTagsRequest&);
  Async<wire::Unit> delete_tags(const RequestContext&, const api::ec2::DeleteTagsRequest&);
  Async<api::ec2::DescribeTagsResult> describe_tags(const RequestContext&, const api::ec2::DescribeTagsRequest&);

 private:
  struct LaunchPlan;

  // Each beside the access rules of what it registers.
  void register_launch(OperationTable& table);
  void register_instances(OperationTable& table);
  void register_network_interfaces(OperationTable& table);
  void register_states(OperationTable& table);
  void register_attributes(OperationTable& table);
  void register_types(OperationTable& table);
  void register_network(OperationTable& table);
  void register_security_groups(OperationTable& table);
  void register_key_pairs(OperationTable& table);
  void register_images(OperationTable& table);
  void register_image_imports(OperationTable& table);
  void register_tags(OperationTable& table);

  std::int64_t now_ms() const { return to_ms(ports_.clock.now()); }

  // resource_tags.cpp
  Async<ConditionContext> tag_conditions(std::string resource_arn, std::string caller_account_id);
  Async<Tags> tags_of(std::string resource_arn, std::string caller_account_id);
  Async<std::string> arn_of_named(std::string resource_arn, std::string named);
  // run_instances.cpp
  Async<LaunchPlan> plan_launch(const RequestContext& ctx, const api::ec2::RunInstancesRequest& in);
  Async<std::vector<InstanceRow>> launch_planned(LaunchPlan plan);
  // instances.cpp
  Async<std::vector<InstanceRow>> instances_of(std::string account_id, std::string region);
  Async<std::vector<InstanceRow>> all_instances();
  Async<std::vector<InstanceRow>> find_instances(const RequestContext& ctx,
                                                 const wire::Opt<std::vector<std::string>>& ids);
  Async<InstanceRow> find_instance(const RequestContext& ctx, std::string id);
  Async<InstanceRow> find_instance_by_id(std::string id);
  using RowChange = std::function<Result<void>(InstanceRow&)>;
  // Writes the changed row, and the event where its state is another.
  Result<void> apply(Transaction& tx, InstanceRow& row, const RowChange& change);
  // Changes one row if it is there; wakes the reconciler.
  Async<void> change_instance(std::string account_id, std::string region, std::string id, RowChange change);
  // All or none of the instances; tells each state before and after. `first` reads what the change needs to know in
  // the same transaction.
  Async<std::vector<api::ec2::InstanceStateChange>> change_states(const RequestContext& ctx,
                                                                  std::vector<std::string> ids, RowChange change,
                                                                  TransactionBody first = {});
  // attributes.cpp
  Async<std::vector<api::ec2::InstanceMonitoring>> set_monitoring(const RequestContext& ctx,
                                                                  std::vector<std::string> ids, bool is_monitored);
  // image_imports.cpp
  // Reads what an import needs to know of the object, if the caller may read it.
  Async<void> take_object(const RequestContext& ctx, ImportTaskRow& task);
  // security_groups.cpp
  Async<SecurityGroupRow> find_group(std::string account_id, std::string region, std::string id);
  Async<std::vector<SecurityGroupRow>> groups_of(std::string account_id, std::string region);
  Async<SecurityGroupRow> group_by_id_or_name(const RequestContext& ctx, const wire::Opt<std::string>& id,
                                              const wire::Opt<std::string>& name);
  Async<std::vector<RuleRow>> add_rules(const RequestContext& ctx, std::string group_id, std::vector<RuleRow> rules);
  Async<std::vector<RuleRow>> remove_rules(const RequestContext& ctx, std::string group_id, std::vector<RuleRow> rules,
                                           std::vector<std::string> rule_ids, bool is_egress);
  // reconciler.cpp
  // After a commit: what it changed is looked at, and told, soon.
  void wake();
  Result<void> look();  // begins what is to be done and returns
  void perform(InstanceRow row, std::optional<ObservedInstance> observed);
  void bring_up(const InstanceRow& row);
  void bring_down(const InstanceRow& row, const char* final_state);
  void restart(const InstanceRow& row);
  void note_end(const InstanceRow& row, const ObservedInstance& observed);
  Result<InstanceSpec> spec_of(const InstanceRow& row);
  void apply_firewalls(const std::vector<InstanceRow>& rows);
  Result<void> open_front_door(const InstanceRow& row);
  void close_front_door(const std::string& id);
  void log_failure(const char* doing, const std::string& id, const Error& error) const;
  void emit_state(Transaction& tx, const InstanceRow& row);
  // observation.cpp
  // `is_over`: nothing will follow, so that a last line without an end is a line too.
  Result<void> follow_console(const InstanceRow& row, bool is_over = false);
  // metadata.cpp
  Async<Credentials> role_credentials(const InstanceRow& row, std::string role_arn);
  Async<std::string> metadata_secret();

  Ec2Ports ports_;
  const Ec2Options options_;

  std::mutex mutex_;  // of what follows; never held while a port works
  std::condition_variable idle_;
  std::set<std::string> busy_;      // instances that a worker is acting on
  std::set<std::string> finished_;  // those a worker acted on since the look under way began
  std::set<std::string> open_doors_;
  std::map<std::string, std::string> applied_firewalls_;  // what set_firewall was last told
  std::map<std::string, Credentials> role_credentials_;   // by instance and role
  std::map<std::string, std::pair<TimePoint, InstanceUsage>> last_usage_;
  std::string metadata_secret_;
  std::mutex console_mutex_;  // one reader of consoles at a time

  ImageImporter importer_;
  ThreadPool workers_{8};  // the runtime's calls block for as long as a machine takes
  std::unique_ptr<BackgroundLoop> reconciler_, console_follower_, metrics_reporter_;
};

// The firewall of an instance: its groups' rules, with references to groups replaced by their members' addresses.
struct Firewall {
  std::vector<FirewallRule> ingress, egress;
};
Firewall compile_firewall(const InstanceRow& instance, const std::vector<SecurityGroupRow>& groups,
                          const std::vector<InstanceRow>& instances);

// The group every account has from the start, unless it was changed: then it is a row.
SecurityGroupRow default_group(std::string_view account_id, std::string_view region);

// The image every host has: the host itself. The same id everywhere.
std::string host_image_id();
// Whether the account can launch machines from an image. InvalidAMIID.NotFound, InvalidAMIID.Unavailable.
Async<void> require_image(Transaction& tx, std::string account_id, std::string region, std::string image_id);

}  // namespace hearth::ec2
