"""The disk fills up while clients write: writes are refused as AWS services refuse, reads go on, nothing acknowledged is
lost, and writes are taken again as soon as there is space, without a restart and after one."""
import os
import signal

import pytest
from botocore.exceptions import ClientError
from conftest import Hearth, wait_for
from crash.volumes import needs_volumes, volume  # noqa: F401 (a fixture)
from crash.writers import BUCKET, Writers

pytestmark = pytest.mark.usefixtures("needs_volumes")

# What a client may see: S3's and the other services' word for it, each with a status that tells clients to try later.
WORDS = {("QuotaExceeded", 507), ("ServiceUnavailable", 503), ("SlowDown", 503)}


def word(error):
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def is_refusal(error):
    return isinstance(error, ClientError) and word(error) in WORDS


def fill(disk):
    """Takes all the space there is, to the last block."""
    filler = disk.folder / "filler"
    with open(filler, "wb") as file:
        size = 0
        for step in (1 << 20, 1 << 12):
            while True:
                try:
                    os.posix_fallocate(file.fileno(), size, step)
                except OSError:
                    break
                size += step
    return filler


def test_a_full_disk_refuses_and_recovers(tmp_path, capsys):
    with volume(tmp_path, 256) as disk:
        server = Hearth(data=disk.folder / "data", log=tmp_path / "log")
        try:
            server.start()
            writers = Writers(server, may_fail=is_refusal, bulk_max=1000)
            writers.unacknowledged_max = 0  # what was refused must not be there afterwards
            kept = b"written while there was space"
            server.client("s3").put_object(Bucket=BUCKET, Key="kept", Body=kept)

            writers.start(0)
            wait_for(writers.all_have_written)
            filler = fill(disk)
            wait_for(lambda: writers.refused_threads >= writers.large_threads)  # small rows may find room in a log for a while
            assert server.client("s3").get_object(Bucket=BUCKET, Key="kept")["Body"].read() == kept  # reads go on
            filler.unlink()

            taken = writers.counts()
            wait_for(lambda: all(count > taken[kind] for kind, count in writers.counts().items()), 30)  # every kind of write is taken again
            wait_for(writers.has_sealed, 30)
            writers.stop()
            writers.assert_all_there()

            server.stop(signal.SIGKILL)
            server.start()
            counts = writers.assert_all_there()
            with capsys.disabled():
                print(f"\nfull disk: {len(writers.refused)} writes refused with {sorted({word(e) for e in writers.refused})}, "
                      f"{counts} acknowledged and all there")
        finally:
            writers.stopping.set()
            server.stop(signal.SIGKILL)


def test_a_server_on_a_full_disk_starts_or_says_why(tmp_path):
    with volume(tmp_path, 256) as disk:
        server = Hearth(data=disk.folder / "data", log=tmp_path / "log")
        try:
            server.start()
            server.client("s3").create_bucket(Bucket="kept")
            server.stop()
            filler = fill(disk)
            try:
                server.start(timeout_s=10)
                assert server.client("s3").list_buckets()["Buckets"][0]["Name"] == "kept"
            except RuntimeError as failed:
                assert "space" in str(failed).lower(), failed
            server.stop(signal.SIGKILL)
            filler.unlink()
            server.start()
            assert server.client("s3").list_buckets()["Buckets"][0]["Name"] == "kept"
        finally:
            server.stop(signal.SIGKILL)
