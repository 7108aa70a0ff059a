"""Why an incident was opened, in numbers and headlines: what is stored and what is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alerts.rules import IncidentSettings, Rule, Sources, crosses
from alerts.scores import Reading, Scores
from alerts.windows import WINDOWS


@dataclass(frozen=True, slots=True)
class Story:
    """One negative story of the window, by its first article."""

    id: str
    headline: str
    source: str
    url: str | None
    copies: int
    """Further articles that repeat it."""
    published_at: datetime
    outlets: int = 1
    """Distinct sources of it and its copies."""
    version: str = ""
    """The classifier that called it what it is."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers of one reading and the stories behind them. ``volume_burst``: all stories."""

    observed: int
    expected: float
    expected_low: int
    expected_high: int
    """95 % predictive interval of the count, both ends included."""
    total: int
    share: float
    baseline_share: float
    p_count: float
    p_share: float
    window_minutes: int
    ratio: float
    sources: int
    active_sources: int
    """Distinct sources on the key in the last 14 days."""
    baseline_days: float
    stories: tuple[Story, ...] = field(default=())
    note: str = ""
    score: float = 0.0
    """The lesser of both tests' -log10 of the tail, corrected for three windows."""
    in_bh: bool = False
    """Among the discoveries (Benjamini-Hochberg) of all keys at that evaluation."""
    p_others: float | None = None
    """That so many would be negative beside so many others; None: written before it was asked."""
    robust: bool | None = None
    """Stands without any one source, and any one story; None: not asked."""

    def to_json(self) -> dict[str, Any]:
        """Give the evidence as JSON values, times in RFC 3339."""
        values = asdict(self)
        values["stories"] = [
            {**story, "published_at": story["published_at"].isoformat()}
            for story in values["stories"]
        ]
        return values

    @staticmethod
    def from_json(values: dict[str, Any]) -> Evidence:
        """Read what ``to_json`` gave."""
        stories = tuple(
            Story(**{**story, "published_at": datetime.fromisoformat(story["published_at"])})
            for story in values["stories"]
        )
        return Evidence(**{**values, "stories": stories})


def gather(
    rule: Rule,
    reading: Reading,
    sources: Sources,
    stories: Sequence[Story],
    settings: IncidentSettings,
) -> Evidence:
    """Put together the evidence of one reading; ``stories`` are those to show, best first."""
    volume = rule == "volume_burst"
    return Evidence(
        observed=reading.volume_observed if volume else reading.observed,
        expected=reading.volume_expected if volume else reading.expected,
        expected_low=reading.volume_low if volume else reading.expected_low,
        expected_high=reading.volume_high if volume else reading.expected_high,
        total=reading.volume_observed if volume else reading.total,
        share=reading.share,
        baseline_share=reading.baseline_share,
        p_count=reading.volume_p if volume else reading.p_count,
        p_share=reading.p_share,
        window_minutes=reading.volume_window_minutes if volume else reading.window_minutes,
        ratio=reading.volume_ratio if volume else reading.ratio,
        sources=sources.observed,
        active_sources=sources.active,
        baseline_days=reading.baseline_days,
        stories=tuple(stories),
        note=_note(rule, reading, sources, settings),
        score=reading.volume_score if volume else reading.score,
        in_bh=reading.in_bh,
        p_others=reading.p_others,
        robust=sources.robust if rule == "negative_spike" else None,
    )


def robust(
    scores: Scores,
    index: int,
    stories: Sequence[Story],
    at: datetime,
    settings: IncidentSettings,
) -> bool:
    """Say whether key ``index`` is still a spike without any one source.

    Every story has a source, so it is then a spike without any one story too. ``stories`` are
    all its negative stories of the last 180 minutes before ``at``, not only those shown.
    """
    left_out: dict[str, list[int]] = defaultdict(lambda: [0] * len(WINDOWS))
    for story in stories:
        for row, minutes in enumerate(WINDOWS):
            left_out[story.source][row] += at - story.published_at <= timedelta(minutes=minutes)
    return all(
        crosses("negative_spike", scores.without(index, fewer), settings) != "none"
        for fewer in left_out.values()
    )


def _note(rule: Rule, reading: Reading, sources: Sources, settings: IncidentSettings) -> str:
    """Say in a sentence each what a reader of the numbers must know besides."""
    parts = []
    if rule == "volume_burst":
        parts.append("Many stories, but not more negative than usual.")
    if rule == "tone_shift":
        parts.append("More negative than usual, but not more stories.")
    if reading.baseline_days < settings.warn_until_days:
        parts.append(f"The baseline is only {reading.baseline_days:.0f} days old.")
    if rule == "negative_spike" and not sources.robust:
        parts.append("Without one of its sources or stories it would not stand out.")
    return " ".join(parts)
