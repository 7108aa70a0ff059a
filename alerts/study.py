"""How good a detector is on made-up streams: recall, false alarms and delay at a given budget.

The budget comes first and recall is compared within it (Bedubourg and Le Strat, 2017): a test
that may cry wolf finds everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.margins import Margins, confirmed, margins
from alerts.rules import IncidentSettings
from alerts.scores import Scores, SpikeSettings
from alerts.season import FloatArray
from alerts.simulation import MONDAY, PER_DAY, QUIET, RATES, Events, Streams, fleet
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKET, BUCKETS, HOUR, PER_HOUR

TEACHES_AFTER: Final = 6
"""Hours between the end of an hour and its lesson, as in the pipeline."""
ONE_ALERT: Final = 3 * PER_HOUR
"""Buckets: alerts that are no further apart are one."""
GRACE: Final = 6
"""Buckets after the end of an event in which its alert still counts."""
MONTH: Final = 30 * PER_DAY
SPIKES: Final = (2.0, 4.0, 8.0)
VOLUME: Final = 3.0
KINDS: Final = (QUIET, *(Events(spike=factor) for factor in SPIKES), Events(volume=VOLUME))


@dataclass(frozen=True)
class Plan:
    """The size of a study: ``keys`` per rate over ``days``, of which ``warm_days`` only teach."""

    keys: int = 16
    days: int = 84
    warm_days: int = 28
    share_season: float = 1.0
    """Peak over trough of the share's own day; 1: it has none."""
    rates: tuple[float, ...] = RATES
    """Negative stories per hour, of ``RATES``."""


@dataclass(frozen=True)
class Trace:
    """Every evaluation after the warm-up; arrays are (keys, evaluations)."""

    streams: Streams
    first: int
    """Bucket that ends at the first evaluation, counted from 1."""
    score: FloatArray
    """Both tests, by a single evaluation."""
    margin: FloatArray
    """How much more the rules could ask for and an incident would open; see ``confirmed``."""


@dataclass(frozen=True)
class Found:
    """What became of one band's events."""

    events: int
    recall: float
    """Share of the events that were found, 0 to 1; nan without an event."""
    delay: float
    """Median minutes from the beginning of an event to its alert; nan if none was found."""


def evaluations(
    streams: Streams, settings: SpikeSettings, *, first: int = BUCKETS, step: int = 1
) -> Iterator[tuple[int, datetime, Scores]]:
    """Score at every ``step``-th boundary from bucket ``first`` on, learning six hours behind.

    Yields the number of buckets that lie before the evaluation, its time, and the scores.
    """
    detector = SpikeDetector(streams.keys, settings)
    for bucket in range(BUCKETS, streams.stories.shape[1] + 1):
        hour = bucket // PER_HOUR - 1 - TEACHES_AFTER
        if bucket % PER_HOUR == 0 and hour >= 0:
            teach(detector, streams, hour)
        if bucket >= first and bucket % step == 0:
            seen = slice(bucket - BUCKETS, bucket)
            at = MONDAY + bucket * BUCKET
            found = detector.score(at, streams.negative[:, seen], streams.stories[:, seen])
            yield bucket, at, found


def teach(detector: SpikeDetector, streams: Streams, hour: int) -> None:
    """Let the detector learn the ``hour``-th hour of the streams, unless it was silent."""
    whole = slice(hour * PER_HOUR, (hour + 1) * PER_HOUR)
    if not streams.stories[0, whole].any() and streams.keys[0][0] == "all":
        return
    last = slice(whole.stop - 3, whole.stop)
    parts = [
        counts[:, span].sum(axis=1)
        for span in (whole, last)
        for counts in (streams.negative, streams.stories)
    ]
    detector.learn(MONDAY + hour * HOUR, *parts)


def trace(
    streams: Streams,
    plan: Plan,
    spikes: SpikeSettings,
    incidents: IncidentSettings,
    advanced: Callable[[float], None] = lambda _: None,
) -> Trace:
    """Run the detector over the streams; ``advanced`` hears the fraction done, now and then."""
    first = plan.warm_days * PER_DAY
    shape = (len(streams.keys), streams.stories.shape[1] + 1 - first)
    score, margin = np.zeros(shape), np.full(shape, -np.inf)
    before: Margins | None = None
    for bucket, _, scores in evaluations(streams, spikes, first=first):
        now = margins(scores, incidents)
        score[:, bucket - first] = scores.score
        margin[:, bucket - first] = confirmed(before, now)
        before = now
        if bucket % PER_DAY == 0:
            advanced((bucket - first) / shape[1])
    return Trace(streams, first, score, margin)


def episodes(found: FloatArray, bar: float) -> int:
    """Alerts in (keys, evaluations) at this bar; those close to each other are one."""
    total = 0
    for row in found:
        at = np.flatnonzero(row >= bar)
        total += int(len(at) > 0) + int((np.diff(at) > ONE_ALERT).sum())
    return total


def months(found: FloatArray) -> float:
    """Key-months of 30 days in (keys, evaluations)."""
    return found.size / MONTH


def bar_for(found: FloatArray, per_month: float) -> float:
    """The least bar at which quiet streams give at most so many alerts per key and 30 days."""
    allowed = per_month * months(found)
    bars = np.unique(found[np.isfinite(found) & (found > 0.0)])
    low, high = 0, len(bars) - 1
    if not len(bars) or episodes(found, bars[high]) > allowed:
        return float(np.nextafter(bars[high], np.inf)) if len(bars) else 0.0
    while low < high:
        middle = (low + high) // 2
        if episodes(found, bars[middle]) <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(bars[low])


def judged(trace: Trace, found: FloatArray, bar: float, rows: NDArray[np.intp]) -> Found:
    """Which events on these ``rows`` were found at this bar, and how soon."""
    delays: list[int] = []
    events = [event for event in trace.streams.events if event[0] in rows]
    for key, start, stop in events:
        # The evaluation after the first bucket of the event is the first that can see it.
        begin = start + 1 - trace.first
        hits = np.flatnonzero(found[key, begin : stop + GRACE - trace.first + 1] >= bar)
        delays += [5 * (int(hits[0]) + 1)] if len(hits) else []
    recall = len(delays) / len(events) if events else float("nan")
    return Found(len(events), recall, float(np.median(delays)) if delays else float("nan"))


@dataclass(frozen=True)
class Row:
    """One rate's results, or their means; tuples are by factor of ``SPIKES``."""

    rate: float
    false_alerts: float
    """Per key and 30 quiet days."""
    recall: tuple[float, ...]
    delay: tuple[float, ...]
    volume: float
    """Share of bursts of volume, three times the usual, that were taken for negative news."""
    events: int


@dataclass(frozen=True)
class Result:
    """``tuned``: both tests, a bar for each rate that keeps the budget, single evaluations.

    ``shipped``: all rules and gates as they are set, the same for every rate.
    """

    tuned: tuple[Row, ...]
    shipped: tuple[Row, ...]


def study(
    plan: Plan,
    seeds: Sequence[int],
    spikes: SpikeSettings,
    incidents: IncidentSettings,
    *,
    budget: float = 1.0,
    advanced: Callable[[float], None] = lambda _: None,
) -> Result:
    """Make the streams of all seeds, run the detector over each, and pool what it found.

    A seed costs 5 runs: a quiet one, which alone sets the bars of ``tuned`` to at most ``budget``
    alerts per key and 30 days, one per factor of ``SPIKES``, and one of volume.
    """
    runs: list[list[Trace]] = [[] for _ in KINDS]
    total = len(seeds) * len(KINDS)
    for number, seed in enumerate(seeds):
        for kind, events in enumerate(KINDS):
            done = number * len(KINDS) + kind
            made = fleet(
                keys=plan.keys,
                days=plan.days,
                warm_days=plan.warm_days,
                seed=seed * len(KINDS) + kind,
                events=events,
                share_season=plan.share_season,
                rates=plan.rates,
            )
            heard = partial(_whole, advanced, done, total)
            runs[kind].append(trace(made, plan, spikes, incidents, heard))
    tuned, shipped = [], []
    for band, rate in enumerate(plan.rates):
        rows = np.arange(band * plan.keys, (band + 1) * plan.keys)
        score = np.concatenate([run.score[rows] for run in runs[0]])
        tuned.append(_row(rate, rows, runs, bar_for(score, budget), by_score=True))
        shipped.append(_row(rate, rows, runs, 0.0, by_score=False))
    return Result(tuple(tuned), tuple(shipped))


def _whole(advanced: Callable[[float], None], done: int, total: int, part: float) -> None:
    advanced((done + part) / total)


def _row(
    rate: float,
    rows: NDArray[np.intp],
    runs: list[list[Trace]],
    bar: float,
    *,
    by_score: bool,
) -> Row:
    def found(run: Trace) -> FloatArray:
        return run.score if by_score else run.margin

    quiet = np.concatenate([found(run)[rows] for run in runs[0]])
    *spikes, volume = [
        _pooled([judged(run, found(run), bar, rows) for run in same]) for same in runs[1:]
    ]
    return Row(
        rate,
        episodes(quiet, bar) / months(quiet),
        tuple(one.recall for one in spikes),
        tuple(one.delay for one in spikes),
        volume.recall,
        spikes[0].events,
    )


def _pooled(found: Sequence[Found]) -> Found:
    """Several seeds' results as one; the delay is the mean of their medians."""
    events = sum(one.events for one in found)
    hits = sum(one.recall * one.events for one in found if one.events)
    recall = hits / events if events else float("nan")
    delays = [one.delay for one in found if not np.isnan(one.delay)]
    return Found(events, recall, float(np.mean(delays)) if delays else float("nan"))
