"""One event, one alert: which of several incidents about the same stories leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.rules import SEVERITIES, Rule, Severity

WITHIN: Final = timedelta(hours=3)
"""Between the openings of two incidents about one event."""
OVERLAP: Final = 0.5
"""Least share of an incident's stories that its leader has too."""
SPECIFIC_FIRST: Final = ("company", "topic", "all")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An incident as far as linking is concerned."""

    id: str
    kind: str
    key: str
    rule: Rule
    opened_at: datetime
    stories: frozenset[str]
    """Ids of all its evidence, not only of what is shown."""
    parent: str | None = None


def choose_parent(new: Sequence[Candidate], recent: Sequence[Candidate]) -> Mapping[str, str]:
    """Give the parent of every incident whose parent is now another than it was.

    An incident is led by one that opened within ``WITHIN`` of it and has at least ``OVERLAP`` of
    its stories: a spike before the rules that only inform, then the most specific, then the
    first. The order in which they opened does not matter otherwise: a company that fires five
    minutes after its topic takes the lead, and the topic, open already, becomes its child.
    Leaders are never children: who follows a follower follows its leader. A link is never undone.
    """
    candidates = {candidate.id: candidate for candidate in (*recent, *new)}
    ordered = sorted(candidates.values(), key=_precedence)
    parents = {one.id: one.parent for one in ordered if one.parent is not None}
    for place, follower in enumerate(ordered):
        if follower.parent is None:
            leader = next((one for one in ordered[:place] if _same_event(one, follower)), None)
            if leader is not None:
                parents[follower.id] = leader.id
    roots = {one: _root(one, parents) for one in parents}
    return {one: root for one, root in roots.items() if candidates[one].parent != root}


def worth_telling(severity: Severity, told: Severity | None) -> bool:
    """Say whether a family of linked incidents is news again.

    ``told`` is the gravest severity already sent for any member: leader or child, the next one
    is sent only if it is graver.
    """
    return told is None or SEVERITIES.index(severity) > SEVERITIES.index(told)


def _precedence(candidate: Candidate) -> tuple[bool, int, datetime, str]:
    specific = (
        SPECIFIC_FIRST.index(candidate.kind)
        if candidate.kind in SPECIFIC_FIRST
        else len(SPECIFIC_FIRST)
    )
    informs = candidate.rule != "negative_spike"
    return (informs, specific, candidate.opened_at, candidate.id)


def _same_event(leader: Candidate, follower: Candidate) -> bool:
    if not follower.stories or abs(leader.opened_at - follower.opened_at) > WITHIN:
        return False
    return len(leader.stories & follower.stories) >= OVERLAP * len(follower.stories)


def _root(one: str, parents: Mapping[str, str]) -> str:
    while one in parents:
        one = parents[one]
    return one
