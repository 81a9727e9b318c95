"""The power is cut while clients write: everything that no fsync asked the disk to keep is gone, and still nothing acknowledged is lost.

The data folder lies on an ext4 volume of its own whose power can be cut (volumes.py). kill -9 alone leaves what was
written in the kernel's memory, so test_kill.py would not notice a missing fsync; this does.
HEARTH_POWER_CUTS sets the number of cuts (default 5)."""
import os
import random
import signal
import time

import pytest
from conftest import Hearth, wait_for
from crash.volumes import needs_volumes, volume  # noqa: F401 (a fixture)
from crash.writers import Writers

CUTS = int(os.environ.get("HEARTH_POWER_CUTS", "5"))
pytestmark = pytest.mark.usefixtures("needs_volumes")


def test_a_cut_loses_what_was_not_synced_and_nothing_else(tmp_path):
    """The control: without it, a cut that loses nothing would make the next test pass whatever the server does."""
    with volume(tmp_path, 64) as disk:
        for name in ("synced", "written"):
            with open(disk.folder / name, "wb") as file:
                file.write(name.encode())
                file.flush()
                if name == "synced":
                    os.fsync(file.fileno())
        disk.cut_power()
        disk.unmount()
        disk.mount()
        assert (disk.folder / "synced").read_bytes() == b"synced"
        written = disk.folder / "written"
        assert not written.exists() or written.read_bytes() != b"written"


def test_nothing_acknowledged_is_lost(tmp_path, capsys):
    chance = random.Random(7)
    with volume(tmp_path, 4096) as disk:
        server = Hearth(data=disk.folder / "data", log=tmp_path / "log")
        try:
            server.start()
            writers = Writers(server, may_fail=is_disk_error)
            writers.unacknowledged_max = 1000  # those that the disk had written by itself when the power went; nobody was told of them
            starts = []
            for number in range(CUTS):
                writers.start(number)
                wait_for(writers.all_have_written)
                time.sleep(0.2 + chance.random())  # not a wait for anything: how long they write on is the random moment
                writers.lights_out()
                disk.cut_power()
                server.stop(signal.SIGKILL)
                writers.stop()
                disk.unmount()
                disk.mount()
                server.start()
                starts.append(server.started_in_s)
            counts = writers.assert_all_there()
            assert writers.has_sealed()  # so it was read back from blocks too
            with capsys.disabled():
                print(f"\n{CUTS} power cuts: {counts} acknowledged and all there; longest start after a cut {max(starts) * 1000:.0f} ms")
        finally:
            server.stop(signal.SIGKILL)


def is_disk_error(error):
    """Between the cut and the kill the disk is dead: the server may say so, and must not say that a write succeeded."""
    return getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
