"""The incidents that may still matter: which of several leads, and who is told of what.

Called by the detection after every boundary at which incidents changed; in event time, so the
same changes in the same order give the same messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts.incidents import Change
from alerts.linking import WITHIN, Candidate, choose_parent, worth_telling
from alerts.routing import sinks_for
from alerts.rules import SEVERITIES
from pipeline.settings import Settings
from pipeline.store.incidents import Evaluation, Incident, Message
from pipeline.telling import notification, to_json

KEPT: Final = timedelta(days=1)
"""Resolved incidents are kept in memory for so long: they may be linked, or open again."""


class Desk:
    """The recent incidents by id, their family ties, and the messages about them.

    ``sinks`` are where notifications go.
    """

    def __init__(self, settings: Settings, sinks: tuple[str, ...]) -> None:
        self._settings = settings
        self._sinks = sinks
        self.known: dict[str, Incident] = {}

    @property
    def open(self) -> list[Incident]:
        """Incidents that are not resolved."""
        return [i for i in self.known.values() if i.resolved_at is None]

    def announce(
        self,
        changed: Sequence[tuple[Incident, Change]],
        at: datetime,
        done: Evaluation,
        now: datetime,
    ) -> None:
        """Link the changed incidents with the recent ones, and write who is to be told."""
        self.known |= {incident.id: incident for incident, _ in changed}
        new = [_candidate(incident) for incident, _ in changed]
        near = [i for i in self.known.values() if i.opened_at >= at - 2 * WITHIN]
        recent = [_candidate(incident) for incident in near]
        for follower, leader in choose_parent(new, recent).items():
            self.store(replace(self.known[follower], parent=leader), done)
        for incident, change in changed:
            incident = self.known[incident.id]
            if change.notify and self._is_news(incident, change):
                told = incident.severity if change.what != "resolved" else incident.told
                incident = replace(incident, told=told)
                payload = to_json(notification(incident, change, at))
                done.messages += [
                    Message(incident.id, incident.revision, sink, payload, now)
                    for sink in self._sinks_for(incident, change)
                ]
            self.store(incident, done)

    def store(self, incident: Incident, done: Evaluation) -> None:
        """Remember an incident as it is now, and save it with the evaluation."""
        self.known[incident.id] = incident
        done.incidents[incident.id] = incident

    def forget(self, at: datetime) -> None:
        """Keep the open incidents and those that may still be linked or opened again."""
        self.known = {
            name: incident
            for name, incident in self.known.items()
            if incident.resolved_at is None or incident.changed_at >= at - KEPT
        }

    def _sinks_for(self, incident: Incident, change: Change) -> tuple[str, ...]:
        return sinks_for(
            change.what,
            incident.severity,
            incident.kind,
            incident.key,
            incident.rule,
            routes=self._settings.alerts.routes,
            sinks=self._sinks,
        )

    def _is_news(self, incident: Incident, change: Change) -> bool:
        """A leader always speaks; one that is part of it only if graver than all said so far.

        That something is over is news to whoever was told that it began.
        """
        if change.what == "resolved":
            return incident.told is not None
        if incident.parent is None:
            return True
        family = [i for i in self.known.values() if incident.parent in (i.id, i.parent)]
        told = [i.told for i in family if i.told is not None]
        return worth_telling(incident.severity, max(told, key=SEVERITIES.index, default=None))


def _candidate(incident: Incident) -> Candidate:
    return Candidate(
        incident.id,
        incident.kind,
        incident.key,
        incident.rule,
        incident.opened_at,
        frozenset(incident.evidence["story_ids"]),
        incident.parent,
    )
