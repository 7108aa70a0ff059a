"""The demo as a newcomer starts it, on the version that ships: what it shows must be true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.companies import Watchlist
from ingest.samples import BURSTS, Burst, samples

BEARWATCH = Path(sys.executable).with_name("bearwatch")


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("BEARWATCH_")}
    done = subprocess.run(
        [BEARWATCH, "demo", "--once", "--json"],
        capture_output=True,
        check=True,
        timeout=280,
        env=mine,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def key_of(burst: Burst) -> tuple[str, str]:
    if burst.key_kind == "topic":
        return "topic", burst.key
    (mention,) = Watchlist.load().find(burst.key, "")
    return "company", mention.symbol


def leading(demo: dict[str, Any], severities: set[str]) -> list[dict[str, Any]]:
    found = demo["incidents"]
    return [i for i in found if i["parent"] is None and i["severity"] in severities]


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
