"""One event, one alert."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.linking import Candidate, choose_parent, worth_telling
from alerts.rules import Rule, Severity
from alerts.simulation import MONDAY


def incident(
    name: str,
    kind: str,
    stories: str,
    *,
    minutes: int = 0,
    rule: Rule = "negative_spike",
    parent: str | None = None,
) -> Candidate:
    """An incident whose stories are the letters of ``stories``."""
    opened_at = MONDAY + timedelta(minutes=minutes)
    return Candidate(name, kind, name, rule, opened_at, frozenset(stories), parent)


COMPANY = incident("acme", "company", "abcd")
TOPIC = incident("shares", "topic", "abcdef")
ALL = incident("all", "all", "abcdefgh")


def test_company_leads_topic_leads_all() -> None:
    assert choose_parent([ALL, TOPIC, COMPANY], []) == {"shares": "acme", "all": "acme"}


def test_half_of_the_followers_stories_is_enough_and_less_is_not() -> None:
    half = incident("all", "all", "abcdwxyz")
    less = incident("all", "all", "abcdvwxyz")
    assert choose_parent([half], [COMPANY]) == {"all": "acme"}
    assert choose_parent([less], [COMPANY]) == {}


def test_follower_of_a_follower_follows_the_leader() -> None:
    # all shares half its stories with the topic, but not with the company
    wide = incident("all", "all", "abcdefuvwxyz")
    assert choose_parent([wide, TOPIC, COMPANY], []) == {"shares": "acme", "all": "acme"}


@pytest.mark.parametrize(("minutes", "linked"), [(180, True), (181, False), (-180, True)])
def test_incidents_are_of_one_event_only_within_three_hours(minutes: int, linked: bool) -> None:
    topic = incident("shares", "topic", "abcd", minutes=minutes)
    assert bool(choose_parent([topic], [COMPANY])) is linked


def test_more_specific_incident_takes_the_lead_even_if_it_opens_later() -> None:
    company = incident("acme", "company", "abcd", minutes=5)
    opened = [TOPIC, incident("all", "all", "abcdefgh", parent="shares")]
    assert choose_parent([company], opened) == {"shares": "acme", "all": "acme"}


def test_of_two_companies_the_first_leads() -> None:
    later = incident("bolt", "company", "abcd", minutes=5)
    assert choose_parent([later], [COMPANY]) == {"bolt": "acme"}
    assert choose_parent([COMPANY], [later]) == {"bolt": "acme"}


def test_rule_that_only_informs_never_leads_a_spike() -> None:
    volume = incident("acme", "company", "abcd", rule="volume_burst")
    assert choose_parent([volume, TOPIC], []) == {"acme": "shares"}


def test_other_stories_are_another_event() -> None:
    assert choose_parent([incident("shares", "topic", "uvwxyz")], [COMPANY]) == {}
    assert choose_parent([incident("shares", "topic", "")], [COMPANY]) == {}


def test_link_that_stands_is_neither_repeated_nor_undone() -> None:
    linked = incident("shares", "topic", "uvw", parent="acme")
    assert choose_parent([], [COMPANY, linked]) == {}
    assert choose_parent([incident("bolt", "company", "uvw")], [COMPANY, linked]) == {}


candidates = st.lists(
    st.builds(
        incident,
        st.sampled_from("pqrstu"),
        st.sampled_from(["company", "topic", "all"]),
        st.text("abcdef", max_size=6),
        minutes=st.integers(0, 300),
        rule=st.sampled_from(["negative_spike", "volume_burst"]),
    ),
    max_size=6,
    unique_by=lambda candidate: candidate.id,
)


@given(one=candidates, cut=st.integers(0, 6))
def test_leaders_are_never_children_whatever_opened_first(one: list[Candidate], cut: int) -> None:
    parents = dict(choose_parent(one[:cut], []))
    known = [
        Candidate(c.id, c.kind, c.key, c.rule, c.opened_at, c.stories, parents.get(c.id))
        for c in one[:cut]
    ]
    parents |= choose_parent(one[cut:], known)
    assert not set(parents) & set(parents.values())


@pytest.mark.parametrize(
    ("severity", "told", "expected"),
    [
        ("info", None, True),
        ("warn", "info", True),
        ("warn", "warn", False),
        ("critical", "warn", True),
        ("info", "critical", False),
    ],
)
def test_family_is_told_once_per_severity(
    severity: Severity, told: Severity | None, expected: bool
) -> None:
    assert worth_telling(severity, told) is expected
