"""What is told of labels: agreement with suggestions, and a fair estimate of it."""

from __future__ import annotations

import pytest

from pipeline.labels.drawing import reserved
from pipeline.labels.summary import disputed, matched, stats
from pipeline.store.database import Database
from pipeline.store.labels import counts, snapshot
from tests.labels.said import event, pinned, say


def titles(number: int, *, kept: bool) -> list[str]:
    from pipeline.store.hashing import text_hash

    found = (f"word{n}" for n in range(10_000))
    chosen = (t for t in found if reserved(text_hash(t, "")) is kept)
    return [next(chosen) for _ in range(number)]


def test_only_texts_that_were_asked_about_at_random_on_the_page_are_an_estimate(
    db: Database,
) -> None:
    kept = pinned(db, *titles(3, kept=True))
    free = pinned(db, *titles(2, kept=False))
    say(db, [event("ann", t.hash, "negative", suggestion="negative") for t in kept[:2]])
    say(db, [event("ann", t.hash, "neutral", suggestion="negative") for t in free])
    imported = event("ann", kept[2].hash, "neutral", suggestion="negative", origin="import")
    say(db, [imported, event("bob", free[0].hash, "neutral")])
    labels = snapshot(db).labels
    every = matched(labels, "sentiment", at_random=False)
    fair = matched(labels, "sentiment", at_random=True)
    assert (every.n, every.same, fair.n, fair.same) == (5, 2, 2, 2)
    assert fair.low == pytest.approx(0.342, abs=1e-3)  # Wilson, 2 of 2
    assert fair.high == 1
    assert matched(labels, "topic", at_random=True).n == 0


def test_disputed_texts_are_listed_with_what_each_annotator_says(db: Database) -> None:
    one, two = pinned(db, "Acme falls", "Beta gains")
    say(db, [event("ann", t.hash, "negative") for t in (one, two)])
    say(db, [event("bob", one.hash, "neutral"), event("bob", two.hash, "negative")])
    found = snapshot(db)
    assert [(d.title, d.task, d.said) for d in disputed(found)] == [
        ("Acme falls", "sentiment", {"ann": "negative", "bob": "neutral"})
    ]
    told = stats(found, counts(db)).result
    assert told["agreement"]["sentiment"]["texts"] == 2
    assert told["suggestions"]["sentiment"]["random"]["n"] == 0
