from __future__ import annotations

import math
import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from alerts.rules import RULES, SEVERITIES
from ingest.article import REJECT_REASONS
from pipeline.key_metrics import NOTHING, KeyReading, OpenIncident
from pipeline.metrics import CHANGES, HOLDS, KINDS, OUTCOMES, Metrics
from pipeline.web.outcomes import PUSH_OUTCOMES
from pipeline.work_metrics import STAGES, TASKS

NINE = datetime(2011, 8, 5, 9, tzinfo=UTC)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(
        program_version="0.1.0",
        topics=("markets", "energy"),
        keys=(("company", "ACM"), ("topic", "markets")),
        sinks=("log", "alertmanager"),
        partitions=("0", "1"),
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"bearwatch_{name}", labels)


def series(metrics: Metrics, name: str) -> set[tuple[str, ...]]:
    return {
        tuple(sample.labels.values())
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"bearwatch_{name}"
    }


def test_every_series_of_a_counter_is_there_before_anything_happened(metrics: Metrics) -> None:
    topics_by_sentiment = {
        (topic, sentiment)
        for topic in ("markets", "energy", "other")
        for sentiment in ("negative", "neutral", "positive")
    }
    assert series(metrics, "articles_total") == topics_by_sentiment
    assert series(metrics, "stories_total") == topics_by_sentiment
    assert series(metrics, "dead_letters_total") == {(reason,) for reason in REJECT_REASONS}
    assert series(metrics, "push_requests_total") == {(outcome,) for outcome in PUSH_OUTCOMES}
    assert series(metrics, "watermark_state") == {(why,) for why in HOLDS}
    assert series(metrics, "languages_total") == {("en",), ("other",), ("unknown",)}
    assert series(metrics, "low_confidence_total") == {(task,) for task in TASKS}
    assert series(metrics, "stage_duration_seconds_count") == {(stage,) for stage in STAGES}
    assert series(metrics, "open_incidents") == {(severity,) for severity in SEVERITIES}
    assert series(metrics, "incidents_total") == {
        (kind, rule, severity, change)
        for kind in KINDS
        for rule in RULES
        for severity in SEVERITIES
        for change in CHANGES
    }
    assert series(metrics, "deliveries_total") == {
        (sink, outcome) for sink in ("log", "alertmanager") for outcome in OUTCOMES
    }
    for name in ("records_total", "undated_total", "late_total"):
        assert value(metrics, name) == 0


def test_two_sets_of_metrics_share_no_counts() -> None:
    one, other = (Metrics(program_version="1", topics=(), keys=()) for _ in range(2))
    one.records(5)
    assert value(other, "records_total") == 0


def test_pushes_are_counted_with_the_articles_they_brought(metrics: Metrics) -> None:
    metrics.push("stored", 3)
    metrics.push("invalid")
    assert value(metrics, "push_requests_total", outcome="stored") == 1
    assert value(metrics, "push_requests_total", outcome="invalid") == 1
    assert value(metrics, "push_articles_total") == 3


def test_articles_are_counted_by_topic_and_sentiment(metrics: Metrics) -> None:
    metrics.articles("markets", "negative", 3)
    metrics.articles("markets", "negative")
    metrics.stories("energy", "neutral")
    assert value(metrics, "articles_total", topic="markets", sentiment="negative") == 4
    assert value(metrics, "stories_total", topic="energy", sentiment="neutral") == 1
    assert value(metrics, "stories_total", topic="markets", sentiment="negative") == 0


def test_a_topic_that_was_not_named_makes_no_series_of_its_own(metrics: Metrics) -> None:
    before = series(metrics, "articles_total")
    metrics.articles("a topic of a newer version", "negative")
    assert series(metrics, "articles_total") == before
    assert value(metrics, "articles_total", topic="other", sentiment="negative") == 1


def test_a_topic_called_other_is_no_second_series() -> None:
    metrics = Metrics(program_version="1", topics=("other",), keys=())
    metrics.articles("other", "neutral")
    assert len(series(metrics, "articles_total")) == 3


def test_what_was_read_and_left_out_is_counted(metrics: Metrics) -> None:
    metrics.records(10)
    metrics.dead_letters("not_json", 2)
    metrics.undated(3)
    metrics.late(4)
    metrics.low_confidence("topic", 5)
    metrics.language("other", 6)
    assert value(metrics, "languages_total", language="other") == 6
    assert value(metrics, "records_total") == 10
    assert value(metrics, "dead_letters_total", reason="not_json") == 2
    assert value(metrics, "undated_total") == 3
    assert value(metrics, "late_total") == 4
    assert value(metrics, "low_confidence_total", task="topic") == 5


def test_a_batch_tells_its_rows_its_tokens_and_how_much_was_padding(metrics: Metrics) -> None:
    metrics.work.batch(rows=32, tokens=900, padded_tokens=1000)
    assert value(metrics, "batch_rows_sum") == 32
    assert value(metrics, "batch_padded_tokens_sum") == 1000
    assert value(metrics, "batch_padding_ratio_sum") == pytest.approx(0.1)


def test_an_empty_batch_has_no_share_of_padding(metrics: Metrics) -> None:
    metrics.work.batch(rows=0, tokens=0, padded_tokens=0)
    assert value(metrics, "batch_padding_ratio_count") == 0


def test_a_stage_is_timed_in_seconds(metrics: Metrics) -> None:
    metrics.stage("infer", 0.25)
    metrics.stage("infer", 0.5)
    assert value(metrics, "stage_duration_seconds_sum", stage="infer") == 0.75
    assert value(metrics, "stage_duration_seconds_bucket", stage="infer", le="0.25") == 1


def test_what_is_not_known_yet_is_not_zero(metrics: Metrics) -> None:
    for name in ("watermark_timestamp_seconds", "newest_event_timestamp_seconds"):
        assert math.isnan(value(metrics, name) or 0)
    assert math.isnan(value(metrics, "lag_records", partition="1") or 0)
    assert math.isnan(value(metrics, "lag_seconds", partition="1") or 0)


def test_times_are_seconds_since_1970(metrics: Metrics) -> None:
    metrics.watermark(NINE)
    metrics.newest_event(NINE.replace(minute=10))
    assert value(metrics, "watermark_timestamp_seconds") == NINE.timestamp()
    assert value(metrics, "newest_event_timestamp_seconds") == NINE.timestamp() + 600


def test_lag_is_kept_per_partition_until_it_moves_away(metrics: Metrics) -> None:
    metrics.lag("0", 100, 7.5)
    metrics.forget_partition("1")
    metrics.forget_partition("1")
    assert value(metrics, "lag_records", partition="0") == 100
    assert value(metrics, "lag_seconds", partition="0") == 7.5
    assert series(metrics, "lag_records") == series(metrics, "lag_seconds") == {("0",)}


def test_a_severity_without_open_incidents_falls_to_zero(metrics: Metrics) -> None:
    found = [
        OpenIncident("topic", "markets", "negative_spike", severity, NINE)
        for severity in ("critical", "warn", "warn")
    ]
    metrics.incidents_open(found)
    assert value(metrics, "open_incidents", severity="critical") == 1
    metrics.incidents_open(found[1:])
    assert value(metrics, "open_incidents", severity="critical") == 0
    assert value(metrics, "open_incidents", severity="warn") == 2


def test_changes_of_incidents_and_deliveries_are_counted(metrics: Metrics) -> None:
    metrics.incident("company", "negative_spike", "warn", "opened")
    metrics.outbox(3, 12.5)
    metrics.delivery("log", "delivered")
    labels = {"kind": "company", "rule": "negative_spike", "severity": "warn", "change": "opened"}
    assert value(metrics, "incidents_total", **labels) == 1
    assert value(metrics, "outbox_pending") == 3
    assert value(metrics, "outbox_oldest_age_seconds") == 12.5
    assert value(metrics, "deliveries_total", sink="log", outcome="delivered") == 1


def test_a_reading_that_is_not_known_is_absent(metrics: Metrics) -> None:
    assert series(metrics, "spike_score") == set()
    metrics.key("company", "ACM", KeyReading(spike_score=3.5, negative_share_ratio=0.25))
    assert value(metrics, "spike_score", kind="company", key="ACM") == 3.5
    assert value(metrics, "negative_share_ratio", kind="company", key="ACM") == 0.25
    metrics.key("company", "ACM", KeyReading(spike_score=0.0))
    assert value(metrics, "spike_score", kind="company", key="ACM") == 0
    assert series(metrics, "negative_share_ratio") == set()
    metrics.key("company", "ACM", NOTHING)
    metrics.key("company", "ACM", NOTHING)
    assert series(metrics, "spike_score") == set()


def test_a_key_that_was_not_named_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="company 'ZZZ' is no key of these metrics"):
        metrics.key("company", "ZZZ", KeyReading(spike_score=1.0))


def test_an_open_incident_shows_how_grave_it_is_and_since_when(metrics: Metrics) -> None:
    labels = {"kind": "company", "key": "ACM", "rule": "negative_spike"}
    metrics.incidents_open([OpenIncident("company", "ACM", "negative_spike", "warn", NINE)])
    assert value(metrics, "incident_severity", **labels) == 2
    assert value(metrics, "incident_opened_timestamp_seconds", **labels) == NINE.timestamp()
    metrics.incidents_open([OpenIncident("company", "GONE", "negative_spike", "critical", NINE)])
    assert series(metrics, "incident_severity") == set()
    assert series(metrics, "incident_opened_timestamp_seconds") == set()


def test_one_version_classifies_at_a_time(metrics: Metrics) -> None:
    metrics.model("one+a")
    metrics.model("two+a")
    assert series(metrics, "model_info") == {("two+a",)}
    assert value(metrics, "build_info", version="0.1.0") == 1


def test_the_page_has_process_metrics_and_no_times_of_creation(metrics: Metrics) -> None:
    page = metrics.exposition().decode()
    names = {
        sample.name for family in text_string_to_metric_families(page) for sample in family.samples
    }
    assert "process_resident_memory_bytes" in names
    assert "bearwatch_records_total" in names
    assert [name for name in names if name.endswith("_created")] == []


def test_a_registry_of_the_callers_is_used() -> None:
    registry = CollectorRegistry()
    assert Metrics(program_version="1", topics=(), keys=(), registry=registry).registry is registry


def test_promtool_finds_nothing_wrong_with_the_page(metrics: Metrics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing; install Debian's package prometheus")
        pytest.skip("promtool is not installed; it comes with Debian's package prometheus")
    metrics.key("company", "ACM", KeyReading(spike_score=1.0))
    metrics.model("one+a")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=metrics.exposition(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
