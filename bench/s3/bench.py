"""S3 against its peers: server CPU and wall time of 4 KiB and 64 MiB PUT and GET, and of a LIST of 1000."""
import argparse
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ACCESS_KEY, SECRET_KEY = "AKIABENCHBENCHBENCHB", "benchbenchbenchbenchbenchbenchbenchbench"
SMALL, LARGE = 4 << 10, 64 << 20
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processes_under(pid):
    """The process and its children (nginx does its work in one)."""
    found = [pid]
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += processes_under(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for process in processes_under(pid):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


class Server:
    """One server under measurement, on its own folder and port."""
    name = ""
    lists = True
    puts = True

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.process = None

    def start(self, command, env=None, ready_path="/"):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{ready_path}", timeout=2)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start, see {self.folder}/log")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def prepare(self):
        self.s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
                               aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
                               config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
        self.s3.create_bucket(Bucket="bench")

    def target(self, operation, key=None):
        params = {"Bucket": "bench"} | ({"Key": key} if key else {})
        url = urllib.parse.urlsplit(self.s3.generate_presigned_url(operation, Params=params, ExpiresIn=3600))
        return f"{url.path}?{url.query}"


class Hearth(Server):
    name = "hearth"

    def run(self):
        binary = os.environ.get("HEARTH_BINARY", ROOT / "build" / "release" / "hearth")
        self.start([str(binary), "serve", "--data", str(self.folder / "data"), "--listen", f"127.0.0.1:{self.port}"],
                   {"HEARTH_ROOT_ACCESS_KEY_ID": ACCESS_KEY, "HEARTH_ROOT_SECRET_ACCESS_KEY": SECRET_KEY}, "/_hearth/health")


class Minio(Server):
    name = "minio"

    def run(self):
        self.start(["minio", "server", str(self.folder / "data"), "--address", f"127.0.0.1:{self.port}", "--quiet"],
                   {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY}, "/minio/health/live")


class Nginx(Server):
    name = "nginx"
    lists = False

    def run(self):
        version = subprocess.run(["nginx", "-V"], capture_output=True, text=True).stderr
        self.puts = "http_dav_module" in version
        (self.folder / "data" / "bench").mkdir(parents=True)
        os.chmod(self.folder, 0o755)
        (self.folder / "nginx.conf").write_text(f"""
            user root; daemon off; pid {self.folder}/pid; error_log {self.folder}/error;
            events {{ }}
            http {{
              access_log off; sendfile on; client_max_body_size 0; client_body_temp_path {self.folder}/body;
              keepalive_requests 1000000000;
              server {{ listen 127.0.0.1:{self.port}; root {self.folder}/data; {'dav_methods PUT;' if self.puts else ''} }}
            }}""")
        self.start(["nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)])

    def prepare(self):
        for key, size in (("small", SMALL), ("large", LARGE)):
            (self.folder / "data" / "bench" / key).write_bytes(os.urandom(size))

    def target(self, operation, key=None):
        return f"/bench/{key}"


def measure(server, count, method, target, body=None):
    """Wall and server CPU milliseconds per operation."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def once():
        connection.request(method, target, body=body)
        answer = connection.getresponse()
        while answer.read(1 << 20):
            pass
        if answer.status >= 300:
            raise RuntimeError(f"{server.name}: {method} {target.partition('?')[0]} answered {answer.status}")

    once()
    cpu, wall = cpu_seconds(server.process.pid), time.perf_counter()
    for _ in range(count):
        once()
    wall, cpu = time.perf_counter() - wall, cpu_seconds(server.process.pid) - cpu
    return wall / count * 1000, cpu / count * 1000


def bench(server, small_count, large_count, list_count):
    server.run()
    try:
        server.prepare()
        small, large = os.urandom(SMALL), os.urandom(LARGE)
        rows = {}
        if server.puts:
            rows["PUT 4 KiB"] = measure(server, small_count, "PUT", server.target("put_object", "small"), small)
            rows["PUT 64 MiB"] = measure(server, large_count, "PUT", server.target("put_object", "large"), large)
        rows["GET 4 KiB"] = measure(server, small_count, "GET", server.target("get_object", "small"))
        rows["GET 64 MiB"] = measure(server, large_count, "GET", server.target("get_object", "large"))
        if server.lists:
            put = http.client.HTTPConnection("127.0.0.1", server.port)
            for n in range(1000):
                put.request("PUT", server.target("put_object", f"list/{n:06}"), body=b"x")
                put.getresponse().read()
            target = server.target("list_objects_v2")
            rows["LIST 1000"] = measure(server, list_count, "GET", target)
        return rows
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=2000, help="small operations per measurement")
    parser.add_argument("--large", type=int, default=8)
    parser.add_argument("--lists", type=int, default=100)
    parser.add_argument("--folder", help="where the servers' data lies; on the disk to be measured")
    options = parser.parse_args()

    servers = [Hearth]
    for tool, server in (("nginx", Nginx), ("minio", Minio)):
        if shutil.which(tool):
            servers.append(server)
        else:
            print(f"{tool} is not on PATH: left out", file=sys.stderr)
    print(f"{'':12}{'':8}{'ms/op':>10}{'CPU ms/op':>12}")
    for server_class in servers:
        with tempfile.TemporaryDirectory(prefix="bench-s3-", dir=options.folder) as folder:
            rows = bench(server_class(folder), options.small, options.large, options.lists)
        for operation, (wall, cpu) in rows.items():
            print(f"{operation:12}{server_class.name:8}{wall:10.3f}{cpu:12.3f}", flush=True)


if __name__ == "__main__":
    main()
