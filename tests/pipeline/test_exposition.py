"""The page for Prometheus as a whole: names, number of series, and what no news can do to it."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from alerts.rules import RULES
from ingest.companies import Watchlist
from models import taxonomy
from pipeline.key_metrics import READINGS, KeyReading, OpenIncident
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor
from pipeline.observe import Observer
from pipeline.store.database import Database
from pipeline.worker import Worker
from tests.fakes import MONDAY, TOPICS, ListSource, ManualClock, classify, link
from tests.pipeline.test_monitor import KEYS, LATENESS, Mailbox, monitor

UNITS = ("seconds", "bytes", "ratio", "info")
COUNTED = (
    "articles",
    "batches",
    "incidents",
    "letters",
    "messages",
    "partition",
    "records",
    "requests",
    "rows",
    "stories",
    "texts",
    "tokens",
)
FLAGS = ("monitor_active", "partition_stalled", "watermark_state", "incident_severity")
SCORES = ("spike_score",)
OTHERS = ("open_incidents", "outbox_pending", "dead_letters_unpublished", "process_open_fds")
MOST_SERIES = 8_000
"""A Prometheus on the smallest machine holds a hundred times as many."""


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.exposition().decode()))


@pytest.fixture(scope="module")
def full() -> Metrics:
    """Everything at once: every topic and company has every reading, a third have incidents."""
    topics = [label.name for label in taxonomy.load().topics]
    names = Watchlist.load().names
    keys = [("all", "all"), *(("topic", t) for t in topics), *(("company", s) for s in names)]
    metrics = Metrics(
        program_version="1",
        topics=topics,
        keys=keys,
        names=names,
        sinks=("log", "alertmanager", "kafka", "apprise", "dead_topic"),
        partitions=[str(number) for number in range(64)],
    )
    for kind, key in keys:
        metrics.key(kind, key, KeyReading(**dict.fromkeys(READINGS, 1.0)))
    metrics.incidents_open(
        [OpenIncident(kind, key, RULES[0], "warn", MONDAY) for kind, key in keys[::3]]
    )
    for number in range(64):
        metrics.lag(str(number), 0, 0.0)
        metrics.work.progress(str(number), 0, 0)
    metrics.model("0123456789+abcdef")
    metrics.work.gpu_memory(1, 2)
    return metrics


def test_every_name_has_the_prefix_and_a_base_unit(full: Metrics) -> None:
    for family in families(full):
        assert family.name.startswith(("bearwatch_", "process_"))
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
        assert not re.search(
            r"_(ms|millis\w*|minutes|hours|days|percent|kb|mb|count|sum)$", family.name
        )
        named = (*UNITS, *COUNTED, *FLAGS, *SCORES, *OTHERS)
        if family.type != "counter" and family.name.startswith("bearwatch_"):
            assert family.name.endswith(named), f"{family.name} says no unit"


def test_counters_and_nothing_else_end_in_total(full: Metrics) -> None:
    for family in families(full):
        names = {sample.name for sample in family.samples}
        if family.type == "counter":
            assert names == {f"{family.name}_total"}
        else:
            assert not any(name.endswith("_total") for name in names)


def test_every_family_says_what_it_is_in_a_sentence(full: Metrics) -> None:
    for family in families(full):
        assert family.documentation.endswith(".")
        assert len(family.documentation) > 15


def test_no_family_and_no_series_is_there_twice(full: Metrics) -> None:
    page = families(full)
    names = Counter(family.name for family in page)
    series = Counter(
        (sample.name, *sorted(sample.labels.items())) for f in page for sample in f.samples
    )
    assert [name for name, number in names.items() if number > 1] == []
    assert [name for name, number in series.items() if number > 1] == []


def test_series_stay_within_the_budget_at_the_full_taxonomy_and_watch_list(full: Metrics) -> None:
    series = sum(len(family.samples) for family in families(full))
    assert len(Watchlist.load().names) > 400
    assert series <= MOST_SERIES, f"{series} series"


HOSTILE = (
    'Energy"} 1\nbearwatch_records_total 9e9\n#',
    "Energy\\",
    "a" * 900,
    "\u202eygrenE",
    "ACM\x00BRK",
    "${jndi:ldap://x}",
)


def test_no_news_adds_a_label_value(db: Database) -> None:
    clock = ManualClock(MONDAY + timedelta(hours=9))
    lines = [
        json.dumps(
            {
                "source": text[:64],
                "id": f"{number}{text[:40]}",
                "title": f"negative ACM {text}",
                "symbols": [text[:40]],
                "topic": text,
                "published_at": (clock.at - timedelta(minutes=number)).isoformat(),
            }
        ).encode()
        for number, text in enumerate(HOSTILE)
    ]
    lines += [text.encode() for text in HOSTILE]
    metrics = Metrics(program_version="0", topics=TOPICS, keys=KEYS.tested(), sinks=("log",))
    observer = Observer(metrics, db, clock)
    source = ListSource({0: lines}, clock=clock, ends=False)
    worker = Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=LATENESS,
        clock=clock,
        name="desk",
    )
    worker.start()
    before = labels(metrics)
    for _ in range(3):
        observer.worked(worker, worker.step(0.0))
    watch: Monitor = monitor(db, Mailbox(), clock.at)
    observer.ticked(watch, watch.tick(clock.at))
    assert metrics.registry.get_sample_value("bearwatch_records_total") == len(lines)
    read = metrics.registry.get_sample_value(
        "bearwatch_dead_letters_total", {"reason": "not_json"}
    )
    assert read
    known = before | {kind for kind, _ in KEYS.tested()} | {key for _, key in KEYS.tested()}
    assert labels(metrics) <= known


def labels(metrics: Metrics) -> set[str]:
    return {
        value
        for family in families(metrics)
        for sample in family.samples
        for value in sample.labels.values()
    }
