// S3 with the SDK for JavaScript: buckets, objects, versions, multipart uploads, presigned URLs.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { before, test } from "node:test";

import { all, client, load, policy, refused } from "./sdk.mjs";

const s3 = client("s3");
const Bucket = "models";
const text = async (answer) => answer.Body.transformToString();
const md5 = (body) => createHash("md5").update(body).digest("hex");

before(async () => {
  await s3.CreateBucket({ Bucket });
});

test("a bucket is made, found, located and removed", async () => {
  await s3.CreateBucket({ Bucket: "zoo", CreateBucketConfiguration: { LocationConstraint: "eu-central-1" } });
  assert.deepEqual((await s3.ListBuckets()).Buckets.map((bucket) => bucket.Name), [Bucket, "zoo"]);
  assert.equal((await s3.GetBucketLocation({ Bucket: "zoo" })).LocationConstraint, "eu-central-1");
  assert.equal((await s3.HeadBucket({ Bucket })).BucketRegion, "us-east-1");
  await s3.DeleteBucket({ Bucket: "zoo" });
  await refused(s3.HeadBucket({ Bucket: "zoo" }), "NotFound", 404);
  await refused(s3.DeleteBucket({ Bucket: "zoo" }), "NoSuchBucket", 404);
});

test("an object comes back with its type, metadata and checksum, whole, by range and by condition", async () => {
  const Key = "a b/ü+&?#😀";
  const put = await s3.PutObject({ Bucket, Key, Body: "0123456789", ContentType: "text/css", Metadata: { mood: "sleepy" } });
  assert.equal(put.ETag, `"${md5("0123456789")}"`);
  assert.ok(put.ChecksumCRC32, "the SDK sends a CRC32 by default and the server tells it back");
  const got = await s3.GetObject({ Bucket, Key, ChecksumMode: "ENABLED" });
  assert.equal(got.ChecksumCRC32, put.ChecksumCRC32);
  assert.deepEqual([got.ContentType, got.Metadata], ["text/css", { mood: "sleepy" }]);
  assert.equal(await text(got), "0123456789"); // the SDK verifies the checksum as it reads
  const part = await s3.GetObject({ Bucket, Key, Range: "bytes=2-4" });
  assert.deepEqual([part.$metadata.httpStatusCode, part.ContentRange, await text(part)], [206, "bytes 2-4/10", "234"]);
  const head = await s3.HeadObject({ Bucket, Key });
  assert.deepEqual([head.ContentLength, head.ETag], [10, put.ETag]);
  await refused(s3.GetObject({ Bucket, Key, IfMatch: '"other"' }), "PreconditionFailed", 412);
  await refused(s3.PutObject({ Bucket, Key, Body: "x", IfNoneMatch: "*" }), "PreconditionFailed", 412);
  const attributes = await s3.GetObjectAttributes({ Bucket, Key, ObjectAttributes: ["ETag", "ObjectSize", "Checksum"] });
  assert.deepEqual([attributes.ETag, attributes.ObjectSize, attributes.Checksum.ChecksumCRC32], [md5("0123456789"), 10, put.ChecksumCRC32]);
  await s3.DeleteObject({ Bucket, Key });
  await refused(s3.GetObject({ Bucket, Key }), "NoSuchKey", 404);
  await refused(s3.HeadObject({ Bucket, Key }), "NotFound", 404);
  await refused(s3.GetObject({ Bucket: "nowhere-at-all", Key }), "NoSuchBucket", 404);
});

for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  test(`a ${ChecksumAlgorithm} checksum travels in both directions`, async () => {
    const put = await s3.PutObject({ Bucket, Key: ChecksumAlgorithm, Body: "x".repeat(100_000), ChecksumAlgorithm });
    const member = `Checksum${ChecksumAlgorithm}`;
    const got = await s3.GetObject({ Bucket, Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" });
    assert.ok(put[member]);
    assert.equal(got[member], put[member]);
    assert.equal((await text(got)).length, 100_000);
  });
}

test("a stream of known length goes up in signed or trailing chunks and comes back as it was", async () => {
  const body = randomBytes(300_000);
  const pieces = [body.subarray(0, 100_000), body.subarray(100_000)];
  await s3.PutObject({ Bucket, Key: "stream", Body: Readable.from(pieces), ContentLength: body.length });
  const got = await s3.GetObject({ Bucket, Key: "stream" });
  assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), body);
});

test("copies keep what they copy, or replace it", async () => {
  await s3.PutObject({ Bucket, Key: "source", Body: "meow", ContentType: "text/css" });
  const copied = await s3.CopyObject({ Bucket, Key: "copy", CopySource: `${Bucket}/source` });
  assert.equal(copied.CopyObjectResult.ETag, `"${md5("meow")}"`);
  assert.equal((await s3.HeadObject({ Bucket, Key: "copy" })).ContentType, "text/css");
  await refused(s3.CopyObject({ Bucket, Key: "copy", CopySource: `${Bucket}/none` }), "NoSuchKey", 404);
});

test("tags of objects and buckets", async () => {
  const TagSet = [{ Key: "team", Value: "vision" }];
  await s3.PutObject({ Bucket, Key: "tagged", Body: "x", Tagging: "a=1" });
  assert.deepEqual((await s3.GetObjectTagging({ Bucket, Key: "tagged" })).TagSet, [{ Key: "a", Value: "1" }]);
  await s3.PutObjectTagging({ Bucket, Key: "tagged", Tagging: { TagSet } });
  assert.deepEqual((await s3.GetObjectTagging({ Bucket, Key: "tagged" })).TagSet, TagSet);
  await s3.DeleteObjectTagging({ Bucket, Key: "tagged" });
  assert.deepEqual((await s3.GetObjectTagging({ Bucket, Key: "tagged" })).TagSet ?? [], []);
  await s3.PutBucketTagging({ Bucket, Tagging: { TagSet } });
  assert.deepEqual((await s3.GetBucketTagging({ Bucket })).TagSet, TagSet);
  await s3.DeleteBucketTagging({ Bucket });
  await refused(s3.GetBucketTagging({ Bucket }), "NoSuchTagSet", 404);
});

test("metadata that is not ASCII is answered in the words of RFC 2047, as by AWS", async () => {
  await s3.PutObject({ Bucket, Key: "greeting", Body: "x", Metadata: { word: "grüße" } });
  assert.equal((await s3.HeadObject({ Bucket, Key: "greeting" })).Metadata.word, "=?UTF-8?B?Z3LDvMOfZQ==?=");
});

test("what cannot be configured says so", async () => {
  const nothing = { Cors: "NoSuchCORSConfiguration", Encryption: "ServerSideEncryptionConfigurationNotFoundError",
    LifecycleConfiguration: "NoSuchLifecycleConfiguration", Replication: "ReplicationConfigurationNotFoundError", Website: "NoSuchWebsiteConfiguration" };
  for (const [what, code] of Object.entries(nothing)) await refused(s3[`GetBucket${what}`]({ Bucket }), code, 404);
  await refused(s3.GetPublicAccessBlock({ Bucket }), "NoSuchPublicAccessBlockConfiguration", 404);
  await refused(s3.GetObjectLockConfiguration({ Bucket }), "ObjectLockConfigurationNotFoundError", 404);
  await s3.PutObject({ Bucket, Key: "mine", Body: "x" });
  for (const acl of [await s3.GetBucketAcl({ Bucket }), await s3.GetObjectAcl({ Bucket, Key: "mine" })])
    assert.deepEqual(acl.Grants, [{ Grantee: { ID: acl.Owner.ID, Type: "CanonicalUser" }, Permission: "FULL_CONTROL" }]);
  assert.equal((await s3.GetBucketOwnershipControls({ Bucket })).OwnershipControls.Rules[0].ObjectOwnership, "BucketOwnerEnforced");
  assert.equal((await s3.GetBucketRequestPayment({ Bucket })).Payer, "BucketOwner");
  assert.equal((await s3.GetBucketLogging({ Bucket })).LoggingEnabled, undefined);
  assert.equal((await s3.GetBucketNotificationConfiguration({ Bucket })).TopicConfigurations, undefined);
  assert.equal((await s3.GetBucketAccelerateConfiguration({ Bucket })).Status, undefined);
});

test("a bucket policy is kept as it was given", async () => {
  await refused(s3.GetBucketPolicy({ Bucket }), "NoSuchBucketPolicy", 404);
  const Policy = policy({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/public/*` });
  await s3.PutBucketPolicy({ Bucket, Policy });
  assert.deepEqual(JSON.parse((await s3.GetBucketPolicy({ Bucket })).Policy), JSON.parse(Policy));
  await s3.DeleteBucketPolicy({ Bucket });
  await refused(s3.PutBucketPolicy({ Bucket, Policy: "{}" }), "MalformedPolicy", 400);
});

test("lists are complete whatever the size of their pages", async () => {
  const Bucket = "lists";
  await s3.CreateBucket({ Bucket });
  const keys = ["a/1", "a/2", "b", "c/d", "with space", "ü"];
  for (const Key of keys) await s3.PutObject({ Bucket, Key, Body: "x" });
  const pages = s3.module.paginateListObjectsV2({ client: s3.sdk, pageSize: 2 }, { Bucket });
  assert.deepEqual((await all(pages, "Contents")).map((object) => object.Key), keys);
  const first = await s3.ListObjects({ Bucket, Delimiter: "/", MaxKeys: 2 });
  assert.deepEqual([first.CommonPrefixes[0].Prefix, first.Contents[0].Key, first.IsTruncated], ["a/", "b", true]);
  const versions = await s3.ListObjectVersions({ Bucket, Prefix: "a/" });
  assert.deepEqual(versions.Versions.map((version) => [version.Key, version.VersionId]), [["a/1", "null"], ["a/2", "null"]]);
  const gone = await s3.DeleteObjects({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } });
  assert.equal(gone.Deleted.length, keys.length);
  assert.equal((await s3.ListObjectsV2({ Bucket })).KeyCount, 0);
});

test("a versioned object survives being overwritten and deleted", async () => {
  const Bucket = "versions";
  await s3.CreateBucket({ Bucket });
  await s3.PutBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
  assert.equal((await s3.GetBucketVersioning({ Bucket })).Status, "Enabled");
  const one = await s3.PutObject({ Bucket, Key: "k", Body: "one" });
  await s3.PutObject({ Bucket, Key: "k", Body: "two" });
  const marker = await s3.DeleteObject({ Bucket, Key: "k" });
  assert.equal(marker.DeleteMarker, true);
  await refused(s3.GetObject({ Bucket, Key: "k" }), "NoSuchKey", 404);
  assert.equal(await text(await s3.GetObject({ Bucket, Key: "k", VersionId: one.VersionId })), "one");
  await s3.DeleteObject({ Bucket, Key: "k", VersionId: marker.VersionId });
  assert.equal(await text(await s3.GetObject({ Bucket, Key: "k" })), "two");
});

test("parts become one object; an aborted upload is gone", async () => {
  const Key = "multipart";
  const bodies = [randomBytes(5 << 20), randomBytes(1000)];
  await s3.PutObject({ Bucket, Key: "tail", Body: bodies[1] });
  const { UploadId } = await s3.CreateMultipartUpload({ Bucket, Key });
  const first = await s3.UploadPart({ Bucket, Key, UploadId, PartNumber: 1, Body: bodies[0] });
  const second = await s3.UploadPartCopy({ Bucket, Key, UploadId, PartNumber: 2, CopySource: `${Bucket}/tail` });
  assert.deepEqual((await s3.ListParts({ Bucket, Key, UploadId })).Parts.map((part) => part.Size), bodies.map((body) => body.length));
  assert.deepEqual((await s3.ListMultipartUploads({ Bucket })).Uploads.map((upload) => upload.UploadId), [UploadId]);
  const Parts = [
    { PartNumber: 1, ETag: first.ETag, ChecksumCRC32: first.ChecksumCRC32 },
    { PartNumber: 2, ETag: second.CopyPartResult.ETag, ChecksumCRC32: second.CopyPartResult.ChecksumCRC32 },
  ];
  const done = await s3.CompleteMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
  assert.match(done.ETag, /-2"$/);
  const got = await s3.GetObject({ Bucket, Key });
  assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), Buffer.concat(bodies));

  const abandoned = await s3.CreateMultipartUpload({ Bucket, Key });
  await s3.AbortMultipartUpload({ Bucket, Key, UploadId: abandoned.UploadId });
  await refused(s3.ListParts({ Bucket, Key, UploadId: abandoned.UploadId }), "NoSuchUpload", 404);
});

test("a presigned URL is good for what it was made for", async () => {
  const { getSignedUrl } = load("s3-request-presigner");
  const upload = await getSignedUrl(s3.sdk, new s3.module.PutObjectCommand({ Bucket, Key: "presigned" }));
  assert.equal((await fetch(upload, { method: "PUT", body: "meow" })).status, 200);
  const download = await getSignedUrl(s3.sdk, new s3.module.GetObjectCommand({ Bucket, Key: "presigned" }));
  assert.equal(await (await fetch(download)).text(), "meow");
  assert.equal((await fetch(download.replace("presigned?", "other?"))).status, 403);
});

test("what is not served says so", async () => {
  await refused(s3.GetBucketPolicyStatus({ Bucket }), "NotImplemented", 501);
});
