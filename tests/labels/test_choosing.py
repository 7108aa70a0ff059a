"""What annotators are asked about: never what is known, some at random, the rest by its worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.labels.choosing import Choice, next_articles
from pipeline.labels.drawing import reserved
from pipeline.labels.scoring import COLD
from pipeline.labels.settings import LabelSettings
from pipeline.settings import CountingSettings
from pipeline.store import labels, tables
from pipeline.store.database import Database
from pipeline.store.hashing import text_hash
from pipeline.store.labels import Task
from pipeline.store.pinning import pin_article
from tests.fakes import MONDAY
from tests.labels.said import event, pinned, say
from tests.pipeline.test_counting import count, line, store
from tests.pipeline.test_take_down import gone

NOW = MONDAY + timedelta(days=1)


@dataclass(frozen=True)
class Asking:
    """Of the settings, what is read."""

    labels: LabelSettings
    counting: CountingSettings = field(default_factory=CountingSettings)


def ask(db: Database, annotator: str = "ann", limit: int = 50, **labels: Any) -> list[Choice]:
    given: dict[str, Any] = {"random_share": 0, "second_share": 0, **labels}
    settings = Asking(LabelSettings(**given))
    return next_articles(db, annotator=annotator, settings=settings, now=NOW, limit=limit)


def ids(found: list[Choice]) -> set[str]:
    return {one.id for one in found}


def publish(db: Database, **titles: str) -> None:
    store(db, {0: [line(name, title, 1) for name, title in titles.items()]})
    count(db)


def label_it(
    db: Database,
    name: str,
    annotator: str = "bob",
    value: str | None = "neutral",
    task: Task = "sentiment",
) -> None:
    with db.write() as connection:  # all in the same moment
        text = pin_article(connection, "wire", name, MONDAY)
        labels.add(connection, [text], [event(annotator, text.hash, value, task=task)])


def titles(number: int, *, kept: bool | None = None) -> list[str]:
    """Titles of nothing in common; ``kept``: only those reserved for random questions, or not."""
    found = (f"word{n}" for n in range(10_000))
    chosen = (t for t in found if kept is None or reserved(text_hash(t, "")) is kept)
    return [next(chosen) for _ in range(number)]


def test_a_choice_shows_text_and_answers(db: Database) -> None:
    (title,) = titles(1, kept=False)
    publish(db, a=f"{title}")
    (found,) = ask(db)
    assert (found.source, found.id, found.title, found.body) == ("wire", "a", title, "")
    assert (found.topic, found.topic_probability, found.sentiment) == ("Macro", 0.9, "neutral")
    assert (found.version, found.url, found.why) == ("fake+0", None, "worth")
    assert found.published_at == MONDAY + timedelta(hours=1)
    assert found.reason.startswith("unsure 0.28 x different 1.00 x topic's share 1.00 = 0.28")


def test_a_topic_that_the_champion_was_not_tuned_on_is_asked_about_by_its_plain_texts(
    db: Database,
) -> None:
    # Energy is no topic of the version that ships, Macro is one.
    energy = {t: f"Energy {t}" for t in titles(30) if not reserved(text_hash(f"Energy {t}", ""))}
    names = list(energy)[: COLD + 1]
    publish(db, macro=titles(1, kept=False)[0], **{name: energy[name] for name in names})
    told = {one.id: one.reason for one in ask(db)}
    assert told.pop("macro").startswith("unsure 0.28 x")
    assert set(told) == set(names)
    assert {reason[:16] for reason in told.values()} == {"new topic 0.72 x"}
    for name in names[:-1]:
        label_it(db, name, value="Energy", task="topic")
    (left,) = [one for one in ask(db) if one.id != "macro"]
    assert left.reason.startswith("unsure 0.28 x")


def test_never_again_what_is_labelled_skipped_deleted_or_a_copy_of_it(db: Database) -> None:
    one, two, three, four, five, six = titles(6)
    publish(db, a=one, b=two, c=three, d=four, e=five, f=six, f2=six)
    assert ids(ask(db)) == set("abcdef")
    label_it(db, "a", "ann")
    label_it(db, "b", "bob")
    with db.write() as connection:
        labels.skip(connection, "ann", text_hash(three, ""), MONDAY)
    store(db, {0: [gone("d", 1)]}, topic="x")
    label_it(db, "f2")
    count(db)
    assert ids(ask(db)) == {"e"}
    assert ids(ask(db, "cem")) == {"c", "e"}


def test_a_near_copy_of_a_labelled_story_is_not_asked_about(db: Database) -> None:
    title = "negative ACM Energy trouble ahead"
    publish(db, a=title)
    store(db, {0: [line("b", f"{title}, say sources", 2)]}, topic="x")
    count(db)
    label_it(db, "b")
    assert ask(db) == []


def test_a_copy_that_was_labelled_before_it_was_known_as_one_counts_too(db: Database) -> None:
    title = "negative ACM Energy trouble ahead"
    lines = [line("a", title, 1), line("b", f"{title}, say sources", 2)]
    store(db, {0: lines})
    label_it(db, "b")
    count(db)
    assert ask(db) == []


def test_what_repeats_a_text_from_outside_is_not_asked_about(db: Database) -> None:
    (text,) = pinned(db, "ACME FALLS!")
    say(db, [event("bob", text.hash, "negative")])
    publish(db, a="Acme falls", b="Beta gains")
    assert ids(ask(db)) == {"b"}


def test_what_is_taken_back_may_be_asked_again(db: Database) -> None:
    (title,) = titles(1)
    publish(db, a=title)
    label_it(db, "a", "ann")
    assert ask(db) == []
    label_it(db, "a", "ann", None)
    assert ids(ask(db)) == {"a"}


def test_where_the_newest_are_labelled_older_ones_are_asked_about(db: Database) -> None:
    publish(db, **{t: t for t in titles(25)})
    for name in titles(12):
        label_it(db, name)
    with db.write() as connection:  # one minute apart, the labelled ones newest
        table = tables.article
        for minute, name in enumerate(titles(25)):
            at = MONDAY + timedelta(hours=20) - minute * timedelta(minutes=1)
            connection.execute(update(table).where(table.c.id == name).values(published_at=at))
    assert ids(ask(db, limit=1, pool=10)) <= set(titles(25)[12:])
    assert len(ask(db, limit=50, pool=10)) == 13


def test_undated_old_future_and_foreign_articles_are_not_asked_about(db: Database) -> None:
    one, two, three, four, five = titles(5)
    publish(db, a=one, b=two)
    store(
        db, {0: [line("c", three, -31 * 24), line("d", four, 23.9), line("e", five, 2)]}, topic="x"
    )
    count(db)
    with db.write() as connection:
        table = tables.article
        changes: dict[str, dict[str, Any]] = {
            "a": {"language": "de"},
            "e": {"published_at": None},
        }
        for name, values in changes.items():
            connection.execute(update(table).where(table.c.id == name).values(**values))
    assert ids(ask(db)) == {"b", "d"}


def test_other_annotators_texts_are_asked_about_for_the_sake_of_agreement(db: Database) -> None:
    one, two, three = titles(3)
    publish(db, a=one, b=two, c=three)
    label_it(db, "a", "bob")
    label_it(db, "b", "ann")
    found = ask(db, second_share=1)
    assert [(f.id, f.why) for f in found] == [("a", "second"), ("c", "worth")]
    assert found[0].worth is None
    assert {f.id for f in ask(db, "bob", second_share=1) if f.why == "second"} == {"b"}


def test_random_questions_are_about_texts_that_worth_never_asks_about(db: Database) -> None:
    kept, free = titles(8, kept=True), titles(8, kept=False)
    publish(db, **{t: t for t in (*kept, *free)})
    drawn = ask(db, limit=8, random_share=1)
    assert ids(drawn) == set(kept)
    assert {one.why for one in drawn} == {"random"}
    assert ids(ask(db, limit=8)) == set(free)
    shares = [one.why for one in ask(db, limit=8, random_share=0.5)]
    assert 1 <= shares.count("random") <= 7
    orders = {tuple(one.id for one in ask(db, name, 8, random_share=1)) for name in "abc"}
    assert len(orders) > 1


def test_the_same_is_asked_until_there_is_an_answer(db: Database) -> None:
    publish(db, **{t: t for t in titles(30)})
    first = ask(db, limit=3, random_share=0.3)
    assert ask(db, limit=3, random_share=0.3) == first
    label_it(db, first[0].id, "ann")
    assert first[0] not in ask(db, limit=30, random_share=0.3)


def test_annotators_who_work_at_the_same_time_are_asked_different_things(db: Database) -> None:
    publish(db, **{t: t for t in titles(80, kept=False)})
    first = [ask(db, f"annotator {n}", limit=1)[0].id for n in range(6)]
    assert len(set(first)) > 1


def test_the_unsure_goes_first_and_an_empty_database_asks_nothing(db: Database) -> None:
    assert ask(db) == []
    sure, unsure = titles(2, kept=False)
    publish(db, a=sure, b=unsure)
    with db.write() as connection:
        table = tables.article
        for name, probability in {"a": 0.95, "b": 0.35}.items():
            change = update(table).where(table.c.id == name)
            connection.execute(change.values(topic_probability=probability))
    assert [one.id for one in ask(db)] == ["b", "a"]
    assert [one.id for one in ask(db, limit=1)] == ["b"]


def test_command_tells_what_would_be_asked_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from pipeline.process import now
    from pipeline.store.database import open_database
    from tests.labels.test_labels_files import run

    monkeypatch.chdir(tmp_path)
    assert "nothing to label" in run("next", "--annotator", "ann")[1]
    db = open_database("sqlite:///a.db")
    publish(db, a="[bold]Acme falls")
    with db.write() as connection:
        connection.execute(update(tables.article).values(published_at=now()))
    db.close()
    code, out, _ = run("next", "--annotator", "ann", "--json")
    (told,) = json.loads(out)["articles"]
    assert (code, told["id"], told["topic"]) == (0, "a", "Macro")
    assert "[bold]Acme falls" in run("next", "--annotator", "ann")[1]
