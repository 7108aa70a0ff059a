"""Counts that are kept in memory are what counting all events again would give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store import labels, questions
from pipeline.store.database import open_database
from pipeline.store.labels import StoredLabel, Task
from pipeline.web.ledger import FRESH_S, Ledger, Ledgers
from tests.fakes import MONDAY
from tests.web.labelled import say, store_articles

TASKS: tuple[Task, ...] = ("topic", "sentiment")


def event(
    seq: int, minute: int, text: str, task: Task, value: str | None, *, page: bool = True
) -> StoredLabel:
    at = MONDAY + timedelta(minutes=minute)
    origin: labels.Origin = "page" if page else "import"
    return StoredLabel(seq, at, "ann", text, task, value, origin, None, None, None)


@st.composite
def histories(draw: st.DrawFn) -> list[StoredLabel]:
    """Events of one annotator; several may carry the same time, later ones an earlier one."""
    drawn = st.tuples(
        st.integers(0, 3000),
        st.sampled_from("abc"),
        st.sampled_from(TASKS),
        st.sampled_from(["x", "y", None]),
    )
    found = draw(st.lists(drawn, max_size=25))
    return [event(seq, *one) for seq, one in enumerate(found, start=1)]


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 3000))
def test_order_and_repeats_of_events_do_not_matter(
    events: list[StoredLabel], draw: object, minute: int
) -> None:
    now = MONDAY + timedelta(minutes=minute)
    newest: dict[tuple[str, Task], StoredLabel] = {}
    for one in sorted(events, key=lambda e: (e.at, e.seq)):
        newest[one.text_hash, one.task] = one
    counting = [one for one in newest.values() if one.value is not None]
    shuffled = [*events, *events]
    draw.shuffle(shuffled)  # type: ignore[attr-defined] # a Random, which Hypothesis does not say
    ledger = Ledger()
    ledger.apply(shuffled)
    progress = ledger.progress(now)
    assert progress.total == len({one.text_hash for one in counting})
    latest = {
        text: max(one.at for one in counting if one.text_hash == text)
        for text in {one.text_hash for one in counting}
    }
    assert progress.today == sum(at.date() == now.date() for at in latest.values())
    topics = [one.value for one in counting if one.task == "topic"]
    assert progress.topics == {value: topics.count(value) for value in topics}
    last = max(counting, key=lambda one: (one.at, one.seq), default=None)
    assert ledger.last() == (None if last is None else (last.text_hash, last.at))
    assert ledger.seq == len(events)


def test_last_is_what_the_page_stored() -> None:
    ledger = Ledger()
    ledger.apply([event(1, 1, "a", "topic", "x"), event(2, 2, "b", "topic", "y", page=False)])
    assert ledger.last() == ("a", MONDAY + timedelta(minutes=1))


def test_ledger_follows_the_database_and_forgets_what_was_taken_down_in_the_end(
    tmp_path: Path,
) -> None:
    from pipeline.store.removal import remove

    db = open_database(f"sqlite:///{tmp_path}/ledger.db")
    store_articles(db, ["one", "two"])
    seconds = 0.0
    clock: Callable[[], float] = lambda: seconds  # noqa: E731 - a clock that is moved by hand
    ledgers = Ledgers(clock)

    def total(annotator: str) -> int:
        with questions.desk(db, annotator) as desk:
            return ledgers.of(desk).progress(MONDAY).total

    say(db, "ann", "a0", MONDAY, topic="Macro")
    assert total("ann") == 1
    say(db, "ann", "a1", MONDAY, topic="Macro")
    assert total("ann") == 2
    assert total("bob") == 0
    remove(db, ("wire", "a0"), actor="op", reason="x", now=MONDAY)
    seconds = FRESH_S + 1
    assert total("ann") == 1
    db.close()
