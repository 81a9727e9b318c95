"""kill -9 at random moments while clients write: nothing that was acknowledged is lost, and the server is back at once.

HEARTH_CRASH_ROUNDS sets the number of rounds (default 8, so that the suite stays quick; 100 for a release)."""
import os
import random
import signal
import threading
import time

from conftest import Hearth

ROUNDS = int(os.environ.get("HEARTH_CRASH_ROUNDS", "8"))


def writer(work, acknowledged, stop):
    index = 0
    while not stop.is_set():
        try:
            acknowledged.append(work(index))
        except Exception:  # the server was killed under us: not acknowledged
            return
        index += 1


def test_nothing_acknowledged_is_lost(own_hearth):
    server: Hearth = own_hearth
    server.start()
    server.client("s3").create_bucket(Bucket="crash")
    server.client("logs").create_log_group(logGroupName="/crash")
    objects, users, events, restarts = {}, set(), set(), []
    chance = random.Random(4)
    for round_number in range(ROUNDS):
        s3, iam, logs = server.client("s3"), server.client("iam"), server.client("logs")
        logs.create_log_stream(logGroupName="/crash", logStreamName=str(round_number))

        def put_object(index, size=1):
            key, body = f"{round_number}/{size}/{index}", os.urandom(100 if size == 1 else 200_000)
            s3.put_object(Bucket="crash", Key=key, Body=body)
            return key, body

        def put_user(index):
            name = f"u{round_number}-{index}"
            iam.create_user(UserName=name)
            return name

        def put_event(index):
            message = f"{round_number}:{index}"
            logs.put_log_events(logGroupName="/crash", logStreamName=str(round_number),
                                logEvents=[{"timestamp": int(time.time() * 1000), "message": message}])
            return message

        done = [[], [], [], []]
        stop = threading.Event()
        works = [put_object, lambda i: put_object(i, 2), put_user, put_event]
        threads = [threading.Thread(target=writer, args=(work, acknowledged, stop)) for work, acknowledged in zip(works, done)]
        for thread in threads:
            thread.start()
        stop.wait(0.2 + chance.random())  # how long they write is the random moment
        server.stop(signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        objects.update(done[0] + done[1])
        users.update(done[2])
        events.update(done[3])
        began = time.monotonic()
        server.start()
        restarts.append(time.monotonic() - began)

    s3, iam, logs = server.client("s3"), server.client("iam"), server.client("logs")
    for key, body in objects.items():
        assert s3.get_object(Bucket="crash", Key=key)["Body"].read() == body, key
    found = {u["UserName"] for page in iam.get_paginator("list_users").paginate() for u in page["Users"]}
    assert users <= found
    seen = {e["message"] for page in logs.get_paginator("filter_log_events").paginate(logGroupName="/crash") for e in page["events"]}
    assert events <= seen
    assert len(objects) > ROUNDS and len(users) > ROUNDS and len(events) > ROUNDS  # the test did write
    assert max(restarts) < 10
    print(f"{ROUNDS} rounds: {len(objects)} objects, {len(users)} users, {len(events)} log events; "
          f"restart median {sorted(restarts)[len(restarts) // 2] * 1000:.0f} ms")
