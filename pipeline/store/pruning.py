"""The index of copies forgets: what is stored of articles that nothing can repeat any more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import or_, update

from ingest.stories import HORIZON
from pipeline.store import lease, near
from pipeline.store.database import Database
from pipeline.store.tables import monitor

KEEP: Final = 2 * HORIZON
"""Age behind the watermark. An article that is up to a day late still finds the day before it."""

CHUNK: Final = 250
"""Articles a transaction, as in counting: workers never wait long for the lock."""

STEPS: Final = 20
"""Transactions a tick: several times what a worker stores meanwhile."""


def prune(db: Database, epoch: int, watermark: datetime, *, steps: int = STEPS) -> int:
    """Remove index rows of articles older than :data:`KEEP`; returns of how many articles.

    From then on they are told copies no more, and ``bearwatch db verify`` takes what
    is stored of those younger by :data:`~ingest.stories.HORIZON` for granted too.

    Raises:
        LeaseLost: another monitor has taken over since ``epoch``.
    """
    before = watermark - KEEP
    total = 0
    for _ in range(steps):
        with db.write() as connection:
            lease.check(connection, epoch)
            number = near.prune(connection, before, limit=CHUNK)
            if number:
                earlier = or_(monitor.c.pruned_before.is_(None), monitor.c.pruned_before < before)
                connection.execute(update(monitor).where(earlier).values(pruned_before=before))
        total += number
        if number < CHUNK:
            break
    return total
