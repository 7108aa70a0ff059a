"""A small newsroom over two weeks, from counts to incidents: what it is all for."""

from __future__ import annotations

import pytest

from tests.alerts.streams import Burst, Event, newsroom, watch

COMPANY = Burst(("company", "company 7"), 10.4, 2.0, 24, negative=True)
HARMLESS = Burst(("company", "company 9"), 11.6, 2.0, 40, negative=False)
TOPIC = Burst(("topic", "topic 5"), 12.5, 2.0, 30, negative=True)


@pytest.fixture(scope="module")
def fortnight() -> list[Event]:
    return watch(newsroom(days=14, seed=1, bursts=[COMPANY, HARMLESS, TOPIC]))


def grave(events: list[Event]) -> list[Event]:
    """Openings and escalations to a warning or more."""
    rising = [event for event in events if event.what in ("opened", "reopened", "escalated")]
    return [event for event in rising if event.severity in ("warn", "critical")]


def during(burst: Burst, events: list[Event]) -> list[Event]:
    """Those from the burst's start to three hours after its end."""
    return [e for e in events if burst.day <= e.day <= burst.day + (burst.hours + 3) / 24]


@pytest.mark.parametrize("burst", [COMPANY, TOPIC])
def test_burst_of_negative_news_is_at_least_a_warning_within_the_hour(
    fortnight: list[Event], burst: Burst
) -> None:
    first = next(e for e in during(burst, grave(fortnight)) if e.key == burst.key)
    assert (first.what, first.rule) == ("opened", "negative_spike")
    assert (first.day - burst.day) * 24 <= 1.0


def test_harmless_burst_is_only_information(fortnight: list[Event]) -> None:
    events = during(HARMLESS, fortnight)
    assert HARMLESS.key in {e.key for e in events if e.rule == "volume_burst"}
    assert grave(events) == []


def test_nothing_else_is_a_warning(fortnight: list[Event]) -> None:
    explained = [*during(COMPANY, fortnight), *during(TOPIC, fortnight)]
    assert [event for event in grave(fortnight) if event not in explained] == []


def test_every_incident_ends(fortnight: list[Event]) -> None:
    last = {event.incident: event.what for event in fortnight}
    assert set(last.values()) == {"resolved"}


def test_fleet_of_quiet_keys_raises_no_warning_in_two_weeks() -> None:
    assert grave(watch(newsroom(days=14, seed=2))) == []
