"""Who was told when: the outbox in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.pages.heard import first_call, heard
from pipeline.store.looking import Told
from tests.pages.made import HOSTILE, OPENED

MINUTE = timedelta(minutes=1)


def told(sink: str = "alertmanager", sent: int | None = 12, **changes: object) -> Told:
    values: dict[str, object] = {
        "sink": sink,
        "revision": 1,
        "created_at": OPENED + 10 * MINUTE,
        "sent_at": None if sent is None else OPENED + sent * MINUTE,
        "error": None,
        "change": "opened",
        "severity": "critical",
        "at": OPENED,
    }
    return Told(**(values | changes))  # type: ignore[arg-type] # as the fields are


def test_message_says_what_happened_and_how_long_it_took() -> None:
    (one,) = heard([told()])
    assert (one.sink, one.calls, one.what, one.severity) == (
        "alertmanager",
        True,
        "opened",
        "critical",
    )
    assert (one.after, one.trouble) == ("12 min", "")


@pytest.mark.parametrize(
    ("message", "after", "trouble"),
    [
        (told(sent=None), "", "not yet"),
        (told(sent=None, error="no route to host"), "", "no route to host"),
        (told(error="first try failed"), "12 min", ""),
        (told(at=None), "2 min", ""),
        (told(sent=5, at=OPENED + 6 * MINUTE), "", ""),  # clocks that do not agree
    ],
)
def test_what_was_not_sent_says_why_and_spans_are_never_negative(
    message: Told, after: str, trouble: str
) -> None:
    (one,) = heard([message])
    assert (one.after, one.trouble) == (after, trouble)


def test_message_from_before_it_said_what_it_tells_has_no_words_for_it() -> None:
    (one,) = heard([told(change="", severity="", at=None)])
    assert (one.what, one.severity) == ("", "")
    (other,) = heard([told(change="updated")])
    assert other.what == "changed"


@pytest.mark.parametrize("text", HOSTILE)
def test_trouble_is_one_harmless_line(text: str) -> None:
    (one,) = heard([told(sent=None, error=f"{text}\n{'x' * 999}")])
    assert len(one.trouble) <= 300
    assert one.trouble.isprintable()


def test_first_who_was_called_is_told_and_records_do_not_count() -> None:
    messages = [told("log", 1), told("apprise.desk", 15), told("alertmanager", 14)]
    assert first_call(messages, OPENED) == (
        "alertmanager was called first: Thu 12 Mar 2026, 14:04, 14 min after it opened."
    )
    assert first_call([told("apprise.desk", None), told("log")], OPENED) == (
        "Nobody has been called so far."
    )
    assert first_call([told("log"), told("kafka")], OPENED).startswith("Nobody is called about")
    assert first_call([], OPENED) == ""
    early = first_call([told(sent=-1)], OPENED)
    assert early == "alertmanager was called first: Thu 12 Mar 2026, 13:49."
