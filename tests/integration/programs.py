"""Workers and monitors as programs that tests kill, and what is in the database afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import select

from pipeline.process import now
from pipeline.step import Partition
from pipeline.store import positions, tables
from pipeline.store.database import Database, DatabaseAway

PATIENCE_S = 240.0


class Parts:
    """Programs that are started again when they were killed."""

    def __init__(
        self,
        db: Database,
        url: str,
        sources: Sequence[str],
        partitions: Iterable[Partition],
        *,
        monitors: int = 2,
    ) -> None:
        # The monitor must know of all partitions before the first of them has been read.
        positions.claim(db, dict.fromkeys(partitions), now=now(), worker="test")
        self._arguments = [["worker", url, where] for where in sources] + [
            ["monitor", url]
        ] * monitors
        self._running = [self._start(arguments) for arguments in self._arguments]

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.integration.stub_part", *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self, number: int, how: signal.Signals) -> None:
        self._running[number].send_signal(how)

    def start_again(self) -> None:
        """Whatever was killed; a program that ended with an error is the test's failure."""
        for number, process in enumerate(self._running):
            code = process.poll()
            if code is not None and code != 0:
                assert code == -signal.SIGKILL, f"{self._arguments[number]} ended with {code}"
                self._running[number] = self._start(self._arguments[number])

    def stop(self) -> None:
        """Ask all to end, as whoever deploys them does; each must do so in order."""
        for process in self._running:
            process.terminate()
        for arguments, process in zip(self._arguments, self._running, strict=True):
            assert process.wait(timeout=PATIENCE_S) == 0, f"{arguments} ended in disorder"

    def finish(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while any(process.poll() != 0 for process in self._running):
            assert time.monotonic() < deadline, "not everything has ended"
            self.start_again()
            time.sleep(0.05)

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait(timeout=10)


def stored(db: Database) -> int:
    try:
        with db.read() as connection:
            return sum(connection.execute(select(tables.source_position.c.next)).scalars())
    except DatabaseAway:
        return -1


def until(condition: Callable[[], bool], parts: Parts) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "no progress"
        parts.start_again()
        time.sleep(0.02)
