"""A real Prometheus scrapes a running system: every expression that ships returns something."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ingest.samples import BURSTS
from tests.dashboards.expressions import (
    Expression,
    alerts,
    filled,
    metrics_in,
    of_dashboards,
    rules,
    selectors_in,
)
from tests.dashboards.prometheus import Prometheus, prometheus
from tests.dashboards.system import MINUTE, System
from tests.dashboards.tools import tool

HISTORY = timedelta(days=3)
"""Before the burst: the baselines are ready after 48 hours."""

EMPTY = {
    "bearwatch-pipeline: Memory of the GPU A": "the tests have no GPU",
    "bearwatch-pipeline: Dead letters not published A": "unknown (NaN) without Kafka",
    "Shift of the mix of labels A": "there is no week of news to compare with",
    "Shift of the mix of labels B": "there is no week of news to compare with",
    "Fall of confidence in the same labels A": "there is no week of news to compare with",
    "Fall of confidence in the same labels B": "there is no week of news to compare with",
    "annotation Promotions": "no version was promoted within ten minutes",
    "annotation Health": "no alert on our own health fires",
}
"""Expressions that are empty by nature in a healthy system without Kafka and GPU."""

ABSENT = {"bearwatch_gpu_memory_bytes": "the tests have no GPU"}
ALWAYS = "or vector(0)"
"""An expression that ends so returns something whatever it reads."""

SHOWN = {expression.where: expression for expression in of_dashboards()}
RECORDED = {
    rule["record"]: Expression(rule["record"], rule["expr"])
    for rule in rules()
    if "record" in rule
}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """In the middle of the demo's burst about a company, the last hours of it scraped."""
    tool("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    burst = BURSTS[1]
    with System(folder, begin=burst.start - HISTORY) as system:
        system.advance(burst.start, timedelta(hours=2))
        with prometheus(folder, port=system.serve()) as server:
            server.wait("up == 1")
            for _ in range(6):
                system.advance(system.clock.at + 20 * MINUTE, 5 * MINUTE)
                read = system.value("bearwatch_records_total")
                server.wait(f"bearwatch_records_total >= {read}")
            for name in RECORDED:
                server.wait(name)
            yield server


def nature(where: str) -> str | None:
    """Why an expression is empty, if that is as it should be."""
    return next((why for name, why in EMPTY.items() if where.endswith(name)), None)


def known(server: Prometheus, text: str) -> list[float]:
    values = (float(one["value"][1]) for one in server.ask(text).series)
    return [value for value in values if not math.isnan(value)]


def test_every_expression_of_a_dashboard_returns_data(scraped: Prometheus) -> None:
    empty = {e.where: e.text for e in SHOWN.values() if not known(scraped, e.text)}
    assert {where: text for where, text in empty.items() if nature(where) is None} == {}


def test_what_is_called_empty_by_nature_is_empty(scraped: Prometheus) -> None:
    excused = [e for e in SHOWN.values() if nature(e.where) is not None]
    assert len(excused) >= len(EMPTY)
    assert [e.where for e in excused if known(scraped, e.text)] == []


def test_every_recording_rule_returns_data_and_is_recorded(scraped: Prometheus) -> None:
    assert [name for name, e in RECORDED.items() if not known(scraped, e.text)] == []
    assert [name for name in RECORDED if not known(scraped, name)] == []


def test_whatever_an_alert_reads_is_there_and_none_fires(scraped: Prometheus) -> None:
    for rule in alerts():
        read = selectors_in(rule["expr"])
        assert read
        for selector in read:
            assert scraped.ask(selector).series, f"{rule['alert']}: nothing for {selector}"
        assert not known(scraped, rule["expr"]), rule["alert"]


def test_a_metric_that_is_renamed_is_noticed(scraped: Prometheus) -> None:
    looked = 0
    for e in (*SHOWN.values(), *RECORDED.values()):
        if e.text.endswith(ALWAYS):
            continue
        for name in metrics_in(e.text) - {"up", "ALERTS"}:
            renamed = re.sub(rf"\b{name}\b", f"{name}_renamed", e.text)
            assert renamed != e.text
            assert not scraped.ask(renamed).series, f"{e.where} does without {name}"
            looked += 1
    assert looked > 100


def test_prometheus_says_how_long_each_expression_takes(scraped: Prometheus) -> None:
    took = {e.where: scraped.ask(e.text).seconds for e in (*SHOWN.values(), *RECORDED.values())}
    slowest = max(took, key=took.__getitem__)
    # Told by `pytest -rP` and not judged, as the machine may be busy: LOG.md has a quiet one's.
    sys.stdout.write(f"{len(took)} expressions; {slowest}: {took[slowest] * 1000:.1f} ms\n")
    assert all(seconds > 0 for seconds in took.values())


def test_the_incident_of_the_burst_is_on_the_overview(scraped: Prometheus) -> None:
    timeline = SHOWN["bearwatch-overview: Incidents A"]
    found = {
        (one["metric"]["name"], one["metric"]["rule"]): float(one["value"][1])
        for one in scraped.ask(filled(timeline.text)).series
    }
    assert found["Toyota", "negative_spike"] >= 2
