"""What stories were labelled, and how surely, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import case, select

from pipeline.store import events
from pipeline.store.database import Database
from pipeline.store.tables import article

MOST: Final = 500
"""Stories of one hour that are read: the first ones."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Said:
    """Per label (3,): how many stories, the sum of the probabilities and of their squares."""

    topic: Mapping[str, Numbers]
    sentiment: Mapping[str, Numbers]

    def of(self, task: Literal["topic", "sentiment"]) -> Mapping[str, Numbers]:
        """One task's."""
        return self.topic if task == "topic" else self.sentiment


def said(db: Database, begin: datetime, end: datetime, languages: Sequence[str]) -> Said:
    """The stories published in [begin, end), in the languages that are counted (none: all)."""
    chosen = case(
        (article.c.sentiment == "negative", article.c.p_negative),
        (article.c.sentiment == "positive", article.c.p_positive),
        else_=article.c.p_neutral,
    )
    columns = (article.c.topic, article.c.topic_probability, article.c.sentiment, chosen)
    query = select(*columns).where(
        article.c.published_at >= begin,
        article.c.published_at < end,
        article.c.copy_source.is_(None),
        article.c.topic.is_not(None),
        article.c.deleted.is_(False),
    )
    if languages:
        spoken = article.c.language.in_(languages) | article.c.language.is_(None)
        query = query.where(spoken)
    with db.read() as connection:
        rows = connection.execute(query.order_by(article.c.published_at).limit(MOST)).all()
    return Said(_sums((r[0], r[1]) for r in rows), _sums((r[2], r[3]) for r in rows))


def last_swap(db: Database) -> datetime | None:
    """The boundary of event time from which on the present version counts; None: ever."""
    found = events.read(db, "swapped")
    return datetime.fromisoformat(found[-1].value["at"]) if found else None


def _sums(labelled: Iterable[tuple[str, float]]) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {}
    for label, probability in labelled:
        added = np.array([1.0, probability, probability**2])
        found[label] = found[label] + added if label in found else added
    return found
