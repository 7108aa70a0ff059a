"""The commands about incidents: lists, one with its evidence, and what operators say."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.display import COLOURS, Shown, ordered
from pipeline.pages.view import IncidentView, Step, log_steps, view
from pipeline.results import incident_result
from pipeline.store import events, incidents, looking
from pipeline.store.database import Database, StoreError
from pipeline.store.events import Event, NewEvent
from pipeline.store.incidents import Incident
from pipeline.store.looking import Wanted

MOST: Final = 1_000
"""Incidents of one list; filters find the others."""

BARS: Final = "▁▂▃▄▅▆▇█"
COLUMNS: Final = 66
SHORT: Final = 8
"""Digits of an id that tables show; they are enough to name it."""
WORDS: Final = {"negative_spike": "", "volume_burst": ": volume", "tone_shift": ": tone"}
_SPAN: Final = re.compile(r"(\d{1,5})([mhd])")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class WrongTime(ValueError):
    """Text that is no time."""


def since(text: str, now: datetime) -> datetime:
    """A time as people write it: 12h, 7d, 2026-03-12, 2026-03-12T09:00+01:00; UTC by default.

    Raises:
        WrongTime: it is none of these.
    """
    if (span := _SPAN.fullmatch(text.strip())) is not None:
        return now - int(span[1]) * _UNITS[span[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongTime(
            f"{text!r} is no time; write 12h, 7d, 2026-03-12 or 2026-03-12T09:00"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def list_incidents(db: Database, which: Wanted) -> Shown:
    """Those that are wanted, oldest first, each followed by what is part of it."""
    found = looking.wanted(db, which, limit=MOST)[::-1]
    result = {"incidents": [incident_result(incident) for incident in found]}
    if not found:
        return Shown(result, "no incidents")
    cut = [f"the newest {MOST:,} of them; --since and the other filters find the rest"]
    return Shown(result, Group(_table(found), *(cut if len(found) == MOST else [])))


def show_incident(db: Database, name: str) -> Shown:
    """One incident with all its evidence, and what was said about it."""
    incident = find(db, name)
    said = events.of_incident(db, incident.id)
    led = looking.children(db, [incident.id])
    result = {
        **incident_result(incident),
        "evidence": incident.evidence,
        "children": [child.id for child in led],
        "log": [_event(event) for event in said],
    }
    return Shown(result, _page(view(incident), incident, led, log_steps(said)))


def accept(db: Database, name: str, *, actor: str | None, note: str, now: datetime) -> Shown:
    """Ask that the level be taken as normal; the monitor does it at its next evaluation.

    Raises:
        StoreError: no such incident, or it is over: there is no new level.
    """
    incident = find(db, name)
    if incident.resolved_at is not None:
        raise StoreError(
            f"{incident.id[:SHORT]} is over since {incident.resolved_at:%Y-%m-%d %H:%M} UTC: its "
            "level has gone, there is nothing to accept"
        )
    _write(db, incident, "accept", actor, {"note": note}, now)
    told = "asked: the monitor takes the level as normal at its next evaluation"
    return Shown({"incident": incident.id, "asked": True}, told)


def feedback(
    db: Database, name: str, verdict: str, *, actor: str | None, note: str, now: datetime
) -> Shown:
    """Keep what somebody says an incident was worth.

    Raises:
        StoreError: no such incident.
    """
    incident = find(db, name)
    _write(db, incident, "feedback", actor, {"verdict": verdict, "note": note}, now)
    return Shown({"incident": incident.id, "verdict": verdict}, "noted, thank you")


def find(db: Database, name: str) -> Incident:
    """The incident whose id is, or begins with, ``name``.

    Raises:
        StoreError: there is none, or several begin so.
    """
    if not re.fullmatch(r"[0-9a-f]{4,32}", name):
        raise StoreError(f"{name!r} is no id: give 4 hex digits or more of it, as in the list")
    found = incidents.find(db, name)
    if not found:
        raise StoreError(f"no incident {name}; `bearwatch incidents list` has them all")
    if len(found) > 1:
        raise StoreError(f"several incidents begin with {name}; give more digits")
    return found[0]


def _write(
    db: Database,
    incident: Incident,
    kind: events.Kind,
    actor: str | None,
    value: dict[str, Any],
    now: datetime,
) -> None:
    who = actor or getpass.getuser()
    events.write(db, NewEvent(now, kind, who, {"incident": incident.id, **value}))


def _table(found: Sequence[Incident]) -> Table:
    table = Table(title="Incidents", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("opened (UTC)", no_wrap=True)
    table.add_column("lasted", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("seen/usual", no_wrap=True, justify="right")
    for incident in ordered(found):
        shown, facts = view(incident, charts=False), incident.evidence
        mark = "  + " if incident.parent else ""  # part of the one above
        table.add_row(
            incident.id[:SHORT],
            f"{shown.opened_at:%d %b %H:%M}",
            shown.lasted or "open",
            Text(incident.severity, COLOURS[incident.severity]),
            escape(f"{mark}{shown.title}{WORDS[incident.rule]}"),
            f"{facts['observed']}/{shown.usual}",
        )
    return table


def _page(
    shown: IncidentView, incident: Incident, led: Sequence[Incident], said: Sequence[Step]
) -> RenderableType:
    ended = f"{shown.resolved_at:%d %b %H:%M}" if shown.resolved_at else "now, still open;"
    parts: list[RenderableType] = [
        Text.assemble((shown.severity.upper(), COLOURS[shown.severity]), f"  {shown.title}"),
        Text(f"{shown.rule}; {shown.opened_at:%d %b %Y %H:%M} to {ended} UTC"),
        Text(shown.sentence),
    ]
    if shown.note:
        parts.append(Text(shown.note, "italic"))
    if incident.parent:
        parts.append(Text(f"part of {incident.parent[:SHORT]}"))
    if "series" in incident.evidence:
        parts += ["", *_sparkline(incident)]
    parts += ["", _facts(shown), "", _stories(shown)]
    if shown.history or said:
        parts += ["", _steps([*shown.history, *said])]
    parts += [Text(f"leads {one.id[:SHORT]}  {view(one, charts=False).title}") for one in led]
    return Group(*parts)


def _sparkline(incident: Incident) -> list[Text]:
    """Counts as bars, those above the usual in red, and the upper end of the usual below."""
    drawn = incident.evidence["series"]
    seen = drawn["stories"] if incident.rule == "volume_burst" else drawn["negative"]
    seen, high = seen[-COLUMNS:], drawn["high"][-COLUMNS:]
    most = max([1, *seen, *high])
    counted, usual = Text(), Text(style="dim")
    for count, limit in zip(seen, high, strict=True):
        counted.append(_bar(count, most), "red" if count > limit else "")
        usual.append(_bar(limit, most))
    span = timedelta(minutes=drawn["step_minutes"]) * len(seen)
    end = datetime.fromisoformat(drawn["end"])
    return [
        Text(f"in 60 minutes, {end - span:%a %H:%M} to {end:%a %H:%M}; at most {max(seen)}"),
        counted,
        usual.append(" usual"),
    ]


def _bar(count: int, most: int) -> str:
    return BARS[min(len(BARS) - 1, -(-count * (len(BARS) - 1) // most))] if count else " "


def _facts(shown: IncidentView) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for fact in shown.facts:
        table.add_row(fact.name, escape(fact.value), Text(fact.told, "dim"))
    return table


def _stories(shown: IncidentView) -> Table:
    table = Table(title="Stories", title_justify="left", expand=True)
    for name, ratio in (("published", None), ("headline", 6), ("source", None), ("copies", None)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for story in shown.stories:
        table.add_row(
            f"{story.published_at:%a %H:%M}",
            escape(story.headline),
            escape(story.source),
            str(story.copies or ""),
        )
    if shown.more:
        table.caption = f"and {shown.more} more"
    return table


def _steps(steps: Sequence[Step]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for step in steps:
        note = f" ({step.note})" if step.note else ""
        table.add_row(
            f"{step.at:%a %d %b %H:%M}",
            Text(step.severity, COLOURS.get(step.severity, "")),
            escape(step.told + note),
        )
    return table


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "kind": event.kind,
        "actor": event.actor,
        **event.value,
    }
