"""What is usual, for a process that is not the monitor: the detector, followed from the database.

The monitor's baselines are a function of the hours in ``baseline_hour`` and of the levels that
were accepted, both of which it stores with the cursor in one transaction. Whoever reads the cursor
first, and then applies what belongs to boundaries up to it, has the same baselines.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Final

from alerts.spikes import SpikeDetector, SpikeSettings
from alerts.usual import Usual
from alerts.windows import BUCKET
from pipeline.accepting import Accepted
from pipeline.detect import LEARNING_DELAY
from pipeline.store import buckets, events, lease
from pipeline.store.buckets import HOUR, Key
from pipeline.store.database import Database

_Asked = tuple[tuple[int, ...], tuple[datetime, ...]]

DELAY: Final = HOUR + LEARNING_DELAY
"""From the beginning of an hour to the boundary at which it is learned."""


class Baselines:
    """One thread at a time follows; any may ask, and waits for one hour's learning at most."""

    def __init__(self, keys: Sequence[Key], settings: SpikeSettings) -> None:
        self._keys = tuple(keys)
        self._settings = settings
        self._row_of = {key: row for row, key in enumerate(self._keys)}
        self._lock = Lock()
        self._detector = SpikeDetector(self._keys, settings)
        self._accepted: list[Accepted] = []
        """Not applied yet, oldest first."""
        self._cursor: datetime | None = None
        self._newest: datetime | None = None
        """The hour that was learned last."""
        self._seen = 0
        self._answered: tuple[_Asked, list[Usual]] | None = None
        """The newest question: while the cursor stands, the same is asked again."""

    def knows(self, key: Key) -> bool:
        """Whether it is one of the keys."""
        return key in self._row_of

    def follow(self, db: Database) -> None:
        """Apply everything up to the monitor's cursor: 1 to 2 ms per hour of 500 keys.

        A cursor that has gone back belongs to another run over the same counts: all begins anew.
        """
        cursor = lease.progress(db).cursor
        if self._cursor is not None and (cursor is None or cursor < self._cursor):
            self._forget()
        if cursor is None or cursor == self._cursor:
            return
        for event in events.read(db, "accepted", after=self._seen):
            self._seen = event.seq
            self._accepted.append(Accepted.of(event))
        self._accepted.sort(key=lambda one: one.at)
        last = cursor - DELAY
        for hour in buckets.learned_hours(db, self._keys, after=self._newest, last=last):
            with self._lock:
                self._accept(before=hour.at + DELAY)
                self._detector.learn(
                    hour.at, hour.negative, hour.stories, hour.negative_last15, hour.stories_last15
                )
                self._newest, self._answered = hour.at, None
        with self._lock:
            self._accept(before=cursor + BUCKET)
        self._cursor = cursor

    def usual(self, keys: Sequence[Key], times: Sequence[datetime]) -> list[Usual] | None:
        """What is usual for each key before each time; None before enough hours were learned.

        Raises:
            KeyError: not one of the keys that are tested.
        """
        rows = [self._row_of[key] for key in keys]
        asked = (tuple(rows), tuple(times))
        with self._lock:
            if not self._detector.ready:
                return None
            if self._answered is None or self._answered[0] != asked:
                self._answered = (asked, self._detector.usuals(rows, times))
            return self._answered[1]

    def _forget(self) -> None:
        with self._lock:
            self._detector = SpikeDetector(self._keys, self._settings)
            self._accepted, self._seen = [], 0
            self._cursor = self._newest = self._answered = None

    def _accept(self, before: datetime) -> None:
        while self._accepted and self._accepted[0].at < before:
            accepted = self._accepted.pop(0)
            if (row := self._row_of.get(accepted.key)) is not None:
                self._detector.accept(row, accepted.since)
                self._answered = None
