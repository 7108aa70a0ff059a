"""A stream that ends in a burst about one company, as workers and a monitor leave it stored."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pipeline.settings import Settings
from pipeline.store.database import Database
from tests.fakes import MONDAY
from tests.pipeline.test_monitor import play
from tests.web.served import settings

BURST: Final = MONDAY + timedelta(days=3, hours=10)
"""Twelve negative stories in an hour; nothing comes after them."""

WATCHED: Final = "symbol,name,aliases\nACM,Acme & <b>Sons</b>,Acme Sons\nBRK,Brick,Brick\n"


def lines() -> list[bytes]:
    """Two stories an hour, every fourth negative, then the burst; one line is no article."""
    draw = random.Random(7)  # noqa: S311 - a fixed sequence, not a secret
    news = []
    for number in range(2 * 82):
        mood = "negative" if number % 4 == 0 else "calm"
        at = MONDAY + timedelta(minutes=30 * number + 20 * draw.random())
        news.append((at, f"{mood} {draw.choice(['Earnings', 'Macro'])} BRK story {number}"))
    for number in range(12):
        at = BURST + timedelta(minutes=5 * number)
        news.append((at, f"negative Earnings ACM &lt;script&gt;trouble&lt;/script&gt; {number}"))
    articles = [
        {
            "source": f"wire{number % 4}",
            "id": str(number),
            "title": title,
            "url": f"https://wire.example/{number}",
            "published_at": at.isoformat(),
        }
        for number, (at, title) in enumerate(news)
    ]
    return [b"no article", *(json.dumps(article).encode() for article in articles)]


def live_through(db: Database) -> None:
    """All of it, read and counted; the stream goes on, so nothing is closed."""
    play(db, lines(), poll=60, ends=False)


def watching(url: str, folder: Path, **web: Any) -> Settings:
    """Settings of a server that watches these companies."""
    watchlist = folder / "watched.csv"
    watchlist.write_text(WATCHED)
    found = settings(url, **web)
    return found.model_copy(
        update={"companies": found.companies.model_copy(update={"watchlist": watchlist})}
    )
