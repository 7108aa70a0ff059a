"""Near-duplicates in the database: what they do to counts does not depend on how they came."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ingest.near import repeats
from ingest.shapes import shape_of
from pipeline.store import lease, neighbours, pruning, tables
from pipeline.store.counting import count_changed
from pipeline.store.database import Database
from pipeline.store.summary import stats
from pipeline.store.verify import verify
from tests.fakes import MONDAY
from tests.pipeline.test_counting import (
    HOUR,
    KEYS,
    buckets,
    copies,
    count,
    empty,
    line,
    store,
    take,
)

LONG = (
    "negative ACM Energy stocks fall in Oslo as drought drains dams, grid operator warns of "
    "outages, bakers and millers meet"
)
MIDDLE = "UPDATE 1-negative ACM Energy stocks fall in Oslo as drought drains dams"
SHORT = "negative ACM Energy stocks fall"
OTHER = "negative BRK Energy stocks fall in Oslo as drought drains dams"


def delete(name: str, revision: int = 1) -> bytes:
    gone = {"source": "wire", "id": name, "action": "delete", "revision": revision}
    return json.dumps(gone).encode()


def test_chain_of_near_copies_is_one_story_though_its_ends_are_not_alike(db: Database) -> None:
    (long, _), (middle, _), (short, _) = (shape_of(text, "") for text in (LONG, MIDDLE, SHORT))
    assert (repeats(middle, long), repeats(short, middle), repeats(short, long)) == (1, 1, 0)
    store(db, {0: [line("c", SHORT, 3), line("a", LONG, 1), line("d", OTHER, 4)]})
    count(db)
    assert copies(db) == {"a": (None, "a"), "c": (None, "c"), "d": (None, "d")}
    store(db, {0: [line("b", MIDDLE, 2)]}, topic="late")
    count(db)
    # a ---- b ---- c        b repeats a, c repeats b; d is about another company
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": ("b", "a"), "d": (None, "d")}
    store(db, {1: [delete("b")]}, topic="late")
    count(db)
    assert copies(db)["c"] == (None, "c")
    assert verify(db, KEYS).differences == ()


@pytest.mark.parametrize("repeat", [LONG, MIDDLE])
def test_one_at_the_very_moment_of_the_newest_decided_moves_it(db: Database, repeat: str) -> None:
    """One monitor all along: it looks for what is later only as far as it has decided."""
    epoch = take(db)
    store(db, {0: [line("o", OTHER, 1), line("z", repeat, 2)]})
    count(db, epoch=epoch)
    store(db, {0: [line("a", LONG, 2)]}, topic="same moment")
    count(db, epoch=epoch)
    assert copies(db) == {"o": (None, "o"), "z": ("a", "a"), "a": (None, "a")}
    store(db, {0: [line("y", repeat, 3)]}, topic="then")
    count(db, epoch=epoch)
    store(db, {0: [delete("a")]}, topic="gone")
    count(db, epoch=epoch)
    assert copies(db)["z"] == (None, "z")
    assert copies(db)["y"] == ("z", "z")
    assert verify(db, KEYS).differences == ()


def test_a_new_monitor_looks_up_itself_how_far_copies_are_decided(db: Database) -> None:
    """The one before may have been of a version that did not note it."""
    store(db, {0: [line("z", MIDDLE, 2)]})
    count(db)
    with db.write() as connection:
        noted = connection.execute(select(tables.monitor.c.decided_to)).scalar()
        assert noted == MONDAY + 2 * HOUR
        connection.execute(tables.monitor.update().values(decided_to=MONDAY))
    store(db, {0: [line("a", LONG, 1)]}, topic="late")
    count(db)
    assert copies(db) == {"a": (None, "a"), "z": ("a", "a")}


def test_what_was_replaced_is_compared_with_nothing_though_its_turn_has_not_come(
    db: Database,
) -> None:
    store(db, {0: [line("a", LONG, 1)]})
    count(db)
    store(db, {0: [line("b", MIDDLE, 2)]}, topic="then")
    store(db, {0: [line("a", OTHER, 1, action="replace", revision=1)]}, topic="other")
    assert count_changed(db, KEYS, take(db), limit=1).taken == 1
    assert copies(db)["b"] == (None, "b")


def test_near_copy_exactly_a_day_later_is_one_and_a_moment_more_is_not(db: Database) -> None:
    store(db, {0: [line("a", LONG, 0), line("b", MIDDLE, 24), line("c", LONG, 48.001)]})
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": ("a", "a"), "c": (None, "c")}


@pytest.mark.parametrize("titles", [[MIDDLE], [MIDDLE, LONG, f"{LONG} - sources", f"RPT-{LONG}"]])
def test_hundred_copies_of_a_story_count_as_one_story(db: Database, titles: list[str]) -> None:
    lines = [line(f"{n:03}", titles[n % len(titles)], 1 + n / 10) for n in range(100)]
    store(db, {0: [line("first", LONG, 0), *lines]})
    count(db)
    assert (stats(db).articles, stats(db).stories) == (101, 1)
    assert {story for _, story in copies(db).values()} == {"first"}


def test_what_stands_between_bounds_the_comparisons_and_a_delete_lets_more_in(
    db: Database,
) -> None:
    """One template: each stands under the same keys, none repeats another."""
    between = [
        line(f"t{n:02}", f"Oslo plant raises outlook of Firm{n:02} in town", 2 + n / 100)
        for n in range(neighbours.WINDOW)
    ]
    title = "Oslo plant raises outlook in town"
    first, last = line("a", f"{title} again", 1), line("z", title, 3)
    store(db, {0: [first, *between, last]})
    count(db)
    assert copies(db)["z"] == (None, "z")
    store(db, {0: [delete("t05")]}, topic="later")
    count(db)
    assert copies(db)["z"] == ("a", "a")
    store(db, {0: [line("t05", OTHER, 2.05, action="replace", revision=2)]}, topic="again")
    count(db)
    assert copies(db)["z"] == ("a", "a")
    assert verify(db, KEYS).differences == ()


def test_verify_notices_a_near_copy_that_is_told_a_story(db: Database) -> None:
    store(db, {0: [line("a", LONG, 1), line("b", MIDDLE, 2)]})
    count(db)
    with db.write() as connection:
        wrong = tables.article.update().where(tables.article.c.id == "b")
        connection.execute(wrong.values(copy_source=None, copy_id=None))
    assert "copy_of" in verify(db, KEYS).differences[0]


# --- the index forgets --------------------------------------------------------------------------


def index_rows(db: Database) -> list[int]:
    with db.read() as connection:
        kept = (tables.shape, tables.neighbour, tables.signature)
        return [
            connection.execute(select(func.count()).select_from(one)).scalar_one() for one in kept
        ]


def prune(db: Database, at: float, *, steps: int = pruning.STEPS) -> int:
    epoch = lease.take(db, "test", now=MONDAY, keep_for=HOUR)
    return pruning.prune(db, epoch, MONDAY + at * HOUR, steps=steps)


def test_index_holds_what_can_still_be_repeated_and_forgets_the_rest(db: Database) -> None:
    store(db, {0: [line(f"{n}", f"Macro news of Firm{n} in town", n) for n in range(0, 100, 4)]})
    count(db)
    assert prune(db, 60) == 3  # those of the hours 0, 4 and 8; that of hour 12 is 48 h old
    assert index_rows(db)[::2] == [22, 22]
    before = buckets(db)
    assert verify(db, KEYS).differences == ()
    assert prune(db, 10_000) == 22
    assert index_rows(db) == [0, 0, 0]
    assert (buckets(db), verify(db, KEYS).differences) == (before, ())


def test_pruning_is_bounded_and_goes_on_where_it_stopped(db: Database) -> None:
    lines = [line(f"{n:04}", f"Firm{n} opens", n / 1_000) for n in range(pruning.CHUNK + 5)]
    store(db, {0: lines})
    assert [prune(db, 100, steps=1), prune(db, 100, steps=1)] == [pruning.CHUNK, 5]


def test_copies_of_a_deleted_story_too_old_for_the_index_stay_one_story(db: Database) -> None:
    store(db, {0: [line("a", LONG, 1), line("b", MIDDLE, 2), line("c", LONG, 3)]})
    count(db)
    prune(db, 100)
    store(db, {0: [delete("a")]}, topic="later")
    count(db)
    assert copies(db) == {"a": (None, "a"), "b": (None, "b"), "c": ("b", "b")}
    assert verify(db, KEYS).differences == ()


# --- any order ----------------------------------------------------------------------------------

titles = st.sampled_from([LONG, MIDDLE, SHORT, OTHER, LONG.upper(), "ACM and BRK"])
hours = st.sampled_from([0.0, 0.05, 1.0, 23.0, 24.0, 25.0, 47.5, 72.0])
names = st.tuples(st.sampled_from("abcdef"), st.integers(min_value=0, max_value=4))
contents = st.tuples(titles, hours, st.sampled_from(["replace", "replace", "replace", "delete"]))


@pytest.fixture(scope="module")
def pair(opened: Callable[[], Database]) -> Iterator[tuple[Database, Database]]:
    """Two databases for all examples: making one takes longer than an example."""
    both = opened(), opened()
    yield both
    for one in both:
        one.close()


def records(events: dict[tuple[str, int], tuple[str, float, str]]) -> list[bytes]:
    """One per article and revision: which of two would win is a matter of order."""
    return [
        line(name, title, at, action=action, revision=revision)
        for (name, revision), (title, at, action) in events.items()
    ]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), lines=st.dictionaries(names, contents, max_size=14).map(records))
def test_three_workers_in_any_turns_give_the_same_stories_and_buckets(
    data: st.DataObject, lines: list[bytes], pair: tuple[Database, Database]
) -> None:
    plain, mixed = (empty(one) for one in pair)
    store(plain, {0: lines})
    count(plain)
    again = data.draw(st.permutations(lines + lines[: len(lines) // 3]))
    parts = [again[worker::3] for worker in range(3)]
    turns = data.draw(st.permutations([0, 0, 1, 1, 2, 2]))
    # One monitor all along knows how far it has decided; a new one looks that up.
    epoch = data.draw(st.sampled_from([None, take(mixed)]))
    for number, worker in enumerate(turns):
        part, first = parts[worker], worker not in turns[:number]
        half = part[: len(part) // 2] if first else part[len(part) // 2 :]
        store(mixed, {0: half}, topic=f"turn{number}")
        if data.draw(st.booleans()):
            count(mixed, limit=data.draw(st.integers(min_value=1, max_value=4)), epoch=epoch)
    count(mixed, epoch=epoch)
    assert copies(mixed) == copies(plain)
    assert buckets(mixed) == buckets(plain)
    assert verify(mixed, KEYS).differences == ()


@settings(max_examples=15, deadline=None)
@given(
    others=st.dictionaries(names, contents, max_size=8).map(records),
    texts=st.tuples(titles, titles),
    at=hours,
)
def test_added_replaced_and_deleted_is_as_if_it_had_never_been(
    others: list[bytes], texts: tuple[str, str], at: float, pair: tuple[Database, Database]
) -> None:
    never, gone = (empty(one) for one in pair)
    store(never, {0: others})
    count(never)
    store(gone, {0: [line("x", texts[0], at)]}, topic="x")
    count(gone)
    store(gone, {0: others})
    store(gone, {1: [line("x", texts[1], at + 1, action="replace", revision=1)]}, topic="x")
    count(gone)
    store(gone, {2: [delete("x", 2)]}, topic="x")
    count(gone)
    found = copies(gone)
    assert found.pop("x") == (None, "x")
    assert found == copies(never)
    assert buckets(gone) == buckets(never)
    assert index_rows(gone) == index_rows(never)
