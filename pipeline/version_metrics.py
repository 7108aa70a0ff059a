"""Metrics of the classifier's versions: which one classifies, and swaps that failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from pipeline.work_metrics import TASKS, Task

ReloadFailure = Literal[
    "incomplete",
    "damaged",
    "labels_differ",
    "backbone_differs",
    "outputs_differ",
    "unknown_version",
    "no_encoder",
    "no_folder",
    "timeout",
    "error",
]
RELOAD_FAILURES: Final = get_args(ReloadFailure)
"""Why a worker did not take the champion: the reasons of ``VersionError`` and those around it."""


_DRIFT: Final = {
    "mix": "How far labels of the last 24 h are divided otherwise than in the days after the last "
    "swap: Jensen-Shannon divergence, 0 to 1; NaN until there is a week to compare with.",
    "mix_limit": "What chance and usual days can bring of that; more is a shift.",
    "confidence_drop": "How much less sure the classifier was of the same labels in the last 24 h "
    "than in the days after the last swap; NaN until there is a week to compare with.",
    "confidence_limit": "What chance and usual days can bring of that; more is a fall.",
}
DRIFT_NAMES: Final = tuple(f"drift_{name}_ratio" for name in _DRIFT)
"""Known to the active monitor alone."""


class VersionMetrics:
    """For any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        text = "The version that classifies now."
        self._model = Gauge("bearwatch_model_info", text, ["version"], registry=registry)
        text = "Champions that a worker could not take, by the reason; the old version goes on."
        name = "bearwatch_version_reload_failures_total"
        self._failures = Counter(name, text, ["reason"], registry=registry)
        for reason in RELOAD_FAILURES:
            self._failures.labels(reason)
        text = "Times that a worker took another version while it ran."
        self._swaps = Counter("bearwatch_version_swaps_total", text, registry=registry)

        self._drift = {
            name: Gauge(f"bearwatch_drift_{name}_ratio", text, ["task"], registry=registry)
            for name, text in _DRIFT.items()
        }
        for task in TASKS:
            self.drifted(task, {})

    def drifted(self, task: Task, found: Mapping[str, float]) -> None:
        """Set how far a task has drifted, by the names of ``_DRIFT``; what is absent is NaN."""
        for name, gauge in self._drift.items():
            gauge.labels(task).set(found.get(name, float("nan")))

    def classifies(self, version: str) -> None:
        """Name the version that classifies from now on."""
        self._model.clear()
        self._model.labels(version).set(1)

    def swapped(self, version: str) -> None:
        """Count a swap, after which ``version`` classifies."""
        self._swaps.inc()
        self.classifies(version)

    def failed(self, reason: ReloadFailure) -> None:
        """Count a champion that could not be taken."""
        self._failures.labels(reason).inc()
