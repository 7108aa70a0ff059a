"""How the work goes: batches of the model, stages, ways through the pipeline, memory and disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Stage = Literal["poll", "parse", "tokenise", "wait", "infer", "commit", "count", "detect", "tell"]
STAGES: Final = get_args(Stage)
Task = Literal["topic", "sentiment"]
TASKS: Final = get_args(Task)
Memory = Literal["used", "total"]

STALLED_AFTER_S: Final = 60.0
"""A partition with records to read that has not moved for longer is stalled."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LATENCIES = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
_TOKENS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536, 262_144)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
_CONFIDENCES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class WorkMetrics:
    """For any thread. ``clock`` counts seconds and never steps back."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._clock = clock
        of = self._histogram
        self._stages = of(
            "stage_duration_seconds", "Time in one stage, per batch.", _SECONDS, "stage"
        )
        for stage in STAGES:
            self._stages.labels(stage)
        self._rows = of("batch_rows", "Texts in one batch of the model.", _ROWS)
        self._tokens = of("batch_padded_tokens", "Tokens in one batch, padding too.", _TOKENS)
        self._padding = of("batch_padding_ratio", "Share of a batch that is padding.", _SHARES)
        text = "Probability of the label that was chosen, per article."
        self._confidence = of("confidence_ratio", text, _CONFIDENCES, "task")
        for task in TASKS:
            self._confidence.labels(task)
        text = "From publication, as the article dates itself, until it is scored and stored."
        self._scored = of("publish_to_scored_seconds", text, _LATENCIES)
        text = "From publication, as the article dates itself, until it is counted."
        self._counted = of("publish_to_counted_seconds", text, _LATENCIES)
        text = "From the record's own time, as Kafka has it, until it is counted."
        self._through = of("received_to_counted_seconds", text, _LATENCIES)
        count = self._counter
        self._halvings = count("batch_halvings_total", "Batches halved for want of memory.")
        self._failed = count("batch_failures_total", "Texts that the model gave an error for.")
        text = "Texts answered from memory, since the same text had been classified before."
        self._cached = count("cached_predictions_total", text)
        gauge = self._gauge
        text = "Memory of the GPU that the model is on; absent where there is none."
        self._gpu = gauge("gpu_memory_bytes", text, "state")
        self._database = gauge("database_bytes", "Size of the database on its disk.")
        self._disk = gauge("disk_free_bytes", "Free space where an SQLite database lies.")
        for unknown in (self._database, self._disk):
            unknown.set(float("nan"))
        text = "1 for a partition that has records to read and did not move for 60 s."
        self._stalled = gauge("partition_stalled", text, "partition")
        self._moved: dict[str, tuple[int, int, float]] = {}

    def stage(self, stage: Stage, seconds: float) -> None:
        """Record how long one batch, or one tick of the monitor, spent in a stage."""
        self._stages.labels(stage).observe(seconds)

    def batch(self, rows: int, tokens: int, padded_tokens: int) -> None:
        """Record the shape of one batch; ``padded_tokens`` contains ``tokens``."""
        self._rows.observe(rows)
        self._tokens.observe(padded_tokens)
        if padded_tokens > 0:
            self._padding.observe(1 - tokens / padded_tokens)

    def engine(self, *, halvings: int, failed: int, cached: int) -> None:
        """Count what else happened around one batch."""
        self._halvings.inc(halvings)
        self._failed.inc(failed)
        self._cached.inc(cached)

    def confidence(self, task: Task, probability: float) -> None:
        """Record how sure the model was of the label that it chose."""
        self._confidence.labels(task).observe(probability)

    def scored_after(self, seconds: float) -> None:
        """Record an article's way from its publication into the database."""
        self._scored.observe(max(0.0, seconds))

    def counted_after(self, seconds: float, published: float | None) -> None:
        """Record an article's way into the counts from its record's own time, and from its
        publication where that is known."""
        self._through.observe(max(0.0, seconds))
        if published is not None:
            self._counted.observe(max(0.0, published))

    def gpu_memory(self, used: int, total: int) -> None:
        """Set how full the GPU's memory is."""
        self._gpu.labels("used").set(used)
        self._gpu.labels("total").set(total)

    def database(self, size: int, free: int | None) -> None:
        """Set how large the database is, and what its disk has left where that is known."""
        self._database.set(size)
        if free is not None:
            self._disk.set(free)

    def progress(self, partition: str, position: int, records: int) -> None:
        """Note where a partition is, with ``records`` still to be read. Whether it is stalled is
        worked out when the page is asked for, so that a worker which hangs is seen too."""
        old = self._moved.get(partition)
        waits = old is not None and position == old[0] and old[1] > 0
        since = old[2] if old is not None and waits else self._clock()
        self._moved[partition] = (position, records, since)
        if old is None:
            self._stalled.labels(partition).set_function(lambda: self._is_stalled(partition))

    def forget_partition(self, partition: str) -> None:
        """Drop a partition that moved to another worker."""
        self._moved.pop(partition, None)
        self._stalled.remove(partition)

    def _is_stalled(self, partition: str) -> float:
        _, records, since = self._moved.get(partition, (0, 0, 0.0))
        return float(records > 0 and self._clock() - since > STALLED_AFTER_S)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"bearwatch_{name}", text, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"bearwatch_{name}", text, labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, buckets: Sequence[float], *labels: str
    ) -> Histogram:
        name = f"bearwatch_{name}"
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)
