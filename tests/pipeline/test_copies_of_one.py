"""Sixty copies of one article are one story, from the wire to the incidents; twelve are twelve."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from pipeline.store.database import Database
from pipeline.store.incidents import Incident, incidents
from tests.fakes import MONDAY
from tests.pipeline.test_monitor import play, published_at, stream

STRUCK = MONDAY + timedelta(days=8, hours=13)


def with_burst(titles: list[str]) -> list[bytes]:
    """Eight and a half usual days, and these within half an hour on the last, by many sources."""
    usual = [line for line in stream(8.5) if b"trouble" not in line]
    burst = [
        {
            "source": f"outlet{number % 20}",
            "id": f"burst {number}",
            "title": title,
            "published_at": (STRUCK + number * timedelta(minutes=30) / len(titles)).isoformat(),
        }
        for number, title in enumerate(titles)
    ]
    return sorted([*usual, *(json.dumps(one).encode() for one in burst)], key=published_at)


def found(db: Database, titles: list[str]) -> list[Incident]:
    """Incidents from the burst on."""
    play(db, with_burst(titles), poll=200)
    since = [one for one in incidents(db) if one.opened_at >= STRUCK]
    db.close()
    return since


def test_sixty_copies_of_one_negative_article_open_nothing(opened: Callable[[], Database]) -> None:
    assert found(opened(), ["negative Energy ACM is in trouble over its books"] * 60) == []


def test_twelve_different_negative_articles_open_a_warning(opened: Callable[[], Database]) -> None:
    words = [
        "books",
        "mines",
        "rigs",
        "ships",
        "loans",
        "taxes",
        "fines",
        "leaks",
        "fires",
        "floods",
        "strikes",
        "courts",
    ]
    titles = [f"negative Energy ACM {word} {word[::-1]} {word * 2}" for word in words]
    leading = [one for one in found(opened(), titles) if one.parent is None]
    assert any(one.severity in ("warn", "critical") for one in leading)
