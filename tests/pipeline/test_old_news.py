"""The same news live and after an outage: told at once, or to nobody but the records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.detect import Detection
from pipeline.monitor import Monitor
from pipeline.settings import Settings
from pipeline.store import lease
from pipeline.store.database import Database, open_database
from pipeline.worker import Worker
from tests.fakes import ListSource, ManualClock, classify, link
from tests.pipeline.messages import LEASE, Box
from tests.pipeline.test_monitor import BURST, KEYS, LATENESS, published_at, stream

PAGER, RECORD = "apprise.desk", "kafka"
BEFORE = BURST - timedelta(hours=1)


class Newsroom:
    """A worker and a monitor that have seen everything up to an hour before the burst."""

    def __init__(self, db: Database) -> None:
        self.clock = ManualClock(BEFORE)
        self.pager, self.record = Box(), Box()
        values = stream()
        self._known = [raw for raw in values if published_at(raw) < BEFORE]
        self._new = [raw for raw in values if published_at(raw) >= BEFORE]
        self.source = ListSource({0: self._known}, clock=self.clock, max_records=500, ends=False)
        self.worker = Worker(
            db,
            self.source,
            classify=classify,
            link=link,
            lateness=LATENESS,
            clock=self.clock,
            name="test",
        )
        self.worker.start()
        channels = {PAGER: self.pager, RECORD: self.record}
        self.monitor = Monitor(
            db,
            keys=KEYS,
            detection=Detection(
                db, KEYS.tested(), Settings(), names={"ACM": "Acme"}, sinks=tuple(channels)
            ),
            channels=channels,
            lateness=LATENESS,
            fresh_for=timedelta(minutes=1),
            epoch=lease.take(db, "test", now=self.clock(), keep_for=LEASE),
            keep_for=LEASE,
            clock=self.clock,
        )
        self.go_on()
        self.pager.sent.clear()
        self.record.sent.clear()

    def go_on(self, until: datetime | None = None) -> None:
        """Read and judge what has been published until then, or all."""
        while self._new and (until is not None and published_at(self._new[0]) <= until):
            self.source.values["news", 0].append(self._new.pop(0))
        while self.worker.step(0.0).batch is not None:
            pass
        self.monitor.tick(self.clock())


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Newsroom]:
    db = open_database(f"sqlite:///{tmp_path}/test.db")
    yield Newsroom(db)
    db.close()


def test_news_as_it_happens_calls_and_is_not_late(room: Newsroom) -> None:
    for _ in range(40):
        room.clock.move(timedelta(minutes=10))
        room.go_on(room.clock())
    about_acme = [n for n in room.pager.sent if n.key == "ACM"]
    assert about_acme[0].change == "opened"
    assert all(note.severity != "info" for note in room.pager.sent)
    assert not any(note.late for note in room.record.sent)


def test_backlog_of_two_days_calls_nobody_and_is_recorded_as_late(room: Newsroom) -> None:
    room.clock.at = BURST + timedelta(days=2)
    room.go_on(room.clock())
    room.monitor.tick(room.clock() + timedelta(minutes=10))
    assert room.pager.sent == []
    assert any((n.key, n.severity) == ("ACM", "warn") for n in room.record.sent)
    assert all(note.late for note in room.record.sent)


def test_incident_that_goes_on_after_a_short_outage_calls(room: Newsroom) -> None:
    room.clock.at = BURST + timedelta(hours=2)
    room.go_on(room.clock())
    assert any((n.key, n.change) == ("ACM", "opened") for n in room.record.sent)
    assert "ACM" in {note.key for note in room.pager.sent}
