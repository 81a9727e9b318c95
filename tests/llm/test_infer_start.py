"""hearth-infer before it has its model: what probes see, and what is left of one that is ended then."""
import http.server
import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from conftest import BINARY, wait_for
from conformance import tiny_model

INFER = BINARY.parent / "hearth-infer"


class SlowBucket(http.server.BaseHTTPRequestHandler):
    """An S3 server with a model whose weights do not arrive until `go` is set."""
    protocol_version = "HTTP/1.1"
    files = tiny_model.files()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        if "list-type" in self.path:
            keys = "".join(f"<Contents><Key>m/{name}</Key></Contents>" for name in sorted(self.files))
            return self.send(200, f"<ListBucketResult>{keys}</ListBucketResult>".encode())
        if name not in self.files:
            return self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        body = self.files[name]
        if self.command == "GET" and name == "model.safetensors":
            self.server.asked.set()
            self.server.go.wait(60)
        span = self.headers.get("Range")
        if span is None:
            return self.send(200, body)
        first, last = map(int, span.removeprefix("bytes=").split("-"))
        self.send(206, body[first:last + 1])

    def send(self, status, body):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            pass  # the client was killed

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowBucket)
    server.daemon_threads = True
    server.asked, server.go = threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(bucket, tmp_path):
    """Starts hearth-infer on the slow model; its process and address."""
    started = []

    def start():
        bucket.asked.clear()
        environment = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{bucket.server_port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                       "HOME": str(tmp_path)}
        process = subprocess.Popen([str(INFER), "--model", "s3://bucket/m", "--model-name", "tiny", "--port", "0", "--cache", str(tmp_path / "cache")],
                                   env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        started.append(process)
        for line in process.stderr:
            if "http://127.0.0.1:" in line:
                return process, "http://" + line.split("http://")[1].split('"')[0].split()[0]
        raise AssertionError("it never listened")

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def fetched(tmp_path):
    return list((tmp_path / "cache").glob("fetched-*"))


@pytest.mark.parametrize("path", ["/health", "/ping", "/v1/models"])
def test_while_the_model_loads_it_says_so_and_then_serves(bucket, start, path):
    _, url = start()
    assert bucket.asked.wait(20)
    status, body = get(url + path)
    assert status == 503 and json.loads(body)["error"]["code"] == "model_loading", body
    bucket.go.set()
    assert wait_for(lambda: get(url + path)[0] == 200, 30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_while_it_fetches_it_ends_at_once_and_leaves_nothing(bucket, start, tmp_path, number):
    process, _ = start()
    assert bucket.asked.wait(20)
    assert fetched(tmp_path)
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert not fetched(tmp_path)


def test_what_was_left_by_one_that_was_killed_goes_with_the_next_start(bucket, start, tmp_path):
    process, _ = start()
    assert bucket.asked.wait(20)
    process.kill()
    process.wait()
    left = fetched(tmp_path)
    assert left
    _, url = start()
    assert bucket.asked.wait(20)
    assert not set(left) & set(fetched(tmp_path))
    bucket.go.set()
    assert wait_for(lambda: get(url + "/health")[0] == 200, 30)
    assert not fetched(tmp_path), "a loaded model needs no file any more"
