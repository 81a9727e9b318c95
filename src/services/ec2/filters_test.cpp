// Filters of the Describe operations: what they do not know they say.
#include "services/ec2/ec2_fixture.h"

namespace hearth::ec2 {
namespace {

class DescribeFilters : public Ec2Fixture {
 protected:
  template <class In, class Out>
  void expect_unknown_is_refused(Async<Out> (Ec2Service::*operation)(const RequestContext&, const In&)) {
    In in;
    in.filters = std::vector{filter("no-such-filter", {"x"})};
    EXPECT_AWS_ERROR(run(operation, in), 400, "InvalidParameterValue");
    in.filters = std::vector{filter("no-such-filter", {})};
    EXPECT_AWS_ERROR(run(operation, in), 400, "InvalidParameterValue");
  }
};

TEST_F(DescribeFilters, AnUnknownOneIsRefusedAlsoWhereThereIsNothingToList) {
  expect_unknown_is_refused(&Ec2Service::describe_instances);
  expect_unknown_is_refused(&Ec2Service::describe_instance_status);
  expect_unknown_is_refused(&Ec2Service::describe_instance_types);
  expect_unknown_is_refused(&Ec2Service::describe_instance_type_offerings);
  expect_unknown_is_refused(&Ec2Service::describe_volumes);
  expect_unknown_is_refused(&Ec2Service::describe_regions);
  expect_unknown_is_refused(&Ec2Service::describe_availability_zones);
  expect_unknown_is_refused(&Ec2Service::describe_vpcs);
  expect_unknown_is_refused(&Ec2Service::describe_subnets);
  expect_unknown_is_refused(&Ec2Service::describe_security_groups);
  expect_unknown_is_refused(&Ec2Service::describe_security_group_rules);
  expect_unknown_is_refused(&Ec2Service::describe_key_pairs);
  expect_unknown_is_refused(&Ec2Service::describe_images);
  expect_unknown_is_refused(&Ec2Service::describe_import_image_tasks);
  expect_unknown_is_refused(&Ec2Service::describe_tags);
}

TEST_F(DescribeFilters, OneWithoutValuesIsRefused) {
  types::DescribeInstancesRequest in;
  in.filters = std::vector{filter("instance-id", {})};
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_instances, in), 400, "InvalidParameterValue");
}

TEST_F(DescribeFilters, ThereIsOneRegion) {
  types::DescribeRegionsRequest in;
  in.all_regions = true;
  in.region_names = std::vector<std::string>{"us-east-1"};
  const auto described = run(&Ec2Service::describe_regions, in);
  ASSERT_TRUE(described);
  ASSERT_EQ(described->regions->size(), 1U);
  EXPECT_EQ(*described->regions->front().opt_in_status, "opt-in-not-required");
  in.region_names = std::vector<std::string>{"us-east-1", "mars-north-1"};
  EXPECT_AWS_ERROR(run(&Ec2Service::describe_regions, in), 400, "InvalidParameterValue");
}

}  // namespace
}  // namespace hearth::ec2
