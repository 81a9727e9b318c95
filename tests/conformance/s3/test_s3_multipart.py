"""Multipart uploads by hand, by boto3's transfer manager and by aws-cli."""
import hashlib
import os

import pytest
from boto3.s3.transfer import TransferConfig

from conftest import error_code

MEBIBYTE = 1 << 20


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="photos")
    return "photos"


def upload_parts(s3, bucket, upload_id, bodies):
    done = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=body)
        done.append({k: v for k, v in part.items() if k == "ETag" or k.startswith("Checksum")} | {"PartNumber": number})
    return {"Parts": done}


def test_parts_become_one_object(s3, bucket):
    bodies = [os.urandom(5 * MEBIBYTE), os.urandom(5 * MEBIBYTE + 1), os.urandom(7)]
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/css", Metadata={"n": "1"})["UploadId"]
    parts = upload_parts(s3, bucket, upload_id, bodies)
    assert [p["Size"] for p in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id)["Parts"]] == [len(b) for b in bodies]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload_id]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts)
    md5s = b"".join(hashlib.md5(b).digest() for b in bodies)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    again = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts)  # a client that lost the answer
    assert again["ETag"] == done["ETag"]
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(bodies) and got["ContentType"] == "text/css" and got["Metadata"] == {"n": "1"}
    part2 = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert part2["Body"].read() == bodies[1] and part2["PartsCount"] == 3
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_refusals(s3, bucket):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = upload_parts(s3, bucket, upload_id, [b"small", b"last"])
    complete = dict(Bucket=bucket, Key="k", UploadId=upload_id)
    assert error_code(s3.complete_multipart_upload, **complete, MultipartUpload=parts) == ("EntityTooSmall", 400)
    backwards = {"Parts": parts["Parts"][::-1]}
    assert error_code(s3.complete_multipart_upload, **complete, MultipartUpload=backwards) == ("InvalidPartOrder", 400)
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00"'}]}
    assert error_code(s3.complete_multipart_upload, **complete, MultipartUpload=wrong) == ("InvalidPart", 400)
    s3.abort_multipart_upload(**complete)
    assert error_code(s3.complete_multipart_upload, **complete, MultipartUpload=parts) == ("NoSuchUpload", 404)
    assert error_code(s3.upload_part, **complete, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)


def test_copied_parts(s3, bucket):
    source = os.urandom(6 * MEBIBYTE)
    s3.put_object(Bucket=bucket, Key="source", Body=source)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = []
    for number, span in enumerate(["bytes=0-5242879", "bytes=5242880-6291455"], 1):
        copied = s3.upload_part_copy(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number,
                                     CopySource=f"{bucket}/source", CopySourceRange=span)
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == source


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_the_transfer_manager(s3, bucket, tmp_path, algorithm):
    body = os.urandom(20 * MEBIBYTE + 3)
    (tmp_path / "up").write_bytes(body)
    config = TransferConfig(multipart_threshold=8 * MEBIBYTE, multipart_chunksize=8 * MEBIBYTE)
    s3.upload_file(str(tmp_path / "up"), bucket, "k", Config=config, ExtraArgs={"ChecksumAlgorithm": algorithm})
    s3.download_file(bucket, "k", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == body
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts", "Checksum"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3


def test_aws_cli(hearth, s3, bucket, tmp_path):
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "big").write_bytes(os.urandom(20 * MEBIBYTE))
    (tmp_path / "d" / "sub" / "small ü").write_bytes(b"meow")
    hearth.aws("s3", "mb", "s3://cli")
    hearth.aws("s3", "sync", tmp_path / "d", "s3://cli/d", "--no-progress")
    listed = hearth.aws("s3", "ls", "s3://cli/", "--recursive")
    assert "d/big" in listed and "d/sub/small ü" in listed
    hearth.aws("s3", "sync", "s3://cli/d", tmp_path / "back", "--no-progress")
    assert (tmp_path / "back" / "big").read_bytes() == (tmp_path / "d" / "big").read_bytes()
    assert (tmp_path / "back" / "sub" / "small ü").read_bytes() == b"meow"
    assert "upload" not in str(hearth.aws("s3", "sync", tmp_path / "d", "s3://cli/d", "--no-progress"))
    hearth.aws("s3", "cp", "s3://cli/d/big", "s3://photos/copy", "--no-progress")
    assert s3.head_object(Bucket="photos", Key="copy")["ContentLength"] == 20 * MEBIBYTE
    hearth.aws("s3", "mv", "s3://cli/d/sub/small ü", "s3://cli/moved", "--no-progress")
    hearth.aws("s3", "rb", "s3://cli", "--force")
    assert [b["Name"] for b in hearth.aws("s3api", "list-buckets")["Buckets"]] == ["photos"]
