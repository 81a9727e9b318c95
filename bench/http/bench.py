"""What the wire costs: server CPU per request of a trivial signed call beside a bare Beast server's hello, in one run."""
import argparse
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD", ROOT / "build" / "release"))
CREDENTIALS = Credentials("AKIABENCHBENCHBENCHB", "benchbenchbenchbenchbenchbenchbenchbench")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def start(command, url, env=None):
    process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2)
            return process
        except urllib.error.HTTPError:
            return process
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{command[0]} did not start")


def signed_call(url, service, body):
    """Method, body and headers of a query-protocol call, signed once: the signature is good for a few minutes."""
    request = AWSRequest("POST", url + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    SigV4Auth(CREDENTIALS, service, "us-east-1").add_auth(request)
    return "POST", "/", body, dict(request.headers.items())


def write_script(folder, method, path, body, headers):
    """The call as wrk takes it."""
    quoted = lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines = [f"wrk.method = {quoted(method)}", f"wrk.path = {quoted(path)}", f"wrk.body = {quoted(body)}"]
    lines += [f"wrk.headers[{quoted(name)}] = {quoted(value)}" for name, value in headers.items()]
    script = pathlib.Path(folder) / "call.lua"
    script.write_text("\n".join(lines) + "\n")
    return script


def measure(process, url, script, connections, seconds):
    """Server CPU microseconds per request, and requests per second."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url] + (["-s", str(script)] if script else [])
    before = cpu_seconds(process)
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(process) - before
    if "Non-2xx" in out:
        raise RuntimeError("the server refuses the call:\n" + out)
    count = int(re.search(r"(\d+) requests in", out).group(1))
    return cpu / count * 1e6, count / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="the servers take turns; the best round of each counts")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()

    hello_url, hearth_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with tempfile.TemporaryDirectory(prefix="bench-http-") as folder:
        hello = start([str(BUILD / "bench_hello"), hello_url.rpartition(":")[2]], hello_url)
        hearth = start([str(BUILD / "hearth"), "serve", "--data", f"{folder}/data", "--listen", hearth_url.removeprefix("http://")],
                       hearth_url + "/_hearth/health",
                       {"HEARTH_ROOT_ACCESS_KEY_ID": CREDENTIALS.access_key, "HEARTH_ROOT_SECRET_ACCESS_KEY": CREDENTIALS.secret_key})
        try:
            call = write_script(folder, *signed_call(hearth_url, "sts", "Action=GetCallerIdentity&Version=2011-06-15"))
            rows = {"Beast hello": (hello, hello_url, None), "hearth health check": (hearth, hearth_url + "/_hearth/health", None),
                    "hearth GetCallerIdentity": (hearth, hearth_url, call)}
            best = {}
            for _ in range(options.rounds):
                for name, (process, url, script) in rows.items():
                    cpu, rate = measure(process, url, script, options.connections, options.seconds)
                    best[name] = (min(cpu, best.get(name, (cpu, 0))[0]), max(rate, best.get(name, (0, rate))[1]))
        finally:
            for process in (hello, hearth):
                process.terminate()
                process.wait(30)
    print(f"load average {os.getloadavg()[0]:.1f}, best of {options.rounds} rounds")
    print(f"{'':26}{'CPU µs/request':>16}{'over hello':>12}{'ratio':>8}{'requests/s':>12}")
    floor = best["Beast hello"][0]
    for name, (cpu, rate) in best.items():
        print(f"{name:26}{cpu:16.1f}{cpu - floor:12.1f}{cpu / floor:8.2f}{rate:12.0f}")


if __name__ == "__main__":
    sys.exit(main())
