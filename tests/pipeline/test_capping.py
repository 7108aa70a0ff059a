"""After a swap incidents are held at info for some hours of event time: by the event log alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.rules import IncidentSettings
from alerts.windows import BUCKET
from pipeline.capping import Swapped, Swaps
from pipeline.store import events, lease
from pipeline.store.again import forget_detection
from pipeline.store.database import Database, open_database
from pipeline.store.events import NewEvent
from pipeline.store.incidents import Incident, incidents
from tests.fakes import MONDAY
from tests.pipeline.test_accepting import NOW, Desk
from tests.pipeline.test_monitor import essence

CAP = timedelta(hours=2)
CAPPED = IncidentSettings(capped_for=CAP)
HOURS = 58
"""Of calm news; from then on there are twelve negative stories an hour about one company."""


def line(number: int, at: datetime, title: str) -> bytes:
    fields = {"source": f"wire{number % 4}", "id": f"{at}", "title": title}
    return json.dumps(fields | {"published_at": at.isoformat()}).encode()


def calm(number: int) -> bytes:
    mood = "negative" if number % 5 == 0 else "calm"
    at = MONDAY + timedelta(minutes=30 * number + 7 * (number % 3))
    return line(number, at, f"{mood} Energy {('ACM', 'BRK')[number % 2]} story {number}")


def bad(number: int) -> bytes:
    at = MONDAY + timedelta(hours=HOURS, minutes=5 * number + 1)
    return line(number, at, f"negative Energy ACM trouble {number}")


BEFORE = [calm(number) for number in range(2 * HOURS)]
REST = [bad(number) for number in range(12 * 4)]


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    made: list[Desk] = []

    def desk() -> Desk:
        made.append(Desk(open_database(f"sqlite:///{tmp_path}/{len(made)}.db"), CAPPED))
        return made[-1]

    yield desk
    for one in made:
        one.db.close()


def spike(desk: Desk) -> Incident:
    """The company's."""
    found = [i for i in incidents(desk.db) if (i.kind, i.rule) == ("company", "negative_spike")]
    return found[0]


def swap(desk: Desk, version: str = "b") -> None:
    value = {"from": "a", "to": version, "offsets": {}}
    events.write(desk.db, NewEvent(NOW, "version", "ann", value))


def severities(desk: Desk) -> list[tuple[str, datetime]]:
    history = spike(desk).evidence["history"]
    return [(one["severity"], datetime.fromisoformat(one["at"])) for one in history]


def test_after_a_swap_it_is_held_at_info_until_the_hours_are_over(
    desks: Callable[[], Desk],
) -> None:
    free, desk = desks(), desks()
    free.read([*BEFORE, *REST])
    desk.read(BEFORE)
    cursor = lease.progress(desk.db).cursor
    assert cursor is not None
    swap(desk)
    desk.read(REST[:20])
    assert spike(desk).severity == "info"
    note = spike(desk).evidence["note"]
    desk.read(REST[20:])
    (taken,) = events.read(desk.db, "swapped")
    at = datetime.fromisoformat(taken.value["at"])
    assert at == cursor + BUCKET  # the first boundary that was evaluated after it was seen
    assert (taken.value["request"], taken.value["version"]) == (1, "b")
    assert f"Held at info until {at + CAP:%d %b %H:%M} UTC: version b" in note
    (opened, since), (escalated, until), *_ = severities(desk)
    assert (opened, escalated) == ("info", "warn")
    assert since < until == at + CAP + BUCKET
    assert "Held" not in spike(desk).evidence["note"]
    # Without the swap it would have been a warning long before.
    assert min(when for what, when in severities(free) if what == "warn") < until - CAP / 2


def test_restarts_and_a_replay_from_the_log_hold_the_same_incidents_down(
    desks: Callable[[], Desk],
) -> None:
    steady, restarted = desks(), desks()
    for desk in (steady, restarted):
        desk.read(BEFORE, restarts=desk is restarted)
        swap(desk)
        desk.read(REST, restarts=desk is restarted)
    found = essence(incidents(steady.db))
    assert essence(incidents(restarted.db)) == found
    log = events.read(steady.db, "version", "swapped")
    forget_detection(steady.db)
    steady.restart()
    steady.monitor.tick(NOW)
    assert essence(incidents(steady.db)) == found
    assert events.read(steady.db, "version", "swapped") == log


def test_evaluations_are_capped_after_the_boundary_for_the_span_and_no_longer(
    db: Database,
) -> None:
    for number, version in enumerate("bc"):
        at = MONDAY + number * timedelta(hours=2)
        events.write(db, Swapped(number, version, at).event(NOW))
    swaps = Swaps(db)
    span, minutes = timedelta(hours=3), (0, 5, 120, 125, 180, 300, 305)
    found = [swaps.over(MONDAY + timedelta(minutes=m), span) for m in minutes]
    assert [one and one.version for one in found] == [None, "b", "b", "c", "c", "c", None]
    assert swaps.over(MONDAY + BUCKET, timedelta(0)) is None


def test_promotion_is_taken_once_and_several_between_two_boundaries_all_are(
    db: Database,
) -> None:
    swaps = Swaps(db)
    for version in "bc":
        events.write(db, NewEvent(NOW, "version", "ann", {"from": "a", "to": version}))
    swaps.look()
    taken = swaps.due(MONDAY)
    assert [one.version for one in taken] == ["b", "c"]
    for one in taken:
        events.write(db, one.event(NOW))
    again = Swaps(db)
    for log in (swaps, again):
        log.look()
        assert log.due(MONDAY + BUCKET) == []
        found = log.over(MONDAY + BUCKET, CAP)
        assert found is not None
        assert found.version == "c"
