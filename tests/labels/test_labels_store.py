"""Labels in the database: events once, the newest counts, texts pinned with their story."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from pipeline.labels import training_rows
from pipeline.labels.drawing import held_out, story_key
from pipeline.store import labels, removal, tables
from pipeline.store.database import Database, StoreError
from pipeline.store.labels import NewLabel
from pipeline.store.pinning import Outside, TakenDown, pin_article, pin_texts
from tests.fakes import MONDAY
from tests.labels.said import event, pinned, say
from tests.pipeline.test_counting import count, line, store
from tests.pipeline.test_take_down import gone

SAME = "negative ACM Energy trouble ahead"


def hashes(db: Database) -> set[str]:
    with db.read() as connection:
        return set(connection.execute(select(tables.labelled_text.c.hash)).scalars())


def pin(db: Database, name: str, value: str = "negative") -> str:
    """Label a stored article of source wire; its text's hash."""
    with db.write() as connection:
        text = pin_article(connection, "wire", name, MONDAY)
        labels.add(connection, [text], [event("ann", text.hash, value)])
    return text.hash


def test_an_event_counts_once_however_often_it_is_added(db: Database) -> None:
    (text,) = pinned(db, "Acme falls")
    first = event("ann", text.hash, "negative")
    assert say(db, [first, event("bob", text.hash, "neutral"), first]) == 2
    assert say(db, [first]) == 0
    assert [(e.annotator, e.value) for e in labels.events_of(db, text.hash)] == [
        ("ann", "negative"),
        ("bob", "neutral"),
    ]


def test_the_newest_event_of_an_annotator_counts_and_undo_removes_it(db: Database) -> None:
    (text,) = pinned(db, "Acme falls")
    say(db, [event("ann", text.hash, "negative"), event("ann", text.hash, "neutral", minute=1)])
    assert [c.value for c in labels.current(db)] == ["neutral"]
    say(db, [event("ann", text.hash, None, minute=2)])
    assert labels.current(db) == []
    say(db, [event("ann", text.hash, "positive", minute=3)])
    assert [c.value for c in labels.current(db)] == ["positive"]
    assert len(labels.events_of(db, text.hash)) == 4


def test_tasks_and_annotators_are_apart_and_new_ones_can_be_asked_for(db: Database) -> None:
    (text,) = pinned(db, "Acme falls")
    say(db, [event("ann", text.hash, "negative"), event("bob", text.hash, "positive")])
    before = labels.newest_seq(db)
    say(db, [event("ann", text.hash, "Energy", task="topic")])
    assert [c.value for c in labels.current(db, after_seq=before)] == ["Energy"]
    assert {c.annotator for c in labels.current(db, task="sentiment")} == {"ann", "bob"}


def test_a_label_needs_its_text(db: Database) -> None:
    with pytest.raises(StoreError, match="taken down, or never pinned"):
        say(db, [event("ann", "0" * 64, "negative")])


@pytest.fixture(scope="module")
def shared(opened: Callable[[], Database]) -> Iterator[Database]:
    found = opened()
    yield found
    found.close()


ANNOTATORS = st.sampled_from(["ann", "bob", "cem"])
VALUES = st.sampled_from(["negative", "neutral", "positive", None])


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_order_of_arrival_does_not_matter_for_what_counts(
    data: st.DataObject, shared: Database
) -> None:
    with shared.write() as connection:
        for table in (tables.label, tables.labelled_text):
            connection.execute(delete(table))
    (text,) = pinned(shared, "Acme falls")
    minutes = data.draw(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=8))
    events: list[NewLabel] = [
        event(data.draw(ANNOTATORS), text.hash, data.draw(VALUES), minute=minute)
        for minute in minutes
    ]
    newest = {e.annotator: e.value for e in sorted(events, key=lambda e: e.at)}
    for one in data.draw(st.permutations(events)):
        say(shared, [one])
    told = {c.annotator: c.value for c in labels.current(shared)}
    assert told == {name: value for name, value in newest.items() if value is not None}


def test_counts_by_annotator_task_and_value(db: Database) -> None:
    one, two = pinned(db, "Acme falls", "Beta gains")
    say(db, [event("ann", one.hash, "negative"), event("bob", one.hash, "neutral")])
    say(db, [event("ann", two.hash, "positive"), event("ann", two.hash, "Macro", task="topic")])
    found = labels.counts(db)
    assert [(c.annotator, c.task, c.value, c.number) for c in found.labels] == [
        ("ann", "sentiment", "negative", 1),
        ("ann", "sentiment", "positive", 1),
        ("ann", "topic", "Macro", 1),
        ("bob", "sentiment", "neutral", 1),
    ]
    assert (found.texts, found.disputed, found.events) == (2, 1, 4)
    assert found.held_out == one.held_out + two.held_out


def test_skips_are_noted_once_and_can_be_taken_back(db: Database) -> None:
    for minute in (0, 1):
        with db.write() as connection:
            labels.skip(connection, "ann", "f" * 64, MONDAY + timedelta(minutes=minute))
    with db.read() as connection:
        assert [tuple(r) for r in connection.execute(select(tables.skip))] == [
            ("ann", "f" * 64, MONDAY + timedelta(minutes=1))
        ]
    with db.write() as connection:
        labels.unskip(connection, "ann", "f" * 64)
    with db.read() as connection:
        assert connection.execute(select(tables.skip)).all() == []


def test_copies_of_one_story_are_pinned_with_one_story(db: Database) -> None:
    other = f"{SAME}, say sources"
    store(db, {0: [line("a", SAME, 1), line("b", SAME, 2), line("c", other, 3)]})
    count(db)
    assert pin(db, "b") == pin(db, "a")
    pin(db, "c")
    with db.read() as connection:
        found = connection.execute(select(tables.labelled_text)).all()
    assert {(row.id, row.title) for row in found} == {("b", SAME), ("c", other)}
    assert {row.story for row in found} == {story_key(SAME, "")}
    assert len({row.held_out for row in found}) == 1


def test_a_text_from_outside_that_an_article_has_is_pinned_as_that_article(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    texts = [Outside(SAME, ""), Outside(f"{SAME.upper()}!  https://t.co/x", "")]
    with db.write() as connection:
        same, other = pin_texts(connection, texts, MONDAY).values()
    assert isinstance(same, labels.LabelledText)
    assert isinstance(other, labels.LabelledText)
    assert (same.id, other.id) == ("a", None)
    assert (same.story, same.held_out) == (other.story, other.held_out)


def test_what_was_drawn_for_a_story_stays(db: Database) -> None:
    drawn = not held_out(story_key(SAME, ""))
    store(db, {0: [line("a", SAME, 1)]})
    with db.write() as connection:
        text = pin_article(connection, "wire", "a", MONDAY)
        connection.execute(
            tables.labelled_text.insert().values(
                hash="0" * 64,
                title="x",
                body="",
                story=text.story,
                first_at=MONDAY,
                held_out=drawn,
            )
        )
        again = pin_article(connection, "wire", "a", MONDAY)
        (other,) = pin_texts(connection, [Outside(SAME.upper(), "")], MONDAY).values()
    assert isinstance(other, labels.LabelledText)
    assert (again.held_out, other.held_out) == (drawn, drawn)


def test_a_fifth_of_stories_is_held_out() -> None:
    drawn = [held_out(story_key(f"story number {n}", "")) for n in range(2_000)]
    assert 0.17 < sum(drawn) / len(drawn) < 0.23


@pytest.mark.parametrize("by", ["publisher", "operator"])
def test_take_down_removes_the_text_with_its_last_article(db: Database, by: str) -> None:
    store(db, {0: [line("a", SAME, 1), line("b", SAME, 2), line("c", "Macro", 1)]})
    pin(db, "a")
    pin(db, "c")

    def down(name: str) -> None:
        if by == "publisher":
            store(db, {0: [gone(name, 1)]}, topic=name)
        else:
            removal.remove(db, ("wire", name), actor="ann", reason="x", now=MONDAY)

    assert len(hashes(db)) == 2
    down("a")
    assert len(hashes(db)) == 2  # b has it still
    down("b")
    assert hashes(db) == {Outside("Macro", "").hash}
    assert [c.text_hash for c in labels.current(db)] == [Outside("Macro", "").hash]
    assert len(training_rows.rows(db).training) + len(training_rows.rows(db).holdout) == 1
    with db.write() as connection, pytest.raises(TakenDown):
        pin_article(connection, "wire", "a", MONDAY)
    with db.write() as connection:
        (again,) = pin_texts(connection, [Outside(SAME, "")], MONDAY).values()
    assert isinstance(again, TakenDown)


def test_take_down_removes_what_an_earlier_revision_said(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    text = pin(db, "a")
    store(db, {0: [line("a", "Macro", 1, action="replace", revision=1)]}, topic="one")
    assert hashes(db) == {text}  # a correction takes nothing away
    store(db, {0: [gone("a", 2)]}, topic="two")
    assert hashes(db) == set()


def test_a_text_from_outside_of_a_deleted_article_is_refused(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1), gone("a", 1)]})
    named = Outside("An older text of it", "", ("wire", "a"))
    with db.write() as connection:
        (found,) = pin_texts(connection, [named], MONDAY).values()
    assert isinstance(found, TakenDown)


def test_a_text_outlives_its_article_row(db: Database) -> None:
    store(db, {0: [line("a", SAME, 1)]})
    text = pin(db, "a")
    with db.write() as connection:  # as retention does
        connection.execute(delete(tables.article))
        connection.execute(delete(tables.text))
    assert [c.text_hash for c in labels.current(db)] == [text]
    with db.write() as connection:
        (again,) = pin_texts(connection, [Outside(SAME, "")], MONDAY).values()
    assert isinstance(again, labels.LabelledText)


def test_an_article_that_is_not_there_cannot_be_pinned(db: Database) -> None:
    with db.write() as connection, pytest.raises(StoreError, match="no such article"):
        pin_article(connection, "wire", "a", MONDAY)


def test_without_labels_there_are_no_rows(db: Database) -> None:
    rows = training_rows.rows(db)
    assert (len(rows.training), len(rows.holdout), rows.disputed, rows.labels_to) == (0, 0, 0, 0)
    assert list(rows.training.columns) == list(training_rows.COLUMNS)


def titled(sealed: bool, *, but: str = "") -> str:
    """A title whose story is sealed, or is not."""
    return next(
        t
        for t in (f"Acme number {n}" for n in range(99))
        if held_out(story_key(t, "")) is sealed and t != but
    )


def test_rows_are_the_consensus_and_disputed_tasks_are_left_out(db: Database) -> None:
    plain, sealed = titled(sealed=False), titled(sealed=True)
    one, two, three = pinned(db, plain, sealed, titled(sealed=False, but=plain))
    said = [event("ann", t.hash, "negative") for t in (one, two, three)]
    said += [event("bob", t.hash, "positive") for t in (one, three)]
    say(db, [*said, event("ann", one.hash, "Macro", task="topic")])
    rows = training_rows.rows(db)
    assert rows.training[["id", "text", "topic", "sentiment", "split"]].values.tolist() == [
        [one.hash, plain, "Macro", None, "train"]
    ]
    assert rows.holdout[["id", "topic", "sentiment", "split"]].values.tolist() == [
        [two.hash, None, "negative", "holdout"]
    ]
    assert (rows.disputed, rows.labels_to) == (2, labels.newest_seq(db))


def test_what_repeats_a_sealed_row_is_not_trained_on(db: Database) -> None:
    sealed, free = pinned(db, titled(sealed=True), titled(sealed=False))
    with db.write() as connection:
        for number, (title, story) in enumerate(
            [("Other", sealed.story), (sealed.title + "!", "s")]
        ):
            row = {"hash": f"{number}" * 64, "title": title, "body": "", "story": story}
            connection.execute(
                tables.labelled_text.insert().values(**row, first_at=MONDAY, held_out=False)
            )
    every = [sealed.hash, free.hash, "0" * 64, "1" * 64]
    say(db, [event("ann", key, "negative") for key in every])
    rows = training_rows.rows(db)
    assert list(rows.training["id"]) == [free.hash]
    assert list(rows.holdout["id"]) == [sealed.hash]


def test_rows_can_be_written_and_read_as_any_labelled_rows(db: Database, tmp_path: Path) -> None:
    from models import dataset, taxonomy

    for number in range(5):
        (text,) = pinned(db, titled(sealed=False) + f" {number}")
        say(db, [event("ann", text.hash, "negative")])
    rows = training_rows.rows(db)
    file = tmp_path / "rows.jsonl"
    records = [*rows.training.to_dict("records"), *rows.holdout.to_dict("records")]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    read = dataset.read([file], taxonomy.load())
    assert list(read["id"]) == [record["id"] for record in records]
    assert set(read["split"]) <= {"train", "holdout"}
