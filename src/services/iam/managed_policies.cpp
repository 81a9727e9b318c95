#include "services/iam/managed_policies.h"

#include <algorithm>

#include "base/bytes.h"

namespace hearth::iam {
namespace {

// clang-format off
constexpr AwsManagedPolicy policies[] = {
    {"/", "AdministratorAccess",
     "Everything.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"/", "AmazonBedrockFullAccess",
     "Everything in Bedrock.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:*","Resource":"*"},)"
     R"({"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/*AmazonBedrock*",)"
     R"("Condition":{"StringEquals":{"iam:PassedToService":"bedrock.amazonaws.com"}}}]})"},
    {"/", "AmazonBedrockReadOnly",
     "Reading everything in Bedrock.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["bedrock:Get*","bedrock:List*"],)"
     R"("Resource":"*"}]})"},
    {"/", "AmazonCognitoPowerUser",
     "Everything in Cognito.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cognito-identity:*","cognito-idp:*",)"
     R"("iam:ListRoles","sns:ListPlatformApplications"],"Resource":"*"}]})"},
    {"/", "AmazonEC2FullAccess",
     "Everything in EC2, and watching it.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*","cloudwatch:*",)"
     R"("elasticloadbalancing:*","autoscaling:*"],"Resource":"*"}]})"},
    {"/", "AmazonEC2ReadOnlyAccess",
     "Reading everything in EC2, and its metrics.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:Get*",)"
     R"("cloudwatch:ListMetrics","cloudwatch:GetMetricStatistics","cloudwatch:Describe*"],"Resource":"*"}]})"},
    {"/", "AmazonEventBridgeFullAccess",
     "Everything in EventBridge.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*","Resource":"*"},)"
     R"({"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/*",)"
     R"("Condition":{"StringLike":{"iam:PassedToService":"events.amazonaws.com"}}}]})"},
    {"/", "AmazonS3FullAccess",
     "Everything in S3.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],)"
     R"("Resource":"*"}]})"},
    {"/", "AmazonS3ReadOnlyAccess",
     "Reading everything in S3.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*",)"
     R"("s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]})"},
    {"/", "AmazonSageMakerFullAccess",
     "Everything in SageMaker, and what training and serving touch around it. Objects: in buckets named for SageMaker.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sagemaker:*","Resource":"*"},)"
     R"({"Effect":"Allow","Action":["cloudwatch:DeleteAlarms","cloudwatch:DescribeAlarms",)"
     R"("cloudwatch:GetMetricData","cloudwatch:GetMetricStatistics","cloudwatch:ListMetrics",)"
     R"("cloudwatch:PutMetricAlarm","cloudwatch:PutMetricData","ec2:Describe*","iam:GetRole","iam:ListRoles",)"
     R"("logs:CreateLogGroup","logs:CreateLogStream","logs:Describe*","logs:FilterLogEvents","logs:GetLogEvents",)"
     R"("logs:PutLogEvents","s3:CreateBucket","s3:GetBucketLocation","s3:ListAllMyBuckets","s3:ListBucket",)"
     R"("sns:ListTopics"],"Resource":"*"},{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject",)"
     R"("s3:DeleteObject","s3:AbortMultipartUpload"],"Resource":["arn:aws:s3:::*SageMaker*",)"
     R"("arn:aws:s3:::*Sagemaker*","arn:aws:s3:::*sagemaker*"]},{"Effect":"Allow","Action":"iam:PassRole",)"
     R"("Resource":"arn:aws:iam::*:role/*AmazonSageMaker*",)"
     R"("Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}}]})"},
    {"/", "AmazonSageMakerReadOnly",
     "Reading everything in SageMaker.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sagemaker:Describe*","sagemaker:List*",)"
     R"("sagemaker:Get*","cloudwatch:DescribeAlarms"],"Resource":"*"}]})"},
    {"/", "AmazonSNSFullAccess",
     "Everything in SNS.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]})"},
    {"/", "AmazonSNSReadOnlyAccess",
     "Reading everything in SNS.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sns:Get*","sns:List*",)"
     R"("sns:CheckIfPhoneNumberIsOptedOut"],"Resource":"*"}]})"},
    {"/", "AmazonSSMManagedInstanceCore",
     "What a machine needs to be managed.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameter","ssm:GetParameters",)"
     R"("ssm:UpdateInstanceInformation","ssmmessages:*","ec2messages:*"],"Resource":"*"}]})"},
    {"/", "AWSLambda_FullAccess",
     "Everything in Lambda, and its logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","cloudwatch:ListMetrics",)"
     R"("cloudwatch:GetMetricData","iam:GetPolicy","iam:GetPolicyVersion","iam:GetRole","iam:GetRolePolicy",)"
     R"("iam:ListAttachedRolePolicies","iam:ListRolePolicies","iam:ListRoles","logs:DescribeLogGroups",)"
     R"("logs:DescribeLogStreams","logs:GetLogEvents","logs:FilterLogEvents"],"Resource":"*"},{"Effect":"Allow",)"
     R"("Action":"iam:PassRole","Resource":"*",)"
     R"("Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}]})"},
    {"/", "AWSLambda_ReadOnlyAccess",
     "Reading everything in Lambda, and its logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:Get*","lambda:List*",)"
     R"("cloudwatch:ListMetrics","logs:DescribeLogGroups","logs:DescribeLogStreams","logs:GetLogEvents",)"
     R"("logs:FilterLogEvents"],"Resource":"*"}]})"},
    {"/service-role/", "AWSLambdaBasicExecutionRole",
     "What a function needs to write its log.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup",)"
     R"("logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]})"},
    {"/", "CloudWatchAgentServerPolicy",
     "What a machine's agent needs: sending metrics and logs, reading its own tags.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:PutMetricData",)"
     R"("ec2:DescribeVolumes","ec2:DescribeTags","logs:PutLogEvents","logs:PutRetentionPolicy",)"
     R"("logs:DescribeLogStreams","logs:DescribeLogGroups","logs:CreateLogStream","logs:CreateLogGroup"],)"
     R"("Resource":"*"}]})"},
    {"/", "CloudWatchFullAccess",
     "Everything in CloudWatch and its logs, and notifying topics.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:*","logs:*","sns:*",)"
     R"("autoscaling:Describe*","iam:GetPolicy","iam:GetPolicyVersion","iam:GetRole"],"Resource":"*"}]})"},
    {"/", "CloudWatchFullAccessV2",
     "Everything in CloudWatch and its logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:*","logs:*",)"
     R"("sns:CreateTopic","sns:ListSubscriptions","sns:ListSubscriptionsByTopic","sns:ListTopics",)"
     R"("sns:Subscribe","iam:GetPolicy","iam:GetPolicyVersion","iam:GetRole"],"Resource":"*"}]})"},
    {"/", "CloudWatchLogsFullAccess",
     "Everything in CloudWatch Logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:*","cloudwatch:GenerateQuery"],)"
     R"("Resource":"*"}]})"},
    {"/", "CloudWatchLogsReadOnlyAccess",
     "Reading everything in CloudWatch Logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:Describe*","logs:Get*",)"
     R"("logs:List*","logs:StartQuery","logs:StopQuery","logs:TestMetricFilter","logs:FilterLogEvents",)"
     R"("logs:StartLiveTail","logs:StopLiveTail"],"Resource":"*"}]})"},
    {"/", "CloudWatchReadOnlyAccess",
     "Reading everything in CloudWatch and its logs.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:Describe*",)"
     R"("cloudwatch:Get*","cloudwatch:List*","logs:Get*","logs:List*","logs:StartQuery","logs:StopQuery",)"
     R"("logs:Describe*","logs:TestMetricFilter","logs:FilterLogEvents","logs:StartLiveTail","logs:StopLiveTail",)"
     R"("sns:Get*","sns:List*"],"Resource":"*"}]})"},
    {"/", "IAMFullAccess",
     "Everything in IAM.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]})"},
    {"/", "IAMReadOnlyAccess",
     "Reading everything in IAM.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Generate*",)"
     R"("iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy"],"Resource":"*"}]})"},
    {"/", "IAMUserChangePassword",
     "Changing one's own password.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ChangePassword",)"
     R"("Resource":"arn:aws:iam::*:user/${aws:username}"},{"Effect":"Allow",)"
     R"("Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]})"},
    {"/", "PowerUserAccess",
     "Everything but managing users, groups and roles.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*",)"
     R"("account:*"],"Resource":"*"},{"Effect":"Allow","Action":["iam:CreateServiceLinkedRole",)"
     R"("iam:DeleteServiceLinkedRole","iam:ListRoles"],"Resource":"*"}]})"},
    {"/", "ReadOnlyAccess",
     "Reading everything but the values of secrets.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["bedrock:Get*","bedrock:List*",)"
     R"("cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","cognito-idp:Describe*","cognito-idp:Get*",)"
     R"("cognito-idp:List*","ec2:Describe*","ec2:Get*","events:Describe*","events:List*","iam:Get*","iam:List*",)"
     R"("iam:Simulate*","lambda:Get*","lambda:List*","logs:Describe*","logs:FilterLogEvents","logs:Get*",)"
     R"("logs:List*","logs:StartQuery","logs:StopQuery","s3:Get*","s3:List*","sagemaker:Describe*",)"
     R"("sagemaker:Get*","sagemaker:List*","secretsmanager:Describe*","secretsmanager:List*","sns:Get*",)"
     R"("sns:List*","sts:GetAccessKeyInfo","sts:GetCallerIdentity","sts:GetSessionToken"],"Resource":"*"}]})"},
    {"/", "SecretsManagerReadWrite",
     "Everything in Secrets Manager.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:*",)"
     R"("lambda:ListFunctions"],"Resource":"*"}]})"},
    {"/job-function/", "ViewOnlyAccess",
     "Seeing what there is, not what is in it.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:DescribeAlarms",)"
     R"("cloudwatch:ListMetrics","ec2:Describe*","events:ListRules","iam:List*","lambda:ListFunctions",)"
     R"("logs:DescribeLogGroups","logs:DescribeLogStreams","s3:ListAllMyBuckets","s3:ListBucket",)"
     R"("sagemaker:List*","secretsmanager:ListSecrets","sns:List*"],"Resource":"*"}]})"},
};
// clang-format on

}  // namespace

std::string AwsManagedPolicy::id() const {
  std::string id = "ANPA" + to_hex(sha256(arn())).substr(0, 17);
  std::ranges::transform(id, id.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return id;
}

std::span<const AwsManagedPolicy> aws_managed_policies() {
  return policies;
}

const AwsManagedPolicy* find_aws_managed_policy(std::string_view arn) {
  const auto* found =
      std::ranges::find_if(policies, [&](const AwsManagedPolicy& policy) { return policy.arn() == arn; });
  return found == std::end(policies) ? nullptr : found;
}

}  // namespace hearth::iam
