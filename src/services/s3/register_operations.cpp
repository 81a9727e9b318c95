#include "services/s3/service.h"

namespace hearth::s3 {

namespace op = api::s3::op;

// How each is offered stands in the operation's own file.
template <class... Ops>
void S3Service::offer_all(OperationTable& table) {
  (offer<Ops>(table), ...);
}

void S3Service::register_operations(OperationTable& table) {
  // Buckets
  offer_all<op::ListBuckets, op::CreateBucket, op::HeadBucket, op::DeleteBucket, op::GetBucketLocation,
            op::GetBucketVersioning, op::PutBucketVersioning, op::GetBucketTagging, op::PutBucketTagging,
            op::DeleteBucketTagging, op::GetBucketPolicy, op::PutBucketPolicy, op::DeleteBucketPolicy>(table);
  offer_all<op::GetBucketAcl, op::GetBucketOwnershipControls, op::GetPublicAccessBlock, op::GetBucketEncryption,
            op::GetBucketCors, op::GetBucketLifecycleConfiguration, op::GetBucketWebsite, op::GetBucketReplication,
            op::GetObjectLockConfiguration, op::GetBucketLogging, op::GetBucketNotificationConfiguration,
            op::GetBucketRequestPayment, op::GetBucketAccelerateConfiguration>(table);
  // Objects
  offer_all<op::PutObject, op::GetObject, op::HeadObject, op::GetObjectAttributes, op::DeleteObject, op::DeleteObjects,
            op::CopyObject, op::GetObjectAcl, op::GetObjectTagging, op::PutObjectTagging, op::DeleteObjectTagging>(
      table);
  // Lists
  offer_all<op::ListObjects, op::ListObjectsV2, op::ListObjectVersions>(table);
  // Multipart uploads
  offer_all<op::CreateMultipartUpload, op::UploadPart, op::UploadPartCopy, op::CompleteMultipartUpload,
            op::AbortMultipartUpload, op::ListParts, op::ListMultipartUploads>(table);
}

}  // namespace hearth::s3
