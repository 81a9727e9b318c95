"""Shared by every end-to-end test: starts build/release/hearth on its own data folder and hands out unmodified clients.

Environment: HEARTH_BINARY overrides the binary under test. Nothing here talks to anything but loopback.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("HEARTH_BINARY", ROOT / "build" / "release" / "hearth"))
ACCESS_KEY, SECRET_KEY, ACCOUNT = "AKIAROOTROOTROOTROOT", "rootsecretrootsecretrootsecretrootsecret", "000000000000"
ALT_ACCESS_KEY, ALT_SECRET_KEY, ALT_ACCOUNT = "AKIAALTALTALTALTALTA", "altsecretaltsecretaltsecretaltsecretalts", "111111111111"


# (service, operation) of every call that succeeded with boto3 in this run; conformance/test_boto3_coverage.py looks at it.
succeeded = set()


def note_success(http_response, model, **_):
    if http_response.status_code < 300:
        succeeded.add((model.service_model.service_name, model.name))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Hearth:
    """One `hearth serve` process. start() returns once it answers its health check."""

    def __init__(self, data=None, test_mode=True, extra=(), log=None):
        self.own_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="hearth-test-"))
        self.port = free_port()
        self.test_mode = test_mode
        self.extra = list(extra)
        self.process = None
        self.log_path = pathlib.Path(log) if log else self.data.parent / (self.data.name + ".log")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout_s=20):
        env = dict(os.environ, HEARTH_ROOT_ACCESS_KEY_ID=ACCESS_KEY, HEARTH_ROOT_SECRET_ACCESS_KEY=SECRET_KEY,
                   HEARTH_ALT_ACCESS_KEY_ID=ALT_ACCESS_KEY, HEARTH_ALT_SECRET_ACCESS_KEY=ALT_SECRET_KEY,
                   HEARTH_ALT_ACCOUNT_ID=ALT_ACCOUNT)
        command = [str(BINARY), "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", *self.extra]
        if self.test_mode:
            command.append("--test-mode")
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        began = time.monotonic()
        deadline = began + timeout_s
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_hearth/health", timeout=2) as answer:
                    if answer.status == 200:
                        self.started_in_s = time.monotonic() - began
                        return self
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"hearth did not start: {self.log_path.read_text(errors='replace')[-3000:]}")
            time.sleep(0.005)  # polling a condition, bounded by the deadline above

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(30)
        code = self.process.returncode if self.process else None
        self.process = None
        return code

    def cleanup(self):
        if self.process and self.test_mode:
            with contextlib.suppress(OSError):
                self.reset()  # no instance outlives its test
        self.stop()
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
            self.log_path.unlink(missing_ok=True)

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_hearth/reset", method="POST"), timeout=30).read()

    def client(self, service, access_key=ACCESS_KEY, secret_key=SECRET_KEY, token=None, region="us-east-1", **config):
        options = {"retries": {"max_attempts": 0}, "connect_timeout": 5, "read_timeout": 60}
        if service == "s3":
            options["s3"] = {"addressing_style": "path"}
        options.update(config)
        client = boto3.client(service, endpoint_url=self.url, region_name=region, aws_access_key_id=access_key,
                              aws_secret_access_key=secret_key, aws_session_token=token, config=Config(**options))
        client.meta.events.register("after-call", note_success)
        return client

    def aws_environment(self, access_key=ACCESS_KEY, secret_key=SECRET_KEY):
        """What the aws-cli needs in order to find this server and nothing of the user's own configuration."""
        return dict(os.environ, AWS_ACCESS_KEY_ID=access_key, AWS_SECRET_ACCESS_KEY=secret_key, AWS_REGION="us-east-1",
                    AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=self.url, AWS_PAGER="", AWS_CONFIG_FILE="/dev/null",
                    AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_MAX_ATTEMPTS="1")

    def aws(self, *arguments, check=True, access_key=ACCESS_KEY, secret_key=SECRET_KEY, **kwargs):
        """Runs the unmodified aws-cli and returns its parsed JSON (or text)."""
        run = subprocess.run(["aws", "--output", "json", *map(str, arguments)], env=self.aws_environment(access_key, secret_key),
                             capture_output=True, text=True, timeout=120, **kwargs)
        if check and run.returncode:
            raise AssertionError(f"aws {' '.join(map(str, arguments))} failed: {run.stderr}")
        if not check:
            return run
        try:
            return json.loads(run.stdout) if run.stdout.strip() else {}
        except json.JSONDecodeError:
            return run.stdout


def pytest_collection_modifyitems(items):
    """What looks back at the whole run comes last."""
    items.sort(key=lambda item: item.get_closest_marker("looks_back") is not None)


def pytest_configure(config):
    config.addinivalue_line("markers", "looks_back: looks at what the tests before it did")


@pytest.fixture(scope="session")
def shared_hearth():
    if not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: run ./dev build first")
    server = Hearth().start()
    yield server
    server.cleanup()


@pytest.fixture
def hearth(shared_hearth):
    """A running server whose state was wiped just now."""
    shared_hearth.reset()
    return shared_hearth


@pytest.fixture
def own_hearth(request):
    """A server of this test's own, for tests that kill or restart it. Not started yet."""
    server = Hearth()
    yield server
    server.cleanup()


@pytest.fixture
def s3(hearth):
    return hearth.client("s3")


def wait_for(condition, timeout_s=20):
    """Polls until the condition is true; returns its value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def document(*statements):
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def error_code(call, *args, **kwargs):
    """The AWS error code and HTTP status of a call that must fail; its message must not be empty."""
    from botocore.exceptions import ClientError
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] >= 300
    # HEAD answers have no body: botocore then makes the code and the message from the status.
    assert response["Error"]["Message"].strip(), response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
