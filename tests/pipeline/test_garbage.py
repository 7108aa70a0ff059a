"""Garbage among good news: kept with its reason, and no count changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from pipeline.count import Keys
from pipeline.store import lease
from pipeline.store.counting import count_changed
from pipeline.store.database import Database
from pipeline.store.summary import Stats, stats
from tests.fakes import COMPANIES, MONDAY, TOPICS, ListSource, ManualClock, store_all

KEYS = Keys(frozenset(TOPICS), frozenset(COMPANIES))


def good(number: int) -> dict[str, object]:
    return {
        "source": "wire",
        "id": str(number),
        "title": f"negative Energy ACM {number}",
        "published_at": (MONDAY + timedelta(minutes=number)).isoformat(),
    }


def changed(**fields: object) -> Callable[[int], bytes]:
    return lambda number: json.dumps({**good(number), **fields}).encode()


GARBAGE: list[tuple[str, Callable[[int], bytes]]] = [
    ("empty", lambda _: b""),
    ("not_utf8", lambda n: json.dumps(good(n)).encode().replace(b"Energy", b"En\xffrgy")),
    ("not_json", lambda n: json.dumps(good(n)).encode()[:-3]),
    ("not_json", lambda _: b"<rss><item/></rss>"),
    ("schema", lambda _: b"[1, 2, 3]"),
    ("schema", lambda n: json.dumps({k: v for k, v in good(n).items() if k != "title"}).encode()),
    ("schema", changed(source=7)),
    ("schema", changed(url="javascript:alert(1)")),
    ("bad_timestamp", changed(published_at="last Tuesday")),
    ("bad_timestamp", changed(published_at="2026-03-02T10:00:00")),
    ("too_large", changed(body="x" * 200_001)),
    ("too_large", lambda _: b"[" + b" " * 2**20 + b"]"),
]
"""Reason and what makes it: every kind comes once in a hundred records."""


def run(values: list[bytes], db: Database) -> Stats:
    clock = ManualClock(MONDAY + timedelta(days=9))
    store_all(db, ListSource({0: values}, clock=clock, max_records=50), clock)
    epoch = lease.take(db, "test", now=clock(), keep_for=timedelta(hours=1))
    while count_changed(db, KEYS, epoch).taken:
        pass
    found = stats(db)
    db.close()
    return found


def test_every_kind_of_garbage_has_its_reason_and_changes_no_count(
    opened: Callable[[], Database],
) -> None:
    clean: list[bytes] = []
    dirty: list[bytes] = []
    expected: Counter[str] = Counter()
    for number in range(300):
        clean.append(json.dumps(good(number)).encode())
        dirty.append(clean[-1])
        if number % 100 < len(GARBAGE):
            reason, make = GARBAGE[number % 100]
            dirty.append(make(10_000 + number))
            expected[reason] += 1
    pure, mixed = run(clean, opened()), run(dirty, opened())
    assert mixed.dead_letters == expected
    assert mixed.totals == pure.totals
    assert (mixed.articles, mixed.stories) == (pure.articles, pure.stories) == (300, 300)
