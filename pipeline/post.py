"""Sinks that may take their time, each on a thread of its own, so that counting never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Event, Thread
from time import monotonic
from typing import Final

import structlog

from alerts.channels import Channel
from pipeline.delivery import Delivery, Policy
from pipeline.retrying import Outcome
from pipeline.store import outbox
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.lease import LeaseLost

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
"""Between looks at the outbox."""

AWAY_S: Final = 5.0
"""Rest after the database could not be reached."""

CLOSE_S: Final = 5.0
"""For the last messages at the end; what is not told then is told after the next start."""


class Post:
    """Delivers for whichever monitor of this process is the active one.

    Made and asked by one thread; ``start`` it once. A thread that finds that the lease has gone
    to another process waits for the next ``begin``.

    Args:
        channels: by the sink's name. Each is used by its own thread alone.
        close: lets go of what the channels hold; called once no thread uses them any more.
    """

    def __init__(
        self,
        db: Database,
        channels: Mapping[str, Channel],
        policy: Policy,
        *,
        clock: Callable[[], datetime],
        look_every_s: float = LOOK_EVERY_S,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._channels = channels
        self.policy = policy
        self._clock = clock
        self._look_every_s = look_every_s
        self._close = close
        self._epoch: int | None = None
        self._outcomes: deque[tuple[str, Outcome]] = deque()
        self._broken: BaseException | None = None
        self._stop = Event()
        self._threads = [
            Thread(target=self._work, args=(sink,), name=f"tell {sink}", daemon=True)
            for sink in channels
        ]

    @property
    def sinks(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._channels)

    def start(self) -> None:
        """Start the threads; nothing is told before ``begin``."""
        for thread in self._threads:
            thread.start()

    def begin(self, epoch: int, *, others: tuple[str, ...]) -> None:
        """Deliver under that lease; what waits for sinks that nobody knows any more is given up.

        ``others`` are the sinks that are told elsewhere.

        Raises:
            LeaseLost: another monitor has taken over already.
        """
        given_up = outbox.abandon(self._db, epoch, (*self.sinks, *others))
        if given_up:
            log.warning("messages for sinks that are not in the settings", given_up=given_up)
        self._epoch = epoch

    def take(self) -> list[tuple[str, Outcome]]:
        """Sink and outcome of each attempt since the last call.

        Raises whatever ended one of the threads.
        """
        if self._broken is not None:
            raise self._broken
        return [self._outcomes.popleft() for _ in range(len(self._outcomes))]

    def close(self) -> None:
        """Tell what is due once more, and end, in bounded time."""
        self._stop.set()
        until = monotonic() + CLOSE_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=max(0.0, until - monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            log.warning("a sink does not answer; what it was not told is told at the next start")
        else:
            self._close()

    def _work(self, sink: str) -> None:
        try:
            self._tell(sink)
        except Exception as error:
            log.exception("delivery has ended", sink=sink)
            self._broken = error

    def _tell(self, sink: str) -> None:
        delivery: Delivery | None = None
        epoch: int | None = None
        last = False
        while not last:
            last = self._stop.wait(self._look_every_s)
            if self._epoch is not None and self._epoch != epoch:
                epoch = self._epoch
                channel = self._channels[sink]
                delivery = Delivery(self._db, sink, channel, self.policy, epoch=epoch)
            if delivery is None:
                continue
            try:
                self._outcomes.extend((sink, one) for one in delivery.turn(self._clock()))
            except LeaseLost as error:
                log.info("another monitor tells this sink", sink=sink, reason=str(error))
                delivery = None
            except DatabaseAway as error:
                log.warning("database away: nothing is told", sink=sink, reason=str(error))
                self._stop.wait(AWAY_S)
