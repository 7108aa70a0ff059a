"""Metrics of retraining: what became of the runs, what waits, and how the versions did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from pipeline.retraining.gate import REFUSALS
from pipeline.store.retraining import OUTCOMES, Outcome

TASKS: Final = ("topic", "sentiment")
WHO: Final = ("champion", "candidate")
NUMBERS: Final = {
    "topic macro-F1": ("topic", "macro_f1"),
    "sentiment macro-F1": ("sentiment", "macro_f1"),
    "topic calibration error": ("topic", "calibration_error"),
    "sentiment calibration error": ("sentiment", "calibration_error"),
    "recall of negative": ("sentiment", "recall_negative"),
}
"""Of the gate's numbers those with a series: topics may be many, and their F1 is in the report."""


class RetrainingMetrics:
    """For any thread. Of the newest run, NaN until one has told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        text = "Retrainings by what became of them."
        self._runs = Counter("bearwatch_retrainings_total", text, ["outcome"], registry=registry)
        for outcome in OUTCOMES:
            self._runs.labels(outcome)
        text = "Candidates that were refused, by the gravest reason."
        self._refusals = Counter(
            "bearwatch_refused_candidates_total", text, ["reason"], registry=registry
        )
        for reason in REFUSALS:
            self._refusals.labels(reason)
        gauge = self._gauge
        self._running = gauge("retraining_running", "1 while a training runs here.")
        self._progress = gauge("retraining_progress_ratio", "How much of it is done.")
        text = "When the newest run of each outcome ended."
        self._ended = gauge("retraining_ended_timestamp_seconds", text, "outcome")
        self._took = gauge("retraining_duration_seconds", "How long the newest training took.")
        text = "Labels that no training has learned from yet."
        self._waiting = gauge("waiting_labels", text)
        text = "The newest comparison on the sealed rows, by task, number and version."
        self._scores = gauge("sealed_score_ratio", text, "task", "number", "version")
        self._rows = gauge("sealed_rows", "Sealed rows of the newest comparison.", "task")
        text = "When the version that workers are to take was promoted; absent until one was."
        self._champion = gauge("champion_promoted_timestamp_seconds", text, "version")
        self._unknown()

    def _unknown(self) -> None:
        unknown = float("nan")
        for outcome in OUTCOMES:
            self._ended.labels(outcome).set(unknown)
        for alone in (self._took, self._waiting, self._progress):
            alone.set(unknown)
        for task in TASKS:
            self._rows.labels(task).set(unknown)
        for task, number in NUMBERS.values():
            for who in WHO:
                self._scores.labels(task, number, who).set(unknown)

    def began(self) -> None:
        """A training runs."""
        self._running.set(1)
        self._progress.set(0)

    def progress(self, step: int, steps: int) -> None:
        """Of ``steps`` so many are done."""
        self._progress.set(step / max(1, steps))

    def finished(self) -> None:
        """No training runs."""
        self._running.set(0)
        self._progress.set(float("nan"))

    def ended(self, outcome: Outcome, at: datetime, decision: Mapping[str, Any]) -> None:
        """Count a run that ended here, and show what it found."""
        self._runs.labels(outcome).inc()
        if (refusal := decision.get("refusal")) is not None:
            self._refusals.labels(refusal).inc()
        self.found(outcome, at, decision)

    def found(self, outcome: Outcome, at: datetime, decision: Mapping[str, Any]) -> None:
        """Show what a run found, also one of before this program started."""
        self._ended.labels(outcome).set(at.timestamp())
        if "seconds" in decision:
            self._took.set(decision["seconds"])
        numbers: Sequence[Mapping[str, Any]] = decision.get("numbers", ())
        for number in numbers:
            if (series := NUMBERS.get(number["name"])) is not None:
                for who in WHO:
                    self._scores.labels(*series, who).set(number[who])
                self._rows.labels(series[0]).set(number["rows"])

    def waiting(self, labels: int) -> None:
        """Set how many labels wait."""
        self._waiting.set(labels)

    def champion(self, version: str, since: datetime) -> None:
        """Name the version that was promoted last, by whomever."""
        self._champion.clear()
        self._champion.labels(version).set(since.timestamp())

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"bearwatch_{name}", text, labels, registry=self._registry)
