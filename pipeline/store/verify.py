"""`bearwatch db verify`: compute copies and buckets again from the article rows, and compare."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, true

from ingest.stories import HORIZON, Sighting, earliest_copy_of
from pipeline.count import BucketKey, Delta, Keys, deltas
from pipeline.store import near
from pipeline.store.copies import EXACT, Name, Stored, load
from pipeline.store.counting import contribution_of, load_mentions
from pipeline.store.database import Database
from pipeline.store.neighbours import Place
from pipeline.store.tables import bucket, changed, monitor, signature

MOST = 20
"""Differences told one by one; beyond, their number is enough."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``differences`` are sentences, at most :data:`MOST`; ``total`` is how many there are.

    ``queued`` articles wait for the monitor: until they are counted, differences are to be
    expected.
    """

    articles: int
    buckets: int
    queued: int
    total: int
    differences: tuple[str, ...]


def verify(db: Database, keys: Keys) -> Verdict:
    """Recompute and compare; reads only. Memory grows with the number of articles."""
    with db.read() as connection:
        queued = int(connection.execute(select(func.count()).select_from(changed)).scalar_one())
        articles = load(connection, true())
        repeats: defaultdict[str, list[Sighting]] = defaultdict(list)
        for row in connection.execute(select(signature).where(signature.c.band == EXACT)):
            repeats[row.hash].append(Sighting(row.published_at, row.source, row.id, row.hash))
        stored: dict[BucketKey, Delta] = {
            (row.kind, row.key, row.start): (
                row.articles,
                row.stories,
                row.negative,
                row.neutral,
                row.positive,
                row.polarity,
            )
            for row in connection.execute(select(bucket))
        }
        mentions = load_mentions(connection, articles)
        pruned = connection.execute(select(monitor.c.pruned_before)).scalar()
        expected_copies = _exact_copies(repeats)
        for name, place in near.all_repeats(connection):
            known = expected_copies.get(name)
            expected_copies[name] = min(known, place) if known else place
    since = pruned + HORIZON if pruned else None
    found = _copies(articles, expected_copies, since)
    parts = [contribution_of(a, mentions.get(n, ()), keys) for n, a in articles.items()]
    expected = deltas([(None, part) for part in parts])
    for key in sorted(stored.keys() | expected.keys()):
        if stored.get(key) != expected.get(key):
            found.append(f"bucket {key}: stored {stored.get(key)}, computed {expected.get(key)}")
    return Verdict(len(articles), len(stored), queued, len(found), tuple(found[:MOST]))


def _exact_copies(repeats: dict[str, list[Sighting]]) -> dict[Name, Place]:
    """Per article, the earliest equal one of the 24 h before."""
    expected: dict[Name, Place] = {}
    for group in repeats.values():
        ordered = sorted(group)
        for number, one in enumerate(ordered):
            first = earliest_copy_of(one, ordered[:number])
            if first is not None:
                expected[one.source, one.id] = (first.published_at, first.source, first.id)
    return expected


def _copies(
    articles: dict[Name, Stored], expected: dict[Name, Place], since: datetime | None
) -> list[str]:
    """Where copy_of is not the earliest article that this one repeats.

    Before ``since`` the index does not tell any more; what is stored is taken for granted.
    """
    found = []
    for name, item in articles.items():
        if since and item.published_at and item.published_at < since and not item.deleted:
            continue
        place = expected.get(name)
        computed = None if place is None else place[1:]
        if item.copy_of != computed:
            found.append(f"article {name}: stored copy_of {item.copy_of}, computed {computed}")
    return found
