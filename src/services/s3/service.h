// Amazon S3 on a MetadataStore and a BlobStore. Safe from any thread. Handlers are called by the gateway through the
// OperationTable; each lies in the file named after it, together with its AccessRule.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/s3/types.h"
#include "base/background.h"
#include "base/executor.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/blob_store.h"
#include "ports/metadata_store.h"
#include "ports/object_writer.h"
#include "ports/service.h"
#include "services/s3/incoming_body.h"
#include "services/s3/preconditions.h"
#include "services/s3/rows.h"
#include "services/s3/versions.h"

namespace hearth::s3 {

namespace types = api::s3;

// An object a request asked for. The transaction is the snapshot it was found in.
struct FoundObject {
  BucketRow bucket;
  StoredVersion version;
};

class S3Service final : public ObjectWriter {
 public:
  // `blobs` is S3's own: the sweep removes every blob in it that S3 does not know. `pool` takes hashing of large
  // bodies.
  S3Service(MetadataStore& metadata, BlobStore& blobs, Authorizer& authorizer, const Clock& clock, IdSource& ids,
            Executor& pool)
      : metadata_(metadata), blobs_(blobs), authorizer_(authorizer), clock_(clock), ids_(ids), pool_(pool) {}

  void register_operations(OperationTable& table);

  // Bucket policies and owners, for Authorizer::add_resource_policies("arn:aws:s3:::", …).
  ResourcePolicySource resource_policies();
  // Tags of objects, for Authorizer::add_resource_tags("arn:aws:s3:::", …).
  ResourceTagSource resource_tags();

  // ObjectWriter
  Async<void> put_object(std::string_view account_id, std::string_view bucket, std::string_view key, std::string body,
                         std::string_view content_type) override;

  // Removes blobs that are due, and blobs older than an hour that no row names (what a crash between storing a blob and
  // committing its row leaves). What the background loop runs. Blocks: for plain threads.
  Result<void> sweep();
  void start_sweeping();
  void stop_sweeping();

  // Buckets
  Async<types::ListBucketsOutput> list_buckets(const RequestContext& ctx, const types::ListBucketsRequest& in);
  Async<types::CreateBucketOutput> create_bucket(const RequestContext& ctx, const types::CreateBucketRequest& in);
  Async<types::HeadBucketOutput> head_bucket(const RequestContext& ctx, const types::HeadBucketRequest& in);
  Async<wire::Unit> delete_bucket(const RequestContext& ctx, const types::DeleteBucketRequest& in);
  Async<types::GetBucketLocationOutput> get_bucket_location(const RequestContext& ctx,
                                                            const types::GetBucketLocationRequest& in);
  Async<types::GetBucketVersioningOutput> get_bucket_versioning(const RequestContext& ctx,
                                                                const types::GetBucketVersioningRequest& in);
  Async<wire::Unit> put_bucket_versioning(const RequestContext& ctx, const types::PutBucketVersioningRequest& in);
  Async<types::GetBucketTaggingOutput> get_bucket_tagging(const RequestContext& ctx,
                                                          const types::GetBucketTaggingRequest& in);
  Async<wire::Unit> put_bucket_tagging(const RequestContext& ctx, const types::PutBucketTaggingRequest& in);
  Async<wire::Unit> delete_bucket_tagging(const RequestContext& ctx, const types::DeleteBucketTaggingRequest& in);
  Async<types::GetBucketPolicyOutput> get_bucket_policy(const RequestContext& ctx,
                                                        const types::GetBucketPolicyRequest& in);
  Async<wire::Unit> put_bucket_policy(const RequestContext& ctx, const types::PutBucketPolicyRequest& in);
  Async<wire::Unit> delete_bucket_policy(const RequestContext& ctx, const types::DeleteBucketPolicyRequest& in);

  // What clients ask of a bucket that cannot be configured here: the answers say so in S3's words.
  Async<types::GetBucketAclOutput> get_bucket_acl(const RequestContext& ctx, const types::GetBucketAclRequest& in);
  Async<types::GetBucketOwnershipControlsOutput> get_bucket_ownership_controls(
      const RequestContext& ctx, const types::GetBucketOwnershipControlsRequest& in);
  Async<types::GetPublicAccessBlockOutput> get_public_access_block(const RequestContext& ctx,
                                                                   const types::GetPublicAccessBlockRequest& in);
  Async<types::GetBucketEncryptionOutput> get_bucket_encryption(const RequestContext& ctx,
                                                                const types::GetBucketEncryptionRequest& in);
  Async<types::GetBucketCorsOutput> get_bucket_cors(const RequestContext& ctx, const types::GetBucketCorsRequest& in);
  Async<types::GetBucketLifecycleConfigurationOutput> get_bucket_lifecycle_configuration(
      const RequestContext& ctx, const types::GetBucketLifecycleConfigurationRequest& in);
  Async<types::GetBucketWebsiteOutput> get_bucket_website(const RequestContext& ctx,
                                                          const types::GetBucketWebsiteRequest& in);
  Async<types::GetBucketReplicationOutput> get_bucket_replication(const RequestContext& ctx,
                                                                  const types::GetBucketReplicationRequest& in);
  Async<types::GetObjectLockConfigurationOutput> get_object_lock_configuration(
      const RequestContext& ctx, const types::GetObjectLockConfigurationRequest& in);
  Async<types::GetBucketLoggingOutput> get_bucket_logging(const RequestContext& ctx,
                                                          const types::GetBucketLoggingRequest& in);
  Async<types::NotificationConfiguration> get_bucket_notification_configuration(
      const RequestContext& ctx, const types::GetBucketNotificationConfigurationRequest& in);
  Async<types::GetBucketRequestPaymentOutput> get_bucket_request_payment(
      const RequestContext& ctx, const types::GetBucketRequestPaymentRequest& in);
  Async<types::GetBucketAccelerateConfigurationOutput> get_bucket_accelerate_configuration(
      const RequestContext& ctx, const types::GetBucketAccelerateConfigurationRequest& in);

  // Objects
  Async<types::PutObjectOutput> put_object(const RequestContext& ctx, types::PutObjectRequest& in);
  Async<types::GetObjectOutput> get_object(const RequestContext& ctx, const types::GetObjectRequest& in);
  Async<types::HeadObjectOutput> head_object(const RequestContext& ctx, const types::HeadObjectRequest& in);
  Async<types::GetObjectAttributesOutput> get_object_attributes(const RequestContext& ctx,
                                                                const types::GetObjectAttributesRequest& in);
  Async<types::DeleteObjectOutput> delete_object(const RequestContext& ctx, const types::DeleteObjectRequest& in);
  Async<types::DeleteObjectsOutput> delete_objects(const RequestContext& ctx, const types::DeleteObjectsRequest& in);
  Async<types::CopyObjectOutput> copy_object(const RequestContext& ctx, const types::CopyObjectRequest& in);
  Async<types::GetObjectAclOutput> get_object_acl(const RequestContext& ctx, const types::GetObjectAclRequest& in);
  Async<types::GetObjectTaggingOutput> get_object_tagging(const RequestContext& ctx,
                                                          const types::GetObjectTaggingRequest& in);
  Async<types::PutObjectTaggingOutput> put_object_tagging(const RequestContext& ctx,
                                                          const types::PutObjectTaggingRequest& in);
  Async<types::DeleteObjectTaggingOutput> delete_object_tagging(const RequestContext& ctx,
                                                                const types::DeleteObjectTaggingRequest& in);

  // Lists
  Async<types::ListObjectsOutput> list_objects(const RequestContext& ctx, const types::ListObjectsRequest& in);
  Async<types::ListObjectsV2Output> list_objects_v2(const RequestContext& ctx, const types::ListObjectsV2Request& in);
  Async<types::ListObjectVersionsOutput> list_object_versions(const RequestContext& ctx,
                                                              const types::ListObjectVersionsRequest& in);

  // Multipart uploads
  Async<types::CreateMultipartUploadOutput> create_multipart_upload(const RequestContext& ctx,
                                                                    const types::CreateMultipartUploadRequest& in);
  Async<types::UploadPartOutput> upload_part(const RequestContext& ctx, types::UploadPartRequest& in);
  Async<types::UploadPartCopyOutput> upload_part_copy(const RequestContext& ctx,
                                                      const types::UploadPartCopyRequest& in);
  Async<types::CompleteMultipartUploadOutput> complete_multipart_upload(
      const RequestContext& ctx, const types::CompleteMultipartUploadRequest& in);
  Async<types::AbortMultipartUploadOutput> abort_multipart_upload(const RequestContext& ctx,
                                                                  const types::AbortMultipartUploadRequest& in);
  Async<types::ListPartsOutput> list_parts(const RequestContext& ctx, const types::ListPartsRequest& in);
  Async<types::ListMultipartUploadsOutput> list_multipart_uploads(const RequestContext& ctx,
                                                                  const types::ListMultipartUploadsRequest& in);

 private:
  // Each operation's file says how it is offered: template <> void S3Service::offer<op::GetObject>(…) { … }
  template <class Op>
  void offer(OperationTable& table);
  template <class... Ops>
  void offer_all(OperationTable& table);

  // NoSuchBucket; AccessDenied when the caller expected another owner.
  Async<BucketRow> find_bucket(Transaction& tx, std::string_view name,
                               const wire::Opt<std::string>& expected_owner = {});
  // Changes a bucket's row in a transaction of its own.
  Async<void> change_bucket(std::string_view name, const wire::Opt<std::string>& expected_owner,
                            const std::function<void(BucketRow&)>& change);
  // The newest version, or the one asked for. NoSuchBucket, NoSuchKey, NoSuchVersion; delete markers answer as AWS's.
  Async<FoundObject> find_object(Transaction& tx, std::string_view bucket, std::string_view key,
                                 const wire::Opt<std::string>& version_id,
                                 const wire::Opt<std::string>& expected_owner);
  // Bytes of a found object; the transaction is the one it was found in. ErrorKind::not_found if they were replaced
  // meanwhile: look again.
  Async<std::unique_ptr<ByteSource>> open_body(Transaction& tx, std::string_view key, const FoundObject& object,
                                               ByteRange range);
  Async<std::vector<PartContent>> parts_of(Transaction& tx, std::string_view key, const FoundObject& object);

  Async<types::GetObjectOutput> read_object(const RequestContext& ctx, const types::GetObjectRequest& in);

  // Commits an object whose body is in. On failure the blob is removed again.
  struct ObjectToStore {
    std::string bucket;
    std::string key;
    wire::Opt<std::string> expected_owner;
    wire::Opt<std::string> if_match;
    wire::Opt<std::string> if_none_match;
    ObjectHeaders headers;
    IncomingBody body;
    StoredChecksum checksum;
  };
  struct StoredObject {
    BucketRow bucket;
    StoredVersion version;
  };
  Async<StoredObject> store_object(ObjectToStore object);
  Async<void> require_writable_in(Transaction& tx, std::string_view bucket, std::string_view key,
                                  const WriteConditions& conditions);

  struct DeleteRequest {
    std::string key;
    std::optional<VersionId> version;
    wire::Opt<std::string> if_match;
  };
  struct DeleteResult {
    bool is_delete_marker = false;          // what was removed or made is one
    std::optional<std::string> version_id;  // of what was removed or made
  };
  Async<DeleteResult> delete_in(Transaction& tx, const BucketRow& bucket, const DeleteRequest& request,
                                std::uint64_t nonce);
  static Result<void> require_deletable(const DeleteRequest& request, const std::optional<StoredVersion>& current);
  Async<DeleteResult> delete_identified(Transaction& tx, const BucketRow& bucket, const types::ObjectIdentifier& object,
                                        std::uint64_t nonce);
  Async<FoundObject> replace_tags(const std::string& bucket, const std::string& key,
                                  const wire::Opt<std::string>& version_id,
                                  const wire::Opt<std::string>& expected_owner, const Tags& tags);

  Async<FoundObject> find_copy_source(Transaction& tx, const CopySource& source,
                                      const wire::Opt<std::string>& expected_owner);
  // Takes in the bytes of a stored object, or a range of them, as take_in() does.
  Async<IncomingBody> copy_in(Transaction& tx, const std::string& key, const FoundObject& source,
                              std::optional<ByteRange> range, BodyClaims claims, std::size_t inline_limit);

  Async<UploadRow> find_upload(Transaction& tx, std::string_view bucket, std::string_view key,
                               std::string_view upload_id);
  // Writes the row of a part that is in; whatever part had its number goes. On failure the blob is removed again.
  struct PartToStore {
    std::string bucket;
    std::string key;
    std::string upload_id;
    std::uint32_t number = 0;
    wire::Opt<std::string> expected_owner;
    IncomingBody body;
    StoredChecksum checksum;
  };
  Async<PartRow> store_part(PartToStore part);
  Async<std::map<std::uint32_t, PartRow>> uploaded_parts(Transaction& tx, std::string_view upload_id);
  Async<void> erase_upload(Transaction& tx, std::string_view bucket, std::string_view key, std::string_view upload_id);

  Async<ConditionContext> object_tags(std::string action, std::string resource_arn, std::string version_id);
  Async<ResourcePolicy> resource_policy(std::string resource_arn);
  Async<void> discard(const std::optional<BlobId>& blob);
  std::uint64_t new_nonce();

  Result<void> sweep_garbage();
  Result<void> sweep_orphans();

  MetadataStore& metadata_;
  BlobStore& blobs_;
  Authorizer& authorizer_;
  const Clock& clock_;
  IdSource& ids_;
  Executor& pool_;
  TimePoint next_orphan_sweep_{};  // the sweeper's own
  std::unique_ptr<BackgroundLoop> sweeper_;
};

}  // namespace hearth::s3
