"""Bursts on steady keys: how many of them open, and what they leave behind in the usual share.

    python -m tests.benchmarks.bench_bursts

Two minutes of one core. A burst is twelve different negative stories about one key, within 15, 30
or 40 minutes; the key has some negative stories an hour, a quarter of all, twelve days long.
"""

from __future__ import annotations

import sys

import numpy as np

from alerts.margins import Margins, confirmed, margins
from alerts.rules import IncidentSettings
from alerts.scores import SpikeSettings
from alerts.season import expit
from alerts.simulation import PER_DAY, Streams
from alerts.spikes import SpikeDetector
from alerts.study import evaluations, teach

KEYS = 200
DAYS = 12
STORIES = 12
NEGATIVE = 0.25


def with_bursts(rate: float, buckets: int) -> Streams:
    """Steady keys, each with a burst over so many buckets at some time of the last day."""
    draw = np.random.default_rng(8)
    shape = (KEYS, DAYS * PER_DAY)
    negative = draw.poisson(rate / 12.0, shape)
    others = draw.poisson(rate / 12.0 * (1.0 / NEGATIVE - 1.0), shape)
    events = []
    for key in range(KEYS):
        start = (DAYS - 1) * PER_DAY + int(draw.integers(PER_DAY - 24))
        np.add.at(negative[key], start + draw.integers(0, buckets, STORIES), 1)
        events.append((key, start, start + buckets))
    keys = tuple(("topic", f"steady {number}") for number in range(KEYS))
    return Streams(keys, negative, negative + others, tuple(events))


def opened(streams: Streams) -> float:
    """Share of the bursts that call for an incident until an hour after their end."""
    limits = IncidentSettings()
    before: Margins | None = None
    best = np.full(KEYS, -np.inf)
    for bucket, _, scores in evaluations(streams, SpikeSettings(), first=(DAYS - 1) * PER_DAY):
        now = margins(scores, limits)
        found, before = confirmed(before, now), now
        for key, start, stop in streams.events:
            if start < bucket <= stop + 12:
                best[key] = max(best[key], found[key])
    return float((best >= 0.0).mean())


def left_behind(rate: float) -> list[float]:
    """Usual share of keys of so many stories an hour, a fifth of them negative.

    Before a burst of 14 bad and 4 other stories in an hour and a half, and 1, 3, 7 and 14 days
    after it. One key in 20 has one.
    """
    draw = np.random.default_rng(3)
    struck, keys, days, day = 20, 400, 30, 14
    stories = draw.poisson(rate / 12.0, (keys, days * PER_DAY))
    negative = draw.binomial(stories, 0.2)
    for key in range(struck):
        at = day * PER_DAY + 13 * 12 + draw.integers(0, 18, 18)
        np.add.at(stories[key], at, 1)
        np.add.at(negative[key], at[:14], 1)
    names = tuple(("company", str(number)) for number in range(keys))
    streams = Streams(names, negative, stories)
    detector = SpikeDetector(names, SpikeSettings())
    shares: list[float] = []
    for hour in range(days * 24):
        teach(detector, streams, hour)
        if hour in [24 * (day + later) for later in (0, 1, 3, 7, 14)]:
            shares.append(float(expit(detector._share._logit[:struck]).mean()))
    return shares


def main() -> None:
    """Print both tables."""
    for rate in (0.5, 1.0, 2.0, 5.0):
        found = " / ".join(f"{opened(with_bursts(rate, n)):.1%}" for n in (3, 6, 8))
        sys.stdout.write(f"{rate:g} bad an hour, within 15 / 30 / 40 minutes: {found} open\n")
    for rate in (0.02, 0.1, 0.5, 2.0):
        shares = " ".join(f"{share:.2f}" for share in left_behind(rate))
        sys.stdout.write(f"{rate:g} an hour, before and 1, 3, 7, 14 days after: {shares}\n")


if __name__ == "__main__":
    main()
