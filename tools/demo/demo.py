#!/usr/bin/env python3
"""The main job end to end, as far as this version goes, through the public AWS wire protocols with unmodified boto3.

Starts a private `hearth serve` on a free port and a data folder of its own, so it can run beside another server and twice in a row.
What is not served yet is asked for all the same and shown to be refused, not imitated. Ctrl-C at any point leaves nothing behind.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
REGION, ACCOUNT = "us-east-1", "000000000000"
COMMON = ["--threads", "2", "--batch-size", "8", "--context", "128", "--validation-rows", "32"]
# A base model from the corpus, then fine-tuned on the instruction pairs.
BASE = ["--steps", "200", "--vocab-size", "2048", "--hidden-size", "128", "--layers", "3", "--heads", "4", "--kv-heads", "2",
        "--learning-rate", "3e-3", "--validate-every", "100"]
FINE_TUNE = ["--steps", "300", "--learning-rate", "2e-3", "--validate-every", "100"]

started_at = time.monotonic()


def step(number, title):
    print(f"\n\033[1m{number}  {title}\033[0m  [{time.monotonic() - started_at:.0f}s]", flush=True)


def show(text):
    print(f"   {text}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_serving(url, process, timeout_s):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(url, timeout=2).status == 200:
                return
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        time.sleep(0.05)  # polling, bounded by the deadline
    raise RuntimeError(f"{url} did not answer within {timeout_s} s")


def plot(points, width=60, height=10):
    """Points (x, y) as text."""
    if not points:
        return
    ys = [y for _, y in points]
    low, high = min(ys), max(ys)
    span = (high - low) or 1
    grid = [[" "] * width for _ in range(height)]
    for i, (_, y) in enumerate(points):
        column = i * (width - 1) // max(1, len(points) - 1)
        grid[height - 1 - round((y - low) / span * (height - 1))][column] = "•"
    for i, row in enumerate(grid):
        label = f"{high - i * span / (height - 1):6.2f}"
        show(f"{label} │{''.join(row)}")
    show(f"       └{'─' * width} steps")


class Demo:
    def __init__(self, keep):
        self.keep = keep
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-demo-"))
        self.processes = []

    def start(self, command, **kwargs):
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, start_new_session=True, **kwargs)
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, service, credentials=None):
        key, secret, token = credentials or (self.root_key, self.root_secret, None)
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
                            aws_session_token=token, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}))

    def serve(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        log = open(self.folder / "hearth.log", "wb")
        server = self.start([BUILD / "hearth", "serve", "--data", self.folder / "data", "--listen", f"127.0.0.1:{port}"], stdout=log, stderr=log)
        wait_until_serving(f"{self.url}/_hearth/health", server, 20)
        key = json.loads((self.folder / "data" / "root-credentials.json").read_text())
        self.root_key, self.root_secret = key["access_key_id"], key["secret_access_key"]

    def store_dataset(self):
        step("P1", "store the dataset in S3")
        data = self.folder / "dataset"
        subprocess.run([str(BUILD / "hearth"), "demo-data", "--out", str(data)], check=True)
        s3 = self.client("s3")
        for bucket in ("dev-llm", "prod-llm"):
            s3.create_bucket(Bucket=bucket)
        for file in sorted(data.iterdir()):
            key = f"train/{file.name}" if file.name in ("corpus.txt", "training_data.json") else f"data/{file.name}"
            s3.upload_file(str(file), "dev-llm", key)
            head = s3.head_object(Bucket="dev-llm", Key=key)
            show(f"aws s3 cp {file.name} s3://dev-llm/{key}   {head['ContentLength']} bytes, ETag {head['ETag']}")

    def make_roles(self):
        step("P8", "keep dev and prod apart with IAM")
        iam = self.client("iam")
        iam.create_user(UserName="dev")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                         "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/dev"}}]}
        iam.create_role(RoleName="trainer", AssumeRolePolicyDocument=json.dumps(trust))
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::dev-llm/*"},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::dev-llm"}]}
        iam.put_role_policy(RoleName="trainer", PolicyName="dev-data", PolicyDocument=json.dumps(policy))
        iam.put_user_policy(UserName="dev", PolicyName="become-trainer", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/trainer"}]}))
        key = iam.create_access_key(UserName="dev")["AccessKey"]
        dev = (key["AccessKeyId"], key["SecretAccessKey"], None)
        session = self.client("sts", dev).assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/trainer", RoleSessionName="demo")
        c = session["Credentials"]
        self.role = (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
        show(f"caller is {self.client('sts', self.role).get_caller_identity()['Arn']} until {c['Expiration']:%H:%M}")
        try:
            self.client("s3", self.role).put_object(Bucket="prod-llm", Key="leak", Body=b"x")
            raise RuntimeError("the dev role could write to the prod bucket")
        except ClientError as refused:
            show(f"prod is refused: {refused.response['Error']['Code']}: {refused.response['Error']['Message']}")

    def launch_machine(self):
        step("P2", "launch a machine")
        try:
            self.client("ec2").run_instances(ImageId="ami-hearth", InstanceType="g5.xlarge", MinCount=1, MaxCount=1)
        except ClientError as refused:
            show(f"ec2 run-instances: {refused.response['Error']['Code']}: {refused.response['Error']['Message']}")
        show("machines come with the next version: the trainer and the model server run as processes here, with the role's credentials")

    def environment(self):
        env = dict(os.environ, AWS_ENDPOINT_URL=self.url, AWS_REGION=REGION, AWS_ACCESS_KEY_ID=self.role[0],
                   AWS_SECRET_ACCESS_KEY=self.role[1], AWS_SESSION_TOKEN=self.role[2])
        return env

    def train(self):
        step("P3 P4", "load the data by role, fine-tune, log")
        logs = self.client("logs")
        logs.create_log_group(logGroupName="/hearth/training")
        self.run_trainer("base", "s3://dev-llm/train/corpus.txt", BASE)
        self.run_trainer("demo", "s3://dev-llm/train/training_data.json", ["--model", "s3://dev-llm/models/base", *FINE_TUNE])
        pattern = "{ $.ValidationLoss EXISTS }"
        losses = [json.loads(e["message"])["ValidationLoss"] for e in logs.filter_log_events(logGroupName="/hearth/training", filterPattern=pattern)["events"]]
        show(f"validation loss on held-out pages, from CloudWatch Logs: {' → '.join(f'{loss:.2f}' for loss in losses)}")
        if not losses or losses[-1] >= losses[0] - 1:
            raise RuntimeError("the validation loss did not fall clearly")
        for item in self.client("s3").list_objects_v2(Bucket="dev-llm", Prefix="models/demo")["Contents"]:
            show(f"s3://dev-llm/{item['Key']}  {item['Size']} bytes")

    def run_trainer(self, job, data, options):
        logs = self.client("logs")
        logs.create_log_stream(logGroupName="/hearth/training", logStreamName=job)
        command = [BUILD / "hearth-train", "--train", data, "--validation", "s3://dev-llm/data/held_out.json",
                   "--output", f"s3://dev-llm/models/{job}", "--job-name", job, *COMMON, *options]
        show(" ".join(["hearth-train", *map(str, command[1:])]))
        trainer = self.start(command, env=self.environment(), stdout=subprocess.PIPE, text=True)
        for line in trainer.stdout:
            logs.put_log_events(logGroupName="/hearth/training", logStreamName=job,
                                logEvents=[{"timestamp": int(time.time() * 1000), "message": line.rstrip("\n") or " "}])
        if trainer.wait() != 0:
            raise RuntimeError(f"hearth-train ended with {trainer.returncode}")

    def metrics(self):
        step("P5", "the loss as a CloudWatch metric")
        cloudwatch = self.client("cloudwatch")
        events = self.client("logs").filter_log_events(logGroupName="/hearth/training", filterPattern="{ $.Loss EXISTS }")["events"]
        plot([(i, json.loads(e["message"])["Loss"]) for i, e in enumerate(events)])
        names = sorted({m["MetricName"] for m in cloudwatch.list_metrics(Namespace="Hearth/Training")["Metrics"]})
        show(f"aws cloudwatch list-metrics --namespace Hearth/Training: {', '.join(names)}")
        dimensions = next(m["Dimensions"] for m in cloudwatch.list_metrics(Namespace="Hearth/Training", MetricName="Loss")["Metrics"])
        answer = cloudwatch.get_metric_statistics(Namespace="Hearth/Training", MetricName="Loss", Dimensions=dimensions,
                                                  StartTime=time.time() - 3600, EndTime=time.time() + 60, Period=3600,
                                                  Statistics=["Minimum", "Maximum", "SampleCount"])["Datapoints"]
        show(f"get-metric-statistics Loss: {[(p['Minimum'], p['Maximum'], p['SampleCount']) for p in answer]}")
        if not answer:
            raise RuntimeError("the loss is not in CloudWatch")

    def answer(self):
        step("P6 P7", "serve the model, keep its answers")
        port = free_port()
        log = open(self.folder / "infer.log", "wb")
        server = self.start([BUILD / "hearth-infer", "--model", "s3://dev-llm/models/demo", "--model-name", "demo", "--host", "127.0.0.1", "--port", str(port)],
                            env=dict(self.environment(), XDG_CACHE_HOME=str(self.folder / "cache")), stdout=log, stderr=log)
        wait_until_serving(f"http://127.0.0.1:{port}/health", server, 60)
        s3, kept = self.client("s3", self.role), []
        for question in ("What does tar do?", "What does basename do?"):
            body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": question}], "max_tokens": 32, "temperature": 0}).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, {"Content-Type": "application/json"})
            answer = json.loads(urllib.request.urlopen(request, timeout=120).read())
            text = answer["choices"][0]["message"]["content"]
            show(f"{question} → {text!r}  ({answer['usage']['completion_tokens']} tokens)")
            kept.append({"prompt": question, "answer": text, "usage": answer["usage"]})
        s3.put_object(Bucket="dev-llm", Key="outputs/demo.jsonl", Body="\n".join(map(json.dumps, kept)).encode())
        back = s3.get_object(Bucket="dev-llm", Key="outputs/demo.jsonl")["Body"].read().decode().splitlines()
        show(f"s3://dev-llm/outputs/demo.jsonl holds {len(back)} records")

    def run(self):
        self.serve()
        show(f"a private hearth serves on {self.url}, data in {self.folder}")
        self.store_dataset()
        self.make_roles()
        self.launch_machine()
        self.train()
        self.metrics()
        self.answer()
        print(f"\nDone in {time.monotonic() - started_at:.0f} s.", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the server running and its data folder in place")
    arguments = parser.parse_args()
    demo = Demo(arguments.keep)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.run()
        if arguments.keep:
            show(f"still serving on {demo.url}; data in {demo.folder}; stop it with: kill {demo.processes[0].pid}")
            for process in demo.processes[1:]:
                process.terminate()
            demo.processes = []
        return 0
    except KeyboardInterrupt:
        print("\nstopped; cleaning up", flush=True)
        return 130
    except Exception as problem:  # the newcomer gets a sentence and the log, not a stack
        print(f"\nthe demo failed: {problem}", file=sys.stderr)
        for name in ("hearth.log", "infer.log"):
            with contextlib.suppress(OSError):
                print(f"--- {name}\n{(demo.folder / name).read_text(errors='replace')[-2000:]}", file=sys.stderr)
        return 1
    finally:
        if demo.processes or not arguments.keep:
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
