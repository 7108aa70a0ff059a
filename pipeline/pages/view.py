"""What the pages show of an incident, from its row alone: words and numbers, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from alerts.channels import plain
from pipeline.pages.charts import Chart, count_chart, of_evidence, share_chart
from pipeline.store.events import Event
from pipeline.store.incidents import Incident
from pipeline.telling import RULE_NAMES, subject

HEADLINE_LIMIT: Final = 300
NAME_LIMIT: Final = 64
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")

WHAT: Final = {
    "opened": "opened",
    "escalated": "became graver",
    "reopened": "opened again",
    "offered": "open for long: acceptance offered",
    "accepted": "level accepted as the new normal",
    "resolved": "over",
}
VERDICTS: Final = {
    "useful": "useful",
    "not-useful": "not useful",
    "late": "too late",
    "duplicate": "known from another incident",
    "wrong-labels": "articles are labelled wrongly",
}
"""What may be said about an incident, as it is stored and as it is shown."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where an article is: only ever http or https."""

    url: str
    host: str


@dataclass(frozen=True, slots=True)
class StoryView:
    """A story as it is shown; all texts are one line each and hold no controls."""

    headline: str
    source: str
    link: Link | None
    copies: int
    outlets: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """A number, what it is, and what it is to be compared with."""

    name: str
    value: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the history or of the log."""

    at: datetime
    told: str
    severity: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident, ready to be written down."""

    id: str
    title: str
    rule: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None
    lasted: str
    sentence: str
    note: str
    facts: Sequence[Fact]
    charts: Sequence[Chart]
    stories: Sequence[StoryView]
    more: int
    """Stories that are in the numbers, and not shown."""
    history: Sequence[Step]
    usual: str
    share: str
    parent: str | None

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.resolved_at is None


def link(url: str | None) -> Link | None:
    """A link that may be shown; None for whatever is not plainly http or https to a host."""
    if url is None or any(c.isspace() or not c.isprintable() for c in url):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return None
    if parts.username is not None or parts.password is not None:
        return None  # names in front of the host are there to deceive
    return Link(url, host)


def view(incident: Incident, *, charts: bool = True) -> IncidentView:
    """What is shown of one incident; also of one stored before evidence had a series."""
    facts = incident.evidence
    shown = [_story(story) for story in facts["stories"]]
    return IncidentView(
        id=incident.id,
        title=_capital(plain(subject(incident), HEADLINE_LIMIT)),
        rule=RULE_NAMES[incident.rule],
        severity=incident.severity,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        lasted=_lasted(incident),
        sentence=_sentence(incident),
        note=plain(facts["note"], 1000),
        facts=_facts(incident),
        charts=_charts(incident) if charts and "series" in facts else (),
        stories=shown,
        more=max(0, len(facts["story_ids"]) - len(shown)),
        history=[_step(one) for one in facts.get("history", [])],
        usual=number(facts["expected"]),
        share=f"{facts['share']:.0%}",
        parent=incident.parent,
    )


def log_steps(events: Iterable[Event]) -> list[Step]:
    """What operators said and decided, oldest first."""
    return [_logged(event) for event in events]


def _logged(event: Event) -> Step:
    value: Mapping[str, Any] = event.value
    told = {
        "accept": "asks to accept the level as normal",
        "accepted": "took the level as normal from the next evaluation on",
        "feedback": VERDICTS.get(value.get("verdict", ""), "feedback"),
    }[event.kind]
    who, note = plain(event.actor, NAME_LIMIT), plain(str(value.get("note") or ""), 1000)
    return Step(event.at, f"{who}: {told}", note=note)


def _story(story: Mapping[str, Any]) -> StoryView:
    return StoryView(
        headline=plain(story["headline"], HEADLINE_LIMIT) or "(no headline)",
        source=plain(story["source"], NAME_LIMIT),
        link=link(story["url"]),
        copies=story["copies"],
        outlets=story.get("outlets", 1),
        published_at=datetime.fromisoformat(story["published_at"]),
    )


def _sentence(incident: Incident) -> str:
    facts = incident.evidence
    what = "stories" if incident.rule == "volume_burst" else "negative stories"
    usual = f"{facts['expected']:.1f}" if facts["expected"] >= 0.05 else "almost none"
    sources = "1 source" if facts["sources"] == 1 else f"{facts['sources']} sources"
    said = (
        f"{facts['observed']} {what} in {facts['window_minutes']} minutes, from {sources}; "
        f"{usual} are usual at that hour"
    )
    articles = facts.get("articles", 0)
    stories = len(facts["story_ids"])
    if articles > stories:
        said += f". {articles} articles were {stories} stories: copies count once"
    return said + "."


def _facts(incident: Incident) -> list[Fact]:
    facts = incident.evidence
    found = [
        Fact(
            "Counted",
            str(facts["observed"]),
            f"usual {facts['expected']:.1f}; 95 %: {facts['expected_low']} to "
            f"{facts['expected_high']}",
        ),
        Fact(
            "Times the usual",
            f"{number(facts['ratio'])} x",
            f"in {facts['window_minutes']} minutes",
        ),
        Fact(
            "Share negative",
            f"{facts['share']:.0%}",
            f"usual {facts['baseline_share']:.0%} of {facts['total']} stories",
        ),
        Fact("Sources", str(facts["sources"]), f"of {facts['active_sources']} in 14 days"),
        Fact("p, count", f"{facts['p_count']:.1e}", "that high by chance"),
        Fact("p, share", f"{facts['p_share']:.1e}", "that negative by chance"),
    ]
    if (others := facts.get("p_others")) is not None:
        found.append(Fact("p, others", f"{others:.1e}", "so many beside the others by chance"))
    robust = facts.get("robust")
    if robust is not None:
        told = "without any one source" if robust else "not without one of its sources or stories"
        found.append(Fact("Stands", "yes" if robust else "no", told))
    found.append(Fact("Baseline", f"{facts['baseline_days']:.0f} days", "of hours learned"))
    if facts.get("versions"):
        found.append(Fact("Classifier", plain(", ".join(facts["versions"]), 200)))
    return found


def _charts(incident: Incident) -> list[Chart]:
    series = of_evidence(incident.evidence["series"], incident.rule)
    end = incident.resolved_at or series.times[-1]
    spans = [(incident.opened_at, end, incident.severity, "open")]
    return [count_chart(series, spans), share_chart(series, spans)]


def _step(change: Mapping[str, Any]) -> Step:
    told = WHAT.get(change["what"], change["what"])
    if "observed" in change:
        told += (
            f", at {change['observed']} negative of {change['total']} stories in "
            f"{change['window_minutes']} minutes"
        )
    return Step(datetime.fromisoformat(change["at"]), told, change["severity"])


def _lasted(incident: Incident) -> str:
    if incident.resolved_at is None:
        return ""
    return lasted(incident.resolved_at - incident.opened_at)


def lasted(span: timedelta) -> str:
    """A span in its two largest units."""
    hours, minutes = divmod(round(span / timedelta(minutes=1)), 60)
    days, hours = divmod(hours, 24)
    named = ((days, "d"), (hours, "h"), (minutes, "min"))
    parts = [f"{value} {unit}" for value, unit in (named[:2] if days else named[1:]) if value]
    return " ".join(parts) or "0 min"


def number(value: float) -> str:
    """A number with as many digits as say something."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
