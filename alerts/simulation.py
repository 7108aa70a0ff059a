"""Made-up streams of news counts with known spikes: for tests, benchmarks and `spikes simulate`.

Like newswires: negative-binomial hours, a day with a peak and a trough six times apart, a quiet
weekend, a level and a share that drift, keys that differ. Whatever is called a spike was put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from alerts.season import FloatArray
from alerts.windows import PER_HOUR, IntArray

MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""When every stream begins."""
PER_DAY: Final = 24 * PER_HOUR
NEGATIVE: Final = 0.25
"""Usual share of negative stories."""
SIZES: Final = {0.5: 3.0, 5.0: 6.0, 50.0: 20.0, 500.0: 50.0}
"""Negative-binomial size of an hour, by negative stories per hour."""
RATES: Final = tuple(SIZES)

Key = tuple[str, str]


@dataclass(frozen=True)
class Streams:
    """Counts per bucket from ``MONDAY`` on, (keys, buckets), and what was put in on purpose."""

    keys: tuple[Key, ...]
    negative: IntArray
    stories: IntArray
    events: tuple[tuple[int, int, int], ...] = ()
    """(key, first bucket, bucket after the last)."""


@dataclass(frozen=True)
class Events:
    """What happens to every key about every third day, for 1 to 3 hours, at any time."""

    spike: float = 1.0
    """Factor on the negative stories."""
    volume: float = 1.0
    """Factor on all stories."""


QUIET: Final = Events()


def bands(
    rate: float,
    *,
    keys: int,
    days: int,
    seed: int,
    warm_days: int,
    spike: float = 1.0,
    volume: float = 1.0,
    share_season: float = 1.0,
) -> Streams:
    """Keys of one band: ``rate`` (one of ``RATES``) negative stories per hour on average.

    ``spike`` multiplies negative stories, ``volume`` all of them, in the events after
    ``warm_days``. ``share_season`` is how many times higher the share of negative stories is at
    its peak, about 04 h, than twelve hours later.
    """
    rng = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    level = rate / NEGATIVE / PER_HOUR * _rhythm(rng, hours, rate, keys, days, warm_days)
    share = _shares(rng, hours, keys, days, share_season)
    events = tuple(_events(rng, keys, days, warm_days)) if (spike, volume) != (1.0, 1.0) else ()
    bad, all_ = np.ones((keys, days * PER_DAY)), np.ones((keys, days * PER_DAY))
    for key, start, stop in events:
        bad[key, start:stop] *= spike
        all_[key, start:stop] *= volume
    negative = rng.poisson((level * share).repeat(PER_HOUR, axis=1) * bad * all_)
    others = rng.poisson((level * (1.0 - share)).repeat(PER_HOUR, axis=1) * all_)
    names = tuple((f"{rate:g} an hour", f"key {number}") for number in range(keys))
    return Streams(names, negative, negative + others, events)


def fleet(
    *,
    keys: int,
    days: int,
    seed: int,
    warm_days: int,
    events: Events = QUIET,
    share_season: float = 1.0,
    rates: Sequence[float] = RATES,
) -> Streams:
    """``keys`` keys of each of the ``rates``, one band after the other, as one stream of news."""
    parts = [
        bands(
            rate,
            keys=keys,
            days=days,
            seed=seed * len(RATES) + RATES.index(rate),
            warm_days=warm_days,
            spike=events.spike,
            volume=events.volume,
            share_season=share_season,
        )
        for rate in rates
    ]
    return Streams(
        tuple(key for part in parts for key in part.keys),
        np.concatenate([part.negative for part in parts]),
        np.concatenate([part.stories for part in parts]),
        tuple(
            (number * keys + key, start, stop)
            for number, part in enumerate(parts)
            for key, start, stop in part.events
        ),
    )


def _rhythm(
    rng: np.random.Generator, hours: IntArray, rate: float, keys: int, days: int, warm_days: int
) -> FloatArray:
    """Volume of every hour relative to the band's mean, (keys, hours)."""
    peaks = rng.normal(14.0, 2.0, (keys, 1))
    day = np.exp(0.9 * np.cos((hours - peaks) * 2.0 * np.pi / 24.0))
    week = np.where(hours // 24 % 7 >= 5, 0.4, 1.24)
    drift = np.exp(rng.normal(0.0, 0.05, (keys, days)).cumsum(axis=1))
    drift /= drift[:, :warm_days].mean(axis=1, keepdims=True)
    size = rng.lognormal(0.0, 0.4, (keys, 1))
    noise = rng.gamma(SIZES[rate], 1.0 / SIZES[rate], (keys, len(hours)))
    level = size / size.mean() * day / day.mean(axis=1, keepdims=True)
    volume: FloatArray = level * week * drift.repeat(24, axis=1) * noise
    return volume


def _shares(
    rng: np.random.Generator, hours: IntArray, keys: int, days: int, season: float
) -> FloatArray:
    """Share of negative stories in every hour, (keys, hours)."""
    mood = rng.normal(0.0, 0.25, (keys, len(hours)))
    for hour in range(1, len(hours)):
        mood[:, hour] = 0.7 * mood[:, hour - 1] + np.sqrt(1.0 - 0.49) * mood[:, hour]
    usual = np.log(NEGATIVE / (1.0 - NEGATIVE)) + rng.normal(0.0, 0.5, (keys, 1))
    usual = usual + rng.normal(0.0, 0.03, (keys, days)).cumsum(axis=1).repeat(24, axis=1)
    share: FloatArray = 1.0 / (1.0 + np.exp(-usual - mood))
    if season == 1.0:
        return share
    peaks = rng.normal(4.0, 2.0, (keys, 1))
    cycle = season ** (0.5 * np.cos((hours - peaks) * 2.0 * np.pi / 24.0))
    seasonal: FloatArray = np.minimum(share * cycle, 0.95)
    return seasonal


def _events(
    rng: np.random.Generator, keys: int, days: int, warm_days: int
) -> Iterator[tuple[int, int, int]]:
    for key in range(keys):
        start = warm_days * PER_DAY + int(rng.integers(PER_DAY))
        while start < (days * 24 - 6) * PER_HOUR:
            yield key, start, start + int(rng.integers(PER_HOUR, 3 * PER_HOUR + 1))
            start += int(3 * PER_DAY * rng.uniform(0.6, 1.4))
