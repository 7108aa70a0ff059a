"""Twelve stories within a quarter of an hour are a spike on a key of few; one story is not."""

from __future__ import annotations

import numpy as np

from alerts.simulation import PER_DAY, Streams
from tests.alerts.streams import watch

RATES = np.repeat([0.5, 1.0, 2.0, 5.0], 6)
"""Negative stories an hour, a quarter of all."""
DAYS = 12


def with_burst(stories: int) -> Streams:
    """Steady keys, each with so many negative stories within fifteen minutes on the last day."""
    draw = np.random.default_rng(8)
    shape = (len(RATES), DAYS * PER_DAY)
    negative = draw.poisson(RATES[:, None] / 12.0, shape)
    others = draw.poisson(RATES[:, None] / 4.0, shape)
    events = []
    for key in range(len(RATES)):
        start = (DAYS - 1) * PER_DAY + int(draw.integers(PER_DAY - 24))
        np.add.at(negative[key], start + draw.integers(0, 3, stories), 1)
        events.append((key, start, start + 3))
    keys = tuple(("topic", f"{rate:g} an hour, {number}") for number, rate in enumerate(RATES))
    return Streams(keys, negative, negative + others, tuple(events))


def warned(streams: Streams) -> set[int]:
    """Keys with a warning or more from the beginning of their burst to an hour after it."""
    rows = {key: row for row, key in enumerate(streams.keys)}
    found = set()
    for event in watch(streams, first=(DAYS - 1) * PER_DAY):
        row, bucket = rows[event.key], round(event.day * PER_DAY)
        _, start, stop = streams.events[row]
        if event.severity in ("warn", "critical") and start < bucket <= stop + 12:
            found.add(row)
    return found


def test_twelve_stories_are_a_warning_and_one_is_not() -> None:
    assert warned(with_burst(12)) == set(range(len(RATES)))
    assert warned(with_burst(1)) == set()
