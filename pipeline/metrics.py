"""Every metric this program exports. The Prometheus client is known here and in parts of it:
``key_metrics.py``, the gauges of topics and companies, ``work_metrics.py``, how the work goes, and
``version_metrics.py``, the classifier's versions.

Label values are closed sets and their series exist from the start, so that ``rate()`` never begins
with nothing. A gauge that is not known yet is NaN; a key below the minimum volume is absent.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from time import monotonic
from typing import Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Metric,
    ProcessCollector,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from alerts.incidents import What
from alerts.rules import RULES, SEVERITIES, Rule, Severity
from ingest.article import REJECT_REASONS, RejectReason
from ingest.kafka.gap import GAP_REASONS, GapReason
from ingest.language_codes import LANGUAGE_GROUPS, LanguageGroup
from models.prediction import SENTIMENTS
from pipeline.count import OTHER
from pipeline.key_metrics import NAMES as KEY_NAMES
from pipeline.key_metrics import KeyGauges, KeyReading, OpenIncident
from pipeline.monitor import Outcome
from pipeline.version_metrics import DRIFT_NAMES, VersionMetrics
from pipeline.watermark import Hold
from pipeline.web.outcomes import PUSH_OUTCOMES, PushOutcome
from pipeline.work_metrics import TASKS, Stage, Task, WorkMetrics

OUTCOMES: Final = get_args(Outcome)
KINDS: Final = ("all", "topic", "company")
CHANGES: Final = get_args(What)
HOLDS: Final = get_args(Hold)

NEWS: Final = frozenset(
    f"bearwatch_{name}"
    for name in (
        "watermark_timestamp_seconds",
        "watermark_state",
        "open_incidents",
        "outbox_pending",
        "outbox_oldest_age_seconds",
        "dead_letters_unpublished",
        "database_bytes",
        "disk_free_bytes",
        *DRIFT_NAMES,
    )
).union(KEY_NAMES)
"""Gauges that only the active monitor knows the values of."""

_UNKNOWN = float("nan")


class Metrics:
    """Built once by the program and afresh by each test. Its methods may be called by any thread.

    ``topics`` are the version's; an article of any other counts as ``other``. ``keys`` are the
    (kind, key) pairs that may have a series of their own, ``names`` the companies' by symbol.
    ``work`` is how the work goes, ``clock`` its monotonic clock, ``versions`` the classifier's.
    """

    def __init__(
        self,
        *,
        program_version: str,
        topics: Sequence[str],
        keys: Iterable[tuple[str, str]],
        names: Mapping[str, str] | None = None,
        sinks: Sequence[str] = ("log",),
        partitions: Sequence[str] = ("0",),
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self._watching = True
        self._topics = frozenset(topics)
        self._keys = KeyGauges(self.registry, keys, names or {})
        self.work = WorkMetrics(self.registry, clock)
        self.versions = VersionMetrics(self.registry)
        self._intake([*topics, OTHER])
        self._progress(partitions)
        self._alerts(sinks)
        self._gauge("build_info", "The program's version.", "version").labels(program_version).set(
            1
        )
        ProcessCollector(registry=self.registry)

    def _intake(self, topics: list[str]) -> None:
        count = self._counter
        labels = ("topic", "sentiment")
        each = list(product(topics, SENTIMENTS))
        self._records = count("records_total", "Records read from the sources.")
        self._articles = count(
            "articles_total", "Articles stored, copies too.", *labels, each=each
        )
        self._stories = count(
            "stories_total", "Stories counted, without copies.", *labels, each=each
        )
        self._dead = count(
            "dead_letters_total",
            "Records that are no article, by the reason.",
            "reason",
            each=[(reason,) for reason in REJECT_REASONS],
        )
        self._gaps = count(
            "gaps_total",
            "Places where the broker could not deliver what was to be read, by the reason.",
            "reason",
            each=[(reason,) for reason in GAP_REASONS],
        )
        self._undated = count("undated_total", "Articles without a usable time; never windowed.")
        self._languages = count(
            "languages_total",
            "Articles stored, by what language they are in; unknown: counted as English.",
            "language",
            each=[(group,) for group in LANGUAGE_GROUPS],
        )
        self._late = count(
            "late_total",
            "Articles behind the newest of their partition by more than the lateness.",
        )
        self._pushes = count(
            "push_requests_total",
            "Requests to push articles, by what became of them.",
            "outcome",
            each=[(outcome,) for outcome in PUSH_OUTCOMES],
        )
        self._pushed = count(
            "push_articles_total", "Articles pushed and durable; one sent twice counts twice."
        )
        self._unsure = count(
            "low_confidence_total",
            "Articles of whose label the model was unsure.",
            "task",
            each=[(task,) for task in TASKS],
        )

    def _progress(self, partitions: Sequence[str]) -> None:
        gauge = self._gauge
        self._lag_records = gauge("lag_records", "Records known but not yet stored.", "partition")
        self._lag = gauge("lag_seconds", "Age of the newest stored record.", "partition")
        for partition in partitions:
            self._lag_records.labels(partition).set(_UNKNOWN)
            self._lag.labels(partition).set(_UNKNOWN)
        self._watermark = gauge("watermark_timestamp_seconds", "Event time that is complete.")
        text = "1 for why the watermark is where it is; stale_report: a worker does not report."
        self._hold = gauge("watermark_state", text, "state")
        for why in HOLDS:
            self._hold.labels(why)
        self._newest = gauge("newest_event_timestamp_seconds", "Newest event time seen.")
        self._watermark.set(_UNKNOWN)
        self._newest.set(_UNKNOWN)

    def _alerts(self, sinks: Sequence[str]) -> None:
        gauge = self._gauge
        self._open = gauge("open_incidents", "Incidents that are not resolved.", "severity")
        for severity in SEVERITIES:
            self._open.labels(severity)
        self._incidents = self._counter(
            "incidents_total",
            "Changes of incidents, by what changed.",
            *("kind", "rule", "severity", "change"),
            each=product(KINDS, RULES, SEVERITIES, CHANGES),
        )
        self._active = gauge("monitor_active", "1 in the process that counts and watches.")
        self._active.set(1)
        self._pending = gauge("outbox_pending", "Messages waiting to be delivered.")
        self._oldest = gauge("outbox_oldest_age_seconds", "Age of the oldest of them; 0 if none.")
        text = "Dead letters that Kafka's dead topic has not had; NaN where none is configured."
        self._unpublished = gauge("dead_letters_unpublished", text)
        self._unpublished.set(_UNKNOWN)
        self._deliveries = self._counter(
            "deliveries_total",
            "Attempts to deliver a message.",
            *("sink", "outcome"),
            each=product(sinks, OUTCOMES),
        )

    def exposition(self) -> bytes:
        """The page for Prometheus, in its text format 0.0.4."""
        hidden = frozenset[str]() if self._watching else NEWS
        return generate_latest(_Page(self.registry, hidden))

    def watching(self, active: bool) -> None:
        """Set whether this process is the active monitor. Otherwise the news gauges are absent:
        it knows nothing of the news, and old values would contradict the active one's."""
        self._watching = active
        self._active.set(active)
        if not active:
            self._keys.clear()

    def records(self, number: int) -> None:
        """Count records read, whatever becomes of them."""
        self._records.inc(number)

    def articles(self, topic: str, sentiment: str, number: int = 1) -> None:
        """Count articles stored."""
        self._articles.labels(self._topic(topic), sentiment).inc(number)

    def stories(self, topic: str, sentiment: str, number: int = 1) -> None:
        """Count stories that entered the buckets; one that leaves them counts nothing."""
        self._stories.labels(self._topic(topic), sentiment).inc(number)

    def dead_letters(self, reason: RejectReason, number: int = 1) -> None:
        """Count records that are no article."""
        self._dead.labels(reason).inc(number)

    def gap(self, reason: GapReason) -> None:
        """Count a gap in what a broker could deliver."""
        self._gaps.labels(reason).inc()

    def push(self, outcome: PushOutcome, articles: int = 0) -> None:
        """Count a request to push, and the articles that it made durable."""
        self._pushes.labels(outcome).inc()
        self._pushed.inc(articles)

    def undated(self, number: int = 1) -> None:
        """Count articles without a usable time."""
        self._undated.inc(number)

    def language(self, group: LanguageGroup, number: int = 1) -> None:
        """Count articles of English, of another language, or of one that is uncertain."""
        self._languages.labels(group).inc(number)

    def late(self, number: int = 1) -> None:
        """Count articles that came after the watermark had passed their time."""
        self._late.inc(number)

    def low_confidence(self, task: Task, number: int = 1) -> None:
        """Count articles of whose label the model was unsure."""
        self._unsure.labels(task).inc(number)

    def stage(self, stage: Stage, seconds: float) -> None:
        """Record how long one batch, or one tick of the monitor, spent in a stage."""
        self.work.stage(stage, seconds)

    def model(self, version: str) -> None:
        """Name the version that classifies from now on."""
        self.versions.classifies(version)

    def lag(self, partition: str, records: int, seconds: float) -> None:
        """Set how far a partition is behind its end, and behind the clock."""
        self._lag_records.labels(partition).set(records)
        self._lag.labels(partition).set(seconds)

    def forget_partition(self, partition: str) -> None:
        """Drop a partition that moved to another worker."""
        self._lag_records.remove(partition)
        self._lag.remove(partition)
        self.work.forget_partition(partition)

    def watermark(self, at: datetime) -> None:
        """Set the event time up to which everything has been counted."""
        self._watermark.set(at.timestamp())

    def watermark_state(self, why: Hold) -> None:
        """Set why the watermark is where it is."""
        for each in HOLDS:
            self._hold.labels(each).set(each == why)

    def newest_event(self, at: datetime) -> None:
        """Set the newest event time seen."""
        self._newest.set(at.timestamp())

    def incident(self, kind: str, rule: Rule, severity: Severity, change: What) -> None:
        """Count a change of an incident."""
        self._incidents.labels(kind, rule, severity, change).inc()

    def outbox(self, pending: int, oldest_age_seconds: float) -> None:
        """Set what waits to be delivered."""
        self._pending.set(pending)
        self._oldest.set(oldest_age_seconds)

    def dead_letters_unpublished(self, number: int) -> None:
        """Set how many dead letters wait for the dead topic."""
        self._unpublished.set(number)

    def delivery(self, sink: str, outcome: Outcome) -> None:
        """Count an attempt to deliver."""
        self._deliveries.labels(sink, outcome).inc()

    def key(self, kind: str, key: str, reading: KeyReading) -> None:
        """Set a key's newest readings; see :meth:`KeyGauges.set`."""
        self._keys.set(kind, key, reading)

    def incidents_open(self, found: Sequence[OpenIncident]) -> None:
        """Set which incidents are open, and so how many of each severity."""
        self._keys.incidents(found)
        number = Count(incident.severity for incident in found)
        for severity in SEVERITIES:
            self._open.labels(severity).set(number[severity])

    def _topic(self, topic: str) -> str:
        return topic if topic in self._topics else OTHER

    def _counter(
        self, name: str, text: str, *labels: str, each: Iterable[Sequence[str]] = ()
    ) -> Counter:
        counter = Counter(f"bearwatch_{name}", text, labels, registry=self.registry)
        for values in each:
            counter.labels(*values)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"bearwatch_{name}", text, labels, registry=self.registry)


class _Page(Collector):
    """What is shown: not the times of creation, which double the page and which no rule or panel
    reads, and nothing of ``hidden``."""

    def __init__(self, registry: CollectorRegistry, hidden: frozenset[str]) -> None:
        self._registry = registry
        self._hidden = hidden

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            if metric.name in self._hidden:
                continue
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
