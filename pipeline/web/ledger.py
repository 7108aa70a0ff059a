"""What one annotator has said so far, kept in memory and followed by the events' numbers.

Counting a hundred thousand events for every page would take longer than the page may.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Lock
from typing import Final

from pipeline.store.labels import StoredLabel, Task
from pipeline.store.questions import Desk

MARGIN: Final = 100
"""Events that are read again: numbers are given before transactions end, in any order."""

FRESH_S: Final = 600.0
"""After so long all of it is read again, without texts that were taken down meanwhile."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many texts somebody has labelled, and how many have each topic and sentiment."""

    today: int
    total: int
    topics: Mapping[str, int]
    sentiments: Mapping[str, int]


@dataclass(slots=True)
class Ledger:
    """The newest event per text and task, as pipeline.store.labels decides which counts."""

    newest: dict[str, dict[Task, StoredLabel]] = field(default_factory=dict)
    seq: int = 0
    _values: dict[Task, Counter[str]] = field(
        default_factory=lambda: {"topic": Counter(), "sentiment": Counter()}
    )
    _days: Counter[date] = field(default_factory=Counter)
    """Texts by the day, in UTC, of the newest label that counts."""

    def apply(self, events: Iterable[StoredLabel]) -> None:
        """Take events in; the same again, or in another order, changes nothing."""
        for event in events:
            tasks = self.newest.setdefault(event.text_hash, {})
            known = tasks.get(event.task)
            if known is None or (known.at, known.seq) < (event.at, event.seq):
                self._count(tasks, -1)
                tasks[event.task] = event
                self._count(tasks, 1)
            self.seq = max(self.seq, event.seq)

    def said(self, text_hash: str) -> dict[Task, StoredLabel]:
        """What counts of a text now; empty if nothing was said, or all was taken back."""
        tasks = self.newest.get(text_hash, {})
        return {task: event for task, event in tasks.items() if event.value is not None}

    def last(self) -> tuple[str, datetime] | None:
        """The text that was labelled last on the page and still is, and when."""
        found: StoredLabel | None = None
        for tasks in self.newest.values():
            for one in tasks.values():
                if one.value is None or one.origin != "page":
                    continue
                if found is None or (one.at, one.seq) > (found.at, found.seq):
                    found = one
        return None if found is None else (found.text_hash, found.at)

    def progress(self, now: datetime) -> Progress:
        """The counts; ``today`` is the day of ``now`` in UTC."""
        return Progress(
            today=self._days[now.astimezone(UTC).date()],
            total=self._days.total(),
            topics=+self._values["topic"],
            sentiments=+self._values["sentiment"],
        )

    def _count(self, tasks: Mapping[Task, StoredLabel], sign: int) -> None:
        said = [one for one in tasks.values() if one.value is not None]
        for one in said:
            self._values[one.task][str(one.value)] += sign
        if said:
            self._days[max(one.at for one in said).date()] += sign


@dataclass(slots=True)
class _Kept:
    read_at: float
    ledger: Ledger = field(default_factory=Ledger)
    lock: Lock = field(default_factory=Lock)


class Ledgers:
    """Everybody's, up to date at each call. For any thread. ``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def of(self, desk: Desk) -> Ledger:
        """What the annotator has said as ``desk`` sees it; not to be changed."""
        with self._lock:
            kept = self._kept.get(desk.annotator)
            if kept is None or self._monotonic() - kept.read_at > FRESH_S:
                kept = self._kept[desk.annotator] = _Kept(self._monotonic())
        with kept.lock:
            kept.ledger.apply(desk.events(max(0, kept.ledger.seq - MARGIN)))
        return kept.ledger
