#include "services/s3/names.h"
#include "services/s3/s3_fixture.h"

namespace hearth::s3 {
namespace {

TEST(BucketName, TheRulesOfTheUserGuide) {
  for (const char* good : {"abc", "my-bucket", "my.bucket.2", "1bucket", "a--b"})
    EXPECT_TRUE(is_bucket_name(good)) << good;
  for (const char* bad : {"ab", "", "My-bucket", "-abc", "abc-", "a..b", "192.168.5.4", "under_score", "xn--abc",
                          "abc-s3alias", "abc--x-s3", ".abc", "abc."})
    EXPECT_FALSE(is_bucket_name(bad)) << bad;
  EXPECT_TRUE(is_bucket_name(std::string(63, 'a')));
  EXPECT_FALSE(is_bucket_name(std::string(64, 'a')));
}

TEST(CreateBucket, NamesAreTakenAcrossAccounts) {
  S3Fixture s3;
  EXPECT_TRUE(s3.create_bucket("photos")) << "us-east-1: the owner may create it again";
  types::CreateBucketRequest in;
  in.bucket = "photos";
  EXPECT_AWS_ERROR(s3.call_as(S3Fixture::context_of("999999999999"), &S3Service::create_bucket, in), 409,
                   "BucketAlreadyExists");
  in.bucket = "europe";
  in.create_bucket_configuration.emplace().location_constraint = "eu-central-1";
  ASSERT_TRUE(s3.call(&S3Service::create_bucket, in));
  EXPECT_AWS_ERROR(s3.call(&S3Service::create_bucket, in), 409, "BucketAlreadyOwnedByYou");
  types::GetBucketLocationRequest location;
  location.bucket = "europe";
  EXPECT_EQ(*s3.call(&S3Service::get_bucket_location, location)->location_constraint, "eu-central-1");
  location.bucket = "photos";
  EXPECT_FALSE(s3.call(&S3Service::get_bucket_location, location)->location_constraint);
  EXPECT_AWS_ERROR(s3.create_bucket("Bad_Name"), 400, "InvalidBucketName");
}

TEST(ListBuckets, ListsMineInOrderAndInPages) {
  S3Fixture s3;
  ASSERT_TRUE(s3.create_bucket("archive"));
  ASSERT_TRUE(s3.create_bucket("zoo"));
  types::ListBucketsRequest in;
  in.max_buckets = 2;
  auto out = s3.call(&S3Service::list_buckets, in);
  ASSERT_EQ(out->buckets->size(), 2u);
  EXPECT_EQ(*out->buckets->at(0).name, "archive");
  in.continuation_token = *out->continuation_token;
  out = s3.call(&S3Service::list_buckets, in);
  ASSERT_EQ(out->buckets->size(), 1u);
  EXPECT_EQ(*out->buckets->at(0).name, "zoo");
  EXPECT_FALSE(out->continuation_token);
  EXPECT_TRUE(s3.call_as(S3Fixture::context_of("999999999999"), &S3Service::list_buckets, {})->buckets->empty());
}

TEST(DeleteBucket, OnlyAnEmptyOneGoes) {
  S3Fixture s3;
  types::DeleteBucketRequest in;
  in.bucket = "photos";
  ASSERT_TRUE(s3.put("photos", "cat", "meow"));
  EXPECT_AWS_ERROR(s3.call(&S3Service::delete_bucket, in), 409, "BucketNotEmpty");
  ASSERT_TRUE(s3.remove("photos", "cat"));
  types::CreateMultipartUploadRequest upload;
  upload.bucket = "photos";
  upload.key = "never finished";
  ASSERT_TRUE(s3.call(&S3Service::create_multipart_upload, upload));
  ASSERT_TRUE(s3.call(&S3Service::delete_bucket, in));
  EXPECT_AWS_ERROR(s3.call(&S3Service::delete_bucket, in), 404, "NoSuchBucket");
  EXPECT_EQ(s3.row_count(), 0u);
}

TEST(BucketTagging, IsReplacedReadAndTakenAway) {
  S3Fixture s3;
  types::GetBucketTaggingRequest get;
  get.bucket = "photos";
  EXPECT_AWS_ERROR(s3.call(&S3Service::get_bucket_tagging, get), 404, "NoSuchTagSet");
  types::PutBucketTaggingRequest put;
  put.bucket = "photos";
  put.tagging.tag_set = {{"team", "vision"}};
  ASSERT_TRUE(s3.call(&S3Service::put_bucket_tagging, put));
  EXPECT_EQ(s3.call(&S3Service::get_bucket_tagging, get)->tag_set.front().value, "vision");
  types::DeleteBucketTaggingRequest remove;
  remove.bucket = "photos";
  ASSERT_TRUE(s3.call(&S3Service::delete_bucket_tagging, remove));
  EXPECT_AWS_ERROR(s3.call(&S3Service::get_bucket_tagging, get), 404, "NoSuchTagSet");
}

TEST(BucketPolicy, IsKeptAsItCameAndServesTheAuthorizer) {
  S3Fixture s3;
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",)"
      R"("Resource":"arn:aws:s3:::photos/*"}]})";
  types::PutBucketPolicyRequest put;
  put.bucket = "photos";
  put.policy = policy;
  ASSERT_TRUE(s3.call(&S3Service::put_bucket_policy, put));
  types::GetBucketPolicyRequest get;
  get.bucket = "photos";
  EXPECT_EQ(*s3.call(&S3Service::get_bucket_policy, get)->policy, policy);

  const ResourcePolicySource source = s3.s3.resource_policies();
  const auto of_object = sync_wait(source("arn:aws:s3:::photos/cat/1"));
  EXPECT_EQ(of_object->owner_account_id, "111122223333");
  EXPECT_EQ(of_object->document, policy);
  EXPECT_EQ(sync_wait(source("arn:aws:s3:::nowhere"))->owner_account_id, "");

  put.policy = "not json";
  EXPECT_AWS_ERROR(s3.call(&S3Service::put_bucket_policy, put), 400, "MalformedPolicy");
  put.policy = R"({"Statement":[{"Effect":"Allow","Resource":"arn:aws:s3:::other/*"}]})";
  EXPECT_AWS_ERROR(s3.call(&S3Service::put_bucket_policy, put), 400, "MalformedPolicy");
  types::DeleteBucketPolicyRequest remove;
  remove.bucket = "photos";
  ASSERT_TRUE(s3.call(&S3Service::delete_bucket_policy, remove));
  EXPECT_AWS_ERROR(s3.call(&S3Service::get_bucket_policy, get), 404, "NoSuchBucketPolicy");
}

TEST(S3Service, EveryServedOperationIsRegistered) {
  S3Fixture s3;
  OperationTable table;
  s3.s3.register_operations(table);
  for (std::size_t index = 0; index <= types::op::UploadPartCopy::index; ++index)
    EXPECT_NE(table.find(index), nullptr) << index;
}

TEST(AccessRules, NameWhatIsTouched) {
  S3Fixture s3;
  OperationTable table;
  s3.s3.register_operations(table);
  types::GetObjectRequest get = S3Fixture::get_request("photos", "cat");
  get.version_id = "null";
  const auto read = table.find(types::op::GetObject::index)->accesses(s3.ctx, &get);
  EXPECT_EQ(read.at(0).action, "s3:GetObjectVersion");
  EXPECT_EQ(read.at(0).resource, "arn:aws:s3:::photos/cat");

  types::CopyObjectRequest copy;
  copy.bucket = "backup";
  copy.key = "cat";
  copy.copy_source = "photos/cat?versionId=abc";
  const auto both = table.find(types::op::CopyObject::index)->accesses(s3.ctx, &copy);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].action, "s3:GetObjectVersion");
  EXPECT_EQ(both[0].resource, "arn:aws:s3:::photos/cat");
  EXPECT_EQ(both[1].action, "s3:PutObject");
  EXPECT_EQ(both[1].resource, "arn:aws:s3:::backup/cat");

  types::ListObjectsV2Request list;
  list.bucket = "photos";
  list.prefix = "home/";
  EXPECT_EQ(table.find(types::op::ListObjectsV2::index)->accesses(s3.ctx, &list).at(0).context.at("s3:prefix"),
            std::vector<std::string>{"home/"});
}

}  // namespace
}  // namespace hearth::s3
