"""What clients hide: virtual-host style, 100-continue, broken requests."""
import base64
import hashlib
import http.client
import resource
import socket
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import ACCESS_KEY, SECRET_KEY, Hearth, error_code


def signed(hearth, method, path, body=b"", headers=None, host=None):
    """A SigV4-signed request as (path, headers)."""
    request = AWSRequest(method=method, url=f"http://{host or f'127.0.0.1:{hearth.port}'}{path}", data=body, headers=headers or {})
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "us-east-1").add_auth(request)
    sent = dict(request.headers.items())
    sent["Host"] = host or f"127.0.0.1:{hearth.port}"
    return sent


def call(hearth, method, path, body=b"", headers=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", hearth.port, timeout=10)
    connection.request(method, path, body=body, headers=signed(hearth, method, path, body, headers, host))
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


@pytest.fixture
def bucket(s3):
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="cat", Body=b"meow")
    return "photos"


@pytest.mark.parametrize("host", ["photos.s3.localhost:4566", "photos.localhost:4566", "photos.s3.us-east-1.amazonaws.com", "photos.s3.amazonaws.com"])
def test_virtual_host_style(hearth, bucket, host):
    status, _, body = call(hearth, "GET", "/cat", host=host)
    assert (status, body) == (200, b"meow")
    status, _, body = call(hearth, "GET", "/?list-type=2", host=host)
    assert status == 200 and b"<Key>cat</Key>" in body


def test_a_bucket_with_a_host_of_its_own_may_hold_keys_that_look_like_our_own_paths(hearth, s3, bucket):
    for key in ("v1/models/llama.safetensors", "v1/models-old", "_hearth/health", "_hearth/reset"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert call(hearth, "GET", "/" + key, host="photos.s3.localhost:4566")[::2] == (200, key.encode())


def test_a_browsers_form_is_told_that_it_is_not_served(hearth, s3, bucket):
    form = s3.generate_presigned_post(bucket, "k")
    assert "policy" in form["fields"]
    raw = urllib.request.Request(f"{hearth.url}/{bucket}", b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(raw, timeout=10)
    assert error.value.code == 501 and b"NotImplemented" in error.value.read()


def test_reset_is_no_browsers_business(hearth, s3, bucket):
    for method, path, headers, refused in (("GET", "/_hearth/reset", {}, 405), ("POST", "/_hearth/reset", {"Origin": "http://page.example"}, 403)):
        raw = urllib.request.Request(hearth.url + path, headers=headers, method=method)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(raw, timeout=10)
        assert error.value.code == refused
    assert s3.get_object(Bucket=bucket, Key="cat")["Body"].read() == b"meow"


def test_idle_connections_do_not_take_the_files_that_objects_need(tmp_path):
    """Started as a login shell would, with 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    crowd = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    server = Hearth(data=tmp_path, test_mode=False)
    try:
        server.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))  # ours, not the server's
        server.client("s3").create_bucket(Bucket="crowded")
        crowd += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1200)]
        server.client("s3").put_object(Bucket="crowded", Key="k", Body=b"x" * 100_000)
        assert len(server.client("s3").get_object(Bucket="crowded", Key="k")["Body"].read()) == 100_000
    finally:
        for each in crowd:
            each.close()
        server.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_every_answer_has_a_request_id_and_errors_say_what(hearth, bucket):
    status, headers, body = call(hearth, "GET", f"/{bucket}/none")
    assert status == 404 and headers["x-amz-request-id"]
    for part in (b"<Code>NoSuchKey</Code>", b"<Key>none</Key>", b"<Message>", b"<RequestId>"):
        assert part in body


def test_a_delete_marker_is_told_in_a_header(hearth, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_object(Bucket=bucket, Key="cat")
    status, headers, _ = call(hearth, "HEAD", f"/{bucket}/cat")
    assert (status, headers["x-amz-delete-marker"]) == (404, "true")


def test_not_modified_has_no_body(hearth, s3, bucket):
    etag = s3.head_object(Bucket=bucket, Key="cat")["ETag"]
    status, headers, body = call(hearth, "GET", f"/{bucket}/cat", headers={"If-None-Match": etag})
    assert (status, body, headers["ETag"]) == (304, b"", etag)


def read_head(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = stream.recv(1)
        assert piece, head
        head += piece
    return head


def test_100_continue(hearth, s3, bucket):
    body = b"x" * 100_000
    headers = signed(hearth, "PUT", f"/{bucket}/slow", body, {"Content-Length": str(len(body))})
    headers["Expect"] = "100-continue"
    with socket.create_connection(("127.0.0.1", hearth.port), timeout=10) as stream:
        stream.sendall((f"PUT /{bucket}/slow HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode())
        assert read_head(stream).startswith(b"HTTP/1.1 100")
        stream.sendall(body)
        assert read_head(stream).startswith(b"HTTP/1.1 200")
    assert s3.head_object(Bucket=bucket, Key="slow")["ContentLength"] == len(body)


def test_broken_xml(hearth, bucket):
    status, _, body = call(hearth, "POST", f"/{bucket}?delete=", b"<Delete><Object>")
    assert status == 400 and b"MalformedXML" in body


def test_a_tampered_body_is_refused(hearth, bucket):
    headers = signed(hearth, "PUT", f"/{bucket}/k", b"signed", {"x-amz-content-sha256": "0" * 64})
    connection = http.client.HTTPConnection("127.0.0.1", hearth.port, timeout=10)
    connection.request("PUT", f"/{bucket}/k", body=b"other!", headers=headers)
    answer = connection.getresponse()
    assert answer.status in (400, 403) and answer.read()


FORBIDDEN_IN_XML = ["a\x01b", "a\x1fb", "a\ufffeb"]


def test_keys_that_xml_cannot_hold_spoil_no_answer(hearth, s3, bucket):
    keys = sorted([*FORBIDDEN_IN_XML, "ab"], key=str.encode)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    for operation, listed in (("list_objects_v2", "Contents"), ("list_objects", "Contents"), ("list_object_versions", "Versions")):
        paginator = s3.get_paginator(operation)  # boto3 asks for encoding-type=url
        pages = paginator.paginate(Bucket=bucket, Prefix="a", PaginationConfig={"PageSize": 1})
        assert [o["Key"] for page in pages for o in page.get(listed, [])] == keys
    for path in (f"/{bucket}?list-type=2&prefix=a", f"/{bucket}?prefix=a", f"/{bucket}?prefix=a&versions="):  # asks for nothing
        status, _, body = call(hearth, "GET", path)
        assert status == 200
        found = [e.text for e in xml.etree.ElementTree.fromstring(body).iter() if e.tag.endswith("Key")]
        assert sorted(found) == sorted(["ab", "a\ufffdb", "a\ufffdb", "a\ufffdb"])
    upload = s3.create_multipart_upload(Bucket=bucket, Key=FORBIDDEN_IN_XML[0])
    assert upload["Key"] == "a\ufffdb"
    for asked, told in ({}, "a\ufffdb"), ({"EncodingType": "url"}, "a%01b"):  # boto3 neither asks for it of itself nor decodes it here
        assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket, **asked)["Uploads"]] == [told]
    s3.abort_multipart_upload(Bucket=bucket, Key=FORBIDDEN_IN_XML[0], UploadId=upload["UploadId"])
    for key in keys:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"


@pytest.mark.parametrize("key", FORBIDDEN_IN_XML)
def test_a_document_with_what_xml_forbids_is_malformed(hearth, s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert error_code(s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": key}]}) == ("MalformedXML", 400)
    written = key.replace("\x01", "&#1;").replace("\x1f", "&#x1F;").replace("\ufffe", "&#xFFFE;")
    body = f"<Delete><Object><Key>{written}</Key></Object></Delete>".encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    status, _, answer = call(hearth, "POST", f"/{bucket}?delete=", body, {"Content-MD5": md5})
    assert status == 400 and b"<Code>MalformedXML</Code>" in answer
    s3.delete_object(Bucket=bucket, Key=key)  # one by one, they can be deleted
    assert error_code(s3.head_object, Bucket=bucket, Key=key)[1] == 404
