"""Objects: put, get, head, copy, delete, conditions, ranges, metadata, checksums, presigned URLs."""
import base64
import datetime
import hashlib
import os
import urllib.error
import urllib.request
import zlib

import pytest
from botocore.exceptions import ClientError

from conftest import ALT_ACCESS_KEY, ALT_SECRET_KEY, document, error_code

KEYS = ["plain", "with space", "ü/日本/😀", "a+b=c&d?e#f", "dots/../..", "percent%20%2F", "//double//slash", "quote'\"<>", "x" * 1024]


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="photos")
    return "photos"


@pytest.mark.parametrize("key", KEYS)
def test_any_key_comes_back(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"meow")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"meow"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 5_000_000])
def test_bodies_of_every_size(s3, bucket, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ContentLength"] == size and got["Body"].read() == body
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == size and head["ETag"] == put["ETag"] and head["AcceptRanges"] == "bytes"


def test_headers_and_metadata_come_back(s3, bucket):
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/css", CacheControl="max-age=5",
                  ContentDisposition='attachment; filename="x"', ContentLanguage="de", ContentEncoding="gzip",
                  Expires=expires, Metadata={"Mood": "sleepy", "n": "1"}, Tagging="a=1&b=2")
    for got in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert (got["ContentType"], got["CacheControl"], got["ContentLanguage"]) == ("text/css", "max-age=5", "de")
        assert got["ContentDisposition"] == 'attachment; filename="x"' and got["ContentEncoding"] == "gzip"
        assert got["Expires"] == expires and got["Metadata"] == {"mood": "sleepy", "n": "1"}
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/plain", ResponseCacheControl="no-store")
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-store")


def test_ranges(s3, bucket):
    body = os.urandom(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for spec, expected in {"bytes=0-9": body[:10], "bytes=99990-": body[99990:], "bytes=-5": body[-5:]}.items():
        got = s3.get_object(Bucket=bucket, Key="k", Range=spec)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206 and got["Body"].read() == expected
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-9")["ContentRange"] == "bytes 0-9/100000"
    assert error_code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=100000-") == ("InvalidRange", 416)


def test_conditions_of_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    past, future = datetime.datetime(2001, 1, 1), datetime.datetime(2101, 1, 1)
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"x"
    assert error_code(s3.get_object, Bucket=bucket, Key="k", IfMatch='"no"') == ("PreconditionFailed", 412)
    assert error_code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)[1] == 304
    assert error_code(s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag)[1] == 304
    assert error_code(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=future)[1] == 304
    assert error_code(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince=past)[1] == 412


def test_conditions_of_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    assert error_code(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert error_code(s3.put_object, Bucket=bucket, Key="k", Body=b"4", IfMatch=etag) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_verified_and_told(s3, bucket, algorithm):
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 100_000, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[member] == put[member] and got["ChecksumType"] == "FULL_OBJECT"
    assert got["Body"].read() == b"x" * 100_000  # botocore verifies as it reads


def test_wrong_digests_are_refused(s3, bucket):
    wrong_crc = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    assert error_code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32=wrong_crc) == ("BadDigest", 400)
    wrong_md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert error_code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong_md5) == ("BadDigest", 400)
    assert error_code(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)


def test_default_checksum_is_crc64nvme(hearth, s3, bucket):
    quiet = hearth.client("s3", request_checksum_calculation="when_required")
    assert quiet.put_object(Bucket=bucket, Key="k", Body=b"123456789")["ChecksumCRC64NVME"] == "rosUhgp5mIg="


def test_unseekable_streams_come_chunked(hearth, bucket):
    class Pipe:
        def __init__(self, body):
            self.left = body

        def read(self, n=-1):
            piece, self.left = (self.left, b"") if n < 0 else (self.left[:n], self.left[n:])
            return piece

    body = os.urandom(300_000)
    s3 = hearth.client("s3", signature_version="s3v4")
    s3.upload_fileobj(Pipe(body), bucket, "k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"x" * 100_000, ContentType="text/css", Tagging="a=1")
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü"})
    assert copied["CopyObjectResult"]["ETag"] == s3.head_object(Bucket=bucket, Key="a b/ü")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="copy")["ContentType"] == "text/css"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/copy", MetadataDirective="REPLACE", Metadata={"n": "2"})
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"n": "2"}
    same = dict(Bucket=bucket, Key="copy", CopySource=f"{bucket}/copy")
    assert error_code(s3.copy_object, **same) == ("InvalidRequest", 400)
    assert error_code(s3.copy_object, **{**same, "CopySource": f"{bucket}/none"}) == ("NoSuchKey", 404)


def test_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    tags = [{"Key": "team", "Value": "vision"}, {"Key": "ü", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    assert error_code(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice) == ("InvalidTag", 400)


def test_attributes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"meow")
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "StorageClass", "Checksum"])
    assert (got["ETag"], got["ObjectSize"], got["StorageClass"]) == (hashlib.md5(b"meow").hexdigest(), 4, "STANDARD")


def test_deletes_of_many(s3, bucket):
    for n in range(20):
        s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"x")
    objects = [{"Key": f"k{n}"} for n in range(20)] + [{"Key": "never there"}]
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert len(gone["Deleted"]) == 21 and "Errors" not in gone
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def test_a_delete_of_many_goes_by_the_rights_on_each(hearth, s3, bucket):
    for key in ("mine/1", "mine/2", "theirs/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    iam = hearth.client("iam")
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    iam.put_user_policy(UserName="ana", PolicyName="p", PolicyDocument=document(
        {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/mine/*"}))
    ana = hearth.client("s3", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    wanted = [{"Key": "theirs/1"}, {"Key": "mine/1"}, {"Key": "mine/2", "VersionId": "null"}]
    answer = ana.delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
    refused = {(error["Key"], error["Code"], error.get("VersionId")) for error in answer["Errors"]}
    assert refused == {("theirs/1", "AccessDenied", None), ("mine/2", "AccessDenied", "null")}
    assert "s3:DeleteObject on resource: arn:aws:s3:::photos/theirs/1" in answer["Errors"][0]["Message"]
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["mine/2", "theirs/1"]


def test_presigned_urls(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k ü"})
    urllib.request.urlopen(urllib.request.Request(url, data=b"meow", method="PUT", headers={"Content-Type": ""})).read()
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k ü"})
    assert urllib.request.urlopen(url).read() == b"meow"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("k%20", "j%20"))
    assert refused.value.code == 403


def test_presigned_urls_of_signature_version_4(hearth, s3, bucket):
    v4 = hearth.client("s3", signature_version="s3v4")
    v4.put_object(Bucket=bucket, Key="k", Body=b"meow")
    url = v4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"meow"


def test_what_is_not_served_says_so(s3, bucket):
    put = dict(Bucket=bucket, Key="k", Body=b"x")
    assert error_code(s3.put_object, **put, StorageClass="GLACIER") == ("InvalidStorageClass", 400)
    assert error_code(s3.put_object, **put, ServerSideEncryption="aws:kms") == ("NotImplemented", 501)
    assert error_code(s3.put_object, **put, ACL="public-read") == ("AccessControlListNotSupported", 400)
    assert error_code(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}}) == ("NotImplemented", 501)


def test_missing_things(s3, bucket):
    assert error_code(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert error_code(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert error_code(s3.get_object, Bucket="nowhere-at-all", Key="k") == ("NoSuchBucket", 404)
    assert error_code(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)
    assert error_code(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"m": "x" * 2048}) == ("MetadataTooLarge", 400)


def test_other_accounts_and_bad_keys_are_refused(hearth, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = hearth.client("s3", ALT_ACCESS_KEY, ALT_SECRET_KEY)
    assert error_code(other.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert error_code(hearth.client("s3", secret_key="wrong").get_object, Bucket=bucket, Key="k") == ("SignatureDoesNotMatch", 403)
    assert error_code(hearth.client("s3", "AKIANOBODYNOBODYNOBO").get_object, Bucket=bucket, Key="k") == ("InvalidAccessKeyId", 403)
    with pytest.raises(urllib.error.HTTPError) as anonymous:
        urllib.request.urlopen(f"{hearth.url}/{bucket}/k")
    assert anonymous.value.code == 403
