"""A headline is only words, whatever reads it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alertmanager import DESCRIPTION_LIMIT, alerts
from alerts.channels import LINE_LIMIT, TITLE_LIMIT
from alerts.escaping import harmless
from alerts.kafka_channel import envelope
from alerts.simulation import MONDAY
from alerts.wording import body, subject
from tests.alerts.notes import HOSTILE, NOTE, headlines

LINK: Final = "https://news.example.com/incidents/aaaa"
INVISIBLE: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

# What makes a link, a call or a picture of text, in whatever chat, mail or page.
ACTIVE: Final = re.compile(
    r"[<>`*~\\|]"  # tags, code, emphasis
    r"|[@\uff20]\w"  # a call of somebody
    r"|\w:/"  # a scheme
    r"|\bwww\."
    r"|[\w-][.\uff0e\uff61](?:[^\W\d_]{2}|xn--)"  # a domain
    r"|\d\.\d{1,3}\.\d{1,3}\.\d"  # an address
    r"|\][(\[:]",  # a Markdown link
    re.IGNORECASE,
)


def is_safe(text: str) -> bool:
    visible = all(unicodedata.category(c) not in INVISIBLE for c in text)
    return visible and ACTIVE.search(text) is None


@given(text=headlines, limit=st.integers(10, 400))
def test_headline_calls_nobody_and_links_nowhere(text: str, limit: int) -> None:
    safe = harmless(text, limit)
    assert is_safe(safe)
    assert len(safe) <= limit
    assert harmless(safe, limit) == safe


@given(title=headlines, lines=st.lists(headlines, max_size=12), limit=st.integers(60, 4_000))
def test_message_is_safe_but_for_our_own_link(title: str, lines: list[str], limit: int) -> None:
    note = replace(NOTE, title=title, lines=tuple(lines), link=LINK)
    assert is_safe(subject(note))
    assert len(subject(note)) <= TITLE_LIMIT
    text = body(note, limit)
    assert len(text) <= limit
    *before, last = text.split("\n")
    assert last == LINK
    assert all(is_safe(line) for line in before)


@given(title=headlines, key=headlines, lines=st.lists(headlines, max_size=30))
def test_alertmanager_and_kafka_get_bounded_safe_text(
    title: str, key: str, lines: list[str]
) -> None:
    note = replace(NOTE, title=title, key=key, lines=tuple(lines))
    for alert in alerts(note, MONDAY):
        notes = alert["annotations"]
        assert is_safe(notes["summary"])
        assert all(is_safe(line) for line in notes["description"].split("\n"))
        assert len(notes["description"]) <= DESCRIPTION_LIMIT
        assert is_safe(alert["labels"]["key"])
    value = envelope(note)
    assert len(value) < 40_000
    fields = json.loads(value.decode())
    shown = "".join([fields["title"], fields["key"], *fields["lines"]])
    assert all(unicodedata.category(c) not in INVISIBLE for c in shown)
    assert all(len(line) <= LINE_LIMIT for line in fields["lines"])


@pytest.mark.parametrize(
    "headline",
    [
        "Crédit Zürich: profit -12 % “for now” (株) 📉",
        "U.S. stocks fall 5.2% to 3,999.50 as 7203.T slides; Q3 EPS $1.02 v. $1.10",
        "AT&T's CEO: 'no comment' — S&P 500 #1 loser",
    ],
)
def test_ordinary_headline_is_left_alone(headline: str) -> None:
    assert harmless(headline, 200) == headline


def test_what_is_replaced_stays_readable() -> None:
    assert harmless("see http://a.example/x", 99) == "see http[:]//a[.]example/x"
    assert harmless("@here: <b>", 99) == "(at)here: \u2039b\u203a"
    assert harmless("\u202eevil\nnext", 99) == "evil next"


def test_hostile_headlines_are_what_they_claim_to_be() -> None:
    assert [text[:9] for text in HOSTILE if is_safe(text)] == ["xxxxxxxxx"]
