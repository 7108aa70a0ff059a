"""The demo's news: an invented fortnight of articles, the same for the same seed.

Bad news is spread more evenly than in the world, so that only the three :data:`BURSTS` stand out;
how a detector copes with uneven news is what its own tests are for.
"""

from __future__ import annotations

import html
import json
import math
import random
import re
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import accumulate, cycle
from typing import Any, Final, Literal

from ingest.companies import Watchlist
from ingest.rejection import RejectReason
from ingest.samples.newsroom import Burst, Fate, Newsroom, Sentiment, Story
from ingest.samples.phrases import read

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday, 00:00: the first moment of the stream's event time."""

PER_HOUR: Final = 5.9  # stories in the mean hour of a weekday, without the bursts
WEEKEND: Final = 0.45  # of a weekday
SWING: Final = 0.6  # hours go from 0.4 to 1.6 of the day's mean: four to one
BUSIEST_HOUR: Final = 13
REPEATED: Final = 0.01  # of all good lines
SLOW: Final = 0.03  # of all lines: 2 to 8 minutes late, the others under 90 seconds
FUTURE_SKEW: Final = timedelta(days=36_525)

SHARES: Final[Mapping[Fate, float]] = {
    "bad": 0.018,
    "undated": 0.003,
    "future": 0.001,
    "late": 0.002,
    "copied": 0.085,
}
"""What becomes of the stories outside the bursts; the rest is sound."""


Kind = Literal["story", "copy", "repeat", "bad"]
"""``copy``: the same title and body from another source. ``repeat``: the same record again."""


def _at(day: int, hour: int, minute: int) -> datetime:
    return START + timedelta(days=day - 1, hours=hour, minutes=minute)


BURSTS: Final = (
    Burst("volume", "company", "Apple", _at(10, 17, 0), _at(10, 19, 0)),
    Burst("negative", "company", "Toyota", _at(11, 13, 10), _at(11, 15, 5)),
    Burst("negative", "topic", "Energy | Oil", _at(12, 8, 15), _at(12, 10, 50)),
)
"""Oldest first; they fall on Wednesday to Friday of the second week."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the stream and what is known about it.

    ``topic`` is "" for a bad line and for the stories of a company's burst. ``sentiment`` is None
    for a bad line and for the stories of a volume burst, none of which is negative. ``reason`` is
    None unless the line is bad.
    """

    arrived_at: datetime
    raw: bytes
    kind: Kind
    title: str
    topic: str
    sentiment: Sentiment | None
    reason: RejectReason | None


def sample_stream(*, days: int = 14, seed: int = 7) -> Iterator[bytes]:
    """The lines of the stream in order of arrival, without line ends; a bad one may be empty."""
    for sample in samples(days=days, seed=seed):
        yield sample.raw


def samples(*, days: int = 14, seed: int = 7) -> list[Sample]:
    """The stream with the truth about each line, in order of arrival.

    Event time runs from :data:`START` for ``days``; what would come later is left out.
    """
    rng = random.Random(seed)  # noqa: S311 - invented news, not a secret
    newsroom = Newsroom(rng, BURSTS)
    times = _times(days, rng)
    stories = [
        newsroom.story(at, fate) for at, fate in zip(times, _fates(times, rng), strict=True)
    ]
    stories += [newsroom.copy(story) for story in stories if story.fate == "copied"]
    end = START + timedelta(days=days)
    for burst in BURSTS:
        stories += newsroom.event(burst)
    stories = sorted((story for story in stories if story.at < end), key=lambda story: story.at)
    lines = _lines(stories, newsroom.outlets, rng)
    return sorted(lines, key=lambda sample: sample.arrived_at)


def outlets() -> tuple[str, ...]:
    """The invented outlets, which are the ``source`` of every sample article."""
    return tuple(sorted(read("words")["outlets"]))


def _times(days: int, rng: random.Random) -> list[datetime]:
    """Jittered rather than random times: the daily cycle without chance clusters."""
    rates = [
        (1 + SWING * math.cos((hour - BUSIEST_HOUR) * math.tau / 24))
        * (WEEKEND if (START + timedelta(hours=hour)).weekday() >= 5 else 1.0)
        for hour in range(days * 24)
    ]
    before = [0.0, *accumulate(rates)]
    count = round(PER_HOUR * before[-1])
    times = []
    for i in range(count):
        reached = (i + rng.random()) / count * before[-1]
        hour = bisect(before, reached) - 1
        times.append(START + timedelta(hours=hour + (reached - before[hour]) / rates[hour]))
    return times


def _fates(times: list[datetime], rng: random.Random) -> list[Fate]:
    fates: list[Fate] = []
    for fate, share in SHARES.items():
        fates += [fate] * round(len(times) * share)
    fates += ["sound"] * (len(times) - len(fates))
    rng.shuffle(fates)
    return fates


def _lines(
    stories: list[Story], outlets: Mapping[str, Any], rng: random.Random
) -> Iterator[Sample]:
    breaks = cycle(BREAKS)
    watchlist = Watchlist.load()
    for number, story in enumerate(stories, start=1):
        outlet = outlets[story.outlet]
        fields = _fields(story, outlet, number)
        if outlet.get("symbols"):
            fields["symbols"] = [found.symbol for found in watchlist.find(story.title, "")]
        arrived = story.at + _delay(story.fate, rng)
        if story.fate == "bad":
            reason, broken = next(breaks)
            yield Sample(arrived, broken(fields), "bad", "", "", None, reason)
            continue
        kind: Kind = "copy" if story.fate == "copy" else "story"
        line = Sample(
            arrived, _json(fields), kind, story.title, story.topic, story.sentiment, None
        )
        yield line
        if rng.random() < REPEATED:
            again = arrived + timedelta(seconds=rng.uniform(5, 400))
            yield replace(line, arrived_at=again, kind="repeat")


def _delay(fate: Fate, rng: random.Random) -> timedelta:
    if fate == "late":
        return timedelta(hours=rng.uniform(2, 7))
    if rng.random() < SLOW:
        return timedelta(minutes=rng.uniform(2, 8))
    return timedelta(seconds=rng.uniform(2, 90))


def _fields(story: Story, outlet: Mapping[str, Any], number: int) -> dict[str, Any]:
    escaped = html.escape(story.title, quote=False) if outlet.get("html") else story.title
    slug = re.sub(r"[^a-z0-9]+", "-", story.title.lower()).strip("-")
    zone = timezone(timedelta(hours=outlet["offset"]))
    at = story.at + FUTURE_SKEW if story.fate == "future" else story.at
    fields: dict[str, Any] = {
        "source": story.outlet,
        "id": f"{outlet['prefix']}-{number:06}",
        "title": escaped,
        "body": story.body,
        "url": f"https://{story.outlet}.example.com/{story.at:%Y/%m/%d}/{slug[:60]}-{number}",
        "published_at": at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **outlet.get("extra", {}),
    }
    if outlet["ids"] == "none":
        del fields["id"]
    if not story.body:
        del fields["body"]
    if story.fate == "undated":
        del fields["published_at"]
    return fields


def _json(fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


BREAKS: Final[tuple[tuple[RejectReason, Callable[[dict[str, Any]], bytes]], ...]] = (
    ("empty", lambda fields: b""),
    ("not_utf8", lambda fields: _json(fields | {"city": "Zürich"}).replace(b"\xc3\xbc", b"\xfc")),
    ("not_json", lambda fields: _json(fields)[:-40]),
    ("schema", lambda fields: _json(_without(fields, "title"))),
    ("bad_timestamp", lambda fields: _json(fields | {"published_at": "2026-03-05T10:30:00"})),
    ("schema", lambda fields: _json([fields])),
    ("schema", lambda fields: _json(fields | {"title": 404})),
    ("bad_timestamp", lambda fields: _json(fields | {"published_at": "yesterday afternoon"})),
    ("too_large", lambda fields: _json(fields | {"body": "Correction to follow. " * 9_500})),
    ("schema", lambda fields: _json(fields | {"url": "see our site"})),
    ("not_json", lambda fields: str(fields).encode()),
    ("schema", lambda fields: _json(_without(fields, "source"))),
    ("bad_timestamp", lambda fields: _json(fields | {"published_at": 1_772_600_000})),
    ("schema", lambda fields: _json(fields | {"action": "replace"})),
    ("not_json", lambda fields: _json(fields | {"relevance": float("nan")})),
    ("bad_timestamp", lambda fields: _json(fields | {"published_at": "2026-02-30T09:00:00Z"})),
)
"""How a record goes wrong, and the reason it must be refused with. Taken in turn."""
