"""Who is told of what."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import ValidationError

from alerts.incidents import What
from alerts.routing import sinks_for
from alerts.rules import Severity
from alerts.settings import AlertSettings, RouteSettings

SINKS: Final = ("log", "kafka", "alertmanager", "apprise.desk", "apprise.pager")
RECORDS: Final = {"log", "kafka"}


def told(
    *routes: dict[str, Any],
    severity: Severity = "warn",
    change: What = "opened",
    kind: str = "company",
    key: str = "ACM",
) -> set[str]:
    given = [RouteSettings.model_validate(route) for route in routes]
    found = sinks_for(change, severity, kind, key, "negative_spike", routes=given, sinks=SINKS)
    assert set(found) >= RECORDS
    return set(found) - RECORDS


def test_without_routes_everybody_is_told_of_warn_and_above() -> None:
    everybody = {"alertmanager", "apprise.desk", "apprise.pager"}
    assert told(severity="warn") == told(severity="critical") == everybody
    assert told(severity="info") == set()


@pytest.mark.parametrize(
    ("severity", "kind", "key", "expected"),
    [
        ("critical", "topic", "Energy", {"apprise.pager"}),
        ("warn", "company", "ACM", {"apprise.desk"}),
        ("warn", "company", "BRK", {"alertmanager"}),
        ("warn", "topic", "Energy", {"alertmanager"}),
        ("info", "company", "ACM", set()),
    ],
)
def test_first_route_that_fits_says_who(
    severity: Severity, kind: str, key: str, expected: set[str]
) -> None:
    routes = (
        {"severity": "critical", "sinks": ["apprise.pager"]},
        {"severity": "warn", "kinds": ["company"], "keys": ["ACM"], "sinks": ["apprise.desk"]},
        {"severity": "warn", "sinks": ["alertmanager"]},
    )
    assert told(*routes, severity=severity, kind=kind, key=key) == expected


def test_route_may_be_for_a_rule() -> None:
    assert told({"rules": ["volume_burst"], "sinks": ["apprise.desk"]}) == set()
    assert told({"rules": ["negative_spike"], "sinks": ["apprise.desk"]}) == {"apprise.desk"}


def test_whoever_heard_of_it_when_it_was_less_grave_hears_how_it_goes_on() -> None:
    routes = (
        {"severity": "critical", "sinks": ["apprise.pager"]},
        {"severity": "warn", "sinks": ["apprise.desk"]},
    )
    assert told(*routes, severity="critical") == {"apprise.pager"}
    both = {"apprise.pager", "apprise.desk"}
    for change in ("escalated", "resolved", "reopened"):
        assert told(*routes, severity="critical", change=change) == both
    assert told(*routes, severity="warn", change="resolved") == {"apprise.desk"}


def test_settings_know_their_sinks() -> None:
    found = AlertSettings.model_validate(
        {
            "alertmanager": {"urls": ["http://one:9093"]},
            "apprise": {"desk": {"url": "json://localhost/x"}},
        }
    )
    assert found.sinks == ("log", "kafka", "alertmanager", "apprise.desk")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"routes": [{"sinks": ["apprise.nobody"]}]}, "not set up: apprise.nobody"),
        ({"routes": [{"kinds": ["source"], "sinks": []}]}, "no kind: source"),
        ({"apprise": {"Desk!": {"url": "json://localhost"}}}, "a name begins with a-z"),
        (
            {"apprise": {"desk": {"url": "slack://s3cret-but-incomplete"}}},
            "not a complete Apprise",
        ),
        ({"alertmanager": {"urls": ["one:9093"]}}, "http://HOST:PORT"),
        ({"alertmanager": {"resend_seconds": 200}}, "at least twice"),
    ],
)
def test_settings_that_lead_nowhere_are_refused_without_their_secrets(
    given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem) as raised:
        AlertSettings.model_validate(given)
    assert "s3cret" not in str(raised.value)


def test_secrets_of_urls_are_not_shown() -> None:
    found = AlertSettings.model_validate(
        {
            "alertmanager": {"urls": ["http://user:s3cret@one:9093"]},
            "apprise": {"desk": {"url": "json://user:s3cret@localhost/s3cret"}},
        }
    )
    shown = repr(found) + found.model_dump_json()
    assert "s3cret" not in shown
    assert "one:9093" in shown
