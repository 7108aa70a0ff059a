"""The rows of retrainings: one runs at a time, and a dead one is taken over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.store import retraining as store
from pipeline.store.database import Database
from pipeline.store.retraining import Busy, Outcome, TakenOver, Trigger
from tests.fakes import MONDAY

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


def begin(
    db: Database, holder: str, at: timedelta = timedelta(), trigger: Trigger = "hand", to: int = 7
) -> int:
    now = MONDAY + at
    return store.begin(
        db,
        trigger=trigger,
        labels_to=to,
        champion="abc",
        holder=holder,
        now=now,
        until=now + LEASE,
    )


def end(db: Database, seq: int, outcome: Outcome) -> None:
    store.end(db, seq, "one", outcome, now=MONDAY, decision={"reasons": ["so"]})


def test_only_one_runs_at_a_time(db: Database) -> None:
    seq = begin(db, "one")
    with pytest.raises(Busy, match="another retraining is running"):
        begin(db, "two", 3 * LEASE)  # even an expired one has to be ended first
    end(db, seq, "refused")
    assert begin(db, "two") > seq


def test_a_run_whose_lease_has_expired_is_interrupted(db: Database) -> None:
    seq = begin(db, "one")
    assert store.interrupted(db, now=MONDAY + LEASE - SECOND) is None
    store.renew(db, seq, "one", until=MONDAY + 2 * LEASE)
    assert store.interrupted(db, now=MONDAY + LEASE) is None
    found = store.interrupted(db, now=MONDAY + 2 * LEASE)
    assert found is not None
    assert (found.seq, found.holder, found.state) == (seq, "one", "running")


def test_whoever_was_taken_over_changes_nothing_any_more(db: Database) -> None:
    seq = begin(db, "one")
    found = store.interrupted(db, now=MONDAY + LEASE)
    assert found is not None
    assert store.end_interrupted(db, found, "failed", {"reasons": []}, now=MONDAY + LEASE)
    with pytest.raises(TakenOver):
        store.renew(db, seq, "one", until=MONDAY + 9 * LEASE)
    with pytest.raises(TakenOver):
        store.propose(db, seq, "one", "candidate", {})
    with pytest.raises(TakenOver):
        end(db, seq, "promoted")
    (stored,) = store.history(db, limit=5)
    assert (stored.state, stored.candidate) == ("failed", None)


def test_one_that_comes_back_to_life_in_time_is_not_taken_over(db: Database) -> None:
    seq = begin(db, "one")
    found = store.interrupted(db, now=MONDAY + LEASE)
    assert found is not None
    store.renew(db, seq, "one", until=MONDAY + 3 * LEASE)
    assert not store.end_interrupted(db, found, "failed", {}, now=MONDAY + LEASE)
    assert store.history(db, limit=1)[0].state == "running"


def test_another_process_cannot_end_it(db: Database) -> None:
    seq = begin(db, "one")
    with pytest.raises(TakenOver):
        store.end(db, seq, "two", "promoted", now=MONDAY, decision={})


@pytest.mark.parametrize(
    ("outcome", "learned", "seen"),
    [("promoted", 7, 7), ("refused", 7, 7), ("failed", 3, 7), ("nothing", 3, 3)],
)
def test_what_ends_a_run_says_whether_its_labels_wait(
    db: Database, outcome: Outcome, learned: int, seen: int
) -> None:
    end(db, begin(db, "one", to=3), "refused")
    end(db, begin(db, "one", to=7), outcome)
    assert store.learned_to(db) == learned
    assert store.seen_to(db) == seen


def test_history_is_newest_first_and_has_the_reasons(db: Database) -> None:
    first = begin(db, "one")
    end(db, first, "refused")
    second = begin(db, "one", trigger="missed")
    found = store.history(db, limit=5)
    assert [(one.seq, one.state) for one in found] == [(second, "running"), (first, "refused")]
    assert found[1].decision == {"reasons": ["so"]}
    assert found[0].trigger == "missed"
    assert len(store.history(db, limit=1)) == 1
