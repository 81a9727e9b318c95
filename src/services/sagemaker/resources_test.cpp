#include <gmock/gmock.h>

#include "services/sagemaker/access.h"
#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::sagemaker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Resources : public SageMakerFixture {};

TEST_F(Resources, AreMadeDescribedAndDeleted) {
  EXPECT_EQ(run(&SageMakerService::create_model, model_input("Tiny"))->model_arn,
            "arn:aws:sagemaker:us-east-1:111122223333:model/tiny");
  const auto model = run(&SageMakerService::describe_model, types::DescribeModelInput{"Tiny"});
  EXPECT_EQ(model->model_name, "Tiny");
  EXPECT_EQ(*model->primary_container->model_data_url, "s3://models/tiny/");
  EXPECT_EQ(*model->execution_role_arn, "arn:aws:iam::111122223333:role/Serve");

  auto config = config_input("c", "Tiny", 2);
  config.production_variants[0].initial_variant_weight = 3;
  EXPECT_EQ(run(&SageMakerService::create_endpoint_config, config)->endpoint_config_arn,
            "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/c");
  const auto described =
      run(&SageMakerService::describe_endpoint_config, types::DescribeEndpointConfigInput{"c"}).value();
  ASSERT_EQ(described.production_variants.size(), 1u);
  EXPECT_EQ(*described.production_variants[0].initial_instance_count, 2);
  EXPECT_EQ(*described.production_variants[0].initial_variant_weight, 3);

  EXPECT_EQ(create_endpoint("chat", "c")->endpoint_arn, "arn:aws:sagemaker:us-east-1:111122223333:endpoint/chat");
  EXPECT_EQ(status(), "Creating");

  EXPECT_TRUE(run(&SageMakerService::delete_endpoint_config, types::DeleteEndpointConfigInput{"c"}));
  EXPECT_TRUE(run(&SageMakerService::delete_model, types::DeleteModelInput{"Tiny"}));
  EXPECT_TRUE(delete_endpoint());
  EXPECT_EQ(status(), "Deleting");
}

TEST_F(Resources, SayWhatIsMissingInAwsWords) {
  const std::string arn = "arn:aws:sagemaker:us-east-1:111122223333:";
  EXPECT_EQ(message_of(run(&SageMakerService::describe_model, types::DescribeModelInput{"none"})),
            "ValidationException: Could not find model \"" + arn + "model/none\".");
  EXPECT_EQ(message_of(run(&SageMakerService::delete_model, types::DeleteModelInput{"none"})),
            "ValidationException: Could not find model \"" + arn + "model/none\".");
  EXPECT_EQ(message_of(run(&SageMakerService::create_endpoint_config, config_input())),
            "ValidationException: Could not find model \"" + arn + "model/tiny\".");
  EXPECT_EQ(message_of(create_endpoint()),
            "ValidationException: Could not find endpoint configuration \"" + arn + "endpoint-config/tiny-config\".");
  EXPECT_EQ(message_of(describe()), "ValidationException: Could not find endpoint \"" + arn + "endpoint/chat\".");
  EXPECT_EQ(message_of(delete_endpoint()),
            "ValidationException: Could not find endpoint \"" + arn + "endpoint/chat\".");
}

TEST_F(Resources, CannotBeMadeTwiceWhateverTheCase) {
  create_all();
  EXPECT_EQ(message_of(run(&SageMakerService::create_model, model_input("TINY"))),
            "ValidationException: Cannot create already existing model "
            "\"arn:aws:sagemaker:us-east-1:111122223333:model/tiny\".");
  EXPECT_THAT(message_of(run(&SageMakerService::create_endpoint_config, config_input())),
              HasSubstr("Cannot create already existing endpoint configuration"));
  EXPECT_THAT(message_of(create_endpoint("Chat")), HasSubstr("Cannot create already existing endpoint"));
}

TEST_F(Resources, ARoleThatDoesNotTrustSageMakerMakesNoModel) {
  roles_.untrusting.insert("arn:aws:iam::111122223333:role/Serve");
  EXPECT_EQ(message_of(run(&SageMakerService::create_model, model_input())),
            "ValidationException: Could not assume role arn:aws:iam::111122223333:role/Serve. Please ensure that the "
            "role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.");
}

TEST_F(Resources, WhatIsNotServedIsRefusedByName) {
  auto in = model_input();
  in.primary_container->image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.27";
  EXPECT_THAT(message_of(run(&SageMakerService::create_model, in)), HasSubstr("djl-inference"));
  in.primary_container->image = "registry.local/hearth-infer:latest";
  EXPECT_TRUE(run(&SageMakerService::create_model, in));
  in = model_input("other");
  in.primary_container->model_data_url = "s3://models/model.tar.gz";
  EXPECT_THAT(message_of(run(&SageMakerService::create_model, in)), HasSubstr("Compressed model data"));
  auto config = config_input();
  config.production_variants[0].serverless_config.emplace();
  EXPECT_THAT(message_of(run(&SageMakerService::create_endpoint_config, config)), HasSubstr("ServerlessConfig"));
}

TEST_F(Resources, AnEndpointHasAHundredMachinesAtMost) {
  ASSERT_TRUE(run(&SageMakerService::create_model, model_input()));
  EXPECT_TRUE(run(&SageMakerService::create_endpoint_config, config_input("hundred", "tiny", 100)));
  auto config = config_input("more", "tiny", 60);
  config.production_variants.push_back(config.production_variants[0]);
  config.production_variants[1].variant_name = "Other";
  const auto refused = run(&SageMakerService::create_endpoint_config, config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "ResourceLimitExceeded");
}

TEST_F(Resources, ListsAreFilteredSortedAndPaged) {
  for (const char* name : {"b-2", "a-1", "b-1", "b-3"}) {
    ASSERT_TRUE(run(&SageMakerService::create_model, model_input(name)));
    clock_.advance(std::chrono::seconds(1));
  }
  const auto names = [&](types::ListModelsInput in) {
    std::vector<std::string> found;
    for (;;) {
      const auto out = run(&SageMakerService::list_models, in).value();
      for (const auto& model : out.models) found.push_back(model.model_name);
      if (!out.next_token) return found;
      EXPECT_EQ(out.models.size(), 2u);
      in.next_token = out.next_token;
    }
  };
  types::ListModelsInput in;
  in.max_results = 2;
  EXPECT_THAT(names(in), ElementsAre("b-3", "b-1", "a-1", "b-2")) << "the newest first";
  in.sort_order = "Ascending";
  EXPECT_THAT(names(in), ElementsAre("b-2", "a-1", "b-1", "b-3"));
  in.sort_by = "Name";
  EXPECT_THAT(names(in), ElementsAre("a-1", "b-1", "b-2", "b-3"));
  in.name_contains = "b-";
  in.creation_time_after = wire::Timestamp(to_ms(clock_.now()) - 4000);
  EXPECT_THAT(names(in), ElementsAre("b-1", "b-3"));
  in.next_token = "made up";
  EXPECT_THAT(message_of(run(&SageMakerService::list_models, in)), HasSubstr("NextToken"));
}

TEST_F(Resources, EndpointsAreListedByStatus) {
  bring_up();
  ASSERT_TRUE(create_endpoint("second"));
  types::ListEndpointsInput in;
  in.status_equals = "InService";
  const auto out = run(&SageMakerService::list_endpoints, in).value();
  ASSERT_EQ(out.endpoints.size(), 1u);
  EXPECT_EQ(out.endpoints[0].endpoint_name, "chat");
}

TEST_F(Resources, OtherAccountsAndRegionsSeeNothing) {
  create_all();
  ctx_.region = "eu-west-1";
  EXPECT_FALSE(describe());
  ctx_.region = "us-east-1";
  ctx_.account_id = "999999999999";
  EXPECT_FALSE(describe());
  EXPECT_TRUE(run(&SageMakerService::list_endpoints, types::ListEndpointsInput{})->endpoints.empty());
}

TEST_F(Resources, MakingAModelNeedsTheRightToPassItsRole) {
  const auto accesses = AccessRule<api::sagemaker::op::CreateModel>::of(ctx_, model_input());
  ASSERT_EQ(accesses.size(), 2u);
  EXPECT_EQ(accesses[0].action, "sagemaker:CreateModel");
  EXPECT_EQ(accesses[1].action, "iam:PassRole");
  EXPECT_EQ(accesses[1].resource, "arn:aws:iam::111122223333:role/Serve");
  EXPECT_THAT(accesses[1].context.at("iam:passedtoservice"), ElementsAre("sagemaker.amazonaws.com"));
}

TEST_F(Resources, MakingAnEndpointNeedsTheRightOnItsConfigurationToo) {
  types::CreateEndpointInput in;
  in.endpoint_name = "Chat";
  in.endpoint_config_name = "prod";
  const auto accesses = AccessRule<api::sagemaker::op::CreateEndpoint>::of(ctx_, in);
  ASSERT_EQ(accesses.size(), 2u);
  EXPECT_EQ(accesses[0].resource, "arn:aws:sagemaker:us-east-1:111122223333:endpoint/chat");
  EXPECT_EQ(accesses[1].resource, "arn:aws:sagemaker:us-east-1:111122223333:endpoint-config/prod");
}

}  // namespace
}  // namespace hearth::sagemaker
