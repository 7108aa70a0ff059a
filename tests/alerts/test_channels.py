"""Delivery to the log, and text that cannot do harm there."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Final

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import (
    LINE_LIMIT,
    LINES_LIMIT,
    TITLE_LIMIT,
    Channel,
    LogChannel,
    Notification,
    NotifyError,
    Refused,
    Unreachable,
    plain,
)
from alerts.simulation import MONDAY

NOTE: Final = Notification(
    incident="0" * 32,
    revision=2,
    change="escalated",
    severity="critical",
    kind="company",
    key="ACME",
    rule="negative_spike",
    at=MONDAY,
    title="Negative news about ACME",
    lines=("12 stories, 3 expected",),
)


def logged(notification: Notification) -> structlog.typing.EventDict:
    captured = structlog.testing.LogCapture()
    channel: Channel = LogChannel(structlog.wrap_logger(None, processors=[captured]))
    channel.send(notification)
    (entry,) = captured.entries
    return entry


def test_log_line_carries_incident_and_revision() -> None:
    entry = logged(NOTE)
    assert (entry["incident"], entry["revision"], entry["at"]) == (
        "0" * 32,
        2,
        "2026-01-05T00:00:00+00:00",
    )
    assert entry["lines"] == ["12 stories, 3 expected"]


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        (NOTE, "warning"),
        (replace(NOTE, severity="warn"), "warning"),
        (replace(NOTE, severity="info"), "info"),
        (replace(NOTE, change="resolved"), "info"),
    ],
)
def test_log_level_follows_what_there_is_to_do(changed: Notification, level: str) -> None:
    assert logged(changed)["log_level"] == level


def test_log_line_holds_no_foreign_control_and_no_endless_text() -> None:
    nasty = "\x1b[31mSell\u202e now\r\nlevel=error \u2028" + "x" * 2_000
    entry = logged(replace(NOTE, title=nasty, key=nasty, lines=(nasty,) * 50))
    assert entry["title"].startswith("[31mSell now level=error x")
    assert len(entry["title"]) == TITLE_LIMIT
    assert len(entry["lines"]) == LINES_LIMIT
    assert all(len(line) <= LINE_LIMIT for line in (*entry["lines"], entry["key"]))


@given(text=st.text(), limit=st.integers(1, 40))
def test_plain_text_is_one_visible_line_within_its_limit(text: str, limit: int) -> None:
    safe = plain(text, limit)
    assert len(safe) <= limit
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in safe)
    assert plain(safe, limit) == safe


def test_plain_text_leaves_ordinary_headlines_alone() -> None:
    headline = "Crédit Zürich: profit -12 % “for now” (株) 📉"
    assert plain(headline, 100) == headline


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        (NotifyError, "unknown", False),
        (Unreachable, "unreachable", True),
        (Refused, "refused", False),
    ],
)
def test_error_knows_its_reason_and_whether_to_try_again(
    error: type[NotifyError], reason: str, retryable: bool
) -> None:
    assert (error.reason, error.retryable) == (reason, retryable)
