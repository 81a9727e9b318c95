"""From exec to the first answered health check, and what an idle server holds in memory."""
import argparse
import http.client
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("HEARTH_BINARY", ROOT / "build" / "release" / "hearth"))
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def is_healthy(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/_hearth/health")
        return connection.getresponse().status == 200
    except OSError:
        return False


def start_once(data, idle_s):
    """Milliseconds of wall and CPU time until healthy; then resident MiB, and those that are no file's, after `idle_s`."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    began = time.monotonic()
    server = subprocess.Popen([str(BINARY), "serve", "--data", data, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        while not is_healthy(port):
            time.sleep(0.001)
        wall = time.monotonic() - began
        fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        time.sleep(idle_s)
        memory = dict(line.split(":") for line in pathlib.Path(f"/proc/{server.pid}/status").read_text().splitlines() if ":" in line)
        mib = {name: int(memory[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")}
        return wall * 1000, (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND * 1000, mib["VmRSS"], mib["RssAnon"]
    finally:
        server.terminate()
        server.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--idle-seconds", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-startup-") as data:
        first = start_once(data, 0)
        rounds = [start_once(data, options.idle_seconds) for _ in range(options.rounds)]
    print(f"load average {os.getloadavg()[0]:.1f}, {options.rounds} rounds; the first start, which makes keys, took {first[0]:.0f} ms")
    print(f"{'':24}{'median':>10}{'least':>10}")
    for name, values in zip(("exec to health, ms", "CPU until then, ms", "resident, MiB", "of it anonymous, MiB"), zip(*rounds)):
        print(f"{name:24}{statistics.median(values):10.1f}{min(values):10.1f}")


if __name__ == "__main__":
    main()
