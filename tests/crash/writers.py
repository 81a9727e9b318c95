"""Clients that write to every service that keeps something, and remember what was acknowledged.

A write counts as acknowledged when its call returned. It may end otherwise in one way only: the connection breaks
because the server was killed. Any other exception fails the test."""
import collections
import hashlib
import os
import threading
import time

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, IncompleteReadError, ResponseStreamingError

# No timeouts among them: a server that does not answer is a failure.
CONNECTION_LOST = (ConnectionClosedError, EndpointConnectionError, IncompleteReadError, ResponseStreamingError)
BUCKET, GROUP, NAMESPACE = "crash", "/crash", "Crash"
PART = os.urandom(5 << 20)
LARGE_EVENT, LARGE_EVENT_COUNT = "x" * 60_000, 5  # in one call; some fifteen of them are sealed into a block


def digest(body):
    return hashlib.sha256(body).digest()


class Writers:
    """start(), stop(), as often as wanted; then assert_all_there(). `may_fail`: errors that mean "not acknowledged" besides lost connections.
    `bulk_max`: so many multipart uploads, and calls with large log events, are enough for one start()."""

    def __init__(self, server, may_fail=lambda error: False, bulk_max=20):
        self.server, self.may_fail, self.bulk_max = server, may_fail, bulk_max
        self.objects, self.uploads, self.users, self.events, self.large_events, self.samples = {}, {}, set(), set(), set(), {}
        self.refused, self.refused_threads = [], set()  # what may_fail let pass, and whose it was
        self.unacknowledged_max = 1  # of one start(): a sample that was under way when the server died may have been kept
        self.unexpected = []
        self.threads = []
        server.client("s3").create_bucket(Bucket=BUCKET)
        server.client("logs").create_log_group(logGroupName=GROUP)

    def start(self, number):
        self.number, self.stopping, self.is_dark = number, threading.Event(), False
        self.base = (int(time.time()) // 60 - 60) * 60  # samples lie an hour back, one minute to a period
        self.server.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=str(number))
        self.before = self.counts()
        works = (lambda i: self.put_object(i, 100), lambda i: self.put_object(i, 200_000), self.put_user, self.put_event, self.put_sample,
                 self.upload_in_parts, self.put_large_events)
        self.clients = {name: self.server.client(name) for name in ("s3", "iam", "logs", "cloudwatch")}
        self.threads = [threading.Thread(target=self.write, args=(work,)) for work in works]
        self.large_threads = {self.threads[1], *self.threads[-2:]}  # those that need space on the disk at once
        for thread in self.threads:
            thread.start()

    def all_have_written(self):
        """Whether something of every kind was acknowledged since start()."""
        return all(count > self.before[kind] for kind, count in self.counts().items())

    def lights_out(self):
        """From now on answers do not count: without power nobody would get them."""
        self.is_dark = True

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()
        assert not self.unexpected, self.unexpected

    def write(self, work):
        index = done = 0
        is_bulk = work in (self.upload_in_parts, self.put_large_events)
        while not self.stopping.is_set() and not (is_bulk and done >= self.bulk_max):
            try:
                remember = work(index)
                if not self.is_dark:
                    remember()
                done += 1
            except CONNECTION_LOST:
                return
            except Exception as error:  # whatever else: the test must not take it for a lost connection
                if not self.may_fail(error):
                    self.unexpected.append(repr(error))
                    return
                self.refused.append(error)
                self.refused_threads.add(threading.current_thread())
            index += 1

    def put_object(self, index, size):
        key, body = f"{self.number}/{size}/{index}", os.urandom(size)
        self.clients["s3"].put_object(Bucket=BUCKET, Key=key, Body=body)
        return lambda: self.objects.update({key: digest(body)})

    def upload_in_parts(self, index):
        key, end = f"{self.number}/parts/{index}", os.urandom(1000)
        s3 = self.clients["s3"]
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]}
                 for number, body in ((1, PART), (2, end))]
        s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        return lambda: self.uploads.update({key: digest(PART + end)})

    def put_user(self, index):
        name = f"u{self.number}-{index}"
        self.clients["iam"].create_user(UserName=name)
        return lambda: self.users.add(name)

    def put_event(self, index):
        message = f"{self.number}:{index}"
        self.clients["logs"].put_log_events(logGroupName=GROUP, logStreamName=str(self.number),
                                            logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])
        return lambda: self.events.add(message)

    def put_large_events(self, index):
        heads = [f"{self.number}:{index}.{i}:" for i in range(LARGE_EVENT_COUNT)]
        now = int(time.time() * 1000)
        self.clients["logs"].put_log_events(logGroupName=GROUP, logStreamName=str(self.number),
                                            logEvents=[{"timestamp": now, "message": head + LARGE_EVENT} for head in heads])
        return lambda: self.large_events.update(heads)

    def put_sample(self, index):
        name, when, value = f"m{self.number}", self.base + 60 * (index % 60), float(index + 1)
        self.clients["cloudwatch"].put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Timestamp": when, "Value": value}])
        return lambda: self.samples.setdefault((name, self.base), []).append((when, value))

    def assert_all_there(self):
        """Reads everything back through the services; returns how much of each was acknowledged."""
        s3, iam, logs, cloudwatch = (self.server.client(name) for name in ("s3", "iam", "logs", "cloudwatch"))
        for key, expected in (self.objects | self.uploads).items():
            assert digest(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == expected, key
        found = {u["UserName"] for page in iam.get_paginator("list_users").paginate() for u in page["Users"]}
        assert self.users <= found, self.users - found
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
        seen = collections.Counter(e["message"].removesuffix(LARGE_EVENT) for page in pages for e in page["events"])
        missing = (self.events | self.large_events) - set(seen)
        assert not missing, missing
        assert set(seen.values()) <= {1}, seen.most_common(3)  # each was sent once: nothing comes back from the log and from a block
        for (name, base), samples in self.samples.items():
            kept = self.assert_samples_there(cloudwatch, name, base, samples)
            assert kept <= len(samples) + self.unacknowledged_max, (name, kept, len(samples))
        return self.counts()

    def counts(self):
        """How much of each was acknowledged so far."""
        return {"objects": len(self.objects), "multipart uploads": len(self.uploads), "users": len(self.users), "log events": len(self.events),
                "large log events": len(self.large_events), "samples": sum(len(samples) for samples in list(self.samples.values()))}

    def has_sealed(self):
        """Whether some telemetry lies in a block, not all in the write-ahead log."""
        return any(path.is_file() for path in (self.server.data / "telemetry" / "blocks" / "blobs").rglob("*"))

    @staticmethod
    def assert_samples_there(cloudwatch, name, base, samples):
        """Counts and sums of every period hold what was acknowledged; what was under way when the server died may have been kept too."""
        points = cloudwatch.get_metric_statistics(Namespace=NAMESPACE, MetricName=name, StartTime=base, EndTime=base + 3600, Period=60,
                                                  Statistics=["SampleCount", "Sum"])["Datapoints"]
        count = {p["Timestamp"].timestamp(): p["SampleCount"] for p in points}
        total = {p["Timestamp"].timestamp(): p["Sum"] for p in points}
        for when in {when for when, _ in samples}:
            values = [value for at, value in samples if at == when]
            assert count.get(when, 0) >= len(values) and total[when] >= sum(values), (name, when, count.get(when), values)
        return sum(count.values())
