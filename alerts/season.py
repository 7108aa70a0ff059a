"""The daily and weekly rhythm of news: how a key's usual hour depends on the hour of the week.

Everything the detector knows about hours of the week is here; the rest sees one factor per key
and hour. Both seasons keep, per cell, what happened and what the level alone would have
expected, and divide when they are read. So nothing has to be undone when the pooled profile
changes, and the season is never counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FloatArray = NDArray[np.float64]

HOURS: Final = 24
CELLS: Final = 7 * HOURS
"""Hours of the week, from Monday 00 h."""
WEEKEND: Final = np.repeat([False, False, False, False, False, True, True], HOURS)
"""(CELLS,)"""
Float32Array = NDArray[np.float32]
"""What is kept per key and cell: half as wide, since there are many and none is exact anyway."""


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
    """Stories' worth of belief that the fleet has no rhythm beyond the coarser one, per cell."""
    key_prior: float = Field(default=8.0, gt=0)
    """Stories' worth of belief that a key has the fleet's rhythm, per hour of a weekday or of a
    day of the weekend."""
    key_day_prior: float = Field(default=30.0, gt=0)
    """Stories' worth of belief that a key's weekdays are alike, per hour of the week."""
    share_prior: float = Field(default=100.0, gt=0)
    """Stories' worth of belief that the share of negative stories has no rhythm beyond the
    coarser one, per cell."""
    share_key_prior: float = Field(default=100.0, gt=0)
    """Stories' worth of belief that a key's share has the fleet's rhythm, per hour of the day."""


def cell(hour: datetime, zone: ZoneInfo) -> int:
    """Index of ``hour`` among the ``CELLS``."""
    local = hour.astimezone(zone)
    return local.weekday() * HOURS + local.hour


class CountSeason:
    """Factors on a key's level, one per key and cell, whose weekly mean is 1.

    The fleet's hour of the day, then its hour on a weekday or weekend, then its hour of the week;
    from there the key's own hour on a weekday or weekend, then its own hour of the week. Each is
    shrunken towards the one before, so a quiet key uses the fleet's and a busy key its own.
    """

    def __init__(self, keys: int, settings: SeasonSettings) -> None:
        self._settings = settings
        self._decay = np.float32(0.5 ** (1.0 / (settings.half_life_days * 24.0)))
        self._seen = 0
        self._counts: Float32Array = np.zeros((CELLS, keys), dtype=np.float32)
        self._levels: Float32Array = np.zeros((CELLS, keys), dtype=np.float32)
        self.factors: Float32Array = np.ones((CELLS, keys), dtype=np.float32)

    def learn(self, at: int, counts: FloatArray, levels: FloatArray) -> None:
        """Add one hour of cell ``at``: what was counted, and the level per hour, both (keys,)."""
        self._seen += 1
        if self._seen <= self._settings.warmup_hours:
            return
        self._counts *= self._decay
        self._levels *= self._decay
        self._counts[at] += counts.astype(np.float32)
        self._levels[at] += levels.astype(np.float32)
        self._refresh()

    def forget(self, row: int, cells: Sequence[int]) -> None:
        """Forget what a key's hours in these cells taught; its other days speak for them."""
        self._counts[list(cells), row] = 0.0
        self._levels[list(cells), row] = 0.0
        self._refresh()

    def _refresh(self) -> None:
        prior = self._settings.pooled_prior
        own, own_day = self._settings.key_prior, self._settings.key_day_prior
        counts, levels = (
            kept.sum(axis=1, dtype=np.float64) for kept in (self._counts, self._levels)
        )
        pooled = np.ones(CELLS)
        for coarser in (_by_hour, _by_day_type, _itself):
            pooled = pooled * (prior + coarser(counts)) / (prior + coarser(levels * pooled))
        shape = pooled.astype(np.float32)[:, None]
        kept, usual = _day_types(self._counts), _day_types(self._levels * shape)
        typical = ((own + kept) / (own + usual))[_DAY_TYPE_OF] * shape
        factors = typical
        factors *= (own_day + self._counts) / (own_day + self._levels * typical)
        factors /= factors.mean(axis=0)
        self.factors = factors


class ShareSeason:
    """Offsets on the logit of the share of negative stories, one per cell and key.

    The fleet's hour of the day, then its hour of the week, then the key's own hour of the day,
    each shrunken towards the one before.
    """

    def __init__(self, keys: int, settings: SeasonSettings) -> None:
        self._prior, self._own = settings.share_prior, settings.share_key_prior
        self._decay = 0.5 ** (1.0 / (settings.half_life_days * 24.0))
        self._fleet_sums: FloatArray = np.zeros((3, CELLS))
        self._key_sums: Float32Array = np.zeros((3, HOURS, keys), dtype=np.float32)
        self._fleet: FloatArray = np.zeros(CELLS)
        self._of_key: FloatArray = np.zeros((HOURS, keys))

    def offsets(
        self, cells: Sequence[int], rows: slice | NDArray[np.int64] = slice(None)
    ) -> FloatArray:
        """Offsets of some cells, (keys, cells), or those of some ``rows``."""
        hours = [at % HOURS for at in cells]
        found: FloatArray = self._of_key[:, rows][hours].T + self._fleet[list(cells)]
        return found

    def learn(self, at: int, negative: FloatArray, usual: FloatArray, stories: FloatArray) -> None:
        """Add one hour, all (keys,): negative stories, those usual without any season, and all."""
        hour = np.stack([negative, usual, stories])
        self._fleet_sums *= self._decay
        self._fleet_sums[:, at] += hour.sum(axis=1)
        self._key_sums *= np.float32(self._decay)
        self._key_sums[:, at % HOURS] += hour
        self._refresh()

    def _refresh(self) -> None:
        bad, plain, total = self._fleet_sums
        share = np.clip(plain.sum() / max(total.sum(), 1.0), 0.01, 0.99)
        fleet, expected = np.zeros(CELLS), plain
        for coarser in (_by_hour, _itself):
            seen, usual, all_ = (coarser(kept) for kept in (bad, expected, total))
            fleet = fleet + _shrunken(seen, usual, all_, self._prior, share)
            expected = _shifted(plain, total, fleet)
        self._fleet = fleet
        bad, plain, total = self._key_sums.astype(np.float64)
        expected = _shifted(plain, total, fleet.reshape(7, HOURS).mean(axis=0)[:, None])
        share = np.clip(expected.sum(axis=0) / np.maximum(total.sum(axis=0), 1.0), 0.01, 0.99)
        self._of_key = _shrunken(bad, expected, total, self._own, share)


def _shifted(usual: FloatArray, stories: FloatArray, offsets: FloatArray) -> FloatArray:
    """How many would be usual if the logit of their share were higher by the offsets."""
    share = np.clip(usual / np.maximum(stories, 1e-9), 0.01, 0.99)
    shifted: FloatArray = stories * expit(_logit(share) + offsets)
    return shifted


def _shrunken(
    negative: FloatArray, usual: FloatArray, stories: FloatArray, prior: float, share: FloatArray
) -> FloatArray:
    """Difference on the logit of what was seen to what was usual, held back by the prior."""
    usual_share = (usual + prior * share) / (stories + prior)
    seen_share = (negative + prior * usual_share) / (stories + prior)
    return _logit(seen_share) - _logit(usual_share)


_DAY_TYPE_OF: Final = np.arange(CELLS) % HOURS + HOURS * WEEKEND
"""(CELLS,): hour of a weekday, 0 to 23, or of a day of the weekend, 24 to 47."""


def _itself(cells: FloatArray) -> FloatArray:
    return cells


def _by_hour(cells: FloatArray) -> FloatArray:
    """Sums over the days, for every cell."""
    summed: FloatArray = np.tile(cells.reshape(7, HOURS).sum(axis=0), 7)
    return summed


def _by_day_type(cells: FloatArray) -> FloatArray:
    summed: FloatArray = np.bincount(_DAY_TYPE_OF, cells)[_DAY_TYPE_OF]
    return summed


def _day_types(cells: Float32Array) -> Float32Array:
    """(CELLS, keys) in, (2 x HOURS, keys) out."""
    days = cells.reshape(7, HOURS, -1)
    return np.concatenate([days[:5].sum(axis=0), days[5:].sum(axis=0)])


def _logit(share: FloatArray) -> FloatArray:
    odds: FloatArray = np.log(share / (1.0 - share))
    return odds


def expit(odds: FloatArray) -> FloatArray:
    """Share that has these logarithmic odds."""
    share: FloatArray = 1.0 / (1.0 + np.exp(-odds))
    return share
