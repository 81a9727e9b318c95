"""Every served operation with the unmodified AWS SDK for JavaScript v3 (js/*.test.mjs, run by node's own test runner)."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import ACCESS_KEY, ROOT, SECRET_KEY
from conformance.instances import skip_without_instances
from conformance.model_endpoint import served_model  # noqa: F401  a fixture
from conformance.served import COVERED, NEED_INSTANCES, NEVER_SUCCEED, served, services_with_operations

HERE = pathlib.Path(__file__).resolve().parent / "js"
LOCK = ROOT / "tools" / "deps" / "sdk-js" / "package-lock.json"


def sdk_folder():
    """Where tools/deps/sdk-js.sh put the pinned packages."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    deps = pathlib.Path(os.environ.get("HEARTH_DEPS", cache / "cloudhearth" / "deps"))
    folder = deps / f"sdk-js-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    assert (folder / "complete").exists(), f"{folder} is missing: run ./dev setup"
    return folder


@pytest.mark.parametrize("service", COVERED)
def test_every_served_operation(request, service, tmp_path):
    hearth = request.getfixturevalue("served_model" if service == "sagemaker-runtime" else "hearth")
    if service in NEED_INSTANCES:
        skip_without_instances(hearth)
    called = tmp_path / "called"
    called.touch()
    env = dict(os.environ, HEARTH_URL=hearth.url, HEARTH_SDK_JS=str(sdk_folder()), HEARTH_CALLED=str(called),
               AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY)
    assert shutil.which("node"), "node is missing: run ./dev setup, which installs it, and use its PATH"
    run = subprocess.run(["node", "--test", "--test-reporter=spec", str(HERE / f"{service}.test.mjs")], env=env,
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    untried = served(service) - NEVER_SUCCEED - set(called.read_text().split())
    assert not untried, f"no test in js/{service}.test.mjs makes these served operations succeed: {sorted(untried)}"


def test_every_service_is_covered():
    assert services_with_operations() == set(COVERED)
