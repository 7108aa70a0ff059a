"""The pages about incidents: read-only, from what is stored, in any number of threads."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from alerts.rules import SEVERITIES
from pipeline.pages.rendering import policy, render
from pipeline.pages.view import log_steps, view
from pipeline.store import events, incidents, looking
from pipeline.store.database import Database, StoreError, open_database
from pipeline.store.looking import Wanted

AT_ONCE: Final = 50
"""Leading incidents of one page of the list."""

_ID: Final = re.compile(r"[0-9a-f]{8,32}")
_STATES: Final = {"open": True, "resolved": False}

log = structlog.get_logger()


class Problem(Exception):
    """Becomes a page that says what is the matter and what to do."""

    def __init__(self, status: int, title: str, told: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.told = told


class Pages:
    """Answers with pages; the database is opened when the first one is asked for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._db: Database | None = None
        self._lock = Lock()

    def add_to(self, app: FastAPI) -> None:
        """Route the pages, and make every 404 one for whoever reads HTML."""

        @app.api_route("/incidents", methods=["GET", "HEAD"], include_in_schema=False)
        def listed(request: Request) -> Response:
            return _answer(lambda: self._list(dict(request.query_params)))

        @app.api_route("/incidents/{name}", methods=["GET", "HEAD"], include_in_schema=False)
        def one(name: str) -> Response:
            return _answer(lambda: self._incident(name))

        @app.exception_handler(404)
        async def missing(request: Request, error: HTTPException) -> Response:
            if "text/html" in request.headers.get("accept", ""):
                told = "There is nothing at this address. What Bearwatch found is under incidents."
                return _problem(Problem(404, "Not here", told))
            return Response('{"detail":"Not Found"}', 404, media_type="application/json")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def _opened(self) -> Database:
        with self._lock:
            if self._db is None:
                self._db = open_database(self._url)
            return self._db

    def _list(self, asked: dict[str, str]) -> Response:
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
        return _page(
            "incidents.html",
            incidents=cards,
            filters=_filters(chosen),
            about=" ".join(filter(None, (kind, key))),
            everything=_url(chosen | {"kind": "", "key": ""}),
            filtered=bool(state or severity or before or kind or key),
            older=_url(more) if found[AT_ONCE:] else "",
        )

    def _incident(self, name: str) -> Response:
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
        leader = incidents.find(db, incident.parent) if incident.parent else []
        return _page(
            "incident.html",
            incident=view(incident),
            parent=view(leader[0], charts=False) if leader else None,
            children=[view(c, charts=False) for c in looking.children(db, [incident.id])],
            log=log_steps(events.of_incident(db, incident.id)),
            messages=looking.told(db, incident.id),
        )


def _answer(make: Callable[[], Response]) -> Response:
    try:
        return make()
    except Problem as problem:
        return _problem(problem)
    except StoreError as error:
        log.warning("a page could not be shown", reason=str(error))
        told = "The database does not answer at the moment. Load the page again in a while."
        return _problem(Problem(503, "No database", told))
    except Exception:
        log.exception("a page could not be made")
        return _problem(Problem(500, "An error of this program", "Its log has more about it."))


def _problem(problem: Problem) -> Response:
    return _page("problem.html", problem.status, title=problem.title, told=problem.told)


def _page(template: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - whatever the template shows
    headers = {"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'"}
    return HTMLResponse(render(template, **values), status, headers)


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
