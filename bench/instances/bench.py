"""How long a machine takes: RunInstances to the first instruction of its user data, beside a bare `runc run` of the same root."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import boto3

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("HEARTH_BINARY", ROOT / "build" / "release" / "hearth"))
KEYS = ("AKIABENCHBENCHBENCHB", "benchbenchbenchbenchbenchbenchbenchbench")
SAY_WHEN = "#!/bin/sh\necho first-instruction-at $(date +%s%N)\n"


def nanoseconds_said(text):
    found = re.search(r"first-instruction-at (\d+)", text)
    return int(found.group(1)) if found else None


def poll(condition, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (value := condition()) is not None:
            return value
        time.sleep(0.02)
    raise RuntimeError("it did not happen in time")


@contextlib.contextmanager
def hearth(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([str(BINARY), "serve", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"], stderr=log,
                                   env={**os.environ, "HEARTH_ROOT_ACCESS_KEY_ID": KEYS[0], "HEARTH_ROOT_SECRET_ACCESS_KEY": KEYS[1]})

    def answers():
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(url + "/_hearth/health", timeout=2).status

    try:
        poll(answers)
        yield boto3.client("ec2", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1])
    finally:
        process.terminate()
        process.wait(60)


def first_instruction_of_instance(ec2, image):
    """Milliseconds from the call to the first instruction, and to the call's answer."""
    began = time.time_ns()
    launched = ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, UserData=SAY_WHEN)
    answered = time.time_ns()
    instance = launched["Instances"][0]["InstanceId"]
    try:
        said = poll(lambda: nanoseconds_said(ec2.get_console_output(InstanceId=instance).get("Output", "")))
    finally:
        ec2.terminate_instances(InstanceIds=[instance])

    def is_gone():
        state = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]
        return True if state == "terminated" else None

    poll(is_gone)
    return (said - began) / 1e6, (answered - began) / 1e6


@contextlib.contextmanager
def runc_bundle(folder):
    """The host's root under an overlay, as instances see it, with runc's own default configuration."""
    layers = [folder / name for name in ("upper", "work", "rootfs")]
    for layer in layers:
        layer.mkdir(parents=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={layers[0]},workdir={layers[1]}", layers[2]], check=True)
    try:
        subprocess.run(["runc", "spec"], cwd=folder, check=True)
        config = json.loads((folder / "config.json").read_text())
        config["process"].update(terminal=False, args=["/bin/sh", "-c", SAY_WHEN])
        (folder / "config.json").write_text(json.dumps(config))
        yield folder
    finally:
        subprocess.run(["umount", layers[2]], check=True)


def first_instruction_of_container(bundle, name):
    began = time.time_ns()
    out = subprocess.run(["runc", "run", "--bundle", bundle, name], capture_output=True, text=True, check=True).stdout
    return (nanoseconds_said(out) - began) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of each, in turns")
    options = parser.parse_args()
    figures = {"runc run": [], "RunInstances": [], "  its answer": []}
    with tempfile.TemporaryDirectory(prefix="bench-instances-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        with runc_bundle(folder / "bundle") as bundle, hearth(folder) as ec2:
            image = ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
            first_instruction_of_instance(ec2, image)  # the first one makes what all others share
            for round_number in range(options.rounds):
                figures["runc run"].append(first_instruction_of_container(bundle, f"hearth-bench-{os.getpid()}-{round_number}"))
                began, answered = first_instruction_of_instance(ec2, image)
                figures["RunInstances"].append(began)
                figures["  its answer"].append(answered)
    print(f"load average {os.getloadavg()[0]:.1f}, {options.rounds} rounds; milliseconds to the first instruction")
    print(f"{'':14}{'median':>10}{'least':>10}")
    for name, values in figures.items():
        print(f"{name:14}{statistics.median(values):10.0f}{min(values):10.0f}")


if __name__ == "__main__":
    main()
