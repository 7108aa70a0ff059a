"""Is the news worse, or is there only more of it? Two tests on the stories that are not negative.

The share asks how many of the stories are negative, given how many stories there were. The test of
the others asks how many negative ones there are, given how many others came. It also knows how
much news is usual, so it has an answer on a key with little news, where three of three say nothing
about a share.
"""

from __future__ import annotations

import numpy as np

from alerts.season import FloatArray
from alerts.tails import count_tail, share_tail
from alerts.windows import IntArray


def share_tails(
    observed: IntArray,
    total: IntArray,
    p_count: FloatArray,
    share: FloatArray,
    concentration: FloatArray,
    *,
    least: int,
) -> FloatArray:
    """P(at least ``observed`` negative | ``total`` stories), (keys, 3 windows).

    Worked out where it can matter, 1 elsewhere: for most keys at most evaluations.
    ``concentration`` is that of the share's Beta; fewer than ``least`` are never rare.
    """
    tails = np.ones(observed.shape)
    mean = total * share
    spread = mean * (1.0 - share) * (1.0 + (total - 1.0) / (concentration + 1.0))
    # Half a deviation keeps every tail below 0.2 where the count is unusual too.
    enough = np.where(p_count < 0.1, 0.5, 1.5) * np.sqrt(np.maximum(spread, 0.0))
    worth = (observed >= least) & (observed > mean + enough)
    if worth.any():
        tails[worth] = share_tail(
            observed[worth], total[worth], share[worth], concentration[worth]
        )
    return tails


def others_tails(
    observed: IntArray,
    total: IntArray,
    expected: FloatArray,
    share: FloatArray,
    concentration: FloatArray,
    variation: FloatArray,
    *,
    least: int,
    floor: float,
) -> FloatArray:
    """P(at least ``observed`` negative | the others that came), (keys, 3 windows).

    1, unasked, where no more came than ``expected``, or fewer than ``least``.

    The volume of news is Gamma about the usual, with ``variation`` = 1 / size; the others are
    Poisson around their part of it. Having seen them, the volume is Gamma again, of size
    (size + others), and its mean lies between the usual and what the others say: on a key with
    little news near the usual, on a busy one where they are. Negative ones are then a negative
    binomial, whose spread also holds how much the odds of being negative vary. Its mean is at
    least ``floor``, however few others there were.
    """
    tails = np.ones(observed.shape)
    rows, windows = np.nonzero((observed >= least) & (observed > expected))
    seen, usual = observed[rows, windows], expected[rows, windows]
    mood = np.clip(share[rows, windows], 0.005, 0.99)
    others = total[rows, windows] - seen
    size = 1.0 / variation[rows, windows]
    volume = (size + others) / (size + usual * (1.0 - mood) / mood)
    odds = 1.0 / (mood * (1.0 - mood) * (concentration[rows, windows] + 1.0))
    mean = np.maximum(usual * volume, floor)
    tails[rows, windows] = count_tail(seen, mean, 1.0 / (size + others) + odds)
    return tails
