"""A made-up newsroom with known bursts, and a desk that watches streams of counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from alerts.incidents import Watch, What, advance, wants_sources
from alerts.rules import RULES, IncidentSettings, Rule, Severity, Sources, noticeable
from alerts.scores import Reading, SpikeSettings
from alerts.simulation import MONDAY, PER_DAY, Key, Streams
from alerts.study import evaluations
from alerts.windows import BUCKETS, PER_HOUR


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
