"""Articles to be labelled, stored as a worker stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.store import labels
from pipeline.store.database import Database
from pipeline.store.labels import NewLabel, Task
from tests.fakes import MONDAY, ListSource, ManualClock, store_all


def store_articles(db: Database, titles: Sequence[str], *, body: str = "The whole of it.") -> None:
    """Articles a0, a1, ... of the source wire, each a minute newer than the one before."""
    clock = ManualClock(MONDAY + timedelta(days=1))
    records = [
        json.dumps(
            {
                "source": "wire",
                "id": f"a{number}",
                "title": title,
                "body": body,
                "url": f"https://news.wire.example/{number}",
                "published_at": (MONDAY + timedelta(minutes=number)).isoformat(),
            }
        ).encode()
        for number, title in enumerate(titles)
    ]
    store_all(db, ListSource({0: records}, clock=clock, max_records=500), clock)


def say(
    db: Database,
    annotator: str,
    article: str,
    at: datetime,
    **values: str | None,
) -> str:
    """Somebody's labels on an article, ``topic`` and ``sentiment``; returns the text's hash."""
    with db.write() as connection:
        text = labels.pin_article(connection, "wire", article, at)
        tasks: tuple[Task, ...] = ("topic", "sentiment")
        new = [
            NewLabel(
                f"{annotator}/{article}/{task}/{at.isoformat()}",
                at,
                annotator,
                text.hash,
                task,
                values[task],
                "import",
            )
            for task in tasks
            if task in values
        ]
        labels.add(connection, [text], new)
    return text.hash
