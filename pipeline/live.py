"""The state of things for who looks at it now: counts beside the usual, incidents, how work goes.

Read from the database alone, so any process may ask: buckets and single rows, never articles by
number. What is usual comes from :class:`pipeline.baselines.Baselines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from pipeline.baselines import Baselines
from pipeline.pages.spark import Seen
from pipeline.store import live, looking, positions
from pipeline.store.buckets import HOUR, Key
from pipeline.store.database import Database
from pipeline.store.incidents import Incident
from pipeline.store.live import Total
from pipeline.store.looking import Wanted
from pipeline.watermark import stale

ALL: Final[Key] = ("all", "all")
SPAN: Final = timedelta(hours=24)
STEP: Final = timedelta(minutes=30)
MOST_SHOWN: Final = {"topic": 40, "company": 24}
"""Keys of each kind that have pictures."""
MOST_OPEN: Final = 100
MOST_OVER: Final = 5
MOST_DEAD: Final = 10_000
"""Dead letters are counted no further: beyond it, it is far too many anyway."""


@dataclass(frozen=True, slots=True)
class Work:
    """How the work goes."""

    waiting: int
    """Records that are known to exist and have not been stored."""
    partitions: int
    silent: int
    """Partitions of which no worker has told anything lately."""
    watched: bool
    """A monitor holds its lease."""
    ended: bool
    """All there is has been read, and nothing will follow: files that are not followed."""
    watermark: datetime | None
    dead_letters: int
    version: str | None
    """The classifier that judged the newest article."""


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that is shown, as of ``at``, to which counts are complete; None: no counts."""

    at: datetime | None
    work: Work
    open: Sequence[Incident]
    """Newest first."""
    over: Sequence[Incident]
    """The newest that lead and are resolved."""
    totals: Mapping[Key, Total] = field(default_factory=dict)
    """Of the 24 hours and of the hour before ``at``; keys without a story are absent."""
    series: Mapping[Key, Seen] = field(default_factory=dict)
    """Of ``all`` and the keys that are shown, in the order in which they are."""
    learned: bool = False
    """What is usual is known."""
    behind: bool = False
    """The baselines have not been read up to the monitor's cursor yet."""


def read(db: Database, baselines: Baselines, now: datetime, fresh_for: timedelta) -> Live:
    """Look once. Some ten queries, each bounded; tens of milliseconds in all."""
    watching = live.watching(db)
    at = watching.cursor if watching and watching.cursor else live.counted_until(db)
    reports = positions.reports(db)
    work = Work(
        waiting=sum(max(0, report.end - report.position) for report in reports),
        partitions=len(reports),
        silent=len(stale(reports, now, fresh_for)),
        watched=watching is not None and now < watching.lease_until,
        ended=bool(reports) and all(report.finished and report.idle for report in reports),
        watermark=watching.watermark if watching else None,
        dead_letters=live.dead_letters(db, most=MOST_DEAD),
        version=live.newest_version(db),
    )
    still = looking.wanted(db, Wanted(open=True), limit=MOST_OPEN)
    over = looking.wanted(db, Wanted(open=False, leading=True), limit=MOST_OVER)
    if at is None:
        return Live(None, work, still, over)
    totals = live.totals(db, at - SPAN, at - HOUR, at)
    keys = [ALL, *chosen(totals, {(i.kind, i.key) for i in still}, baselines)]
    found = series(db, baselines, keys, at)
    return Live(at, work, still, over, totals, found, learned=bool(len(found[ALL].usual)))


def chosen(totals: Mapping[Key, Total], loud: set[Key], baselines: Baselines) -> list[Key]:
    """The keys to show: first those with an open incident, then those with the most stories."""
    found: list[Key] = []
    for kind, most in MOST_SHOWN.items():
        keys = [key for key in totals.keys() | loud if key[0] == kind and baselines.knows(key)]
        stories = {key: totals[key].stories if key in totals else 0 for key in keys}
        found += sorted(keys, key=lambda key: (key not in loud, -stories[key], key))[:most]
    return found


def series(
    db: Database,
    baselines: Baselines,
    keys: Sequence[Key],
    at: datetime,
    *,
    span: timedelta = SPAN,
    step: timedelta = STEP,
) -> dict[Key, Seen]:
    """Stories of the hour before each moment of ``span`` that ends with ``at``, and the usual.

    ``step`` divides an hour and is a multiple of 5 minutes.

    Raises:
        KeyError: a key that is not tested.
    """
    moments, hour = span // step + 1, HOUR // step
    first = at - span - HOUR
    counted = live.columns(db, keys, first, step, moments + hour - 1)
    usual = baselines.usual(keys, [at - n * step for n in range(moments - 1, -1, -1)])
    found: dict[Key, Seen] = {}
    for place, key in enumerate(keys):
        sums = np.cumsum(np.pad(counted[key], ((0, 0), (1, 0))), axis=1)
        negative, stories = (sums[:, hour:] - sums[:, :-hour]).tolist()
        if usual is None:
            found[key] = Seen(negative, stories)
            continue
        of = usual[place]
        low, high = of.negative_low.tolist(), of.negative_high.tolist()
        found[key] = Seen(negative, stories, of.negative.tolist(), low, high, of.share.tolist())
    return found
