"""What was replaced or deleted is gone: texts, mentions, signatures, headlines of incidents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from typer.testing import CliRunner

from alerts.channels import Unreachable
from alerts.evidence import Evidence, Story
from alerts.incidents import Change
from ingest.article import Article, parse
from pipeline.cli import app
from pipeline.step import Origin, Scored
from pipeline.store import articles, outbox, removal, tables
from pipeline.store import incidents as incident_store
from pipeline.store.database import Database, StoreError, open_database
from pipeline.store.incidents import Evaluation, Incident, Message
from pipeline.store.verify import verify
from pipeline.telling import notification, to_json
from tests.fakes import MONDAY, predict
from tests.pipeline.test_counting import KEYS, corrections, count, empty, line, store
from tests.pipeline.test_monitor import Mailbox, monitor

SAME = "negative ACM Energy trouble"
ARRIVAL = {"record_topic", "record_partition", "record_offset", "late"}
"""Columns that tell where an article was read; all others follow from the set of articles."""


def gone(name: str, revision: int) -> bytes:
    fields = {"source": "wire", "id": name, "action": "delete", "revision": revision}
    return json.dumps(fields).encode()


def rows(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    kept = (tables.article, tables.text, tables.mention, tables.signature, tables.contribution)
    with db.read() as connection:
        return {
            table.name: sorted(
                (
                    tuple(row)
                    for row in connection.execute(
                        select(*(c for c in table.c if c.name not in ARRIVAL))
                    )
                ),
                key=repr,
            )
            for table in (*kept, tables.bucket)
        }


def titles(db: Database) -> list[str]:
    with db.read() as connection:
        return sorted(connection.execute(select(tables.text.c.title)).scalars())


def test_text_goes_with_the_last_article_that_has_it(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1), line("b", SAME, 2), line("c", "Macro", 1)]})
    store(db, {0: [gone("a", 1)]}, topic="one")
    assert titles(db) == ["Macro", SAME]
    store(db, {0: [gone("b", 1)]}, topic="two")
    assert titles(db) == ["Macro"]


def test_replaced_text_is_gone_unless_another_article_has_it(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1), line("b", "Macro", 1), line("c", "Macro", 2)]})
    new = [line(name, "calm Earnings", 1, action="replace", revision=1) for name in "ab"]
    store(db, {0: new}, topic="one")
    assert titles(db) == ["Macro", "calm Earnings"]


def test_replacement_with_the_same_text_keeps_it(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    store(db, {0: [line("a", SAME, 2, action="replace", revision=1)]}, topic="one")
    assert titles(db) == [SAME]


def test_tombstone_keeps_nothing_of_what_its_delete_repeats(db: Database) -> None:
    words = {"url": f"https://example.org/{SAME.replace(' ', '-')}", "lead": SAME}
    said = json.loads(gone("a", 1)) | words | {"title": SAME, "symbols": ["ACM"]}
    store(db, {0: [line("a", SAME, 1, **words), json.dumps(said).encode()]})
    with db.read() as connection:
        row = connection.execute(select(tables.article)).one()
    assert (row.deleted, row.url, row.symbols, row.extra) == (True, None, "[]", "{}")
    assert titles(db) == []


def test_refused_revision_takes_no_text_away(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1, action="replace", revision=5)]})
    store(db, {0: [line("a", "Macro", 1, action="replace", revision=4), gone("a", 3)]}, topic="b")
    assert titles(db) == [SAME]


@pytest.fixture(scope="module")
def pair(opened: Callable[[], Database]) -> Iterator[tuple[Database, Database]]:
    both = opened(), opened()
    yield both
    for one in both:
        one.close()


@settings(max_examples=15, deadline=None)
@given(data=st.data(), lines=corrections(most=12))
def test_any_order_split_and_repetition_gives_the_same_rows(
    data: st.DataObject, lines: list[bytes], pair: tuple[Database, Database]
) -> None:
    plain, shuffled = (empty(one) for one in pair)
    store(plain, {0: lines})
    count(plain)
    again = data.draw(st.permutations(lines + lines[: len(lines) // 3]))
    cut = data.draw(st.integers(min_value=0, max_value=len(again)))
    store(shuffled, {0: again[:cut]})
    count(shuffled)
    store(shuffled, {1: again[cut:]})
    count(shuffled)
    assert rows(shuffled) == rows(plain)
    with plain.read() as connection:
        used = set(connection.execute(select(tables.article.c.text_hash)).scalars()) - {None}
        assert used == set(connection.execute(select(tables.text.c.hash)).scalars())


@settings(max_examples=8, deadline=None)
@given(others=corrections(most=6))
def test_added_replaced_and_deleted_is_as_never_seen_but_for_the_tombstone(
    others: list[bytes], pair: tuple[Database, Database]
) -> None:
    seen, unseen = (empty(one) for one in pair)
    changed = line("x", "ACM and BRK", 1, action="replace", revision=1)
    for number, raw in enumerate([line("x", SAME, 0.5), changed]):
        store(seen, {0: [raw]}, topic=f"x{number}")
        count(seen)
    store(seen, {0: [*others, gone("x", 2)]})
    store(unseen, {0: [*others, gone("x", 2)]})
    for one in (seen, unseen):
        count(one)
    assert rows(seen) == rows(unseen)


def scored(raw: bytes) -> Scored:
    article = parse(raw, received_at=MONDAY)
    assert isinstance(article, Article)
    told = None if article.action == "delete" else predict(article.title)
    return Scored(article, Origin("other", 0, 0), late=False, prediction=told)


@pytest.mark.parametrize("order", [0, 1])
def test_text_stays_when_one_writer_drops_it_while_another_brings_it(
    db: Database, order: int
) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    records = [line("b", SAME, 2), gone("a", 1)]
    first, second = records if order else reversed(records)

    def write_second() -> None:
        with db.write() as connection:
            articles.write(connection, [scored(second)])

    other = Thread(target=write_second)
    with db.write() as connection:
        articles.write(connection, [scored(first)])
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive()  # it waits for the end of this transaction
    other.join(timeout=30)
    assert titles(db) == [SAME]


def test_operator_takes_an_article_down_and_it_is_noted(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1, action="replace", revision=7), line("b", "Macro", 1)]})
    count(db)
    assert removal.remove(db, ("wire", "a"), actor="ann", reason="court order", now=MONDAY) == 8
    count(db)
    assert titles(db) == ["Macro"]
    assert verify(db, KEYS).differences == ()
    with db.read() as connection:
        (event,) = connection.execute(select(tables.event)).all()
        rows = {row.id: row for row in connection.execute(select(tables.article))}
    assert (event.kind, event.actor, event.at) == ("removed", "ann", MONDAY)
    noted = {"source": "wire", "id": "a", "revision": 8, "reason": "court order"}
    assert json.loads(event.value) == noted
    assert (rows["a"].deleted, rows["a"].revision, rows["a"].url) == (True, 8, None)
    assert (rows["a"].record_topic, rows["a"].record_offset) == ("operator", event.seq)


def test_what_is_not_there_cannot_be_taken_down_nor_twice(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    removal.remove(db, ("wire", "a"), actor="ann", reason="x", now=MONDAY)
    for name, why in (("a", "deleted already"), ("z", "no such article")):
        with pytest.raises(StoreError, match=why):
            removal.remove(db, ("wire", name), actor="ann", reason="x", now=MONDAY)
    with db.read() as connection:
        assert len(connection.execute(select(tables.event)).all()) == 1


def test_command_takes_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    db = open_database("sqlite:///a.db")
    store(db, {0: [line("a", SAME, 1)]})
    what = ["articles", "remove", "wire", "a", "--db", "sqlite:///a.db", "--json"]
    done = CliRunner().invoke(app, [*what, "--reason", "r", "--by", "ann"])
    assert json.loads(done.stdout) == {"source": "wire", "id": "a", "revision": 1}
    again = CliRunner().invoke(app, [*what, "--reason", "r", "--by", "ann"])
    assert (again.exit_code, "deleted already" in again.stderr) == (2, True)
    assert CliRunner().invoke(app, what).exit_code == 2
    assert titles(db) == []
    db.close()


def story(name: str, headline: str) -> Story:
    return Story(name, headline, "wire", f"https://example.org/{name}", 2, MONDAY)


def spike(*stories: Story) -> Incident:
    numbers = Evidence(
        *(9, 1.0, 0, 4, 12, 0.8, 0.2, 1e-6, 1e-5, 60, 9.0, 2, 3, 20.0), stories=stories
    )
    facts = numbers.to_json()
    facts |= {"name": "Acme", "story_ids": [f"{one.source}/{one.id}" for one in stories]}
    at = (MONDAY, MONDAY)
    return Incident("i1", "company", "ACM", "negative_spike", "warn", "firing", *at, 1, facts)


def test_incidents_and_messages_show_no_headline_that_was_taken_down(db: Database) -> None:
    names = {"a": SAME, "a\\'%_": f"{SAME} again", "A": "negative Macro"}
    store(db, {0: [line(name, title, 1) for name, title in names.items()]})
    watching = monitor(db, Mailbox(Unreachable("down")), MONDAY)
    watching.tick(MONDAY)
    opened_ = spike(*(story(name, title) for name, title in names.items()))
    told = to_json(notification(opened_, Change("opened", notify=True), MONDAY))
    done = Evaluation(MONDAY, incidents={"i1": opened_})
    done.messages.append(Message("i1", 1, "box", told, MONDAY))
    incident_store.save(db, 1, done)
    watching.detection.reread_incidents()
    removal.remove(db, ("wire", "a\\'%_"), actor="ann", reason="wrong", now=MONDAY)
    watching.tick(MONDAY)

    (found,) = incident_store.incidents(db)
    shown = [(one["headline"], one["url"]) for one in found.evidence["stories"]]
    assert [headline for headline, _ in shown] == [SAME, "[removed]", "negative Macro"]
    assert [url is None for _, url in shown] == [False, True, False]
    assert found.evidence["story_ids"] == opened_.evidence["story_ids"]
    (message,) = outbox.pending(db, 1, "box", MONDAY + timedelta(days=1))
    headlines = [f"{SAME} (wire, 2 copies)", "[removed] (wire, 2 copies)"]
    assert message.payload["lines"][-3:-1] == headlines
    # What the monitor keeps in mind is written again with the incident's next change.
    assert [one.evidence for one in watching.detection.open] == [found.evidence]
