"""How many stories are usual for every key, and how much that varies.

All state is numpy arrays over the keys, moves by one closed hour per ``learn`` call, and is a
pure function of the sequence of those calls. The formulas are Gamma-Poisson updates with
exponential forgetting. An hour far above the expected is clipped before it teaches, so that an
outbreak does not become the norm; Noufaily et al. (2013) weigh old outbreaks down for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from alerts.season import CountSeason, FloatArray, SeasonSettings, cell
from alerts.windows import HOUR, WINDOWS, IntArray, Rows, Span

ALL_ROWS: Final = slice(None)


class BaselineSettings(BaseModel):
    """Memory, priors and clips of the baselines. Days and hours are those that were learned."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    season: SeasonSettings = SeasonSettings()
    """How the rhythm of the week is learned."""
    half_life_days: tuple[float, float] = (2.0, 14.0)
    """Shortest and longest; a busy key forgets faster because it knows sooner."""
    half_life_power: float = 0.35
    """Half-life = longest x (1 + stories per hour) ^ -power."""
    warmup_hours: int = Field(default=48, ge=1)
    """Learned hours before anything is scored or clipped."""
    level_prior: float = Field(default=1.0, gt=0)
    """Stories' worth of belief that a key is like the mean of its kind."""
    level_floor: float = Field(default=1e-3, gt=0)
    """Least mean of a kind, stories per hour."""
    dispersion_prior: tuple[float, float] = (0.25, 0.4)
    """(c, p): the negative binomial's 1/r is about c x (stories per hour) ^ -p, before seen."""
    dispersion_range: tuple[float, float] = (0.02, 2.0)
    """Bounds of that prior."""
    dispersion_weight: tuple[float, float] = (20.0, 48.0)
    """The prior's weight: in squared expected stories, and in hours."""
    level_clip: float = 4.0
    """An hour teaches at most its expected count + this many standard deviations + 2 stories."""
    dispersion_clip: float = 6.0
    """The same for the spread, + 3 stories."""
    source_class: Literal["news", "social"] = "news"
    """What is counted. Posts have so much heavier tails than news that only an hour above 20 times
    the expected + 50 is clipped before it teaches the spread; with news, that costs recall."""
    share_prior: tuple[float, float] = (0.2, 5.0)
    """(share of negative, stories' worth of belief) for each kind's mean."""
    share_key_prior: float = Field(default=8.0, gt=0)
    """Stories' worth of belief that a key has the share of its kind."""
    odds_prior: tuple[float, float] = (0.06, 80.0)
    """(variance of the share's logit from hour to hour, its weight)."""
    odds_range: tuple[float, float] = (0.015, 1.5)
    """Bounds of the learned variance."""


def forgetting(rate: FloatArray, settings: BaselineSettings) -> FloatArray:
    """Weight that an hour keeps after one more hour, from stories per hour."""
    shortest, longest = settings.half_life_days
    days = np.clip(longest * (1.0 + rate) ** -settings.half_life_power, shortest, longest)
    kept: FloatArray = 0.5 ** (1.0 / (24.0 * days))
    return kept


class CountBaseline:
    """How many stories each key has in an hour, and how much that varies.

    ``groups`` (keys,) numbers each key's kind; a key with no past of its own is taken to be like
    the mean of its kind.
    """

    def __init__(self, groups: IntArray, settings: BaselineSettings) -> None:
        keys = len(groups)
        self._groups = groups
        self._settings = settings
        self._zone = ZoneInfo(settings.season.timezone)
        self._season = CountSeason(keys, settings.season)
        self._stories: FloatArray = np.zeros(keys)
        self._hours: FloatArray = np.zeros(keys)
        self._excess: FloatArray = np.zeros((len(WINDOWS), keys))
        self._squares: FloatArray = np.zeros((len(WINDOWS), keys))
        self._judged = np.zeros(len(WINDOWS))
        self._last: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=3)
        self._hour: datetime | None = None
        self._seen = 0
        self.level: FloatArray = np.zeros(keys)
        self.variation: FloatArray = np.zeros((keys, len(WINDOWS)))
        self._refresh()

    def expected(self, over: Span, rows: Rows = ALL_ROWS) -> FloatArray:
        """Expected stories in each window, (keys, 3), or those of some ``rows``.

        Linear between the middles of neighbouring hours, but not across a step such as the edge
        of a weekend.
        """
        hours = self.level[rows] * self._season.factors[:, rows][list(over.cells)]
        inner = hours[1:-1]
        before, after = (_gentle(inner, side) for side in (hours[:-2], hours[2:]))
        part = over.weights
        total: FloatArray = (part.whole @ inner + part.left @ before + part.right @ after).T
        return total

    def to_come(self, over: Span) -> FloatArray:
        """Stories that the newest hour usually still brings, in windows that hold its beginning,
        (keys, 3): it may bring them all at once, as wires do on the hour."""
        rest: FloatArray = np.outer(
            self.level * self._season.factors[over.cells[-2]], over.weights.early
        )
        return rest

    def learn(self, hour: datetime, counts: FloatArray, last_15: FloatArray) -> FloatArray:
        """Take in the closed hour [hour, hour + 1 h) and its last quarter, both (keys,).

        Gives back how many stories of it were believed: fewer than there were in an outbreak.
        """
        here, after = (cell(hour + step * HOUR, self._zone) for step in (0, 1))
        usual = self.level * self._season.factors[here]
        known = self._seen >= self._settings.warmup_hours
        if known:
            quarter = usual + 0.375 * _gentle(usual, self.level * self._season.factors[after])
            self._learn_spread(hour, counts, last_15, usual, quarter / 4.0)
            counts = self._clipped(counts, usual)
        kept = forgetting(self.level, self._settings)
        self._stories = kept * self._stories + counts
        self._hours = kept * self._hours + self._season.factors[here]
        self._seen += 1
        self._refresh()
        self._season.learn(here, counts, self.level)
        return counts

    def accept(self, row: int, hours: Sequence[tuple[datetime, float]]) -> None:
        """Forget a key's level and take it from these hours alone, as they were, unclipped.

        The spread stays, and so does the season, except in these hours' cells: there the key's
        new level would be taken for its rhythm.
        """
        self._season.forget(row, [cell(hour, self._zone) for hour, _ in hours])
        one = slice(row, row + 1)
        stories, known = np.zeros(1), np.zeros(1)
        for hour, count in hours:
            factor = self._season.factors[cell(hour, self._zone), one]
            kept = forgetting(stories / np.maximum(known, 1.0), self._settings)
            stories = kept * stories + count
            known = kept * known + factor
        self._stories[one], self._hours[one] = stories, known
        self._refresh()

    def _clipped(self, counts: FloatArray, usual: FloatArray) -> FloatArray:
        spread = np.sqrt(usual + usual**2 * self._dispersion[1])
        most = np.ceil(usual + self._settings.level_clip * spread + 2.0)
        clipped: FloatArray = np.minimum(counts, most)
        return clipped

    def _learn_spread(
        self,
        hour: datetime,
        counts: FloatArray,
        last_15: FloatArray,
        usual: FloatArray,
        quarter: FloatArray,
    ) -> None:
        if self._hour is None or hour - self._hour != HOUR:
            self._last.clear()
        self._hour = hour
        self._last.append((counts, usual))
        rows = [(0, last_15, quarter), (1, counts, usual)]
        if len(self._last) == 3:
            three = [np.sum([last[part] for last in self._last], axis=0) for part in (0, 1)]
            rows.append((2, three[0], three[1]))
        keep = 0.5 ** (1.0 / (24.0 * self._settings.season.half_life_days))
        for row, seen, expected in rows:
            ratio = np.maximum(self._dispersion[row], 0.02)
            spread = np.sqrt(expected + expected**2 * ratio)
            most = expected + self._settings.dispersion_clip * spread + 3.0
            if self._settings.source_class == "social":
                most = 20.0 * expected + 50.0
            seen = np.minimum(seen, most)
            self._excess[row] = keep * self._excess[row] + (seen - expected) ** 2 - expected
            self._squares[row] = keep * self._squares[row] + expected**2
            self._judged[row] = keep * self._judged[row] + 1.0

    def _refresh(self) -> None:
        """Bring what is read up to date with what was learned."""
        settings = self._settings
        stories, hours = (np.bincount(self._groups, sums) for sums in (self._stories, self._hours))
        kind = np.maximum(stories / np.maximum(hours, 1.0), settings.level_floor)[self._groups]
        prior = settings.level_prior
        self.level = (self._stories + prior) / (self._hours + prior / kind)
        scale, power = settings.dispersion_prior
        guess = np.clip(scale * self.level**-power, *settings.dispersion_range)
        squares, hours_worth = settings.dispersion_weight
        weight = squares + hours_worth * self._squares / np.maximum(self._judged, 1.0)[:, None]
        learned = (self._excess + weight * guess) / (self._squares + weight)
        self._dispersion = np.clip(learned, 1e-4, 5.0)
        # The second term is how little is known of the level: Gamma(shape) with few stories.
        self.variation = (self._dispersion + 1.0 / (self._stories + prior)).T


def _gentle(here: FloatArray, side: FloatArray) -> FloatArray:
    """Difference to the neighbouring hour, or 0 where the profile steps."""
    ratio = side / np.maximum(here, 1e-9)
    change: FloatArray = np.where((ratio > 0.6) & (ratio < 1.67), side - here, 0.0)
    return change
