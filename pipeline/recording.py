"""The rows of incidents: what is written down about a machine's move, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.evidence import Story, gather
from alerts.incidents import Change, Watch
from alerts.rules import Sources
from alerts.scores import Reading
from pipeline.history import Evidence, entry, standing, with_standing
from pipeline.settings import Settings
from pipeline.store import incidents
from pipeline.store.database import Database
from pipeline.store.incidents import Incident

ACTIVE_WITHIN: Final = timedelta(days=14)
SHOWN: Final = 10
"""Stories in the evidence; the ids of all of them are stored beside, for linking."""

MOST_SOURCES: Final = 50
"""Sources are counted no further: no rule asks for more than a few."""


@dataclass(frozen=True, slots=True)
class Found:
    """A machine after one evaluation, and what moved it."""

    watch: Watch
    change: Change | None
    reading: Reading
    sources: Sources | None
    offered: bool = False
    """From now on its level may be accepted."""
    held: str = ""
    """Why it may not be called graver than info; often empty."""


class Recorder:
    """Asks the database for what incidents rest on. ``names`` are the companies', by symbol."""

    def __init__(self, db: Database, settings: Settings, names: Mapping[str, str]) -> None:
        self._db = db
        self._settings = settings
        self.names = names

    def stories(self, watch: Watch, at: datetime, span: timedelta) -> list[Story]:
        """The stories that the rule counts in [at - span, at), best first."""
        return incidents.stories(
            self._db,
            watch.kind,
            watch.key,
            at - span,
            at,
            negative=watch.rule != "volume_burst",
            languages=self._settings.counting.languages,
            sure=self._settings.counting.sure,
        )

    def active_sources(self, watch: Watch, at: datetime) -> int:
        """Distinct sources on the key lately."""
        return incidents.sources(
            self._db,
            watch.kind,
            watch.key,
            at - ACTIVE_WITHIN,
            at,
            most=MOST_SOURCES,
            languages=self._settings.counting.languages,
        )

    def record(
        self, found: Found, at: datetime, old: Incident | None, drawn: Mapping[str, Any]
    ) -> Incident:
        """The incident's row after a change, with the evidence of its strongest evaluation.

        ``drawn`` is the series of its counts up to now.
        """
        watch = found.watch
        over = old is not None and watch.state == "cooling"
        evidence = old.evidence if old is not None and over else self._strongest(found, at, old)
        evidence = self._with_course({**evidence, "series": dict(drawn)}, found, at)
        if old is not None and over:
            return replace(
                old,
                state=watch.state,
                resolved_at=at,
                changed_at=at,
                revision=watch.revision,
                evidence=evidence,
            )
        return Incident(
            id=watch.incident,
            kind=watch.kind,
            key=watch.key,
            rule=watch.rule,
            severity=watch.severity or "info",
            state=watch.state,
            opened_at=watch.opened_at or at,
            changed_at=at,
            revision=watch.revision,
            evidence=evidence,
            parent=old.parent if old else None,
            told=old.told if old else None,
        )

    def accepted(self, incident: Incident, watch: Watch, at: datetime) -> Incident:
        """The row after its level was accepted."""
        evidence = entry(incident.evidence, "accepted", at, incident.severity)
        told = standing(watch, self._settings.incidents, incident.id)
        return replace(incident, evidence=with_standing(evidence, told))

    def _strongest(self, found: Found, at: datetime, old: Incident | None) -> Evidence:
        """The evidence of now, or unless it is graver now that of before, if it was stronger."""
        fresh = self._evidence(found, at)
        if old is None:
            return fresh
        history = {"history": old.evidence.get("history", [])}
        change = found.change
        graver = (
            change is None
            or change.what == "escalated"
            or (change.what == "reopened" and change.notify)
        )
        # More stories in a longer window can be less unusual than fewer were in a short one.
        if not graver and float(old.evidence["p_count"]) <= float(fresh["p_count"]):
            return old.evidence
        return fresh | history

    def _with_course(self, evidence: Evidence, found: Found, at: datetime) -> Evidence:
        """The evidence with the changes so far, and where the incident stands."""
        watch = found.watch
        if found.change is not None and (found.offered or found.change.what != "updated"):
            what = "offered" if found.offered else found.change.what
            evidence = entry(evidence, what, at, watch.severity or "info", found.reading)
        told = standing(watch, self._settings.incidents, watch.incident)
        if watch.state == "firing":
            told = " ".join(filter(None, (told, found.held)))
        return with_standing(evidence, told)

    def _evidence(self, found: Found, at: datetime) -> Evidence:
        """What is stored of one evaluation: also a company's name, and all stories' ids."""
        watch, reading = found.watch, found.reading
        volume = watch.rule == "volume_burst"
        minutes = reading.volume_window_minutes if volume else reading.window_minutes
        stories = self.stories(watch, at, timedelta(minutes=minutes))
        sources = found.sources or Sources(
            len({story.source for story in stories}), self.active_sources(watch, at)
        )
        evidence = gather(
            watch.rule, reading, sources, stories[:SHOWN], self._settings.incidents
        ).to_json()
        return {
            **evidence,
            "name": self.names.get(watch.key, "") if watch.kind == "company" else "",
            "story_ids": [f"{story.source}/{story.id}" for story in stories],
            "articles": len(stories) + sum(story.copies for story in stories),
            "versions": sorted({story.version for story in stories if story.version}),
            "at": at.isoformat(),
            "crossed_at": (watch.crossed_at or at).isoformat(),
        }
