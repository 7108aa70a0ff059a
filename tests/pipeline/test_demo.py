"""The demo as a newcomer starts it, on the version that ships: what it shows must be true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread, Timer
from time import sleep
from typing import Any

import httpx
import pytest

from ingest.companies import Watchlist
from ingest.samples import BURSTS, Burst, samples

BEARWATCH = Path(sys.executable).with_name("bearwatch")


WITHIN_S = 280.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What a demo printed in the end, and what its live page showed meanwhile."""

    result: dict[str, Any]
    pages: list[str]


@pytest.fixture(scope="module")
def watched() -> Watched:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("BEARWATCH_")}
    with subprocess.Popen(
        [BEARWATCH, "demo", "--once", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=mine,
    ) as process:
        # It answers after the demo has ended, too, if it hangs: then the process is ended here.
        overdue = Timer(WITHIN_S, process.kill)
        overdue.start()
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            address = next(line for line in process.stderr if line.startswith("live page: "))
            drained = Thread(target=process.stderr.read)
            drained.start()
            pages = look(address.removeprefix("live page: ").strip(), process)
            out = process.stdout.read()
            drained.join()
            assert process.wait() == 0
        finally:
            overdue.cancel()
            process.kill()
    return Watched(json.loads(out), pages)


def look(address: str, process: subprocess.Popen[str]) -> list[str]:
    """The live page again and again, for as long as it is there."""
    pages: list[str] = []
    with httpx.Client(timeout=60.0) as http:
        while process.poll() is None:
            try:
                answer = http.get(address)
            except httpx.TransportError:
                break  # the demo has just ended
            assert answer.status_code == 200
            if pages[-1:] != [answer.text]:
                pages.append(answer.text)
            sleep(0.1)
    return pages


@pytest.fixture(scope="module")
def demo(watched: Watched) -> dict[str, Any]:
    return watched.result


def key_of(burst: Burst) -> tuple[str, str]:
    if burst.key_kind == "topic":
        return "topic", burst.key
    (mention,) = Watchlist.load().find(burst.key, "")
    return "company", mention.symbol


def leading(demo: dict[str, Any], severities: set[str]) -> list[dict[str, Any]]:
    found = demo["incidents"]
    return [i for i in found if i["parent"] is None and i["severity"] in severities]


@dataclass(frozen=True, slots=True)
class Chart:
    """The counts of the whole stream in a page."""

    band: str
    line: str


def _whole(page: str) -> tuple[str, str] | None:
    part = page.partition(">The whole stream</a>")[2].partition("</svg>")[0]
    line = re.search(r'class="seen" points="(.*?)"', part)
    band = re.search(r'class="band" points="(.*?)"', part)
    return None if line is None else (band[1] if band else "", line[1])


def test_live_page_moves_while_the_demo_runs(watched: Watched) -> None:
    shown = [re.search(r"<h1>(.*?)</h1>", page) for page in watched.pages]
    times = list(dict.fromkeys(found[1] for found in shown if found))
    assert len(times) >= 4
    whole = [Chart(*found) for page in watched.pages if (found := _whole(page))]
    assert len({chart.line for chart in whole}) >= 3
    assert whole[-1].band  # by the end it is known what is usual


def test_leading_warnings_are_exactly_the_two_bursts_of_bad_news(demo: dict[str, Any]) -> None:
    bad = [burst for burst in BURSTS if burst.kind == "negative"]
    found = leading(demo, {"warn", "critical"})
    assert sorted((i["kind"], i["key"]) for i in found) == sorted(map(key_of, bad))
    assert {i["rule"] for i in found} == {"negative_spike"}


@pytest.mark.parametrize("burst", [burst for burst in BURSTS if burst.kind == "negative"])
def test_bad_news_opens_while_it_lasts_and_resolves_afterwards(
    demo: dict[str, Any], burst: Burst
) -> None:
    kind, key = key_of(burst)
    (incident,) = [
        i for i in leading(demo, {"warn", "critical"}) if (i["kind"], i["key"]) == (kind, key)
    ]
    opened = datetime.fromisoformat(incident["opened_at"])
    resolved = datetime.fromisoformat(incident["resolved_at"])
    assert burst.start < opened < burst.start + timedelta(hours=1)
    assert burst.end < resolved < burst.end + timedelta(hours=6)


def test_harmless_burst_is_an_info_and_nothing_more(demo: dict[str, Any]) -> None:
    (harmless,) = [burst for burst in BURSTS if burst.kind == "volume"]
    kind, key = key_of(harmless)
    about = [i for i in demo["incidents"] if (i["kind"], i["key"]) == (kind, key)]
    assert [(i["rule"], i["severity"]) for i in about] == [("volume_burst", "info")]


def test_evidence_names_real_stories_of_the_stream(demo: dict[str, Any]) -> None:
    titles = {sample.title for sample in samples()}
    for incident in demo["incidents"]:
        assert incident["stories"]
        assert {story["headline"] for story in incident["stories"]} <= titles


def test_counts_are_those_of_the_stream(demo: dict[str, Any]) -> None:
    sent = samples()
    bad = [sample for sample in sent if sample.reason is not None]
    assert sum(demo["dead_letters"].values()) == len(bad)
    assert demo["articles"] == len([s for s in sent if s.kind in ("story", "copy")])
    # Undated articles are stories too, even if they repeat something: nobody knows when.
    stories = len([s for s in sent if s.kind == "story"])
    assert stories <= demo["stories"] <= stories + demo["undated"]
