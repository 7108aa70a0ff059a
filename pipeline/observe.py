"""From what a round did to metrics and health: the core reports facts, this file counts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alerts.bands import share_interval
from alerts.scores import HOUR_WINDOW, Scores
from alerts.tails import count_interval
from ingest.language_codes import group_of
from models.prediction import Prediction
from pipeline.app import App, Round
from pipeline.detect import Detection
from pipeline.drift import Drift
from pipeline.key_metrics import NOTHING, KeyReading, OpenIncident
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor, Tick
from pipeline.store.database import Database
from pipeline.store.size import size_of
from pipeline.store.summary import outbox_state
from pipeline.worker import Done, Worker

if TYPE_CHECKING:
    from models.engine import BatchFacts  # it brings torch, which a monitor does without

UNSURE = 0.5
"""A best label below this probability counts as low confidence."""

LEAST_STORIES = 8
"""Stories in 60 minutes under which a key shows no share: no data is not neutral."""

MEASURED_EVERY = timedelta(minutes=1)
"""How often the database's size is asked for."""


class Observer:
    """Counts what rounds and model batches report. Batches come from the model's thread.

    ``drift`` compares what the classifier says with what it said, for a monitor.
    """

    def __init__(
        self,
        metrics: Metrics,
        db: Database,
        clock: Callable[[], datetime],
        drift: Drift | None = None,
    ) -> None:
        self._metrics = metrics
        self._db = db
        self._clock = clock
        self._drift = drift
        self._partitions: set[str] = set()
        self._measured_at: datetime | None = None

    def batch(self, facts: BatchFacts) -> None:
        """One batch of the model; called by its thread."""
        from models.gpu import memory  # it brings torch, as the batch did

        work = self._metrics.work
        work.batch(facts.rows, facts.tokens, facts.padded_tokens)
        work.engine(halvings=facts.halvings, failed=facts.failed, cached=facts.cached)
        work.stage("tokenise", facts.tokenize_seconds)
        work.stage("wait", facts.waited_seconds)
        work.stage("infer", facts.predict_seconds)
        if (found := memory()) is not None:
            work.gpu_memory(*found)

    def round(self, app: App, turn: Round) -> None:
        """One turn of worker and monitor."""
        self.worked(app.worker, turn.done)
        self.ticked(app.monitor, turn.tick)

    def worked(self, worker: Worker, done: Done) -> None:
        """One step of a worker."""
        self._stored(done)
        self._progress(worker)

    def ticked(self, monitor: Monitor, tick: Tick) -> None:
        """One tick of the active monitor."""
        self._metrics.watching(True)
        self._counted(tick)
        self._watched(monitor, tick)
        self._drifted(tick)
        self._measure()

    def stood_by(self) -> None:
        """Another monitor is the active one, or this program has none."""
        self._metrics.watching(False)

    def _stored(self, done: Done) -> None:
        metrics = self._metrics
        metrics.stage("poll", done.poll_seconds)
        if done.batch is None:
            return
        metrics.stage("parse", done.parse_seconds)
        metrics.stage("commit", done.commit_seconds)
        metrics.records(len(done.batch.scored) + len(done.batch.dead))
        for gap in done.batch.gaps:
            metrics.gap(gap.reason)
        for letter in done.batch.dead:
            metrics.dead_letters(letter.rejected.reason)
        now = self._clock()
        for item in done.batch.scored:
            if item.prediction is None:
                continue
            surest = _surest(item.prediction)
            metrics.articles(item.prediction.topic, item.prediction.sentiment)
            metrics.undated(item.article.published_at is None)
            metrics.late(item.late)
            metrics.language(group_of(item.language))
            metrics.low_confidence("topic", item.prediction.topic_probability < UNSURE)
            metrics.low_confidence("sentiment", surest < UNSURE)
            metrics.work.confidence("topic", item.prediction.topic_probability)
            metrics.work.confidence("sentiment", surest)
            if item.article.published_at is not None:
                metrics.work.scored_after((now - item.article.published_at).total_seconds())

    def _counted(self, tick: Tick) -> None:
        now = self._clock()
        for article, is_story in tick.counted:
            received, at = now - article.received_at, article.published_at
            published = None if at is None else (now - at).total_seconds()
            self._metrics.work.counted_after(received.total_seconds(), published)
            if is_story and article.topic and article.opinion:
                self._metrics.stories(article.topic, article.opinion.sentiment)
        self._metrics.stage("count", tick.count_seconds)
        self._metrics.stage("detect", tick.detect_seconds)
        self._metrics.stage("tell", tick.tell_seconds)

    def _progress(self, worker: Worker) -> None:
        now = self._clock()
        behind = worker.behind()
        for gone in self._partitions - {str(partition) for _, partition in behind}:
            self._metrics.forget_partition(gone)
        self._partitions = {str(partition) for _, partition in behind}
        positions = worker.positions()
        for (topic, partition), (records, newest) in behind.items():
            age = 0.0 if newest is None or not records else (now - newest).total_seconds()
            self._metrics.lag(str(partition), records, max(0.0, age))
            position = positions[topic, partition]
            self._metrics.work.progress(str(partition), position, records)
            if newest is not None:
                self._metrics.newest_event(newest)

    def _watched(self, monitor: Monitor, tick: Tick) -> None:
        metrics = self._metrics
        detection = monitor.detection
        if tick.watermark.at is not None:
            metrics.watermark(tick.watermark.at)
        metrics.watermark_state(tick.watermark.why)
        for incident, change in tick.changes:
            metrics.incident(incident.kind, incident.rule, incident.severity, change.what)
        metrics.incidents_open(
            [OpenIncident(i.kind, i.key, i.rule, i.severity, i.opened_at) for i in detection.open]
        )
        for sink, outcome in tick.deliveries:
            metrics.delivery(sink, outcome)
        waiting, oldest = outbox_state(self._db)
        age = 0.0 if oldest is None else (self._clock() - oldest).total_seconds()
        metrics.outbox(waiting, max(0.0, age))
        if tick.unpublished is not None:
            metrics.dead_letters_unpublished(tick.unpublished)
        if detection.latest is not None and tick.evaluated:
            self._keys(detection, detection.latest)

    def _drifted(self, tick: Tick) -> None:
        at = tick.watermark.at
        found = self._drift.look(at) if self._drift is not None and at is not None else None
        for task, drifted in (found or {}).items():
            numbers: dict[str, float] = {}
            if drifted.mix is not None:
                numbers |= {"mix": drifted.mix.value, "mix_limit": drifted.mix.limit}
            if (fall := drifted.confidence) is not None:
                numbers |= {"confidence_drop": fall.value, "confidence_limit": fall.limit}
            self._metrics.versions.drifted(task, numbers)

    def _measure(self) -> None:
        now = self._clock()
        if self._measured_at is None or now - self._measured_at >= MEASURED_EVERY:
            self._measured_at = now
            self._metrics.work.database(*size_of(self._db))

    def _keys(self, detection: Detection, scores: Scores) -> None:
        for row, (kind, key) in enumerate(detection.keys):
            self._metrics.key(kind, key, reading(scores, row))


def reading(scores: Scores, row: int) -> KeyReading:
    """One key's numbers for its gauges: none without a story in 180 minutes, no share below the
    minimum volume, and nothing of what is usual while the baselines warm up."""
    if not scores.total[row].any():
        return NOTHING
    usual = scores.expectation
    stories = int(scores.total[row, HOUR_WINDOW])
    found = KeyReading(
        spike_score=float(scores.score[row]),
        window_stories=stories,
        negative_stories=float(scores.observed[row, HOUR_WINDOW]),
    )
    if stories >= LEAST_STORIES:
        found = replace(found, negative_share_ratio=float(scores.share[row, HOUR_WINDOW]))
    if not usual.ready:
        return found
    expected = float(usual.negative[row, HOUR_WINDOW])
    low, high = count_interval(expected, float(usual.variation[row, HOUR_WINDOW]))
    found = replace(
        found,
        expected_negative_stories=expected,
        expected_negative_low_stories=low,
        expected_negative_high_stories=high,
    )
    if stories < LEAST_STORIES:
        return found
    share = float(usual.share[row, HOUR_WINDOW])
    least, most = share_interval(share, float(usual.concentration[row, HOUR_WINDOW]), stories)
    return replace(
        found,
        expected_share_ratio=share,
        expected_share_low_ratio=least,
        expected_share_high_ratio=most,
    )


def _surest(prediction: Prediction) -> float:
    return max(prediction.negative, prediction.neutral, prediction.positive)
