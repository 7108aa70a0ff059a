"""From readings to incidents: a state machine per key and rule, in event time.

    ok ──crossing──► pending ──confirmed──► firing ──calm──► cooling ──cool-down over──► ok
                        │                     ▲                 │
                        └──no crossing──► ok  └── new crossing ─┘  (the same incident)

Pure functions: the caller keeps the watches, asks at every 5-minute boundary in order, and
stores what changed. The same readings give the same incidents, with the same ids.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from alerts.rules import (
    Crossing,
    IncidentSettings,
    Rule,
    Severity,
    Sources,
    could_be_critical,
    crosses,
    grade,
    graver,
    milder,
    rank,
    settled,
    stories_of,
)
from alerts.scores import Reading
from alerts.windows import BUCKET

State = Literal["ok", "pending", "firing", "cooling"]
What = Literal["opened", "escalated", "updated", "resolved", "reopened"]

_TIMES: Final = (
    "crossed_at",
    "last_crossing",
    "opened_at",
    "fired_at",
    "resolved_at",
    "cool_until",
)
_SPANS: Final = ("calm", "quiet", "burning")


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered about one rule on one key; fresh as ``Watch(kind, key, rule)``."""

    kind: str
    key: str
    rule: Rule
    state: State = "ok"
    incident: str = ""
    """Id; empty unless firing or cooling."""
    revision: int = 0
    """Counts the changes of the incident, from 1."""
    severity: Severity | None = None
    """The gravest the incident has been."""
    told: bool = False
    """Somebody was told since it last opened, and so will hear that it is over."""
    peak: int = 0
    """Most stories seen in one window."""
    crossed_at: datetime | None = None
    """First of the crossings in a row; where the episode starts."""
    last_crossing: datetime | None = None
    opened_at: datetime | None = None
    fired_at: datetime | None = None
    """When it last opened, for the first time or again."""
    resolved_at: datetime | None = None
    cool_until: datetime | None = None
    calm: timedelta = timedelta(0)
    """How long the last hour has looked usual, silence of the whole stream not counted."""
    quiet: timedelta = timedelta(0)
    """How long there was no negative story, silence of the whole stream not counted."""
    burning: timedelta = timedelta(0)
    """How long it has been open since it last opened, silence not counted."""
    offered: bool = False
    """Whoever was told that it is open was also told that its level may be accepted."""
    accepted: bool = False
    """Its level was taken as the new normal since it last opened."""

    def to_json(self) -> dict[str, Any]:
        """Give the watch as JSON values; ``from_json`` reverses it."""
        values = asdict(self)
        for name in _TIMES:
            values[name] = values[name].isoformat() if values[name] else None
        for name in _SPANS:
            values[name] = values[name].total_seconds()
        return values

    @staticmethod
    def from_json(values: dict[str, Any]) -> Watch:
        """Read what ``to_json`` gave, of an earlier version too: it knew less."""
        times = {
            name: datetime.fromisoformat(values[name]) if values.get(name) else None
            for name in _TIMES
        }
        spans = {name: timedelta(seconds=values.get(name, 0.0)) for name in _SPANS}
        return Watch(**{**values, **times, **spans})


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an incident. ``notify``: it is news to whoever was told before."""

    what: What
    notify: bool


def incident_id(kind: str, key: str, rule: Rule, started_at: datetime) -> str:
    """32 hex digits, the same in every replay."""
    name = "\0".join((kind, key, rule, started_at.isoformat()))
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def wants_sources(
    watch: Watch, reading: Reading, at: datetime, settings: IncidentSettings
) -> bool:
    """Say whether ``advance`` needs ``Sources``: the numbers alone would open or escalate."""
    if watch.rule != "negative_spike":
        return False
    crossing = crosses(watch.rule, reading, settings)
    if watch.state != "firing":
        return _confirmed(watch, crossing, at)
    if crossing == "none" or watch.severity == "critical":
        return False
    return watch.severity == "info" or could_be_critical(reading, settings)


def advance(
    watch: Watch,
    reading: Reading,
    at: datetime,
    sources: Sources | None,
    settings: IncidentSettings,
    *,
    stream_silent: bool = False,
    most: Severity = "critical",
) -> tuple[Watch, Change | None]:
    """Move a watch on by one evaluation.

    ``sources`` may be None unless ``wants_sources``; a spike does not open without it.
    ``stream_silent``: no article at all has come lately; then nothing grows calm. ``most`` is the
    gravest that this evaluation may call it; what it was called before stays.
    """
    crossing = crosses(watch.rule, reading, settings)
    if watch.state == "cooling" and watch.cool_until is not None and at >= watch.cool_until:
        watch = Watch(watch.kind, watch.key, watch.rule)
    if watch.state == "firing":
        verdict = grade(watch.rule, reading, sources, settings) if crossing != "none" else None
        verdict = milder(verdict, most) if verdict is not None else None
        return _burn(watch, reading, at, verdict, settings, stream_silent=stream_silent)
    if crossing == "none":
        state: State = "cooling" if watch.state == "cooling" else "ok"
        return replace(watch, state=state, crossed_at=None, last_crossing=None), None
    confirmed = _confirmed(watch, crossing, at)
    in_a_row = watch.last_crossing is not None and at - watch.last_crossing <= BUCKET
    watch = replace(
        watch,
        state="cooling" if watch.state == "cooling" else "pending",
        crossed_at=watch.crossed_at if in_a_row else at,
        last_crossing=at,
    )
    verdict = grade(watch.rule, reading, sources, settings) if confirmed else None
    if verdict is None:
        return watch, None
    return _light(watch, reading, at, milder(verdict, most))


def _light(
    watch: Watch, reading: Reading, at: datetime, severity: Severity
) -> tuple[Watch, Change]:
    """Open a new incident, or the cooling one again."""
    again = watch.state == "cooling"
    incident = watch.incident or incident_id(
        watch.kind, watch.key, watch.rule, watch.crossed_at or at
    )
    worse = rank(severity) > rank(watch.severity)
    lit = replace(
        watch,
        state="firing",
        told=worse,
        incident=incident,
        revision=watch.revision + 1,
        severity=graver(watch.severity, severity),
        peak=max(watch.peak, stories_of(watch.rule, reading)),
        opened_at=watch.opened_at or at,
        fired_at=at,
        resolved_at=None,
        cool_until=None,
        calm=timedelta(0),
        quiet=timedelta(0),
        burning=timedelta(0),
        offered=False,
        accepted=False,
    )
    return lit, Change("reopened" if again else "opened", notify=worse)


def _burn(
    watch: Watch,
    reading: Reading,
    at: datetime,
    severity: Severity | None,
    settings: IncidentSettings,
    *,
    stream_silent: bool,
) -> tuple[Watch, Change | None]:
    """Follow an open incident: worse, larger, over, or as it was."""
    if not stream_silent:
        usual = settled(watch.rule, reading, settings)
        newest = reading.newest_stories if watch.rule == "volume_burst" else reading.newest
        watch = replace(
            watch,
            calm=watch.calm + BUCKET if usual else timedelta(0),
            quiet=timedelta(0) if newest else watch.quiet + BUCKET,
            burning=watch.burning + BUCKET,
        )
    if watch.calm >= settings.calm_for or watch.quiet >= settings.quiet_for:
        cool = settings.cool_sparse if reading.sparse else settings.cool_dense
        watch = replace(
            watch,
            state="cooling",
            revision=watch.revision + 1,
            crossed_at=None,
            last_crossing=None,
            resolved_at=at,
            cool_until=at + cool,
        )
        return watch, Change("resolved", notify=watch.told)
    worse = severity is not None and rank(severity) > rank(watch.severity)
    offer = not (watch.offered or watch.accepted) and watch.burning >= settings.offer_after
    if not (worse or offer) and stories_of(watch.rule, reading) <= watch.peak:
        return watch, None
    change = Change("escalated", notify=True) if worse else Change("updated", notify=False)
    if offer and watch.told:
        # Once, whoever was told that it began hears that it may be the new normal.
        change = replace(change, notify=True)
    watch = replace(
        watch,
        revision=watch.revision + 1,
        severity=graver(watch.severity, severity),
        told=watch.told or worse,
        peak=max(watch.peak, stories_of(watch.rule, reading)),
        offered=watch.offered or offer,
    )
    return watch, change


def outlasts(watch: Watch, settings: IncidentSettings) -> bool:
    """Say whether an incident has been open for so long that its level is no longer news."""
    open_still = watch.state == "firing" and not watch.accepted
    return open_still and watch.burning >= settings.accept_after


def _confirmed(watch: Watch, crossing: Crossing, at: datetime) -> bool:
    """A crossing opens if it is strong, or follows directly on another."""
    if crossing == "once":
        return watch.last_crossing is not None and at - watch.last_crossing <= BUCKET
    return crossing == "strong"
