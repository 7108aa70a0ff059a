"""What is usual, as an interval: for gauges and pictures, where tails are for decisions."""

from __future__ import annotations

from scipy.stats import betabinom


def share_interval(
    share: float, concentration: float, stories: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Least and greatest negative share of the central ``level`` among ``stories``, at least 1.

    The Beta-binomial of :func:`alerts.tails.share_tail`, divided by the stories.

    >>> share_interval(0.2, 50.0, 20)
    (0.05, 0.45)
    """
    a, b = share * concentration, (1.0 - share) * concentration
    low = float(betabinom.ppf(0.5 - level / 2.0, stories, a, b))
    high = float(betabinom.ppf(0.5 + level / 2.0, stories, a, b))
    return low / stories, high / stories
