"""What pages and commands read, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.pages.view import view
from pipeline.store import events, incidents, looking, removal
from pipeline.store.database import Database
from pipeline.store.events import NewEvent
from pipeline.store.looking import Wanted
from tests.pages.made import NOW, evidence, incident, still_open, store, story

LEADER = incident(1)
CHILD = incident(2, kind="topic", key="Cars", severity="warn", parent=LEADER.id)
OPEN = still_open(3, key="BRK", severity="warn")


@pytest.fixture
def stored(db: Database) -> Database:
    store(db, LEADER, CHILD, OPEN)
    return db


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (Wanted(), [OPEN, CHILD, LEADER]),
        (Wanted(leading=True), [OPEN, LEADER]),
        (Wanted(open=True), [OPEN]),
        (Wanted(open=False, least="critical"), [LEADER]),
        (Wanted(key="Cars"), [CHILD]),
        (Wanted(since=CHILD.opened_at, before=OPEN.opened_at), [CHILD]),
    ],
)
def test_wanted_are_given_newest_first(
    stored: Database, which: Wanted, expected: list[object]
) -> None:
    assert looking.wanted(stored, which, limit=10) == expected
    assert looking.wanted(stored, which, limit=1) == expected[:1]


def test_incident_is_found_by_the_beginning_of_its_id_alone(stored: Database) -> None:
    assert incidents.find(stored, LEADER.id[:8]) == [LEADER]
    assert len(incidents.find(stored, "0000")) == 2
    assert incidents.find(stored, "%") == []
    assert incidents.find(stored, LEADER.id[1:]) == []


def test_family_and_messages(stored: Database) -> None:
    assert looking.children(stored, [LEADER.id, OPEN.id]) == [CHILD]
    assert looking.children(stored, []) == []
    (told,) = looking.told(stored, OPEN.id)
    assert (told.sink, told.revision, told.created_at, told.sent_at) == ("log", 3, NOW, None)


def test_log_is_read_by_kind_and_by_incident_in_order(stored: Database) -> None:
    for number, name in enumerate((LEADER.id, OPEN.id, LEADER.id)):
        value = {"incident": name, "note": f"{number} about {OPEN.id}", "verdict": "useful"}
        events.write(stored, NewEvent(NOW, "feedback", "a" * 100, value))
    events.write(stored, NewEvent(NOW, "accept", "ann", {"incident": OPEN.id, "note": ""}))
    about = [event.value["note"][:1] for event in events.of_incident(stored, LEADER.id)]
    assert about == ["0", "2"]
    (wish,) = events.read(stored, "accept")
    assert events.read(stored, "feedback", "accept", after=wish.seq - 1) == [wish]
    assert len(events.read(stored, "feedback")[0].actor) == events.LONGEST_ACTOR


def test_headline_that_was_taken_down_is_gone_from_the_page(db: Database) -> None:
    shown = [story("libel", source="wire", id="1"), story("other", source="wire", id="2")]
    found = incident(evidence=evidence(stories=shown))
    store(db, found)
    with db.write() as connection:
        assert removal.redact(connection, [("wire", "1")]) == 1
    (after,) = incidents.find(db, found.id)
    first, second = view(after).stories
    assert (first.headline, first.link) == (removal.REMOVED, None)
    assert (second.headline, second.link is not None) == ("other", True)
    assert after == replace(found, evidence=after.evidence)
