"""Buckets: names, owners, versioning, tags, policies, deletion."""
import json
import urllib.error
import urllib.request

import pytest

from conftest import ALT_ACCESS_KEY, ALT_ACCOUNT, ALT_SECRET_KEY, error_code


def test_create_list_head_delete(s3):
    for name in ("zoo", "archive"):
        s3.create_bucket(Bucket=name)
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["archive", "zoo"]
    assert s3.head_bucket(Bucket="zoo")["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket="zoo")["LocationConstraint"] is None
    s3.delete_bucket(Bucket="zoo")
    assert error_code(s3.head_bucket, Bucket="zoo") == ("404", 404)
    assert error_code(s3.delete_bucket, Bucket="zoo") == ("NoSuchBucket", 404)


def test_names_and_owners(hearth, s3):
    other = hearth.client("s3", ALT_ACCESS_KEY, ALT_SECRET_KEY)
    s3.create_bucket(Bucket="photos")
    s3.create_bucket(Bucket="photos")
    assert error_code(other.create_bucket, Bucket="photos") == ("BucketAlreadyExists", 409)
    assert error_code(other.list_objects_v2, Bucket="photos") == ("AccessDenied", 403)
    assert other.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert s3.get_bucket_location(Bucket="europe")["LocationConstraint"] == "eu-central-1"
    assert error_code(s3.head_bucket, Bucket="photos", ExpectedBucketOwner=ALT_ACCOUNT)[1] == 403


def test_a_full_bucket_stays(s3):
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="k", Body=b"x")
    assert error_code(s3.delete_bucket, Bucket="photos") == ("BucketNotEmpty", 409)


def test_tags(s3):
    s3.create_bucket(Bucket="photos")
    assert error_code(s3.get_bucket_tagging, Bucket="photos") == ("NoSuchTagSet", 404)
    s3.put_bucket_tagging(Bucket="photos", Tagging={"TagSet": [{"Key": "team", "Value": "vision"}]})
    assert s3.get_bucket_tagging(Bucket="photos")["TagSet"] == [{"Key": "team", "Value": "vision"}]
    s3.delete_bucket_tagging(Bucket="photos")
    assert error_code(s3.get_bucket_tagging, Bucket="photos") == ("NoSuchTagSet", 404)


def test_what_cannot_be_configured_says_so_in_s3s_words(s3):
    """What Terraform, s3cmd and consoles read of every bucket; and changing any of it is refused."""
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="k", Body=b"x")
    nothing = {
        s3.get_bucket_cors: "NoSuchCORSConfiguration",
        s3.get_bucket_encryption: "ServerSideEncryptionConfigurationNotFoundError",
        s3.get_bucket_lifecycle_configuration: "NoSuchLifecycleConfiguration",
        s3.get_bucket_replication: "ReplicationConfigurationNotFoundError",
        s3.get_bucket_website: "NoSuchWebsiteConfiguration",
        s3.get_object_lock_configuration: "ObjectLockConfigurationNotFoundError",
        s3.get_public_access_block: "NoSuchPublicAccessBlockConfiguration",
    }
    for get, code in nothing.items():
        assert error_code(get, Bucket="photos") == (code, 404)
        assert error_code(get, Bucket="nowhere") == ("NoSuchBucket", 404)
    owner = s3.list_objects_v2(Bucket="photos", FetchOwner=True)["Contents"][0]["Owner"]
    for acl in (s3.get_bucket_acl(Bucket="photos"), s3.get_object_acl(Bucket="photos", Key="k")):
        assert acl["Owner"] == owner
        assert acl["Grants"] == [{"Grantee": {"ID": owner["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]
    assert error_code(s3.get_object_acl, Bucket="photos", Key="none") == ("NoSuchKey", 404)
    assert s3.get_bucket_ownership_controls(Bucket="photos")["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert s3.get_bucket_request_payment(Bucket="photos")["Payer"] == "BucketOwner"
    for get in (s3.get_bucket_logging, s3.get_bucket_notification_configuration, s3.get_bucket_accelerate_configuration):
        assert set(get(Bucket="photos")) == {"ResponseMetadata"}
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    assert error_code(s3.put_bucket_lifecycle_configuration, Bucket="photos", LifecycleConfiguration={"Rules": [rule]}) == ("NotImplemented", 501)
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    assert error_code(s3.put_bucket_encryption, Bucket="photos", ServerSideEncryptionConfiguration=encryption) == ("NotImplemented", 501)
    assert error_code(s3.put_public_access_block, Bucket="photos", PublicAccessBlockConfiguration={"BlockPublicAcls": True}) == ("NotImplemented", 501)
    assert error_code(s3.put_bucket_acl, Bucket="photos", ACL="public-read") == ("NotImplemented", 501)


def test_a_policy_lets_everybody_read(hearth, s3):
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="public/cat", Body=b"meow")
    s3.put_object(Bucket="photos", Key="private", Body=b"secret")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/public/*"}]}
    s3.put_bucket_policy(Bucket="photos", Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket="photos")["Policy"]) == policy
    assert urllib.request.urlopen(f"{hearth.url}/photos/public/cat").read() == b"meow"
    for path in ("photos/private", "photos"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{hearth.url}/{path}")
        assert refused.value.code == 403
    assert error_code(s3.put_bucket_policy, Bucket="photos", Policy="{}")[0] == "MalformedPolicy"
    s3.delete_bucket_policy(Bucket="photos")
    assert error_code(s3.get_bucket_policy, Bucket="photos") == ("NoSuchBucketPolicy", 404)


def test_versioning(s3):
    s3.create_bucket(Bucket="photos")
    assert "Status" not in s3.get_bucket_versioning(Bucket="photos")
    s3.put_object(Bucket="photos", Key="k", Body=b"null")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="photos")["Status"] == "Enabled"
    one = s3.put_object(Bucket="photos", Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket="photos", Key="k", Body=b"two")["VersionId"]
    assert s3.get_object(Bucket="photos", Key="k", VersionId=one)["Body"].read() == b"one"
    assert s3.get_object(Bucket="photos", Key="k", VersionId="null")["Body"].read() == b"null"
    marker = s3.delete_object(Bucket="photos", Key="k")
    assert marker["DeleteMarker"] is True
    assert error_code(s3.get_object, Bucket="photos", Key="k") == ("NoSuchKey", 404)
    assert error_code(s3.get_object, Bucket="photos", Key="k", VersionId=marker["VersionId"]) == ("MethodNotAllowed", 405)
    listed = s3.list_object_versions(Bucket="photos")
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"]
    assert [m["VersionId"] for m in listed["DeleteMarkers"]] == [marker["VersionId"]]
    s3.delete_object(Bucket="photos", Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket="photos", Key="k")["Body"].read() == b"two"
    copied = s3.copy_object(Bucket="photos", Key="k", CopySource={"Bucket": "photos", "Key": "k", "VersionId": one})
    assert copied["CopySourceVersionId"] == one and s3.get_object(Bucket="photos", Key="k")["Body"].read() == b"one"
    assert error_code(s3.delete_bucket, Bucket="photos") == ("BucketNotEmpty", 409)


def test_the_answers_of_buckets_without_configuration(s3):
    s3.create_bucket(Bucket="photos")
    assert error_code(s3.get_bucket_policy, Bucket="photos") == ("NoSuchBucketPolicy", 404)
