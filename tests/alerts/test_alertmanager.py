"""What Alertmanager is told: the same labels from first to last, and ends in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
import structlog

from alerts.alertmanager import AlertmanagerChannel
from alerts.channels import Channel, Notification, Refused, Unreachable
from alerts.settings import AlertmanagerSettings
from alerts.simulation import MONDAY
from tests.alerts.notes import NOTE

NOW: Final = MONDAY + timedelta(hours=1)
Answer = Callable[[httpx.Request], httpx.Response]


class Alertmanagers:
    """Two of them; each answers a status, or raises."""

    def __init__(self) -> None:
        self.answers: dict[str, int | Exception] = {"one": 200, "two": 200}
        self.posted: list[tuple[str, list[dict[str, Any]]]] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[request.url.host]
        if isinstance(answer, Exception):
            raise answer
        if answer == 200:
            self.posted.append((request.url.host, json.loads(request.content)))
        return httpx.Response(answer)


@pytest.fixture
def away() -> Alertmanagers:
    return Alertmanagers()


@pytest.fixture
def channel(away: Alertmanagers) -> AlertmanagerChannel:
    settings = AlertmanagerSettings.model_validate(
        {"urls": "http://one:9093/am/, http://user:hunter22@two:9093"}
    )
    return AlertmanagerChannel(
        settings,
        clock=lambda: NOW,
        logger=structlog.get_logger(),
        transport=httpx.MockTransport(away),
    )


def sent(away: Alertmanagers, channel: Channel, note: Notification) -> list[dict[str, Any]]:
    away.posted.clear()
    channel.send(note)
    return away.posted[0][1]


def test_every_alertmanager_is_told_by_its_own_address(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    channel.send(NOTE)
    assert [str(request.url) for request in away.requests] == [
        "http://one:9093/am/api/v2/alerts",
        "http://user:hunter22@two:9093/api/v2/alerts",
    ]
    assert away.requests[1].headers["authorization"].startswith("Basic ")
    assert [host for host, _ in away.posted] == ["one", "two"]


def test_labels_say_what_it_is_and_annotations_why(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    link = "https://news.example.com/incidents/a"
    (alert,) = sent(away, channel, replace(NOTE, link=link))
    assert alert["labels"] == {
        "alertname": "BearwatchNegativeSpike",
        "severity": "critical",
        "kind": "company",
        "key": "ACM",
        "rule": "negative_spike",
        "incident": "a" * 32,
    }
    assert alert["annotations"]["summary"].startswith("[critical] Acme (ACM)")
    assert "- Acme falls (wire, 2 copies)" in alert["annotations"]["description"]
    assert alert["annotations"]["revision"] == "2"
    assert alert["generatorURL"] == link
    assert alert["startsAt"] == MONDAY.isoformat()
    assert alert["endsAt"] == (NOW + timedelta(minutes=5)).isoformat()


def test_labels_do_not_change_with_evidence_and_revision(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    later = replace(NOTE, revision=9, lines=("60 stories",), title="other words", at=NOW)
    (one,), (two,) = (sent(away, channel, note) for note in (NOTE, later))
    assert one["labels"] == two["labels"]
    assert one["startsAt"] == two["startsAt"]


def test_alert_has_no_address_without_a_page(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    assert "generatorURL" not in sent(away, channel, NOTE)[0]


def test_resolved_alert_ends_when_it_ended(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    ended = MONDAY + timedelta(minutes=40)
    over = replace(NOTE, change="resolved", at=ended, resolved_at=ended, told=("warn", "critical"))
    found = sent(away, channel, over)
    assert [(a["labels"]["severity"], a["endsAt"]) for a in found] == [
        ("warn", ended.isoformat()),
        ("critical", ended.isoformat()),
    ]


def test_escalation_ends_the_lower_severity_in_the_same_request(
    away: Alertmanagers, channel: AlertmanagerChannel
) -> None:
    note = replace(NOTE, at=MONDAY + timedelta(minutes=10), told=("warn",))
    ends = {a["labels"]["severity"]: a["endsAt"] for a in sent(away, channel, note)}
    assert ends["critical"] > NOW.isoformat() > ends["warn"]


def test_no_alert_ends_before_it_starts(away: Alertmanagers, channel: AlertmanagerChannel) -> None:
    odd = replace(NOTE, change="resolved", resolved_at=MONDAY - timedelta(hours=1))
    (alert,) = sent(away, channel, odd)
    assert alert["endsAt"] >= alert["startsAt"]


@pytest.mark.parametrize("trouble", [httpx.ConnectError("refused"), 500, 400])
def test_one_of_two_is_enough(
    away: Alertmanagers, channel: AlertmanagerChannel, trouble: int | Exception
) -> None:
    away.answers["one"] = trouble
    channel.send(NOTE)
    assert [host for host, _ in away.posted] == ["two"]


@pytest.mark.parametrize(
    ("one", "two", "error"),
    [
        (httpx.ReadTimeout("slow"), httpx.ConnectError("refused"), Unreachable),
        (500, 503, Unreachable),
        (429, 429, Unreachable),
        (400, 400, Refused),
        (302, 404, Refused),
        (400, 503, Unreachable),
    ],
)
def test_error_says_whether_to_try_again_and_holds_no_secret(
    away: Alertmanagers,
    channel: AlertmanagerChannel,
    one: int | Exception,
    two: int | Exception,
    error: type[Exception],
) -> None:
    away.answers = {"one": one, "two": two}
    with pytest.raises(error) as raised:
        channel.send(NOTE)
    assert type(raised.value) is error
    assert "hunter22" not in str(raised.value)


def test_many_that_fire_go_in_pieces(away: Alertmanagers, channel: AlertmanagerChannel) -> None:
    notes = [replace(NOTE, incident=f"{n:032}") for n in range(150)]
    channel.keep(notes)
    of_one = [posted for host, posted in away.posted if host == "one"]
    assert [len(posted) for posted in of_one] == [64, 64, 22]
    assert len({alert["labels"]["incident"] for posted in of_one for alert in posted}) == 150


def test_nothing_that_fires_asks_nobody(away: Alertmanagers, channel: AlertmanagerChannel) -> None:
    channel.keep([])
    assert away.requests == []
