"""What the live page shows: cards of keys with small pictures, and how the work goes, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from alerts.channels import plain
from alerts.rules import SEVERITIES
from pipeline.live import ALL, MOST_DEAD, Live, Work
from pipeline.pages.charts import LEAST_STORIES
from pipeline.pages.rendering import when
from pipeline.pages.spark import HEIGHT, WIDTH, Seen, Spark, counts, shares
from pipeline.pages.view import NAME_LIMIT, IncidentView, number, view
from pipeline.store.buckets import Key
from pipeline.store.incidents import Incident
from pipeline.store.live import Total

WIDE: Final = (400, 96)
"""Width and height of the pictures of the whole stream."""

_GRAVEST: Final = SEVERITIES.index
_SILENT: Final = Total(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class State:
    """One line of how the work goes; ``bad`` is to be seen at once."""

    name: str
    value: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One key."""

    title: str
    code: str
    """A company's symbol."""
    url: str
    """Its incidents."""
    severity: str
    """Of its gravest open incident; empty: none."""
    negative: int
    stories: int
    """Both of the last hour."""
    day: int
    """Stories of 24 hours."""
    usual: str
    share: str
    usual_share: str
    counts: Spark
    shares: Spark | None
    """None: in no hour were there stories enough."""


@dataclass(frozen=True, slots=True)
class LiveView:
    """The whole page."""

    at: datetime | None
    states: Sequence[State]
    notes: Sequence[str]
    open: Sequence[tuple[IncidentView, int]]
    """Those that lead, each with how many are part of it."""
    over: Sequence[IncidentView]
    whole: Card | None
    topics: Sequence[Card]
    companies: Sequence[Card]
    more_companies: int
    """Others with a story in 24 hours."""


def live_view(found: Live, names: Mapping[str, str]) -> LiveView:
    """``names`` are the companies', by symbol."""
    gravest = _gravest(found.open)
    cards = {
        key: _card(key, seen, found.totals.get(key, _SILENT), gravest.get(key, ""), names)
        for key, seen in found.series.items()
    }
    companies = [card for (kind, _), card in cards.items() if kind == "company"]
    there = sum(kind == "company" for kind, _ in found.totals)
    leading = {incident.id for incident in found.open}
    return LiveView(
        at=found.at,
        states=_states(found.work),
        notes=_notes(found),
        open=[
            (view(one, charts=False), sum(child.parent == one.id for child in found.open))
            for one in found.open
            if one.parent not in leading
        ],
        over=[view(one, charts=False) for one in found.over],
        whole=cards.get(ALL),
        topics=[card for (kind, _), card in cards.items() if kind == "topic"],
        companies=companies,
        more_companies=max(0, there - len(companies)),
    )


def _gravest(incidents: Sequence[Incident]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for one in sorted(incidents, key=lambda one: _GRAVEST(one.severity)):
        found[one.kind, one.key] = one.severity
    return found


def _card(key: Key, seen: Seen, total: Total, severity: str, names: Mapping[str, str]) -> Card:
    kind, name = key
    width, height = WIDE if key == ALL else (WIDTH, HEIGHT)
    negative, stories = seen.negative[-1], seen.stories[-1]
    usual = ""
    if len(seen.usual):
        expected = number(seen.usual[-1])
        usual = f"{expected} ({seen.low[-1]:.0f} to {seen.high[-1]:.0f})"
    title = names.get(name, name) if kind == "company" else name
    enough = any(total >= LEAST_STORIES for total in seen.stories)
    return Card(
        title="The whole stream" if key == ALL else plain(title, NAME_LIMIT),
        code=plain(name, NAME_LIMIT) if kind == "company" else "",
        url="/incidents" if key == ALL else f"/incidents?{urlencode({'kind': kind, 'key': name})}",
        severity=severity,
        negative=negative,
        stories=stories,
        day=total.stories,
        usual=usual,
        share=f"{negative / stories:.0%}" if stories >= LEAST_STORIES else "",
        usual_share=f"{seen.share[-1]:.0%}" if len(seen.share) else "",
        counts=counts(seen, width=width, height=height),
        shares=shares(seen, width=width, height=height) if enough else None,
    )


def _states(work: Work) -> list[State]:
    dead = f"over {MOST_DEAD:,}" if work.dead_letters >= MOST_DEAD else f"{work.dead_letters:,}"
    return [
        State("Waiting to be read", f"{work.waiting:,} {_records(work.waiting)}"),
        State("Watermark", when(work.watermark) if work.watermark else "none yet"),
        State("Classifier", plain(work.version or "none yet", NAME_LIMIT)),
        State("Dead letters", dead),
        _monitor(work),
    ]


def _monitor(work: Work) -> State:
    if work.ended:
        return State("Monitor", "done: all is read")
    return State("Monitor", "at work" if work.watched else "not running", bad=not work.watched)


def _notes(found: Live) -> list[str]:
    notes = []
    if found.at is None:
        notes.append(
            "No article has been counted yet. The page fills by itself once a worker reads and a "
            "monitor counts."
        )
    elif found.behind:
        notes.append("What is usual is still being read from the hours that were learned.")
    elif not found.learned:
        notes.append(
            "What is usual is not known yet: the baselines take 48 hours of news to learn it."
        )
    if found.work.silent:
        notes.append(
            f"No worker has reported on {found.work.silent} of {found.work.partitions} partitions "
            "lately: what they hold is not counted."
        )
    if found.at is not None and not (found.work.watched or found.work.ended):
        notes.append("No monitor is at work: what comes in now is not counted.")
    return notes


def _records(count: int) -> str:
    return "record" if count == 1 else "records"
