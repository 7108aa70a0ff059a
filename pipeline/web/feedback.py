"""What people say an incident was worth, from its page: an event with their name."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.pages.view import VERDICTS
from pipeline.store import events, incidents
from pipeline.store.database import Database
from pipeline.store.events import Event, NewEvent
from pipeline.web.access import Access
from pipeline.web.answers import Problem, answer

NOTE_CHARS: Final = 1_000
ROLE: Final = "annotator"
_ID: Final = re.compile(r"[0-9a-f]{32}")


class Feedback:
    """Takes the form of an incident's page; for threads. ``clock`` stamps the events."""

    def __init__(
        self, opened: Callable[[], Database], access: Access, clock: Callable[[], datetime]
    ) -> None:
        self._opened = opened
        self._access = access
        self._clock = clock

    def add_to(self, app: FastAPI) -> None:
        """Route it."""

        @app.post("/incidents/{name}/feedback", include_in_schema=False)
        def say(request: Request, name: str) -> Response:
            return answer(request, lambda: self._say(request, name))

    def _say(self, request: Request, name: str) -> Response:
        person = self._access.need(request, ROLE)
        fields = self._access.form(request, person)
        verdict, note = fields.get("verdict", ""), fields.get("note", "").strip()[:NOTE_CHARS]
        if verdict not in VERDICTS:
            raise Problem(400, "Say what it was worth", f"One of: {', '.join(VERDICTS)}.")
        db = self._opened()
        found = incidents.find(db, name) if _ID.fullmatch(name) else []
        if len(found) != 1:
            raise Problem(404, "No such incident", "Go back to its page and send it from there.")
        value = {"incident": found[0].id, "verdict": verdict, "note": note}
        last = said_by(events.of_incident(db, found[0].id), person.name)
        if last is None or last.value != value:  # a second click says nothing new
            events.write(db, NewEvent(self._clock(), "feedback", person.name, value))
        return RedirectResponse(f"/incidents/{found[0].id}#said", 303)


def form(access: Access, request: Request, log: list[Event]) -> dict[str, Any]:
    """What the page's form shows: ``verdicts``, none for who may not say any, and ``mine``."""
    person = access.person(request)
    if person is None or not person.may(ROLE):
        return {"verdicts": {}, "mine": ""}
    last = said_by(log, person.name)
    return {"verdicts": VERDICTS, "mine": last.value["verdict"] if last else ""}


def said_by(log: list[Event], name: str) -> Event | None:
    """The newest feedback that somebody gave."""
    mine = [one for one in log if one.kind == "feedback" and one.actor == name]
    return mine[-1] if mine else None
