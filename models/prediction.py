"""What the classifier says about one text. Imports no torch, so any process may use it."""

from __future__ import annotations

from dataclasses import dataclass

SENTIMENTS = ("negative", "neutral", "positive")
"""The sentiment head's labels, in the order of its rows."""

POLARITY_UNIT = 10_000
"""Polarity is counted as an integer, so that what is added to a sum can be taken out exactly."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Both heads' output for one text, after temperature scaling.

    ``topic_probability`` is the probability of ``topic``, the likeliest one. The three sentiment
    probabilities sum to 1. ``version`` names the weights and the topics that gave them.
    """

    topic: str
    topic_probability: float
    negative: float
    neutral: float
    positive: float
    version: str

    @property
    def sentiment(self) -> str:
        """The likeliest sentiment; of equal ones the first in ``SENTIMENTS``."""
        probabilities = (self.negative, self.neutral, self.positive)
        return SENTIMENTS[probabilities.index(max(probabilities))]

    @property
    def polarity(self) -> int:
        """P(positive) - P(negative) in ten-thousandths, -10,000 to 10,000."""
        return round(POLARITY_UNIT * (self.positive - self.negative))
