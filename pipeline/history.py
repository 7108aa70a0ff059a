"""How an incident went and where it stands, within its stored evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from alerts.incidents import Watch
from alerts.rules import IncidentSettings, Severity
from alerts.scores import Reading

Evidence = dict[str, Any]

MOST_ENTRIES: Final = 50
"""Of the history; the first one and the newest are kept."""


def entry(
    evidence: Evidence,
    what: str,
    at: datetime,
    severity: Severity,
    reading: Reading | None = None,
) -> Evidence:
    """Add a change to the history, with the numbers that brought it."""
    added: dict[str, Any] = {"what": what, "at": at.isoformat(), "severity": severity}
    if reading is not None:
        added |= {
            "observed": reading.observed,
            "total": reading.total,
            "window_minutes": reading.window_minutes,
        }
    history = [*evidence.get("history", []), added]
    if len(history) > MOST_ENTRIES:
        history = history[:1] + history[1 - MOST_ENTRIES :]
    return {**evidence, "history": history}


def standing(watch: Watch, settings: IncidentSettings, incident: str) -> str:
    """Say what is to be known about an open incident that the numbers do not tell; often empty."""
    if watch.state != "firing":
        return ""
    if watch.accepted:
        return "Its level was accepted as the new normal."
    if watch.offered:
        return (
            f"Open for {in_words(settings.offer_after)}: if this is the new normal, "
            f"`bearwatch incidents accept {incident[:12]}` says so; after "
            f"{in_words(settings.accept_after)} it is accepted by itself."
        )
    return ""


def with_standing(evidence: Evidence, told: str) -> Evidence:
    """Put ``told`` behind the evidence's own note, in place of what stood there."""
    note = evidence["note"].removesuffix(evidence.get("standing", "")).rstrip()
    return {**evidence, "note": " ".join(filter(None, (note, told))), "standing": told}


def in_words(span: timedelta) -> str:
    """A span as people say it: whole days from three on, else hours or minutes."""
    hours, days = span / timedelta(hours=1), span / timedelta(days=1)
    if days >= 3:
        return f"{days:g} days"
    return f"{hours:g} h" if hours >= 1 else f"{span / timedelta(minutes=1):g} min"
