"""Made-up streams of news counts with known spikes, and a desk that watches them.

Chosen to be like newswires: negative-binomial hours, a day with a peak and a
trough six times apart, a quiet weekend, a level and a share that drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.incidents import Watch, What, advance, wants_sources
from alerts.rules import RULES, IncidentSettings, Rule, Severity, Sources, noticeable
from alerts.scores import Reading, Scores, SpikeSettings
from alerts.spikes import SpikeDetector
from alerts.windows import BUCKET, BUCKETS, HOUR, PER_HOUR, IntArray

MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
PER_DAY: Final = 24 * PER_HOUR
NEGATIVE: Final = 0.25
"""Usual share of negative stories."""
SIZES: Final = {0.5: 3.0, 5.0: 6.0, 50.0: 20.0, 500.0: 50.0}
"""Negative-binomial size of an hour, by negative stories per hour."""
TEACHES_AFTER: Final = 6
"""Hours between the end of an hour and its lesson."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Streams:
    """Counts per bucket from ``MONDAY`` on, (keys, buckets), and what was put in on purpose."""

    keys: tuple[Key, ...]
    negative: IntArray
    stories: IntArray
    events: tuple[tuple[int, int, int], ...] = ()
    """(key, first bucket, bucket after the last)."""


def bands(
    rate: float,
    *,
    keys: int,
    days: int,
    seed: int,
    warm_days: int,
    spike: float = 1.0,
    volume: float = 1.0,
) -> Streams:
    """Keys of one band: ``rate`` negative stories per hour on average.

    ``spike`` multiplies negative stories, ``volume`` all of them, for 1 to 3 hours about every
    third day after ``warm_days``, at any time of the day.
    """
    rng = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    peaks = rng.normal(14.0, 2.0, (keys, 1))
    day = np.exp(0.9 * np.cos((hours - peaks) * 2.0 * np.pi / 24.0))
    week = np.where(hours // 24 % 7 >= 5, 0.4, 1.24)
    drift = np.exp(rng.normal(0.0, 0.05, (keys, days)).cumsum(axis=1))
    drift /= drift[:, :warm_days].mean(axis=1, keepdims=True)
    size = rng.lognormal(0.0, 0.4, (keys, 1))
    noise = rng.gamma(SIZES[rate], 1.0 / SIZES[rate], (keys, len(hours)))
    level = rate / NEGATIVE / PER_HOUR * size / size.mean()
    level = level * day / day.mean(axis=1, keepdims=True) * week * drift.repeat(24, axis=1) * noise

    mood = rng.normal(0.0, 0.25, (keys, len(hours)))
    for hour in range(1, len(hours)):
        mood[:, hour] = 0.7 * mood[:, hour - 1] + np.sqrt(1.0 - 0.49) * mood[:, hour]
    usual = np.log(NEGATIVE / (1.0 - NEGATIVE)) + rng.normal(0.0, 0.5, (keys, 1))
    usual = usual + rng.normal(0.0, 0.03, (keys, days)).cumsum(axis=1).repeat(24, axis=1)
    share = 1.0 / (1.0 + np.exp(-usual - mood))

    events = tuple(_events(rng, keys, days, warm_days)) if (spike, volume) != (1.0, 1.0) else ()
    bad, all_ = np.ones((keys, days * PER_DAY)), np.ones((keys, days * PER_DAY))
    for key, start, stop in events:
        bad[key, start:stop] *= spike
        all_[key, start:stop] *= volume
    negative = rng.poisson((level * share).repeat(PER_HOUR, axis=1) * bad * all_)
    others = rng.poisson((level * (1.0 - share)).repeat(PER_HOUR, axis=1) * all_)
    names = tuple(("topic", f"topic {number}") for number in range(keys))
    return Streams(names, negative, negative + others, events)


def _events(
    rng: np.random.Generator, keys: int, days: int, warm_days: int
) -> Iterator[tuple[int, int, int]]:
    for key in range(keys):
        start = warm_days * PER_DAY + int(rng.integers(PER_DAY))
        while start < (days * 24 - 6) * PER_HOUR:
            yield key, start, start + int(rng.integers(PER_HOUR, 3 * PER_HOUR + 1))
            start += int(3 * PER_DAY * rng.uniform(0.6, 1.4))


@dataclass(frozen=True)
class Burst:
    """Stories about one key that come on top, evenly over ``hours``."""

    key: Key
    day: float
    hours: float
    stories: int
    negative: bool


def newsroom(*, days: int, seed: int, bursts: Sequence[Burst] = ()) -> Streams:
    """A small newsroom: six articles an hour, 20 topics, 150 companies, a fifth negative.

    Every article is about one topic and often a company; most companies come up less than once
    a day. A burst about a company belongs to one topic, as an event does.
    """
    rng = np.random.default_rng(seed)
    topics = [("topic", f"topic {number}") for number in range(20)]
    companies = [("company", f"company {number}") for number in range(150)]
    keys: list[Key] = [("all", "all"), *topics, *companies]
    often = [rng.lognormal(0.0, spread, n) for spread, n in ((0.7, 20), (1.0, 150))]
    hours = np.arange(days * PER_DAY) / PER_HOUR
    rate = np.exp(0.9 * np.cos((hours % 24 - 14.0) * 2.0 * np.pi / 24.0))
    rate *= np.where(hours // 24 % 7 >= 5, 0.4, 1.24) / rate.mean() * 6.0 / PER_HOUR
    negative = np.zeros((len(keys), len(hours)), dtype=np.int64)
    stories = np.zeros_like(negative)

    def add(bucket: int, about: Sequence[int], *, bad: bool) -> None:
        for key in (0, *about):
            stories[key, bucket] += 1
            negative[key, bucket] += bad

    for bucket, articles in enumerate(rng.poisson(rate)):
        for _ in range(articles):
            topic, company = (int(rng.choice(len(p), p=p / p.sum())) for p in often)
            about = [1 + topic, 21 + company] if rng.random() < 0.6 else [1 + topic]
            add(bucket, about, bad=rng.random() < 0.2)
    for burst in bursts:
        key = keys.index(burst.key)
        about = [key, 4] if burst.key[0] == "company" else [key]
        for when in rng.uniform(0.0, burst.hours, burst.stories):
            add(int((burst.day * 24 + when) * PER_HOUR), about, bad=burst.negative)
    return Streams(tuple(keys), negative, stories)


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
            yield (
                bucket,
                at,
                detector.score(at, streams.negative[:, seen], streams.stories[:, seen]),
            )


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


@dataclass(frozen=True)
class Event:
    """A change of an incident, as the desk saw it."""

    day: float
    what: What
    notify: bool
    key: Key
    rule: Rule
    severity: Severity | None
    incident: str


def watch(
    streams: Streams,
    *,
    sources: Callable[[Reading], Sources] = lambda _: Sources(observed=3, active=8),
    first: int = BUCKETS,
) -> list[Event]:
    """Run the detector and the state machines over all keys, and note every change but updates."""
    settings = IncidentSettings()
    watches: dict[tuple[int, Rule], Watch] = {}
    seen: list[Event] = []
    for bucket, at, scores in evaluations(streams, SpikeSettings(), first=first):
        silent = not streams.stories[0, bucket - 6 : bucket].any()
        for index in sorted({*noticeable(scores, settings).tolist(), *(k for k, _ in watches)}):
            reading = scores.reading(index)
            kind, key = streams.keys[index]
            for rule in RULES:
                one = watches.pop((index, rule), Watch(kind, key, rule))
                wanted = wants_sources(one, reading, at, settings)
                one, change = advance(
                    one,
                    reading,
                    at,
                    sources(reading) if wanted else None,
                    settings,
                    stream_silent=silent,
                )
                if one.state != "ok":
                    watches[index, rule] = one
                if change is not None and change.what != "updated":
                    day = (at - MONDAY) / timedelta(days=1)
                    seen.append(
                        Event(
                            day,
                            change.what,
                            change.notify,
                            (kind, key),
                            rule,
                            one.severity,
                            one.incident,
                        )
                    )
    return seen


def fires(streams: Streams, hits: NDArray[np.bool_], *, grace: int = PER_HOUR) -> list[int | None]:
    """For each event, buckets from its start to the first hit, or None; (keys, buckets + 1)."""
    delays: list[int | None] = []
    for key, start, stop in streams.events:
        found = np.flatnonzero(hits[key, start + 1 : stop + grace + 1])
        delays.append(int(found[0]) + 1 if len(found) else None)
    return delays
