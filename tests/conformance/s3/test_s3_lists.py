"""Lists: prefixes, delimiters, pages, encodings."""
import pytest

from conftest import error_code

KEYS = ["a/1", "a/2", "b", "c/d/1", "c/e", "with space", "zz/ü+x"]


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="photos")
    for key in KEYS:
        s3.put_object(Bucket="photos", Key=key, Body=b"x")
    return "photos"


def entries(page):
    return sorted([o["Key"] for o in page.get("Contents", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])])


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_pages_add_up(s3, bucket, operation, page_size):
    def pages(**kwargs):
        paginator = s3.get_paginator(operation)
        return [e for page in paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": page_size}, **kwargs) for e in entries(page)]
    assert pages() == KEYS
    assert pages(Delimiter="/") == ["a/", "b", "c/", "with space", "zz/"]
    assert pages(Delimiter="/", Prefix="c/") == ["c/d/", "c/e"]
    assert pages(Prefix="zz/ü") == ["zz/ü+x"]


def test_version_pages_add_up(s3, bucket):
    paginator = s3.get_paginator("list_object_versions")
    for page_size in (1, 3, 1000):
        pages = paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": page_size})
        assert [v["Key"] for page in pages for v in page.get("Versions", [])] == KEYS


def test_parameters(s3, bucket):
    assert entries(s3.list_objects_v2(Bucket=bucket, StartAfter="c/e")) == ["with space", "zz/ü+x"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert "ID" in s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]
    assert error_code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="*")[1] == 400
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["Size"], listed["StorageClass"], listed["ETag"][0]) == (1, "STANDARD", '"')


def test_a_thousand_and_one(s3):
    s3.create_bucket(Bucket="many")
    for n in range(1001):
        s3.put_object(Bucket="many", Key=f"{n:05}", Body=b"")
    page = s3.list_objects_v2(Bucket="many")
    assert page["IsTruncated"] and page["KeyCount"] == 1000
    rest = s3.list_objects_v2(Bucket="many", ContinuationToken=page["NextContinuationToken"])
    assert [o["Key"] for o in rest["Contents"]] == ["01000"]
