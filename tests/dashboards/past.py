"""A Prometheus that has scraped a day of the demo's news, though it took a minute.

The system's clock is that of the news. What its page says at each moment is written down with that
moment, and Prometheus' own program makes its blocks of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.dashboards.expressions import metrics_in, of_dashboards
from tests.dashboards.prometheus import Prometheus, prometheus
from tests.dashboards.system import System
from tests.dashboards.tools import run

SCRAPED_EVERY = timedelta(minutes=2)
HISTORY = timedelta(days=3)
BEFORE = timedelta(hours=3)
"""Scraped before the picture begins, so that sums over a window have something to begin with."""

TARGET = {"instance": "localhost:9108", "job": "bearwatch"}
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Past:
    """What was scraped, and from when to when."""

    server: Prometheus
    begin: datetime
    end: datetime


@contextmanager
def past(
    folder: Path, end: datetime, span: timedelta, *, before: timedelta = BEFORE
) -> Iterator[Past]:
    """The demo's stream as a Prometheus knows it that has watched it live until ``end``."""
    page = folder / "page.txt"
    begin = end - span
    with (
        System(folder, begin=begin - HISTORY) as system,
        page.open("w", encoding="utf-8") as out,
    ):
        system.advance(begin - before, timedelta(hours=1))
        while system.clock.at < end:
            system.advance(system.clock.at + SCRAPED_EVERY, SCRAPED_EVERY / 2)
            write(system, out)
        out.write("# EOF\n")
    data = folder / "blocks"
    made = ("tsdb", "create-blocks-from", "--max-block-duration=48h", "openmetrics")
    run("promtool", *made, page, data)
    with prometheus(folder, data=data) as server:
        yield Past(server, begin, end)


def write(system: System, out: TextIO) -> None:
    """Everything that a dashboard asks for, as it is on the page now."""
    at = system.clock.at.timestamp()
    for family in text_string_to_metric_families(system.metrics.exposition().decode()):
        for line in lines(family, at):
            out.write(line)
    out.write(f"up{labelled({})} 1 {at}\n")


def lines(family: Metric, at: float) -> Iterator[str]:
    for sample in family.samples:
        if sample.name in ASKED:
            yield f"{sample.name}{labelled(sample.labels)} {sample.value} {at}\n"


def labelled(labels: dict[str, str]) -> str:
    pairs = {**labels, **TARGET}.items()
    return "{" + ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in pairs) + "}"


ASKED = frozenset(name for e in of_dashboards() for name in metrics_in(e.text))
