"""Clients that write to every service that keeps something, and remember what was acknowledged.

A write counts as acknowledged when its call returned. It may end otherwise in one way only: the connection breaks
because the server was killed. Any other exception fails the test."""
import os
import threading
import time

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, IncompleteReadError, ResponseStreamingError

# No timeouts among them: a server that does not answer is a failure.
CONNECTION_LOST = (ConnectionClosedError, EndpointConnectionError, IncompleteReadError, ResponseStreamingError)
BUCKET, GROUP, NAMESPACE = "crash", "/crash", "Crash"


class Writers:
    """start(), stop(), as often as wanted; then assert_all_there(). `may_fail`: errors that mean "not acknowledged" besides lost connections."""

    def __init__(self, server, may_fail=lambda error: False):
        self.server, self.may_fail = server, may_fail
        self.objects, self.users, self.events, self.samples = {}, set(), set(), {}
        self.refused = []  # what may_fail let pass
        self.unexpected = []
        self.threads = []
        server.client("s3").create_bucket(Bucket=BUCKET)
        server.client("logs").create_log_group(logGroupName=GROUP)

    def start(self, number):
        self.number, self.stopping, self.is_dark = number, threading.Event(), False
        self.base = (int(time.time()) // 60 - 60) * 60  # samples lie an hour back, one minute to a period
        self.server.client("logs").create_log_stream(logGroupName=GROUP, logStreamName=str(number))
        works = (lambda i: self.put_object(i, 100), lambda i: self.put_object(i, 200_000), self.put_user, self.put_event, self.put_sample)
        self.clients = {name: self.server.client(name) for name in ("s3", "iam", "logs", "cloudwatch")}
        self.threads = [threading.Thread(target=self.write, args=(work,)) for work in works]
        for thread in self.threads:
            thread.start()

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
        index = 0
        while not self.stopping.is_set():
            try:
                remember = work(index)
                if not self.is_dark:
                    remember()
            except CONNECTION_LOST:
                return
            except Exception as error:  # whatever else: the test must not take it for a lost connection
                if not self.may_fail(error):
                    self.unexpected.append(repr(error))
                    return
                self.refused.append(error)
            index += 1

    def put_object(self, index, size):
        key, body = f"{self.number}/{size}/{index}", os.urandom(size)
        self.clients["s3"].put_object(Bucket=BUCKET, Key=key, Body=body)
        return lambda: self.objects.update({key: body})

    def put_user(self, index):
        name = f"u{self.number}-{index}"
        self.clients["iam"].create_user(UserName=name)
        return lambda: self.users.add(name)

    def put_event(self, index):
        message = f"{self.number}:{index}"
        self.clients["logs"].put_log_events(logGroupName=GROUP, logStreamName=str(self.number),
                                            logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])
        return lambda: self.events.add(message)

    def put_sample(self, index):
        name, when, value = f"m{self.number}", self.base + 60 * (index % 60), float(index + 1)
        self.clients["cloudwatch"].put_metric_data(Namespace=NAMESPACE, MetricData=[{"MetricName": name, "Timestamp": when, "Value": value}])
        return lambda: self.samples.setdefault((name, self.base), []).append((when, value))

    def assert_all_there(self):
        """Reads everything back through the services; returns how much of each was acknowledged."""
        s3, iam, logs, cloudwatch = (self.server.client(name) for name in ("s3", "iam", "logs", "cloudwatch"))
        for key, body in self.objects.items():
            assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body, key
        found = {u["UserName"] for page in iam.get_paginator("list_users").paginate() for u in page["Users"]}
        assert self.users <= found, self.users - found
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP)
        seen = {e["message"] for page in pages for e in page["events"]}
        assert self.events <= seen, self.events - seen
        for (name, base), samples in self.samples.items():
            self.assert_samples_there(cloudwatch, name, base, samples)
        return self.counts()

    def counts(self):
        """How much of each was acknowledged so far."""
        return {"objects": len(self.objects), "users": len(self.users), "log events": len(self.events),
                "samples": sum(len(samples) for samples in list(self.samples.values()))}

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
