"""Another version classifies: for some hours its incidents are held at info.

Shares and counts may have moved with the version and not with the news. That it was promoted is an
event ``version``, written with the promotion. The detector hears of it at the first boundary that
it evaluates afterwards, and writes that boundary down as an event ``swapped`` in the same
transaction. Whether an evaluation is capped follows from the log and its own boundary alone, so it
is the same live, after a restart and in a replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.accepting import ITSELF
from pipeline.store import events
from pipeline.store.database import Database
from pipeline.store.events import Event, NewEvent


@dataclass(frozen=True, slots=True)
class Swapped:
    """``version`` counts as new for the evaluations after boundary ``at``."""

    request: int
    """``seq`` of the event ``version``."""
    version: str
    at: datetime

    def event(self, now: datetime) -> NewEvent:
        """As a row of the log, written at ``now``."""
        value = {"request": self.request, "version": self.version, "at": self.at.isoformat()}
        return NewEvent(now, "swapped", ITSELF, value)

    @staticmethod
    def of(event: Event) -> Swapped:
        """Read what :meth:`event` wrote."""
        value: dict[str, Any] = event.value
        at = datetime.fromisoformat(value["at"])
        return Swapped(value["request"], value["version"], at)

    def told(self, until: timedelta) -> str:
        """What readers of an incident are to know of it."""
        end = self.at + until
        return (
            f"Held at info until {end:%d %b %H:%M} UTC: version {self.version} classifies since "
            f"{self.at:%H:%M}, and may see more negative news than the one before."
        )


class Swaps:
    """What the event log says about new versions, kept up with; for one thread."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._taken = [Swapped.of(one) for one in events.read(db, "swapped")]
        self._done = {one.request for one in self._taken}
        self._waiting: list[Event] = []
        self._seen = 0

    def look(self) -> None:
        """Read what was promoted since the last look."""
        for one in events.read(self._db, "version", after=self._seen):
            self._seen = one.seq
            if one.seq not in self._done:
                self._waiting.append(one)

    def due(self, at: datetime) -> list[Swapped]:
        """Those that are heard of at a boundary just evaluated; to be written down."""
        found = [Swapped(one.seq, one.value["to"], at) for one in self._waiting]
        self._waiting.clear()
        self._taken += found
        return found

    def over(self, at: datetime, span: timedelta) -> Swapped | None:
        """The newest swap that caps the evaluation at ``at``: in (its boundary, + span]."""
        found = [one for one in self._taken if one.at < at <= one.at + span]
        return max(found, key=lambda one: (one.at, one.request), default=None)
