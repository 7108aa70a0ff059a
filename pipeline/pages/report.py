"""A replay as one page: what was found, when, on what evidence; two settings side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alerts.rules import SEVERITIES
from pipeline.pages.charts import Chart, Series, count_chart, share_chart, time_line
from pipeline.pages.rendering import render
from pipeline.pages.view import IncidentView, view
from pipeline.store.buckets import Key
from pipeline.store.incidents import Incident

MOST_KEYS: Final = 8
"""Beside the whole market, drawn over the whole replay."""
MOST_LANES: Final = 24
MOST_SHOWN: Final = 40
"""Leading incidents with their evidence; the table has them all."""

_GRAVEST = SEVERITIES.index


@dataclass(frozen=True, slots=True)
class Played:
    """One way to judge a replay, and what it found."""

    name: str
    incidents: Sequence[Incident]
    series: Callable[[Key], Series | None]
    evaluations: int


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key over the whole replay."""

    title: str
    charts: Sequence[Chart]


@dataclass(frozen=True, slots=True)
class Row:
    """A leading incident in the table."""

    view: IncidentView
    children: int
    only: bool
    """The other settings do not find it."""
    shown: bool


@dataclass(frozen=True, slots=True)
class PlayedView:
    """One way to judge, ready to be written down."""

    name: str
    number: int
    counts: Sequence[tuple[str, int]]
    per_day: str
    line: Chart | None
    rows: Sequence[Row]
    keys: Sequence[KeyView]
    evidence: Sequence[IncidentView]


def report(
    title: str,
    facts: Sequence[tuple[str, str]],
    played: Sequence[Played],
    first: datetime,
    last: datetime,
) -> str:
    """The page. ``first`` and ``last`` are event times, between which everything lies."""
    views = []
    for number, one in enumerate(played):
        others = [other.incidents for other in played if other is not one]
        views.append(_played(one, number, others[0] if others else None, first, last))
    return render("report.html", title=title, facts=facts, played=views, first=first, last=last)


def same(one: Incident, other: Incident) -> bool:
    """Whether two settings found the same thing: key, rule, and some time in common."""
    if (one.kind, one.key, one.rule) != (other.kind, other.key, other.rule):
        return False
    far = datetime.max.replace(tzinfo=one.opened_at.tzinfo)
    return one.opened_at <= (other.resolved_at or far) and other.opened_at <= (
        one.resolved_at or far
    )


def _played(
    one: Played,
    number: int,
    other: Sequence[Incident] | None,
    first: datetime,
    last: datetime,
) -> PlayedView:
    leading = [i for i in one.incidents if i.parent is None]
    led = Counter(i.parent for i in one.incidents)
    graver = sorted(leading, key=lambda i: (-_GRAVEST(i.severity), i.evidence["p_count"]))
    shown = sorted(graver[:MOST_SHOWN], key=lambda i: i.opened_at)
    names = {i.id for i in shown}
    days = max((last - first) / timedelta(days=1), 1.0)
    worth = sum(i.severity != "info" for i in leading)
    return PlayedView(
        name=one.name,
        number=number,
        counts=[(s, sum(i.severity == s for i in leading)) for s in reversed(SEVERITIES)],
        per_day=f"{worth / days:.2f}",
        line=_line(graver, number, names, first, last),
        rows=[
            Row(
                view(i, charts=False),
                led[i.id],
                other is not None and not any(same(i, o) for o in other),
                i.id in names,
            )
            for i in leading
        ],
        keys=_keys(one, graver, last),
        evidence=[view(i) for i in shown],
    )


def _line(
    graver: Sequence[Incident], number: int, names: Iterable[str], first: datetime, last: datetime
) -> Chart | None:
    """A lane per key, the one with the gravest incident first."""
    lanes: dict[Key, list[tuple[datetime, datetime, str, str, str]]] = {}
    titles: dict[Key, str] = {}
    for incident in graver:
        shown = view(incident, charts=False)
        key = (incident.kind, incident.key)
        titles[key] = _short(shown.title)
        target = f"i{number}-{incident.id}" if incident.id in names else f"t{number}"
        end = incident.resolved_at or last
        told = f"{shown.title}: {shown.rule}, {incident.severity}. {shown.sentence}"
        bar = (incident.opened_at, end, incident.severity, told, target)
        lanes.setdefault(key, []).append(bar)
    drawn = [(titles[key], bars) for key, bars in list(lanes.items())[:MOST_LANES]]
    return time_line(drawn, first, last) if drawn else None


def _short(title: str) -> str:
    return title if len(title) <= 34 else f"{title[:33].rstrip()}…"


def _keys(one: Played, graver: Sequence[Incident], last: datetime) -> list[KeyView]:
    """The whole market, then the keys with the gravest spikes."""
    wanted: list[Key] = [("all", "all")]
    for incident in graver:
        key = (incident.kind, incident.key)
        if incident.rule == "negative_spike" and key not in wanted:
            wanted.append(key)
    found = []
    for key in wanted[: MOST_KEYS + 1]:
        series = one.series(key)
        if series is None:
            continue
        about = [i for i in one.incidents if (i.kind, i.key) == key]
        spikes = [i for i in about if i.rule == "negative_spike"]
        spans = [(i.opened_at, i.resolved_at or last, i.severity, "") for i in spikes]
        title = view(about[0], charts=False).title if about else "The whole market"
        found.append(KeyView(title, [count_chart(series, spans), share_chart(series, spans)]))
    return found
