"""Metrics of the classifier's versions: which one classifies, and swaps that failed."""

from __future__ import annotations

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

ReloadFailure = Literal[
    "incomplete",
    "damaged",
    "labels_differ",
    "backbone_differs",
    "outputs_differ",
    "unknown_version",
    "no_encoder",
    "timeout",
    "error",
]
RELOAD_FAILURES: Final = get_args(ReloadFailure)
"""Why a worker did not take the champion: the reasons of ``VersionError`` and those around it."""


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
