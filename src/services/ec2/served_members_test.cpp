#include "services/ec2/served_members.h"

#include "api/ec2/service.h"
#include "services/ec2/ec2_fixture.h"
#include "wire/schema.h"

namespace hearth::ec2 {
namespace {

using ::testing::HasSubstr;

// Walks a request's members, however deep, and sets one after the other to something that asks for something.
class Members {
 public:
  using Visitor = std::function<void(const std::string& name, bool is_required)>;
  // `at` is a request without anything in it, and is one again afterwards.
  void visit(const wire::StructEntry& entry, char* at, const std::string& prefix, const Visitor& visitor) const {
    for (unsigned i = 0; i < entry.member_count; ++i) {
      const wire::MemberEntry& member = schema_.members[entry.first_member + i];
      const bool is_required = member.has_offset == wire::no_index;
      bool always = true;
      bool& is_there = is_required ? always : *reinterpret_cast<bool*>(at + member.has_offset);
      const wire::TypeEntry& type = schema_.types[member.type];
      char* const value = at + member.offset;
      const std::string name = prefix + std::string(schema_.text(member.name));
      is_there = true;
      if (type.kind == wire::Kind::boolean) {
        *reinterpret_cast<bool*>(value) = true;
        visitor(name, is_required);
        *reinterpret_cast<bool*>(value) = false;
      } else if (type.kind == wire::Kind::i32) {
        *reinterpret_cast<std::int32_t*>(value) = 7;
        visitor(name, is_required);
        *reinterpret_cast<std::int32_t*>(value) = 0;
      } else if (type.kind == wire::Kind::string) {
        *reinterpret_cast<std::string*>(value) = "something";
        visitor(name, is_required);
        reinterpret_cast<std::string*>(value)->clear();
      } else if (type.kind == wire::Kind::structure) {
        visit(schema_.structs[type.element], value, name + ".", visitor);
      } else if (type.kind == wire::Kind::list) {
        const wire::TypeEntry& element = schema_.types[type.element];
        auto* const added = static_cast<char*>(schema_.list_ops[type.ops].emplace(value, {}));
        if (element.kind == wire::Kind::structure)
          visit(schema_.structs[element.element], added, name + ".", visitor);
        else
          visitor(name, is_required);
        // Whatever it is a vector of, none of its elements holds anything any more: a new request is not worth it.
      }
      is_there = false;
    }
  }

 private:
  const wire::ServiceSchema& schema_ = api::ec2::schema;
};

// Of a request with everything set in turn: what is refused, by name.
std::vector<std::string> refused_of(std::size_t operation, void* request) {
  std::vector<std::string> refused;
  const auto& entry = api::ec2::schema.operations[operation];
  Members().visit(
      api::ec2::schema.structs[entry.input], static_cast<char*>(request), "", [&](const std::string& name, bool) {
        const auto answered = refuse_unserved_members(operation, request);
        if (answered) return;
        EXPECT_THAT(answered.error().message(), HasSubstr("The parameter " + name.substr(0, name.find("."))))
            << "it names another member";
        refused.push_back(name);
      });
  return refused;
}

TEST(ServedMembers, OfALaunchEverythingElseIsRefusedByName) {
  types::RunInstancesRequest request;
  const auto refused = refused_of(api::ec2::op::RunInstances::index, &request);
  for (const char* name :
       {"CpuOptions.CoreCount", "LaunchTemplate.LaunchTemplateId", "BlockDeviceMappings.Ebs.KmsKeyId",
        "NetworkInterfaces.Ipv6Addresses.Ipv6Address", "Placement.HostId", "PrivateDnsNameOptions.HostnameType",
        "MaintenanceOptions.AutoRecovery", "NetworkPerformanceOptions.BandwidthWeighting",
        "CreditSpecification.CpuCredits", "InstanceMarketOptions.MarketType", "Operator.Principal", "EnablePrimaryIpv6",
        "MetadataOptions.HttpProtocolIpv6"})
    EXPECT_THAT(refused, testing::Contains(name));
  for (const char* name : {"ImageId", "UserData", "EbsOptimized", "Monitoring.Enabled", "Placement.AvailabilityZoneId",
                           "NetworkInterfaces.Description", "TagSpecifications.Tags.Key"})
    EXPECT_THAT(refused, testing::Not(testing::Contains(name)));
}

TEST(ServedMembers, WhatThisInstallationDoesAnywayMayBeAskedFor) {
  types::RunInstancesRequest request;
  request.credit_specification.emplace().cpu_credits = "unlimited";
  request.maintenance_options.emplace().auto_recovery = "default";
  request.private_dns_name_options.emplace().hostname_type = "ip-name";
  request.private_dns_name_options->enable_resource_name_dns_a_record = false;
  request.network_performance_options.emplace().bandwidth_weighting = "default";
  request.capacity_reservation_specification.emplace().capacity_reservation_preference = "open";
  request.metadata_options.emplace().http_protocol_ipv6 = "disabled";
  request.enclave_options.emplace().enabled = false;
  request.hibernation_options.emplace().configured = false;
  request.ipv6_address_count = 0;
  const auto answered = refuse_unserved_members(api::ec2::op::RunInstances::index, &request);
  EXPECT_TRUE(answered) << answered.error().message();
}

class ServedMembersOfOperations : public Ec2Fixture {};

// Every operation that is served has its line in the list, and its handler looks at the list: with a new model, a new
// operation or a new member, nothing is passed over in silence.
TEST_F(ServedMembersOfOperations, EveryHandlerRefusesWhatItDoesNotServe) {
  OperationTable table;
  ec2_->register_operations(table);
  for (std::size_t index = 0; index < api::ec2::schema.operation_count; ++index) {
    const auto& entry = api::ec2::schema.operations[index];
    SCOPED_TRACE(api::ec2::schema.text(entry.name));
    const OperationHandler* handler = table.find(index);
    ASSERT_NE(handler, nullptr);
    const auto make = [&] {
      return std::unique_ptr<void, void (*)(void*)>(handler->make_input(), handler->destroy_input);
    };
    const std::unique_ptr<void, void (*)(void*)> out(handler->make_output(), handler->destroy_output);
    const auto request = make();
    const auto& input = api::ec2::schema.structs[entry.input];
    std::size_t served_count = 0;
    Members().visit(input, static_cast<char*>(request.get()), "", [&](const std::string& name, bool is_required) {
      const auto answered = refuse_unserved_members(index, request.get());
      if (answered) {
        ++served_count;
        return;
      }
      EXPECT_FALSE(is_required && !name.contains(".")) << name << " must be served";
      const auto allowed = sync_wait(authorizer_.authorize(ctx_.caller, {}, {}));
      ASSERT_TRUE(allowed);
      const auto done = sync_wait(handler->invoke(*allowed, ctx_, request.get(), out.get()));
      ASSERT_FALSE(done) << name;
      EXPECT_EQ(done.error().message(), answered.error().message());
    });
    EXPECT_GT(served_count, 1U) << "served_members.cpp does not know the operation";
  }
}

}  // namespace
}  // namespace hearth::ec2
