"""Expressions that panels ask for again and again."""

from __future__ import annotations


def rate(metric: str, by: str = "") -> str:
    """How fast a counter grows, a second, over all instances."""
    grown = f"(rate({metric}[$__rate_interval]))"
    return f"sum by ({by}) {grown}" if by else f"sum{grown}"


def quantile(q: float, metric: str, by: str = "") -> str:
    """A quantile of a histogram over all instances."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', labels)})"


def grown(metric: str, by: str = "") -> str:
    """How much a counter grew in each step of the picture: for what is rare."""
    grown_by = f"(increase({metric}[$__rate_interval]))"
    return f"sum by ({by}) {grown_by}" if by else f"sum{grown_by}"


def mean(metric: str) -> str:
    """The mean of a histogram over all instances; absent where nothing was observed."""
    return f"{rate(f'{metric}_sum')} / ({rate(f'{metric}_count')} > 0)"
