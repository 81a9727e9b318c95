"""Tokens per second of hearth-train and of hearth-infer, on this machine's manual pages."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile
import time
import urllib.request

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "release"
SHAPES = {"0.8M": ["--hidden-size", 128, "--layers", 3, "--heads", 4, "--kv-heads", 2, "--vocab-size", 2048, "--context", 128],
          "4M": ["--hidden-size", 256, "--layers", 4, "--heads", 8, "--kv-heads", 4, "--vocab-size", 4096, "--context", 256],
          "17M": ["--hidden-size", 512, "--layers", 5, "--heads", 8, "--kv-heads", 4, "--vocab-size", 4096, "--context", 256]}


def run(*command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr[-2000:]
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train(folder, shape, options):
    """Trains and tells tokens/s: the median of steps, and by the process's CPU time."""
    output = folder / f"model-{shape}"
    done, cpu = run(PROGRAMS / "hearth-train", "--train", folder / "data/corpus.txt", "--output", output, "--steps", options.steps, "--batch-size", 8,
                    "--log-every", 1, "--validation-fraction", 0, "--threads", options.threads, *SHAPES[shape])
    speeds = [json.loads(line)["TokensPerSecond"] for line in done.stdout.splitlines() if "TokensPerSecond" in line][2:]
    parameters = int(re.search(r"(\d+) trainable parameters", done.stderr)[1])
    context = SHAPES[shape][-1]
    print(f"train  {shape:>5}  {parameters:>9} parameters  context {context}: median {statistics.median(speeds):8.0f} tokens/s, best {max(speeds):8.0f}; "
          f"{options.steps * 8 * context / cpu:8.0f} tokens per CPU second", flush=True)
    return output


class Server:
    def __init__(self, model, folder, options):
        self.process = subprocess.Popen([str(PROGRAMS / "hearth-infer"), "--model", str(model), "--model-name", "m", "--port", "0", "--parallel", "16",
                                         "--cache", str(folder / "cache"), *(["--threads", str(options.threads)] if options.threads else [])],
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            if " serving " in line:
                self.url = "http://" + line.split("address=http://")[1].split()[0]
                return
        raise SystemExit("hearth-infer did not start")

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, prompt, max_tokens):
        body = json.dumps({"prompt": prompt, "max_tokens": max_tokens, "temperature": 1, "seed": 1}).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + "/v1/completions", body), timeout=300) as answer:
            return json.load(answer)["usage"]


def infer(model, shape, folder, options):
    """Tells tokens/s with 1 and with 16 clients at once, and of reading long prompts."""
    server = Server(model, folder, options)
    context = SHAPES[shape][-1]
    try:
        server.ask("a", 8)
        for clients in (1, 16):
            cpu, started = server.cpu(), time.monotonic()
            end = started + options.seconds

            def keep_asking(client):
                tokens = 0
                while time.monotonic() < end:
                    tokens += server.ask(f"{client}", context // 2)["completion_tokens"]
                return tokens

            with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                tokens = sum(pool.map(keep_asking, range(clients)))
            wall, cpu = time.monotonic() - started, server.cpu() - cpu
            print(f"infer  {shape:>5}  {clients:>2} at once: {tokens / wall:8.0f} tokens/s together, {tokens / max(cpu, 0.01):8.0f} per CPU second", flush=True)
        cpu, started, read, number = server.cpu(), time.monotonic(), 0, 300
        while time.monotonic() < started + options.seconds:
            read += server.ask([number] * (context - 2), 1)["prompt_tokens"]  # another prompt each time: none is remembered
            number += 1
        wall, cpu = time.monotonic() - started, server.cpu() - cpu
        print(f"infer  {shape:>5}  prompts of {context - 2}: {read / wall:8.0f} tokens/s read, {read / max(cpu, 0.01):8.0f} per CPU second", flush=True)
    finally:
        server.process.terminate()
        server.process.wait()
        server.process.stderr.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="*", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5, help="of asking, for each figure of hearth-infer")
    parser.add_argument("--threads", type=int, default=0, help="0: as the programs choose")
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as name:
        folder = pathlib.Path(name)
        run(PROGRAMS / "hearth", "demo-data", "--out", folder / "data")
        for shape in options.shapes:
            infer(train(folder, shape, options), shape, folder, options)


if __name__ == "__main__":
    main()
