"""What is said about an incident: a title and lines from its row; and as JSON in the outbox."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from alerts.channels import Notification
from alerts.incidents import Change
from pipeline.store.incidents import Incident

RULE_NAMES: dict[str, str] = {
    "negative_spike": "spike of negative news",
    "volume_burst": "burst of news, not more negative than usual",
    "tone_shift": "news turned negative",
}
HEADLINES = 5
_TIMES = ("at", "opened_at", "resolved_at")


def notification(incident: Incident, change: Change, at: datetime) -> Notification:
    """The message about ``change``, which happened at ``at`` in event time."""
    return Notification(
        incident=incident.id,
        revision=incident.revision,
        change=change.what,
        severity=incident.severity,
        kind=incident.kind,
        key=incident.key,
        rule=incident.rule,
        at=at,
        title=f"{subject(incident)}: {RULE_NAMES[incident.rule]}",
        lines=tuple(evidence_lines(incident)),
        parent=incident.parent,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
    )


def subject(incident: Incident) -> str:
    """What the incident is about, in words."""
    match incident.kind:
        case "all":
            return "the whole market"
        case "company":
            return f"{incident.evidence['name']} ({incident.key})"
        case kind:
            return f"{kind} {incident.key}"


def evidence_lines(incident: Incident) -> list[str]:
    """Counts against the expected in a sentence or two, then the headlines, best first."""
    facts = incident.evidence
    stories = "stories" if incident.rule == "volume_burst" else "negative stories"
    lines = [
        f"{facts['observed']} {stories} in {facts['window_minutes']} minutes where "
        f"{facts['expected']:.1f} are usual (95 %: {facts['expected_low']} to "
        f"{facts['expected_high']}), from {facts['sources']} sources",
        f"share of negative stories {facts['share']:.0%}, usually {facts['baseline_share']:.0%}; "
        f"p(count) {facts['p_count']:.1e}, p(share) {facts['p_share']:.1e}",
    ]
    if facts["note"]:
        lines.append(facts["note"])
    for story in facts["stories"][:HEADLINES]:
        lines.append(f"{story['headline']} ({story['source']}{copies(story['copies'])})")
    return lines


def copies(number: int) -> str:
    """How often a story was repeated, to stand behind its source; empty if it was not."""
    return f", {number} {'copy' if number == 1 else 'copies'}" if number else ""


def to_json(message: Notification) -> dict[str, Any]:
    """The message as JSON values for the outbox; :func:`from_json` is its inverse."""
    values = asdict(message) | {"lines": list(message.lines), "told": list(message.told)}
    for name in _TIMES:
        values[name] = values[name] and values[name].isoformat()
    return values


def from_json(values: dict[str, Any]) -> Notification:
    """Read what :func:`to_json` gave, of an earlier version too: it said less."""
    times = {
        name: datetime.fromisoformat(values[name])
        for name in _TIMES
        if values.get(name) is not None
    }
    listed = {name: tuple(values.get(name, ())) for name in ("lines", "told")}
    return Notification(**{**values, **times, **listed})
