"""Buckets are a function of the set of articles: any order, any split, any repetition."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ingest.companies import Watchlist
from pipeline.app import keys_of
from pipeline.count import Keys
from pipeline.settings import Settings
from pipeline.sinks import policy
from pipeline.store import incidents, lease, tables
from pipeline.store.counting import count_changed
from pipeline.store.database import Database
from pipeline.store.summary import stats
from pipeline.store.verify import verify
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, store_all

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES), frozenset({"wire"}))
HOUR = timedelta(hours=1)


def line(name: str, title: str, at: float, **fields: Any) -> bytes:
    """An article of source ``wire``; ``at`` is in hours after Monday 0:00."""
    published = (MONDAY + at * HOUR).isoformat()
    article = {"source": "wire", "id": name, "title": title, "published_at": published}
    return json.dumps({**article, **fields}).encode()


def store(db: Database, partitions: dict[int, Sequence[bytes]], topic: str = "news") -> None:
    """Let a worker commit everything; nothing is counted."""
    clock = ManualClock(MONDAY + timedelta(days=30))
    store_all(db, ListSource(partitions, clock=clock, topic=topic, max_records=3), clock)


def take(db: Database) -> int:
    """Become the monitor."""
    return lease.take(db, "test", now=MONDAY, keep_for=HOUR)


def count(db: Database, *, limit: int = 250, keys: Keys = KEYS, epoch: int | None = None) -> None:
    """Count everything, as the monitor of ``epoch`` or as a new one."""
    epoch = take(db) if epoch is None else epoch
    while count_changed(db, keys, epoch, limit=limit).taken:
        pass


def buckets(db: Database) -> list[tuple[Any, ...]]:
    with db.read() as connection:
        query = select(tables.bucket).order_by("kind", "key", "start")
        return [tuple(row) for row in connection.execute(query)]


def copies(db: Database) -> dict[str, tuple[str | None, str | None]]:
    """id -> what it copies, and its story."""
    with db.read() as connection:
        rows = connection.execute(select(tables.article))
        return {row.id: (row.copy_id, row.story_id) for row in rows}


def test_exact_repeats_within_a_day_are_copies_of_the_earliest(db: Database) -> None:
    same = "negative Energy news"
    store(
        db, {0: [line("c", same, 20), line("a", same, 1), line("b", same, 2), line("d", same, 30)]}
    )
    count(db)
    # a ---- b ----------------- c ------ d      d is within a day of b and c, not of a
    # 1 h    2 h                 20 h     30 h
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": ("a", "a"), "d": ("c", "a")}
    assert stats(db).stories == 1


def test_repeat_exactly_a_day_later_is_a_copy_and_a_moment_more_is_not(db: Database) -> None:
    same = "Macro news"
    store(db, {0: [line("a", same, 0), line("b", same, 24), line("c", same, 48.001)]})
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": (None, "c")}


def test_of_repeats_at_the_same_moment_the_first_by_name_is_the_story(db: Database) -> None:
    same = "negative Energy news"
    store(db, {0: [line("b", same, 1), line("c", same, 1), line("a", same, 1)]})
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": ("a", "a")}


@pytest.mark.parametrize("action", ["replace", "delete"])
def test_corrections_that_are_counted_one_by_one_leave_nothing_behind(
    db: Database, action: str
) -> None:
    first = line("a", "negative ACM Energy", 1)
    second = line("a", "positive BRK Macro", 2, action=action, revision=1)
    third = line("a", "Earnings", 3, action="replace", revision=2)
    for number, one in enumerate((first, second, third)):
        store(db, {number: [one]})
        count(db)
        assert verify(db, KEYS).differences == ()
    assert {(kind, key) for kind, key, *_ in buckets(db)} == {
        ("all", "all"),
        ("topic", "Earnings"),
        ("source", "wire"),
    }


def test_deleted_first_copy_promotes_the_next(db: Database) -> None:
    same = "negative Energy news"
    lines = [line("a", same, 1), line("b", same, 2), line("c", same, 3)]
    gone = json.dumps({"source": "wire", "id": "a", "action": "delete", "revision": 1}).encode()
    store(db, {0: [*lines, gone]})
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": (None, "b"), "c": ("b", "b")}
    assert stats(db).stories == 1


def test_earlier_late_arrival_takes_the_story_over_after_it_was_counted(db: Database) -> None:
    same = "negative Energy news"
    store(db, {0: [line("b", same, 20), line("c", same, 40)]})
    count(db)
    store(db, {0: [line("a", same, 1)]}, topic="late")
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": ("b", "a")}
    assert verify(db, KEYS).differences == ()


def test_one_collects_no_garbage_while_it_counts_and_does_so_again_afterwards(
    db: Database,
) -> None:
    looked = []

    def note(phase: str, _: object) -> None:
        looked.append(phase)

    lines = [line(f"{n}", f"Firm{n} opens in town", n / 100) for n in range(250)]
    store(db, {0: lines})
    epoch = take(db)
    gc.collect()
    gc.callbacks.append(note)
    try:
        assert count_changed(db, KEYS, epoch).taken == len(lines)
        # The last one comes when counting has ended.
        assert looked in ([], ["start"], ["start", "stop"])
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(note)


def test_undated_articles_are_stored_and_never_counted(db: Database) -> None:
    store(db, {0: [json.dumps({"source": "wire", "id": "u", "title": "Macro"}).encode()]})
    count(db)
    assert buckets(db) == []
    assert (stats(db).articles, stats(db).undated) == (1, 1)


GERMAN = "Autobauer streicht tausende Stellen und senkt die Prognose"
ENGLISH = replace(KEYS, languages=frozenset({"en"}))


def test_article_in_another_language_is_stored_and_scored_and_counts_nowhere(db: Database) -> None:
    store(
        db,
        {0: [line("a", GERMAN, 1), line("b", "negative Energy news", 1), line("c", "Bayer", 1)]},
    )
    count(db, keys=ENGLISH)
    with db.read() as connection:
        rows = connection.execute(select(tables.article)).all()
    assert {row.id: (row.language, row.topic) for row in rows} == {
        "a": ("de", "Macro"),
        "b": ("en", "Energy"),
        "c": (None, "Macro"),  # too short to be sure of: counted
    }
    assert [row[3:5] for row in buckets(db) if row[0] == "all"] == [(2, 2)]
    assert verify(db, ENGLISH).differences == ()
    assert len(verify(db, KEYS).differences) == 3  # all, topic, source


def test_without_listed_languages_all_are_counted(db: Database) -> None:
    store(db, {0: [line("a", GERMAN, 1)]})
    count(db, keys=KEYS)
    assert [row[3:5] for row in buckets(db) if row[0] == "all"] == [(1, 1)]


def test_settings_say_which_languages_are_counted() -> None:
    assert keys_of(Settings(), (), Watchlist.load()).languages == {"en"}


def test_correction_into_another_language_leaves_its_bucket(db: Database) -> None:
    store(db, {0: [line("a", "negative Energy news", 1)]})
    count(db, keys=ENGLISH)
    store(db, {0: [line("a", GERMAN, 1, action="replace", revision=1)]}, topic="later")
    count(db, keys=ENGLISH)
    assert buckets(db) == []


def test_evidence_shows_only_what_is_counted(db: Database) -> None:
    german = line("a", f"negative {GERMAN}", 1, source="blatt")
    store(db, {0: [german, line("b", "negative Energy news", 1)]})
    count(db, keys=ENGLISH)
    span = (MONDAY, MONDAY + 2 * HOUR)
    every = incidents.stories(db, "all", "all", *span, negative=True)
    counted = incidents.stories(db, "all", "all", *span, negative=True, languages=("en",))
    assert ([s.id for s in every], [s.id for s in counted]) == (["a", "b"], ["b"])
    assert incidents.sources(db, "all", "all", *span, most=9) == 2
    assert incidents.sources(db, "all", "all", *span, most=9, languages=("en",)) == 1


def test_evidence_and_count_agree_about_what_is_doubtful(db: Database) -> None:
    doubtful, sure = (f"negative ACM Energy {word}" for word in ("perhaps", "surely"))
    store(db, {0: [line("a", doubtful, 1), line("b", sure, 1)]})
    keys = replace(KEYS, sure=0.6)
    count(db, keys=keys)
    assert {row[0]: row[4:8] for row in buckets(db)} == dict.fromkeys(
        ("all", "topic", "source", "company"), (2, 1, 1, 0)
    )
    assert verify(db, keys).differences == ()
    assert len(verify(db, KEYS).differences) == 4
    span = (MONDAY, MONDAY + 2 * HOUR)
    for key in (("all", "all"), ("topic", "Energy"), ("company", "ACM")):
        found = incidents.stories(db, *key, *span, negative=True, sure=0.6)
        assert [s.id for s in found] == ["b"]
        assert len(incidents.stories(db, *key, *span, negative=True)) == 2
        assert len(incidents.stories(db, *key, *span, negative=False, sure=0.6)) == 2
    newest = incidents.newest_story(db, "all", "all", *span, negative=True, sure=0.9)
    assert newest is None


def test_settings_say_how_sure_one_must_be() -> None:
    assert keys_of(Settings(), (), Watchlist.load()).sure == 0.7
    assert policy(Settings()).sure == 0.7


def test_another_monitors_epoch_refuses_the_count(db: Database) -> None:
    store(db, {0: [line("a", "Macro", 1)]})
    old = lease.take(db, "old", now=MONDAY, keep_for=HOUR)
    lease.take(db, "new", now=MONDAY, keep_for=HOUR)
    with pytest.raises(lease.LeaseLost):
        count_changed(db, KEYS, old)
    assert buckets(db) == []


def test_verify_notices_a_bucket_that_is_off_by_one(db: Database) -> None:
    store(db, {0: [line("a", "negative ACM Energy", 1)]})
    count(db)
    assert verify(db, KEYS).total == 0
    with db.write() as connection:
        connection.execute(tables.bucket.update().values(negative=tables.bucket.c.negative + 1))
    assert verify(db, KEYS).total == 4  # all, topic, company, source


def test_verify_notices_a_wrong_copy(db: Database) -> None:
    store(db, {0: [line("a", "Macro", 1), line("b", "Energy", 2)]})
    count(db)
    with db.write() as connection:
        wrong = tables.article.update().where(tables.article.c.id == "b")
        connection.execute(wrong.values(copy_source="wire", copy_id="a"))
    assert "copy_of" in verify(db, KEYS).differences[0]


titles = st.sampled_from(["negative ACM Energy", "positive BRK Earnings", "Macro", "ACM and BRK"])
hours = st.sampled_from([0.0, 0.05, 1.0, 23.0, 24.0, 25.0, 47.5, 72.0])
names = st.tuples(st.sampled_from("abcdef"), st.integers(min_value=0, max_value=5))
contents = st.tuples(titles, hours, st.sampled_from(["replace", "replace", "replace", "delete"]))


def corrections(*, most: int) -> st.SearchStrategy[list[bytes]]:
    """Up to ``most`` records, one per article and revision: which of two would win is a matter of
    order."""
    return st.dictionaries(names, contents, max_size=most).map(
        lambda events: [
            line(name, title, at, action=action, revision=revision)
            for (name, revision), (title, at, action) in events.items()
        ]
    )


@pytest.fixture(scope="module")
def pair(opened: Callable[[], Database]) -> Iterator[tuple[Database, Database]]:
    """Two databases for all examples: making one takes longer than an example."""
    both = opened(), opened()
    yield both
    for one in both:
        one.close()


def empty(db: Database) -> Database:
    with db.write() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(table.delete())
    return db


@settings(max_examples=40, deadline=None)
@given(data=st.data(), lines=corrections(most=16))
def test_any_order_split_and_repetition_gives_the_same_buckets(
    data: st.DataObject, lines: list[bytes], pair: tuple[Database, Database]
) -> None:
    plain, shuffled = (empty(one) for one in pair)
    store(plain, {0: lines})
    count(plain)
    again = data.draw(st.permutations(lines + lines[: len(lines) // 3]))
    cut = data.draw(st.integers(min_value=0, max_value=len(again)))
    store(shuffled, {0: again[:cut]})
    count(shuffled, limit=data.draw(st.integers(min_value=1, max_value=4)))
    store(shuffled, {1: again[cut:]})
    count(shuffled, limit=data.draw(st.integers(min_value=1, max_value=4)))
    assert buckets(shuffled) == buckets(plain)
    assert copies(shuffled) == copies(plain)
    assert verify(shuffled, KEYS).differences == ()
