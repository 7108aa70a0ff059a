"""The daily and weekly rhythm of news: how a key's usual hour depends on the hour of the week.

Everything the detector knows about hours of the week is here; the rest sees one factor per key
and hour. Both seasons keep, per cell, what happened and what the level alone would have
expected, and divide when they are read. So nothing has to be undone when the pooled profile
changes, and the season is never counted twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FloatArray = NDArray[np.float64]

HOURS: Final = 24
CELLS: Final = 2 * HOURS
"""Hours of a weekday, then hours of a day of the weekend."""
DAYS: Final = np.repeat([5.0 / 7.0, 2.0 / 7.0], HOURS) / HOURS
"""Share of the week that each cell takes; sums to 1."""


class SeasonSettings(BaseModel):
    """How fast and how readily a rhythm is believed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    timezone: str = "UTC"
    """IANA name; the zone in which hours and weekends are told."""
    half_life_days: float = Field(default=28.0, gt=0)
    """Days of event time in which the stream was not silent."""
    warmup_hours: int = Field(default=24, ge=0)
    """Learned hours before a season may form: until then the level has not seen a whole day."""
    pooled_prior: float = Field(default=30.0, gt=0)
    """Stories' worth of belief that the fleet has no rhythm, per cell."""
    key_prior: float = Field(default=8.0, gt=0)
    """Stories' worth of belief that a key has the fleet's rhythm, per cell."""
    share_prior: float = Field(default=100.0, gt=0)
    """Stories' worth of belief that the share of negative stories has no rhythm, per hour."""


def cell(hour: datetime, zone: ZoneInfo) -> int:
    """Index of ``hour`` among the ``CELLS``."""
    local = hour.astimezone(zone)
    return local.hour + (HOURS if local.weekday() >= 5 else 0)


class CountSeason:
    """Factors on a key's level, one per key and cell, whose weekly mean is 1.

    The fleet's hour of the day, then its hour on a weekday or weekend, then the key's own hour:
    each is shrunken towards the one before, so a quiet key uses the fleet's and a busy key its
    own.
    """

    def __init__(self, keys: int, settings: SeasonSettings) -> None:
        self._settings = settings
        self._decay = 0.5 ** (1.0 / (settings.half_life_days * 24.0))
        self._seen = 0
        self._counts: FloatArray = np.zeros((CELLS, keys))
        self._levels: FloatArray = np.zeros((CELLS, keys))
        self.factors: FloatArray = np.ones((CELLS, keys))

    def learn(self, at: int, counts: FloatArray, levels: FloatArray) -> None:
        """Add one hour of cell ``at``: what was counted, and the level per hour, both (keys,)."""
        self._seen += 1
        if self._seen <= self._settings.warmup_hours:
            return
        self._counts *= self._decay
        self._levels *= self._decay
        self._counts[at] += counts
        self._levels[at] += levels
        self._refresh()

    def _refresh(self) -> None:
        prior, own = self._settings.pooled_prior, self._settings.key_prior
        counts, levels = self._counts.sum(axis=1), self._levels.sum(axis=1)
        day = (prior + _by_hour(counts)) / (prior + _by_hour(levels))
        day = np.concatenate([day, day])
        pooled = day * (prior + counts) / (prior + levels * day)
        shape = pooled[:, None]
        factors = shape * (own + self._counts) / (own + self._levels * shape)
        self.factors = factors / (DAYS @ factors)


class ShareSeason:
    """Offsets on the logit of the share of negative stories, per cell, pooled over all keys."""

    def __init__(self, settings: SeasonSettings) -> None:
        self._prior = settings.share_prior
        self._decay = 0.5 ** (1.0 / (settings.half_life_days * 24.0))
        self._negative: FloatArray = np.zeros(HOURS)
        self._usual: FloatArray = np.zeros(HOURS)
        self._stories: FloatArray = np.zeros(HOURS)
        self.offsets: FloatArray = np.zeros(CELLS)

    def learn(self, at: int, negative: float, usual: float, stories: float) -> None:
        """Add one hour: negative stories, those usual without a season, and all; fleet sums."""
        for sums, value in (
            (self._negative, negative),
            (self._usual, usual),
            (self._stories, stories),
        ):
            sums *= self._decay
            sums[at % HOURS] += value
        share = np.clip(self._usual.sum() / max(self._stories.sum(), 1.0), 0.01, 0.99)
        usual_share = (self._usual + self._prior * share) / (self._stories + self._prior)
        seen_share = (self._negative + self._prior * usual_share) / (self._stories + self._prior)
        self.offsets = np.tile(_logit(seen_share) - _logit(usual_share), 2)


def _by_hour(cells: FloatArray) -> FloatArray:
    by_hour: FloatArray = cells[:HOURS] + cells[HOURS:]
    return by_hour


def _logit(share: FloatArray) -> FloatArray:
    odds: FloatArray = np.log(share / (1.0 - share))
    return odds
