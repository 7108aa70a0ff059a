"""Labels from a topic: each stored once, bad records dead letters, the watermark not held."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from pipeline.dead_letters import replay
from pipeline.labels.listening import Listener
from pipeline.store import labels, positions, tables
from pipeline.store.database import Database
from pipeline.watermark import Report, advance
from tests.fakes import MONDAY, ListSource, ManualClock
from tests.labels.test_labels_files import KNOWN, said
from tests.pipeline.test_counting import line, store
from tests.pipeline.test_take_down import gone

TOPIC = "news.labels"


def record(**fields: Any) -> bytes:
    given = {"text": "Acme falls", "task": "sentiment", "value": "negative", "annotator": "ann"}
    return json.dumps({**given, **fields}).encode()


def listen(db: Database, values: list[bytes], *, name: str = "one") -> Listener:
    clock = ManualClock()
    source = ListSource({0: values}, clock=clock, topic=TOPIC, max_records=3)
    found = Listener(db, source, KNOWN, clock=clock, name=name)
    found.start()
    return found


def drain(listener: Listener) -> None:
    while not listener.finished:
        listener.step(0)


def position(db: Database) -> int:
    (found,) = (r.position for r in positions.reports(db) if r.topic == TOPIC)
    return found


def letters(db: Database) -> list[tuple[int, str, str]]:
    with db.read() as connection:
        rows = connection.execute(select(tables.dead_letter).order_by("offset"))
        return [(row.offset, row.reason, row.detail) for row in rows]


def test_labels_are_stored_once_whatever_is_read_again(db: Database) -> None:
    store(db, {0: [line("a", "Beta gains", 1)]})
    values = [
        record(at="2026-03-01T23:00:00Z"),
        record(text=None, source="wire", id="a", task=None, topic="Macro", sentiment="positive"),
        record(at="2026-03-01T22:00:00Z", value="neutral"),
        record(annotator="bob", value=None),
    ]
    drain(listen(db, values))
    assert said(db) == [
        ("Acme falls", "ann", "sentiment", "negative"),
        ("Beta gains", "ann", "sentiment", "positive"),
        ("Beta gains", "ann", "topic", "Macro"),
    ]
    events = labels.counts(db).events
    assert (events, position(db)) == (5, 4)
    with db.write() as connection:  # as after a database that was put back
        connection.execute(tables.source_position.update().values(next=0))
    drain(listen(db, values))
    assert (labels.counts(db).events, position(db)) == (events, 4)


def test_a_label_goes_on_where_the_last_listener_was(db: Database) -> None:
    first = listen(db, [record(), record(annotator="bob")])
    first.step(0)
    drain(listen(db, [record(), record(annotator="bob"), record(annotator="cem")], name="two"))
    assert labels.counts(db).events == 3


def test_what_is_no_label_is_a_dead_letter_and_never_an_article(db: Database) -> None:
    article = {"source": "wire", "id": "z", "title": "Gamma", "topic": "Sport", "annotator": "ann"}
    values = [
        record(value="bad"),
        b"\xff",
        record(text=None, source="wire", id="none"),
        record(annotator=None),
        record(at="2026-03-02T01:00:00Z"),  # an hour after its record
        json.dumps(article).encode(),
        record(),
    ]
    drain(listen(db, values))
    found = letters(db)
    assert [(offset, reason) for offset, reason, _ in found] == [
        (0, "schema"),
        (1, "not_utf8"),
        (2, "schema"),
        (3, "schema"),
        (4, "schema"),
        (5, "schema"),
    ]
    assert found[0][2].startswith("no label: unknown sentiment 'bad'; known are negative")
    assert found[2][2] == "no label: wire none: no such article"
    assert (position(db), labels.counts(db).events) == (7, 1)
    again = replay(db, None, names=(), reason=None, now=MONDAY, labels_topic=TOPIC)
    assert (again.articles, again.still["schema"]) == (0, 5)


def test_a_label_of_a_text_that_was_taken_down_is_dropped_with_its_record(db: Database) -> None:
    store(db, {0: [line("a", "Acme falls", 1)]})
    drain(listen(db, [record()]))
    store(db, {0: [gone("a", 1)]}, topic="gone")
    drain(listen(db, [record(), record(annotator="bob")]))
    assert (said(db), letters(db), position(db)) == ([], [], 2)


def test_of_two_listeners_the_slower_one_stores_nothing_twice(db: Database) -> None:
    values = [record(annotator=f"annotator {n}") for n in range(9)]
    one, two = listen(db, values), listen(db, values, name="two")
    while not (one.finished and two.finished):
        one.step(0)
        two.step(0)
    assert (labels.counts(db).events, position(db)) == (9, 9)


def test_the_watermark_does_not_wait_for_labels(db: Database) -> None:
    late = MONDAY + timedelta(days=9)
    listener = listen(db, [record()])
    news = Report("news", 0, 5, 9, MONDAY, late)
    for _ in range(2):
        reports = [*positions.reports(db), news]
        found = advance(
            None, reports, now=late, lateness=timedelta(0), fresh_for=timedelta(minutes=1)
        )
        assert (found.at, found.why) == (MONDAY, "moving")
        drain(listener)
