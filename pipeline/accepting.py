"""Levels taken as the new normal: who asked, since when, and from which boundary on.

An operator's wish is an event ``accept``. The detector takes the level at the first boundary that
it evaluates after it has seen the wish, and writes that boundary down as an event ``accepted`` in
the same transaction. So the log, with the hours that were learned, says what the baselines were
at any time: after a restart the same events are applied at the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.incidents import Watch, outlasts
from alerts.rules import IncidentSettings
from pipeline.store import events
from pipeline.store.buckets import Key
from pipeline.store.database import Database
from pipeline.store.events import Event, NewEvent

ITSELF: Final = "bearwatch"
"""The actor of what no person has decided."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A key's level since ``since`` is normal, for every evaluation after boundary ``at``."""

    incident: str
    key: Key
    since: datetime
    at: datetime
    actor: str
    request: int | None = None
    """``seq`` of the wish; None: it was open for too long to be news."""

    def event(self, now: datetime) -> NewEvent:
        """As a row of the log, written at ``now``."""
        value = {
            "incident": self.incident,
            "kind": self.key[0],
            "key": self.key[1],
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
            "request": self.request,
        }
        return NewEvent(now, "accepted", self.actor, value)

    @staticmethod
    def of(event: Event) -> Accepted:
        """Read what :meth:`event` wrote."""
        value: dict[str, Any] = event.value
        return Accepted(
            value["incident"],
            (value["kind"], value["key"]),
            datetime.fromisoformat(value["since"]),
            datetime.fromisoformat(value["at"]),
            event.actor,
            value["request"],
        )


class Acceptances:
    """What the event log says about levels, kept up with; for one thread."""

    def __init__(self, db: Database) -> None:
        self._db = db
        taken = [Accepted.of(one) for one in events.read(db, "accepted")]
        self._recorded = sorted(taken, key=lambda one: one.at)
        """Not applied yet, oldest first; of one boundary in the order they were written."""
        self._done = {one.request for one in taken if one.request is not None}
        self._wishes: dict[str, Event] = {}
        """By incident."""
        self._seen = 0

    def look(self) -> None:
        """Read what was asked for since the last look."""
        for wish in events.read(self._db, "accept", after=self._seen):
            self._seen = wish.seq
            if wish.seq not in self._done:
                self._wishes[wish.value["incident"]] = wish

    def recorded(self, before: datetime) -> Iterator[Accepted]:
        """Take those out of the log that were taken before a boundary, oldest first."""
        while self._recorded and self._recorded[0].at < before:
            yield self._recorded.pop(0)

    def due(
        self, at: datetime, watches: Iterable[Watch], settings: IncidentSettings
    ) -> Iterator[Accepted]:
        """Those that follow from the wishes, or by themselves, at a boundary just evaluated."""
        for watch in list(watches):
            if watch.state != "firing" or watch.accepted:
                continue
            wish = self._wishes.pop(watch.incident, None)
            if wish is None and not outlasts(watch, settings):
                continue
            since = watch.fired_at or watch.opened_at or at
            actor, request = (ITSELF, None) if wish is None else (wish.actor, wish.seq)
            key = (watch.kind, watch.key)
            yield Accepted(watch.incident, key, since, at, actor, request)
