"""kill -9 at random moments while clients write: nothing that was acknowledged is lost, and the server is back at once.

HEARTH_CRASH_ROUNDS sets the number of rounds (default 8, so that the suite stays quick; `./dev ci` takes 100)."""
import os
import random
import signal
import time

from conftest import Hearth, wait_for
from crash.writers import Writers

ROUNDS = int(os.environ.get("HEARTH_CRASH_ROUNDS", "8"))
RESTART_MAX_S = 1.0


def test_nothing_acknowledged_is_lost(own_hearth, capsys):
    server: Hearth = own_hearth
    server.start()
    writers = Writers(server)
    restarts = []
    chance = random.Random(4)
    for number in range(ROUNDS):
        writers.start(number)
        wait_for(writers.all_have_written)
        time.sleep(0.1 + chance.random())  # not a wait for anything: how long they write on is the random moment
        server.stop(signal.SIGKILL)
        writers.stop()
        server.start()
        restarts.append(server.started_in_s)

    counts = writers.assert_all_there()
    assert writers.has_sealed()  # so it was read back from blocks too
    restarts.sort()
    figures = ", ".join(f"{name} {restarts[min(len(restarts) - 1, int(len(restarts) * part))] * 1000:.0f} ms"
                        for name, part in (("median", 0.5), ("90 %", 0.9), ("longest", 1)))
    with capsys.disabled():
        print(f"\n{ROUNDS} kills: {counts} acknowledged and all there; from exec to health: {figures}")
    assert restarts[-1] < RESTART_MAX_S, figures
