"""What Prometheus answers to a panel, as named series over time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel: name, labels, times in seconds since 1970, values."""

    name: str
    labels: Mapping[str, str]
    at: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def last(self) -> float:
        """The newest value."""
        return float(self.values[-1])


@dataclass(frozen=True, slots=True)
class Span:
    """What the picture is of, in seconds since 1970."""

    begin: float
    end: float
    step: float


def series_of(panel: Json, target: Json, answer: Sequence[Json]) -> list[Series]:
    """What Prometheus answered to one target, named as its legend says."""
    found = []
    for one in answer:
        points = np.array([[float(t), float(v)] for t, v in one["values"]])
        name = _named(target["legendFormat"], one["metric"])
        found.append(Series(name, one["metric"], points[:, 0], points[:, 1]))
    return found


def _named(legend: str, labels: Mapping[str, str]) -> str:
    if legend == "__auto":
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)


def with_gaps(one: Series, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The line, broken where values are missing."""
    holes = np.flatnonzero(np.diff(one.at) > 1.5 * step) + 1
    at = np.insert(one.at, holes, one.at[holes - 1] + step) if len(holes) else one.at
    values = np.insert(one.values, holes, np.nan) if len(holes) else one.values
    return days(at), values


def days(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds since 1970 as matplotlib counts time: in days."""
    return at / 86_400.0
