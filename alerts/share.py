"""Which share of a key's stories is usually negative, and how much that varies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from alerts.baseline import ALL_ROWS, BaselineSettings, forgetting
from alerts.season import FloatArray, ShareSeason, cell, expit
from alerts.windows import WINDOWS, IntArray, Rows, Span


class ShareBaseline:
    """Which share of each key's stories is negative, and how much that varies."""

    def __init__(self, groups: IntArray, settings: BaselineSettings) -> None:
        keys = len(groups)
        self._groups = groups
        self._settings = settings
        self._zone = ZoneInfo(settings.season.timezone)
        self._season = ShareSeason(keys, settings.season)
        self._negative: FloatArray = np.zeros(keys)
        self._stories: FloatArray = np.zeros(keys)
        self._hours: FloatArray = np.zeros(keys)
        self._excess: FloatArray = np.zeros(keys)
        self._pairs: FloatArray = np.zeros(keys)
        self._seen = 0
        self._refresh()

    def expected(self, over: Span, stories: IntArray, rows: Rows = ALL_ROWS) -> FloatArray:
        """Usual share in each window, (keys, 3), each bucket weighing by its ``stories``.

        ``stories`` is (keys, ``BUCKETS``), of ``rows`` if these are given; a window without one
        gets the share of its last hour.
        """
        hours = expit(self._logit[rows, None] + self._season.offsets(over.cells[1:-1], rows))
        seen = (stories @ over.weights.buckets).reshape(len(stories), len(WINDOWS), -1)
        seen[:, :, -1] += 1e-9
        shares: FloatArray = np.einsum("kwh,kh->kw", seen, hours) / seen.sum(axis=2)
        return shares

    def concentration(self, shares: FloatArray) -> FloatArray:
        """Of the Beta about such shares, both (keys, 3): large if they hardly vary.

        What varies alike at all hours is the logit, so a share near a half varies most.
        """
        correlation = self._odds[:, None] * shares * (1.0 - shares)
        unknown = 1.0 / self._known[:, None]
        certain: FloatArray = 1.0 / (correlation / (1.0 - correlation) + unknown)
        return certain

    def learn(
        self, hour: datetime, negative: FloatArray, stories: FloatArray, believed: FloatArray
    ) -> None:
        """Take in the closed hour [hour, hour + 1 h), all (keys,).

        It teaches the share with the weight of ``believed`` stories, at most all of them: else one
        outbreak would outweigh everything known of a key with little news.
        """
        here = cell(hour, self._zone)
        share = expit(self._logit + self._season.offsets([here])[:, 0])
        binomial = stories * share * (1.0 - share)
        if self._seen >= self._settings.warmup_hours:
            spread = np.sqrt(binomial * (1.0 + stories / 100.0))
            most = np.ceil(stories * share + self._settings.level_clip * spread + 2.0)
            negative = np.minimum(negative, most)
        kept = forgetting(self._negative / np.maximum(self._hours, 1.0), self._settings)
        several = stories >= 2
        surprise = np.where(several, (negative - stories * share) ** 2 - binomial, 0.0)
        self._excess = kept * self._excess + surprise
        pairs = binomial * (stories - 1.0) * share * (1.0 - share)
        self._pairs = kept * self._pairs + np.where(several, pairs, 0.0)
        weight = np.divide(believed, stories, out=np.ones_like(stories), where=stories > 0.0)
        negative, stories = negative * weight, stories * weight
        self._negative = kept * self._negative + negative
        self._stories = kept * self._stories + stories
        self._hours = kept * self._hours + 1.0
        self._seen += 1
        self._season.learn(here, negative, stories * expit(self._logit), stories)
        self._refresh()

    def accept(self, row: int, hours: Sequence[tuple[float, float]]) -> None:
        """Forget a key's share and take it from these (negative, stories) alone, unclipped."""
        one = slice(row, row + 1)
        negative, stories, known = np.zeros(1), np.zeros(1), np.zeros(1)
        for bad, total in hours:
            kept = forgetting(negative / np.maximum(known, 1.0), self._settings)
            negative, stories = kept * negative + bad, kept * stories + total
            known = kept * known + 1.0
        self._negative[one], self._stories[one], self._hours[one] = negative, stories, known
        self._refresh()

    def _refresh(self) -> None:
        settings = self._settings
        share, weight = settings.share_prior
        negative, stories = (
            np.bincount(self._groups, sums) for sums in (self._negative, self._stories)
        )
        kind = ((negative + share * weight) / (stories + weight))[self._groups]
        own = settings.share_key_prior
        usual = (self._negative + own * kind) / (self._stories + own)
        self._logit = np.log(usual / (1.0 - usual))
        guess, certainty = settings.odds_prior
        odds = (self._excess + guess * certainty) / (self._pairs + certainty)
        self._odds = np.clip(odds, *settings.odds_range)
        self._known = self._stories + own
