#include "services/ec2/served_members.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "api/ec2/service.h"
#include "services/ec2/refusals.h"

namespace hearth::ec2 {
namespace {

struct Served {
  std::string_view operation;
  // Separated by spaces. A name stands for all that lies below it, too. "Name=value": what this installation does
  // anyway; other values are refused. Members that change nothing here are named as well: IncludeDeprecated, where
  // nothing is ever deprecated.
  std::string_view members;
};

// clang-format off
constexpr auto served = std::to_array<Served>({
    {"AuthorizeSecurityGroupEgress",
     "TagSpecifications GroupId SourceSecurityGroupName IpProtocol FromPort ToPort CidrIp IpPermissions.IpProtocol "
     "IpPermissions.FromPort IpPermissions.ToPort IpPermissions.IpRanges IpPermissions.Ipv6Ranges "
     "IpPermissions.UserIdGroupPairs.Description IpPermissions.UserIdGroupPairs.GroupId "
     "IpPermissions.UserIdGroupPairs.GroupName IpPermissions.UserIdGroupPairs.UserId"},
    {"AuthorizeSecurityGroupIngress",
     "TagSpecifications GroupId GroupName SourceSecurityGroupName IpProtocol FromPort ToPort CidrIp "
     "IpPermissions.IpProtocol IpPermissions.FromPort IpPermissions.ToPort IpPermissions.IpRanges "
     "IpPermissions.Ipv6Ranges IpPermissions.UserIdGroupPairs.Description IpPermissions.UserIdGroupPairs.GroupId "
     "IpPermissions.UserIdGroupPairs.GroupName IpPermissions.UserIdGroupPairs.UserId"},
    {"CancelImportTask", "CancelReason ImportTaskId"},
    {"CreateKeyPair", "KeyName KeyType KeyFormat=pem TagSpecifications"},
    {"CreateSecurityGroup", "Description GroupName VpcId TagSpecifications"},
    {"CreateTags", "Resources Tags"},
    {"DeleteKeyPair", "KeyName KeyPairId"},
    {"DeleteSecurityGroup", "GroupId GroupName"},
    {"DeleteTags", "Resources Tags"},
    {"DeregisterImage", "ImageId DeleteAssociatedSnapshots"},
    {"DescribeAvailabilityZones", "ZoneNames ZoneIds AllAvailabilityZones Filters"},
    {"DescribeImages",
     "ExecutableUsers ImageIds Owners IncludeDeprecated IncludeDisabled MaxResults NextToken Filters"},
    {"DescribeImportImageTasks", "ImportTaskIds MaxResults NextToken Filters"},
    {"DescribeInstanceAttribute", "InstanceId Attribute"},
    {"DescribeInstanceCreditSpecifications", "InstanceIds MaxResults NextToken Filters"},
    {"DescribeInstanceStatus",
     "InstanceIds MaxResults NextToken IncludeManagedResources IncludeAllInstances Filters"},
    {"DescribeInstanceTypeOfferings", "LocationType MaxResults NextToken Filters"},
    {"DescribeInstanceTypes", "InstanceTypes MaxResults NextToken IncludeUnsupportedInRegion Filters"},
    {"DescribeInstances", "InstanceIds IncludeManagedResources MaxResults NextToken Filters"},
    {"DescribeKeyPairs", "KeyNames KeyPairIds IncludePublicKey Filters"},
    {"DescribeNetworkInterfaces", "NetworkInterfaceIds IncludeManagedResources MaxResults NextToken Filters"},
    {"DescribeRegions", "RegionNames AllRegions Filters"},
    {"DescribeSecurityGroupRules", "SecurityGroupRuleIds MaxResults NextToken Filters"},
    {"DescribeSecurityGroups", "GroupIds GroupNames MaxResults NextToken Filters"},
    {"DescribeSubnets", "SubnetIds MaxResults NextToken Filters"},
    {"DescribeTags", "MaxResults NextToken Filters"},
    {"DescribeVolumes", "VolumeIds IncludeManagedResources MaxResults NextToken Filters"},
    {"DescribeVpcAttribute", "VpcId Attribute"},
    {"DescribeVpcs", "VpcIds MaxResults NextToken Filters"},
    {"GetConsoleOutput", "InstanceId Latest"},
    {"ImportImage",
     "Architecture=x86_64 ClientData ClientToken Description DiskContainers Hypervisor=xen LicenseType=BYOL "
     "Platform=Linux TagSpecifications"},
    {"ImportKeyPair", "KeyName PublicKeyMaterial TagSpecifications"},
    {"ModifyInstanceAttribute",
     "InstanceId Attribute Value DisableApiStop DisableApiTermination InstanceType UserData "
     "InstanceInitiatedShutdownBehavior Groups EbsOptimized SourceDestCheck EnaSupport"},
    {"MonitorInstances", "InstanceIds"},
    {"RebootInstances", "InstanceIds"},
    {"RegisterImage",
     "ImageLocation TagSpecifications Name Description Architecture=x86_64 RootDeviceName=/dev/xvda "
     "VirtualizationType=hvm EnaSupport"},
    {"RevokeSecurityGroupEgress",
     "SecurityGroupRuleIds GroupId SourceSecurityGroupName IpProtocol FromPort ToPort CidrIp IpPermissions.IpProtocol "
     "IpPermissions.FromPort IpPermissions.ToPort IpPermissions.IpRanges IpPermissions.Ipv6Ranges "
     "IpPermissions.UserIdGroupPairs.Description IpPermissions.UserIdGroupPairs.GroupId "
     "IpPermissions.UserIdGroupPairs.GroupName IpPermissions.UserIdGroupPairs.UserId"},
    {"RevokeSecurityGroupIngress",
     "SecurityGroupRuleIds GroupId GroupName SourceSecurityGroupName IpProtocol FromPort ToPort CidrIp "
     "IpPermissions.IpProtocol IpPermissions.FromPort IpPermissions.ToPort IpPermissions.IpRanges "
     "IpPermissions.Ipv6Ranges IpPermissions.UserIdGroupPairs.Description IpPermissions.UserIdGroupPairs.GroupId "
     "IpPermissions.UserIdGroupPairs.GroupName IpPermissions.UserIdGroupPairs.UserId"},
    // One zone's worth of machine with one interface and one volume, as fast as the host is.
    {"RunInstances",
     "ImageId InstanceType KeyName MaxCount MinCount Monitoring SecurityGroupIds SecurityGroups SubnetId UserData "
     "TagSpecifications DisableApiStop DisableApiTermination InstanceInitiatedShutdownBehavior PrivateIpAddress "
     "ClientToken IamInstanceProfile EbsOptimized "
     "BlockDeviceMappings.DeviceName BlockDeviceMappings.Ebs.DeleteOnTermination BlockDeviceMappings.Ebs.VolumeSize "
     "BlockDeviceMappings.Ebs.VolumeType "
     "Placement.AvailabilityZone Placement.AvailabilityZoneId Placement.Tenancy=default "
     "MetadataOptions.HttpTokens MetadataOptions.HttpPutResponseHopLimit MetadataOptions.HttpEndpoint "
     "MetadataOptions.InstanceMetadataTags MetadataOptions.HttpProtocolIpv6=disabled "
     "NetworkInterfaces.AssociatePublicIpAddress NetworkInterfaces.DeleteOnTermination NetworkInterfaces.Description "
     "NetworkInterfaces.DeviceIndex NetworkInterfaces.Groups NetworkInterfaces.InterfaceType=interface "
     "NetworkInterfaces.PrivateIpAddress NetworkInterfaces.SubnetId "
     "CapacityReservationSpecification.CapacityReservationPreference=open "
     "CapacityReservationSpecification.CapacityReservationPreference=none "
     "CreditSpecification.CpuCredits=unlimited MaintenanceOptions.AutoRecovery=default "
     "NetworkPerformanceOptions.BandwidthWeighting=default PrivateDnsNameOptions.HostnameType=ip-name"},
    {"StartInstances", "InstanceIds"},
    {"StopInstances", "InstanceIds Hibernate SkipOsShutdown Force"},
    {"TerminateInstances", "InstanceIds SkipOsShutdown Force"},
    {"UnmonitorInstances", "InstanceIds"},
});
// clang-format on

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

class MemberCheck {
 public:
  explicit MemberCheck(std::string_view served_members) : served_(words_of(served_members)) {}

  Result<void> structure(const wire::StructEntry& entry, const char* at, const std::string& prefix) const {
    for (unsigned i = 0; i < entry.member_count; ++i) {
      const wire::MemberEntry& member = schema_.members[entry.first_member + i];
      if (!is_there(member, at)) continue;
      const std::string name = prefix + std::string(schema_.text(member.name));
      if (name == "DryRun") continue;
      TRY_DO(value(schema_.types[member.type], at + member.offset, name));
    }
    return ok;
  }

 private:
  static bool is_there(const wire::MemberEntry& member, const char* at) {
    return member.has_offset == wire::no_index || *reinterpret_cast<const bool*>(at + member.has_offset);
  }
  bool is_listed(const std::string& entry) const { return std::ranges::find(served_, entry) != served_.end(); }
  bool has_listed_below(const std::string& start) const {
    return std::ranges::any_of(served_, [&](std::string_view entry) { return entry.starts_with(start); });
  }

  Result<void> value(const wire::TypeEntry& type, const char* at, const std::string& name) const {
    if (is_listed(name)) return ok;
    if (type.kind == wire::Kind::string && has_listed_below(name + "=")) {
      const std::string& text = *reinterpret_cast<const std::string*>(at);
      return text.empty() || is_listed(name + "=" + text) ? ok : Result<void>(not_served(name + " " + text));
    }
    if (has_listed_below(name + ".")) {
      if (type.kind == wire::Kind::structure) return structure(schema_.structs[type.element], at, name + ".");
      const wire::TypeEntry& element = schema_.types[type.element];
      const auto [first, count] = schema_.list_ops[type.ops].view(at);
      for (std::size_t i = 0; i < count; ++i)
        TRY_DO(structure(schema_.structs[element.element], first + i * schema_.list_ops[type.ops].stride, name + "."));
      return ok;
    }
    return asks_for_nothing(type, at) ? ok : Result<void>(not_served(name));
  }

  bool asks_for_nothing(const wire::TypeEntry& type, const char* at) const {
    switch (type.kind) {
      case wire::Kind::boolean:
        return !*reinterpret_cast<const bool*>(at);
      case wire::Kind::i32:
        return *reinterpret_cast<const std::int32_t*>(at) == 0;
      case wire::Kind::i64:
        return *reinterpret_cast<const std::int64_t*>(at) == 0;
      case wire::Kind::string:
        return reinterpret_cast<const std::string*>(at)->empty();
      case wire::Kind::list:
        return schema_.list_ops[type.ops].view(at).count == 0;
      case wire::Kind::structure: {
        const wire::StructEntry& entry = schema_.structs[type.element];
        for (unsigned i = 0; i < entry.member_count; ++i) {
          const wire::MemberEntry& member = schema_.members[entry.first_member + i];
          if (is_there(member, at) && !asks_for_nothing(schema_.types[member.type], at + member.offset)) return false;
        }
        return true;
      }
      default:
        return false;
    }
  }

  const wire::ServiceSchema& schema_ = api::ec2::schema;
  const std::vector<std::string_view> served_;
};

}  // namespace

Result<void> refuse_unserved_members(std::size_t operation, const void* request) {
  const wire::OperationEntry& entry = api::ec2::schema.operations[operation];
  const auto found = std::ranges::find(served, api::ec2::schema.text(entry.name), &Served::operation);
  const MemberCheck check(found == served.end() ? std::string_view() : found->members);
  return check.structure(api::ec2::schema.structs[entry.input], static_cast<const char*>(request), "");
}

}  // namespace hearth::ec2
