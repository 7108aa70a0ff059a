"""How far the tests are above what the rules ask for: what calibration and simulation compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerts.rules import IncidentSettings, extra
from alerts.scores import HOUR_WINDOW, Scores
from alerts.season import FloatArray


@dataclass(frozen=True, slots=True)
class Margins:
    """By how much every key's score exceeds a bar for a negative spike; arrays are (keys,).

    -inf where a gate is shut, whatever the score. A margin of 0 or more is a crossing by
    :func:`alerts.rules.crosses`; one of x remains a crossing if x more is asked for.
    """

    once: FloatArray
    """Over what is asked for in two evaluations in a row."""
    strong: FloatArray
    """Over what is asked for in a single one."""


def margins(scores: Scores, settings: IncidentSettings) -> Margins:
    """Compare all keys at one evaluation with the rule for negative spikes; pure."""
    rows = np.arange(len(scores.score))
    best = (rows, scores.best)
    usual = scores.expectation
    lift = scores.share[best] - usual.share[best]
    calm = (scores.p_count[:, HOUR_WINDOW] > settings.calm_p_count) & (
        scores.ratio[:, HOUR_WINDOW] < settings.calm_ratio
    )
    shut = (
        calm
        | (scores.observed[best] < settings.least_stories)
        | (lift < settings.least_lift)
        | (scores.ratio[best] < settings.least_ratio)
    )
    more = extra(usual.stories[:, HOUR_WINDOW], usual.baseline_days, settings)
    mostly = scores.sparse & (scores.share[best] >= settings.mostly_share)
    alone = np.where(mostly, scores.s_count - settings.mostly_score, -np.inf)
    once = np.maximum(scores.score - settings.open_score, alone) - more
    single = np.minimum(
        scores.s_count - settings.strong_score, scores.score - settings.single_score
    )
    strong = np.maximum(single, alone) - more
    return Margins(np.where(shut, -np.inf, once), np.where(shut, -np.inf, strong))


def confirmed(before: Margins | None, now: Margins) -> FloatArray:
    """How much more could be asked for, (keys,), and an incident would still open here.

    ``before`` is of the evaluation directly before; None if there was none.
    """
    if before is None:
        return now.strong
    found: FloatArray = np.maximum(now.strong, np.minimum(before.once, now.once))
    return found
