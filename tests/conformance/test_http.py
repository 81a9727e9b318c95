"""HTTP below the services: what the clients in use need of it, seen with raw sockets, and TLS with the clients themselves."""
import json
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ACCESS_KEY, BINARY, SECRET_KEY, wait_for

HEALTH = b"GET /_hearth/health HTTP/1.1\r\nHost: a\r\n\r\n"


def signed(hearth, service, method, path, body=b"", headers=None, secret=SECRET_KEY):
    """The head of a signed request without its end, so that a test can say more about the body."""
    request = AWSRequest(method, hearth.url + path, data=body, headers=headers or {})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(ACCESS_KEY, secret), service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{hearth.port}"]
    return ("\r\n".join(lines + [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "host"]) + "\r\n").encode()


class Wire:
    """A connection on which a test says and hears exact bytes."""

    def __init__(self, hearth):
        self.stream = socket.create_connection(("127.0.0.1", hearth.port), timeout=20)
        self.heard = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def say(self, data):
        self.stream.sendall(data)

    def head(self):
        while b"\r\n\r\n" not in self.heard:
            piece = self.stream.recv(65536)
            assert piece, f"closed after {self.heard!r}"
            self.heard += piece
        head, _, self.heard = self.heard.partition(b"\r\n\r\n")
        return head.decode()

    def answer(self):
        """(status, head, body), the body by its Content-Length."""
        head = self.head()
        length = int(re.search(r"content-length: (\d+)", head, re.I)[1])
        while len(self.heard) < length:
            self.heard += self.stream.recv(65536)
        body, self.heard = self.heard[:length], self.heard[length:]
        return int(head.split()[1]), head, body

    def rest(self):
        while piece := self.stream.recv(65536):
            self.heard += piece
        return self.heard


@pytest.fixture
def wire(hearth):
    with Wire(hearth) as connection:
        yield connection


@pytest.fixture
def bucket(hearth):
    hearth.client("s3").create_bucket(Bucket="wire")
    return "wire"


def test_a_body_is_asked_for_only_when_it_is_wanted(hearth, bucket):
    expecting = b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Wire(hearth) as good:
        good.say(signed(hearth, "s3", "PUT", "/wire/k", b"hello") + expecting)
        assert good.head().startswith("HTTP/1.1 100 ")
        good.say(b"hello")
        assert good.answer()[0] == 200
    with Wire(hearth) as forged:
        forged.say(signed(hearth, "s3", "PUT", "/wire/k", b"hello", secret="wrong") + expecting)
        assert forged.answer()[0] == 403  # no 100 before it, and no wait for the body
        assert forged.rest() == b""
    assert hearth.client("s3").get_object(Bucket="wire", Key="k")["Body"].read() == b"hello"


def test_connections_are_kept_and_requests_sent_ahead_are_answered_in_order(hearth, bucket):
    s3 = hearth.client("s3")
    for i in range(200):
        s3.put_object(Bucket="wire", Key=str(i), Body=str(i).encode())
    with Wire(hearth) as ahead:
        requests = b"".join(signed(hearth, "s3", "GET", f"/wire/{i}") + b"\r\n" for i in range(200))
        sender = threading.Thread(target=ahead.say, args=(requests,))  # more than the sockets' buffers hold
        sender.start()
        assert [ahead.answer()[2].decode() for _ in range(200)] == [str(i) for i in range(200)]
        sender.join()


def test_http_1_0_is_answered_as_such(hearth):
    with Wire(hearth) as old:
        old.say(b"GET /_hearth/health HTTP/1.0\r\n\r\n")
        answer = old.rest()
        assert answer.startswith(b"HTTP/1.0 200 ") and b"transfer-encoding" not in answer.lower() and b'"ok"' in answer
    with Wire(hearth) as kept:
        for _ in range(2):
            kept.say(b"GET /_hearth/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, head, _ = kept.answer()
            assert status == 200 and "keep-alive" in head.lower()


def test_a_list_for_an_http_1_0_client_ends_with_the_connection(hearth, bucket):
    """Answers of unknown length are chunked for others; this one cannot read chunks."""
    with Wire(hearth) as old:
        old.say(signed(hearth, "s3", "GET", "/wire?list-type=2").replace(b"HTTP/1.1", b"HTTP/1.0", 1) + b"\r\n")
        head, _, body = old.rest().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 ") and b"chunked" not in head.lower() and body.strip().endswith(b"</ListBucketResult>")


def test_a_chunked_body_with_trailers_is_a_body(hearth, wire):
    body = b'{"limit": 5}'
    head = signed(hearth, "logs", "POST", "/", body, {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.DescribeLogGroups"})
    head = re.sub(rb"Content-Length: \d+\r\n", b"", head, flags=re.I)
    wire.say(head + b"Transfer-Encoding: chunked\r\nTrailer: X-Note\r\n\r\n" + b"5;ext=1\r\n" + body[:5] + b"\r\n7\r\n" + body[5:] + b"\r\n0\r\nX-Note: n\r\n\r\n")
    assert wire.answer()[0] == 200
    wire.say(HEALTH)
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("request_bytes, status", [(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
                                                   (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
                                                   (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n", 400)],
                         ids=["no colon", "a large header", "a large target", "no length"])
def test_what_http_refuses_has_a_request_id_and_a_message(wire, request_bytes, status):
    wire.say(request_bytes)
    answered, head, body = wire.answer()
    assert answered == status and len(body) > 10
    assert re.search(r"x-amzn-requestid: [0-9a-f-]{36}", head, re.I) and re.search(r"x-amz-request-id: [0-9a-f-]{36}", head, re.I), head
    assert wire.rest() == b""


@pytest.mark.parametrize("method, path, status", [("GET", "/_hearth/nothing", 403), ("POST", "/", None), ("BREW", "/", None), ("POST", "/v1/chat/completions", 401)])
def test_whatever_is_asked_without_a_signature_has_a_request_id_and_a_message(hearth, wire, method, path, status):
    wire.say(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
    answered, head, body = wire.answer()
    assert 400 <= answered < 500 and (status is None or answered == status), head
    assert re.search(r"(x-amzn-requestid|x-amz-request-id|x-request-id): \S+", head, re.I), head
    assert b"essage" in body, body


# --- TLS

def run_with(environment, *command):
    return subprocess.run(command, env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "AWS_DEFAULT_REGION": "us-east-1", **environment},
                          capture_output=True, text=True, timeout=60)


@pytest.fixture(params=["self-signed", "own certificate"])
def tls(request, tmp_path):
    """(url, certificate to trust) of a server that speaks TLS."""
    certificate, key = tmp_path / "tls-certificate.pem", tmp_path / "key.pem"
    extra = ["--tls-self-signed"]
    if request.param == "own certificate":
        certificate = tmp_path / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        extra = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    environment = dict(os.environ, HEARTH_ROOT_ACCESS_KEY_ID=ACCESS_KEY, HEARTH_ROOT_SECRET_ACCESS_KEY=SECRET_KEY)
    server = subprocess.Popen([BINARY, "serve", "--data", tmp_path, "--listen", "127.0.0.1:0", *extra], stderr=subprocess.DEVNULL, env=environment)
    try:
        wait_for(lambda: (tmp_path / "endpoint-url").exists())
        yield (tmp_path / "endpoint-url").read_text().strip(), str(certificate)
    finally:
        server.terminate()
        server.wait()


def test_clients_speak_tls_with_the_certificate_they_are_told_to_trust(tls):
    url, certificate = tls
    assert url.startswith("https://127.0.0.1:")
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_ENDPOINT_URL": url}
    for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        cli = run_with({**keys, variable: certificate}, "aws", "sts", "get-caller-identity", "--output", "json")
        assert cli.returncode == 0 and json.loads(cli.stdout)["Arn"].endswith(":root"), cli.stderr
        code = 'import boto3\ns3 = boto3.client("s3")\ns3.create_bucket(Bucket="tls%s")\ns3.put_object(Bucket="tls%s", Key="k", Body=b"x" * (20 << 20))\n' \
               'print(len(s3.get_object(Bucket="tls%s", Key="k")["Body"].read()))' % ((variable[:3].lower(),) * 3)
        sdk = run_with({**keys, variable: certificate}, "python", "-c", code)
        assert sdk.stdout.strip() == str(20 << 20), sdk.stderr
    assert "SSL" in run_with(keys, "aws", "sts", "get-caller-identity").stderr  # nobody told it whom to trust
    status = run_with({**keys, "AWS_CA_BUNDLE": certificate}, str(BINARY), "status")
    assert status.returncode == 0, status.stderr
    refused = run_with(keys | {"HOME": "/nowhere"}, str(BINARY), "status", "--json")
    error = json.loads(refused.stderr)["error"]
    assert refused.returncode == 1 and "certificate" in error["message"] and "AWS_CA_BUNDLE" in error["advice"], error


def test_tls_is_1_2_or_later_and_plain_http_is_not_answered_on_it(tls):
    url, certificate = tls
    port = int(url.rpartition(":")[2])
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=certificate)
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="localhost") as stream:
            stream.sendall(HEALTH)
            assert stream.recv(100).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(HEALTH)
        try:
            assert not plain.recv(100).startswith(b"HTTP/1.1 200")
        except ConnectionResetError:
            pass
