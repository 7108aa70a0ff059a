"""From what a round did to metrics and health: the core reports facts, this file counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from alerts.scores import HOUR_WINDOW, Scores
from ingest.language_codes import group_of
from models.prediction import Prediction
from pipeline.app import App, Round
from pipeline.detect import Detection
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor, Tick
from pipeline.store.database import Database
from pipeline.store.summary import outbox_state
from pipeline.worker import Done, Worker

if TYPE_CHECKING:
    from models.engine import BatchFacts  # it brings torch, which a monitor does without

UNSURE = 0.5
"""A best label below this probability counts as low confidence."""

LEAST_STORIES = 8
"""Stories in 60 minutes under which a key shows no share: no data is not neutral."""


class Observer:
    """Counts what rounds and model batches report. Batches come from the model's thread."""

    def __init__(self, metrics: Metrics, db: Database, clock: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._db = db
        self._clock = clock
        self._partitions: set[str] = set()

    def batch(self, facts: BatchFacts) -> None:
        """One batch of the model; called by its thread."""
        self._metrics.batch(facts.rows, facts.tokens, facts.padded_tokens)
        self._metrics.stage("tokenise", facts.tokenize_seconds)
        self._metrics.stage("infer", facts.predict_seconds)

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
        for item in done.batch.scored:
            if item.prediction is None:
                continue
            metrics.articles(item.prediction.topic, item.prediction.sentiment)
            metrics.undated(item.article.published_at is None)
            metrics.late(item.late)
            metrics.language(group_of(item.language))
            metrics.low_confidence("topic", item.prediction.topic_probability < UNSURE)
            metrics.low_confidence("sentiment", _surest(item.prediction) < UNSURE)

    def _counted(self, tick: Tick) -> None:
        for article, is_story in tick.counted:
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
        for (_, partition), (records, newest) in behind.items():
            age = 0.0 if newest is None or not records else (now - newest).total_seconds()
            self._metrics.lag(str(partition), records, max(0.0, age))
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
        metrics.open_incidents(Counter(incident.severity for incident in detection.open))
        for sink, outcome in tick.deliveries:
            metrics.delivery(sink, outcome)
        waiting, oldest = outbox_state(self._db)
        age = 0.0 if oldest is None else (self._clock() - oldest).total_seconds()
        metrics.outbox(waiting, max(0.0, age))
        if tick.unpublished is not None:
            metrics.dead_letters_unpublished(tick.unpublished)
        if detection.latest is not None and tick.evaluated:
            self._keys(detection, detection.latest)

    def _keys(self, detection: Detection, scores: Scores) -> None:
        for row, (kind, key) in enumerate(detection.keys):
            enough = scores.total[row, HOUR_WINDOW] >= LEAST_STORIES
            self._metrics.key(
                kind,
                key,
                score=float(scores.score[row]) if enough else None,
                share=float(scores.share[row, HOUR_WINDOW]) if enough else None,
            )


def _surest(prediction: Prediction) -> float:
    return max(prediction.negative, prediction.neutral, prediction.positive)
