"""Pictures as geometry: the templates write it down as SVG, escaping whatever is text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.pages.axes import Tick, TimeAxis, ValueAxis, value_axis

WIDTH: Final = 960
LEFT: Final = 46
RIGHT: Final = 10
TOP: Final = 22
FOOT: Final = 26
LANE: Final = 26
LABELS: Final = 230
"""Width of the names beside a time line."""

LEAST_STORIES: Final = 3
"""Of fewer stories no share is drawn: no data is not neutral."""


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of the hour before each time, beside what was usual; lists of one length."""

    times: Sequence[datetime]
    negative: Sequence[int]
    stories: Sequence[int]
    expected: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    usual_share: Sequence[float]
    volume: bool = False
    """The interval is of all stories, not of the negative ones."""

    @property
    def seen(self) -> Sequence[int]:
        """What the interval is about."""
        return self.stories if self.volume else self.negative


def of_evidence(drawn: dict[str, Any], rule: str) -> Series:
    """The series as :mod:`pipeline.series` stored it."""
    end, step = datetime.fromisoformat(drawn["end"]), timedelta(minutes=drawn["step_minutes"])
    count = len(drawn["negative"])
    return Series(
        times=[end - n * step for n in range(count - 1, -1, -1)],
        **{name: drawn[name] for name in ("negative", "stories", "expected", "low", "high")},
        usual_share=drawn["usual_share"],
        volume=rule == "volume_burst",
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, or a stretch of time, and what it stands for."""

    x: float
    width: float
    kind: str
    """Severity, or what happened: the name of a style."""
    label: str
    target: str = ""
    """Where a click leads: the id of an element of the same page."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of a time line."""

    y: float
    label: str
    bars: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. Points are ``x,y`` pairs as SVG has them."""

    title: str
    told: str
    """The same in words, for who cannot see it."""
    height: int
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick] = ()
    band: Sequence[str] = ()
    usual: Sequence[str] = ()
    seen: Sequence[str] = ()
    spans: Sequence[Mark] = ()
    columns: Sequence[Mark] = ()
    """Invisible; they tell their numbers when pointed at."""
    lanes: Sequence[Lane] = ()
    key: Sequence[tuple[str, str]] = field(default=())
    """Style and meaning of what is drawn."""
    width: int = WIDTH
    left: int = LEFT
    top: int = TOP

    @property
    def right(self) -> int:
        """Where the drawn part ends."""
        return self.width - RIGHT

    @property
    def bottom(self) -> int:
        """Where the drawn part ends below."""
        return self.height - FOOT


def count_chart(series: Series, spans: Iterable[tuple[datetime, datetime, str, str]]) -> Chart:
    """Counts against the interval of the usual; ``spans`` are begin, end, style and label."""
    height = 270
    across = _across(series)
    up = value_axis([*series.seen, *series.high], TOP, height - FOOT, least=4)
    what = "stories" if series.volume else "negative stories"
    worst = max(range(len(series.seen)), key=lambda n: series.seen[n] - series.high[n])
    told = (
        f"At most {max(series.seen)} {what} in an hour; most above the usual at "
        f"{_clock(series.times[worst])}: {series.seen[worst]} where {series.expected[worst]:.1f} "
        f"are usual ({series.low[worst]:.0f} to {series.high[worst]:.0f})."
    )
    return Chart(
        title=f"{what.capitalize()} in 60 minutes",
        told=told,
        height=height,
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        band=[_band(series, across, up)],
        usual=[_points(across, up, series.times, series.expected)],
        seen=[_points(across, up, series.times, series.seen)],
        spans=_spans(across, spans),
        columns=_columns(series, across),
        key=(("seen", "counted"), ("usual", "usual"), ("band", "95 % of usual hours")),
    )


def share_chart(series: Series, spans: Iterable[tuple[datetime, datetime, str, str]]) -> Chart:
    """Share of negative stories against the usual; with gaps where there are too few stories."""
    height = 190
    across, up = _across(series), ValueAxis(1.0, TOP, height - FOOT, percent=True)
    lines: list[list[str]] = [[]]
    for at, bad, total in zip(series.times, series.negative, series.stories, strict=True):
        if total >= LEAST_STORIES:
            lines[-1].append(f"{across.x(at)},{up.y(bad / total)}")
        elif lines[-1]:
            lines.append([])
    shares = [
        bad / total
        for bad, total in zip(series.negative, series.stories, strict=True)
        if total >= LEAST_STORIES
    ]
    told = f"At most {max(shares):.0%}. " if shares else "Too few stories for a share. "
    return Chart(
        title="Share of negative stories in 60 minutes",
        told=f"{told}Usual are {min(series.usual_share):.0%} to {max(series.usual_share):.0%}.",
        height=height,
        x_ticks=across.ticks(),
        y_ticks=up.ticks(),
        usual=[_points(across, up, series.times, series.usual_share)],
        seen=[" ".join(points) for points in lines if points],
        spans=_spans(across, spans),
        columns=_columns(series, across),
        key=(("seen", f"share, of {LEAST_STORIES} stories or more"), ("usual", "usual")),
    )


def time_line(
    lanes: Sequence[tuple[str, Sequence[tuple[datetime, datetime, str, str, str]]]],
    first: datetime,
    last: datetime,
) -> Chart:
    """Incidents by what they are about: bars of begin, end, severity, label and target."""
    across = TimeAxis(first, last, LABELS, WIDTH - RIGHT)
    rows = []
    for number, (label, bars) in enumerate(lanes):
        marks = tuple(
            Mark(across.x(begin), max(4.0, across.x(end) - across.x(begin)), kind, said, target)
            for begin, end, kind, said, target in bars
        )
        rows.append(Lane(TOP + number * LANE, label, marks))
    count = sum(len(row.bars) for row in rows)
    return Chart(
        title="Incidents",
        told=f"{count} incidents about {len(rows)} keys, {_clock(first)} to {_clock(last)}.",
        height=TOP + len(rows) * LANE + FOOT,
        x_ticks=across.ticks(),
        lanes=rows,
        left=LABELS,
        key=tuple((name, name) for name in ("critical", "warn", "info")),
    )


def _across(series: Series) -> TimeAxis:
    return TimeAxis(series.times[0], series.times[-1], LEFT, WIDTH - RIGHT)


def _points(
    across: TimeAxis, up: ValueAxis, times: Sequence[datetime], values: Sequence[float]
) -> str:
    pairs = zip(times, values, strict=True)
    return " ".join(f"{across.x(at)},{up.y(value)}" for at, value in pairs)


def _band(series: Series, across: TimeAxis, up: ValueAxis) -> str:
    above = _points(across, up, series.times, series.high)
    below = _points(across, up, series.times[::-1], series.low[::-1])
    return f"{above} {below}"


def _spans(
    across: TimeAxis, spans: Iterable[tuple[datetime, datetime, str, str]]
) -> tuple[Mark, ...]:
    return tuple(
        Mark(across.x(begin), round(max(2.0, across.x(end) - across.x(begin)), 1), kind, label)
        for begin, end, kind, label in spans
        if end >= across.first and begin <= across.last
    )


def _columns(series: Series, across: TimeAxis) -> tuple[Mark, ...]:
    width = round((across.right - across.left) / max(1, len(series.times) - 1), 2)
    of = "stories" if series.volume else "negative"
    return tuple(
        Mark(
            round(across.x(at) - width / 2, 1),
            width,
            "column",
            f"{_clock(at)} · {series.negative[n]} negative of {series.stories[n]} stories · usual "
            f"{of} {series.expected[n]:.1f} ({series.low[n]:.0f} to {series.high[n]:.0f})",
        )
        for n, at in enumerate(series.times)
    )


def _clock(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %H:%M}"
