"""The pages about incidents, from what is stored, in any number of threads."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from alerts.rules import SEVERITIES
from pipeline.pages.heard import first_call, heard
from pipeline.pages.view import log_steps, view
from pipeline.store import events, incidents, looking
from pipeline.store.database import Database
from pipeline.store.looking import Wanted
from pipeline.web import feedback
from pipeline.web.access import Access
from pipeline.web.answers import Problem, answer, page

AT_ONCE: Final = 50
"""Leading incidents of one page of the list."""

_ID: Final = re.compile(r"[0-9a-f]{8,32}")
_STATES: Final = {"open": True, "resolved": False}


class Pages:
    """Answers with pages to whoever may read; ``opened`` gives the database."""

    def __init__(self, opened: Callable[[], Database], access: Access) -> None:
        self._opened = opened
        self._access = access

    def add_to(self, app: FastAPI) -> None:
        """Route the pages."""

        @app.api_route("/incidents", methods=["GET", "HEAD"], include_in_schema=False)
        def listed(request: Request) -> Response:
            return answer(request, lambda: self._list(request))

        @app.api_route("/incidents/{name}", methods=["GET", "HEAD"], include_in_schema=False)
        def one(request: Request, name: str) -> Response:
            return answer(request, lambda: self._incident(request, name))

    def _list(self, request: Request) -> Response:
        self._access.need(request, "viewer")
        asked = dict(request.query_params)
        state, severity = asked.get("state", ""), asked.get("severity", "")
        least = next((one for one in SEVERITIES if one == severity), None)
        before = _time(asked.get("before"))
        if (state and state not in _STATES) or (severity and least is None):
            told = "state is open or resolved, severity is info, warn or critical."
            raise Problem(400, "No such filter", told)
        db = self._opened()
        kind, key = asked.get("kind", ""), asked.get("key", "")
        which = Wanted(
            open=_STATES.get(state),
            least=least,
            kind=kind or None,
            key=key or None,
            before=before,
            leading=not (kind or key),  # whoever asks for one also wants what is part of others
        )
        found = looking.wanted(db, which, limit=AT_ONCE + 1)
        shown = found[:AT_ONCE]
        led = looking.children(db, [incident.id for incident in shown])
        cards = [
            (view(i, charts=False), [view(c, charts=False) for c in led if c.parent == i.id])
            for i in shown
        ]
        chosen = {"state": state, "severity": severity, "kind": kind, "key": key}
        more = chosen | {"before": shown[-1].opened_at.isoformat()} if shown else chosen
        return page(
            "incidents.html",
            **self._access.shown(request),
            incidents=cards,
            filters=_filters(chosen),
            about=" ".join(filter(None, (kind, key))),
            everything=_url(chosen | {"kind": "", "key": ""}),
            filtered=bool(state or severity or before or kind or key),
            older=_url(more) if found[AT_ONCE:] else "",
        )

    def _incident(self, request: Request, name: str) -> Response:
        self._access.need(request, "viewer")
        db = self._opened()
        found = incidents.find(db, name) if _ID.fullmatch(name) else []
        if len(found) != 1:
            told = (
                "There is no incident of this name. Look whether the link is whole, and whether "
                "this server reads the database that the alert came from."
            )
            raise Problem(404, "No such incident", told)
        incident = found[0]
        if incident.id != name:
            return RedirectResponse(f"/incidents/{incident.id}", 307)
        log, messages = events.of_incident(db, incident.id), looking.told(db, incident.id)
        leader = incidents.find(db, incident.parent) if incident.parent else []
        return page(
            "incident.html",
            **self._access.shown(request),
            incident=view(incident),
            parent=view(leader[0], charts=False) if leader else None,
            children=[view(c, charts=False) for c in looking.children(db, [incident.id])],
            log=log_steps(log),
            messages=heard(messages),
            called=first_call(messages, incident.opened_at),
            **feedback.form(self._access, request, log),
        )


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(400, "No such time", "before is a time as 2026-03-02T09:00:00+00:00.")
    return found


def _filters(chosen: dict[str, str]) -> list[list[dict[str, Any]]]:
    groups = {
        "state": (("", "all"), ("open", "open"), ("resolved", "over")),
        "severity": (("", "any severity"), ("warn", "warn and worse"), ("critical", "critical")),
    }
    return [
        [
            {"name": name, "url": _url(chosen | {group: value}), "chosen": chosen[group] == value}
            for value, name in choices
        ]
        for group, choices in groups.items()
    ]


def _url(chosen: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"/incidents?{query}" if query else "/incidents"
