"""The codecs under test, as a process that answers JSON lines (probe.cpp)."""
import base64
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROBE = pathlib.Path(os.environ.get("HEARTH_CODEC_PROBE", ROOT / "build" / "release" / "hearth_codec_probe"))


class Probe:
    def __init__(self):
        self.process = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the probe died of {command}"
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def message(headers, body, **fields):
    return dict(fields, headers=[[name, str(value)] for name, value in headers.items()],
                body=base64.b64encode(body).decode())


@pytest.fixture(scope="session")
def probe():
    if not PROBE.exists():
        pytest.fail(f"{PROBE} does not exist: run ./dev build first")
    probe = Probe()
    yield probe
    probe.close()
