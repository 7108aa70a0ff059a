"""Counts against what was expected: the tests, for all keys at once, and one key's reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from alerts.baseline import BaselineSettings
from alerts.expectation import Expectation
from alerts.mood import others_tails, share_tails
from alerts.season import FloatArray
from alerts.tails import (
    count_interval,
    count_tail,
    discoveries,
    score_of_best,
    window_of_best,
)
from alerts.windows import WINDOWS, IntArray

HOUR_WINDOW: Final = WINDOWS.index(60)


class SpikeSettings(BaseModel):
    """What the tests need beyond the baselines."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    baseline: BaselineSettings = BaselineSettings()
    """How the usual is learned."""
    window_shares: tuple[float, float, float] = (0.2, 0.5, 0.3)
    """How the windows of 15, 60 and 180 minutes share the chance of a false alarm: each tail is
    divided by its share, so that the best of three tries is worth no more than one. They add up
    to 1. The short window gets little: it sees great spikes soon, and small ones never."""
    least_negative: int = Field(default=3, ge=1)
    """Fewer negative stories in a window are never unusual."""
    least_stories: int = Field(default=8, ge=1)
    """Fewer stories in a window are never a burst of volume."""
    least_expected: float = Field(default=0.2, gt=0)
    """Negative stories: the tests expect no fewer in any window, however short. One event brings
    a handful of stories within minutes, also to a company that was never in the news before."""
    least_expected_stories: float = Field(default=0.5, gt=0)
    """The same for all stories."""
    least_variation: float = Field(default=1.0, gt=0)
    """How much the volume of news may vary, at least, where the others that came are asked: 1 /
    size of its Gamma. However steady a key was, an event of any kind may triple its news."""
    others_discount: float = Field(default=0.6, ge=0)
    """What the score of that test is lowered by, -log10: on quiet busy keys its small tails come
    up to four times as often as they say, for three estimates are in them."""
    sparse_below: float = 8.0
    """Expected stories in 60 minutes under which a key is sparse: its share alone says nothing."""
    false_discovery_rate: float = Field(default=0.01, gt=0, lt=1)
    """Benjamini-Hochberg across the keys of one evaluation."""

    @field_validator("window_shares")
    @classmethod
    def _add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(shares) <= 0.0 or abs(sum(shares) - 1.0) > 1e-6:
            raise ValueError("three numbers above 0 that add up to 1")
        return shares


@dataclass(frozen=True, slots=True)
class Reading:
    """One key at one evaluation. Counts, shares and tails are those of ``window_minutes``."""

    observed: int
    """Negative stories."""
    total: int
    """All stories."""
    expected: float
    expected_low: int
    expected_high: int
    """95 % predictive interval, both ends included."""
    ratio: float
    share: float
    baseline_share: float
    lift: float
    p_count: float
    p_share: float
    p_others: float
    """That so many would be negative, given how many others came."""
    score: float
    s_count: float
    s_share: float
    s_others: float
    volume_score: float
    volume_observed: int
    volume_expected: float
    volume_low: int
    volume_high: int
    volume_p: float
    volume_ratio: float
    """All stories, in the window where they stand out most."""
    window_minutes: int
    volume_window_minutes: int
    p_count_60: float
    ratio_60: float
    over_60: float
    """Negative stories of the last hour above the expected; below it if negative."""
    volume_p_60: float
    volume_ratio_60: float
    volume_over_60: float
    newest: int
    """Negative stories of the newest bucket."""
    newest_stories: int
    """All stories of the newest bucket."""
    sparse: bool
    in_bh: bool
    baseline_days: float
    per_hour: float = 0.0
    """Expected stories of the last 60 minutes; tells the volume band."""


@dataclass(frozen=True, slots=True)
class Scores:
    """All keys at one evaluation. Arrays are (keys,), those of the tests (keys, 3 windows).

    A tail that was not worked out, because its count is small or its share unremarkable, is 1.
    Scores are -log10 of a tail, corrected for three windows, never negative, 0 in warm-up.
    """

    observed: IntArray
    total: IntArray
    expected: FloatArray
    p_count: FloatArray
    p_share: FloatArray
    p_others: FloatArray
    p_volume: FloatArray
    s_count: FloatArray
    s_share: FloatArray
    s_others: FloatArray
    score: FloatArray
    """The lesser of ``s_count`` and ``s_others``."""
    volume_score: FloatArray
    best: NDArray[np.intp]
    """Index of the window where negative stories stand out most."""
    volume_best: NDArray[np.intp]
    ratio: FloatArray
    """(keys, 3)"""
    volume_ratio: FloatArray
    """(keys, 3)"""
    share: FloatArray
    """(keys, 3); 0 without a story"""
    sparse: NDArray[np.bool_]
    in_bh: NDArray[np.bool_]
    newest: IntArray
    newest_stories: IntArray
    expectation: Expectation
    settings: SpikeSettings

    def reading(self, index: int) -> Reading:
        """One key's numbers, with the interval that is too dear to work out for every key."""
        best, volume = int(self.best[index]), int(self.volume_best[index])
        usual = self.expectation
        low, high = count_interval(usual.negative[index, best], usual.variation[index, best])
        most = count_interval(usual.at_once[index, volume], usual.stories_variation[index, volume])
        share, baseline = float(self.share[index, best]), float(usual.share[index, best])
        return Reading(
            observed=int(self.observed[index, best]),
            total=int(self.total[index, best]),
            expected=float(usual.negative[index, best]),
            expected_low=low,
            expected_high=high,
            ratio=float(self.ratio[index, best]),
            share=share,
            baseline_share=baseline,
            lift=share - baseline,
            p_count=float(self.p_count[index, best]),
            p_share=float(self.p_share[index, best]),
            p_others=float(self.p_others[index, best]),
            score=float(self.score[index]),
            s_count=float(self.s_count[index]),
            s_share=float(self.s_share[index]),
            s_others=float(self.s_others[index]),
            volume_score=float(self.volume_score[index]),
            volume_observed=int(self.total[index, volume]),
            volume_expected=float(usual.at_once[index, volume]),
            volume_low=most[0],
            volume_high=most[1],
            volume_p=float(self.p_volume[index, volume]),
            volume_ratio=float(self.volume_ratio[index, volume]),
            window_minutes=WINDOWS[best],
            volume_window_minutes=WINDOWS[volume],
            p_count_60=float(self.p_count[index, HOUR_WINDOW]),
            ratio_60=float(self.ratio[index, HOUR_WINDOW]),
            over_60=float(self.observed[index, HOUR_WINDOW] - usual.negative[index, HOUR_WINDOW]),
            volume_p_60=float(self.p_volume[index, HOUR_WINDOW]),
            volume_ratio_60=float(self.volume_ratio[index, HOUR_WINDOW]),
            volume_over_60=float(
                self.total[index, HOUR_WINDOW] - usual.stories[index, HOUR_WINDOW]
            ),
            newest=int(self.newest[index]),
            newest_stories=int(self.newest_stories[index]),
            sparse=bool(self.sparse[index]),
            in_bh=bool(self.in_bh[index]),
            baseline_days=usual.baseline_days,
            per_hour=float(usual.stories[index, HOUR_WINDOW]),
        )

    def without(self, index: int, negative: Sequence[int]) -> Reading:
        """One key's numbers had ``negative`` stories fewer come, given per window.

        Stories of the newest bucket and membership of the discoveries are left as they are.
        """
        fewer = np.asarray([negative], dtype=np.int64)
        one = slice(index, index + 1)
        rest = judge(
            np.maximum(self.observed[one] - fewer, 0),
            np.maximum(self.total[one] - fewer, 0),
            self.newest[one],
            self.newest_stories[one],
            self.expectation.of(index),
            self.settings,
        )
        return rest.reading(0)


def judge(
    observed: IntArray,
    total: IntArray,
    newest: IntArray,
    newest_stories: IntArray,
    usual: Expectation,
    settings: SpikeSettings,
) -> Scores:
    """Compare counts, (keys, 3 windows), with the expectation; pure.

    ``newest`` and ``newest_stories`` are (keys,), of the last bucket, and are only passed on.
    """
    negative = np.maximum(usual.negative, settings.least_expected)
    stories = np.maximum(usual.at_once, settings.least_expected_stories)
    p_count = count_tail(observed, negative, usual.variation)
    p_volume = count_tail(total, stories, usual.stories_variation)
    mood = (usual.share, usual.concentration)
    least, floor = settings.least_negative, settings.least_expected
    p_share = share_tails(observed, total, p_count, *mood, least=least)
    varies = np.maximum(usual.stories_variation, settings.least_variation)
    p_others = others_tails(observed, total, negative, *mood, varies, least=least, floor=floor)
    counted = np.where(observed >= least, p_count, 1.0)
    voluminous = np.where(total >= settings.least_stories, p_volume, 1.0)
    shares = np.array(settings.window_shares)
    s_count, s_share, s_others, volume_score = (
        score_of_best(tails, shares) * usual.ready
        for tails in (counted, p_share, p_others, voluminous)
    )
    s_others = np.maximum(s_others - settings.others_discount, 0.0)
    score = np.minimum(s_count, s_others)
    return Scores(
        observed=observed,
        total=total,
        expected=usual.negative,
        p_count=p_count,
        p_share=p_share,
        p_others=p_others,
        p_volume=p_volume,
        s_count=s_count,
        s_share=s_share,
        s_others=s_others,
        score=score,
        volume_score=volume_score,
        best=window_of_best(counted, shares, HOUR_WINDOW),
        volume_best=window_of_best(voluminous, shares, HOUR_WINDOW),
        ratio=observed / negative,
        volume_ratio=total / stories,
        share=observed / np.maximum(total, 1),
        sparse=usual.stories[:, HOUR_WINDOW] < settings.sparse_below,
        in_bh=discoveries(10.0**-score, settings.false_discovery_rate),
        newest=newest,
        newest_stories=newest_stories,
        expectation=usual,
        settings=settings,
    )
