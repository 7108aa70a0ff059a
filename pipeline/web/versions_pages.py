"""The pages about versions: what there is, what was promoted and why; and moving the champion."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.errors import expected
from pipeline.pages.versions import move_line, run_line, version_line, version_view
from pipeline.registry import folders
from pipeline.registry.registry import Registry, UnknownVersion, course
from pipeline.store import retraining, versions
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.versions import Promotion, Registered
from pipeline.web.access import NO_ACCOUNTS, Access
from pipeline.web.accounts import Person
from pipeline.web.answers import Problem, answer, page

MOST_LINES: Final = 100
"""Of each table: the newest."""

LONGEST_REASON: Final = 500

log = structlog.get_logger()


class VersionPages:
    """``registry`` makes the registry of a database; it verifies before it moves anything."""

    def __init__(
        self,
        opened: Callable[[], Database],
        access: Access,
        registry: Callable[[Database], Registry],
        clock: Callable[[], datetime],
    ) -> None:
        self._opened = opened
        self._access = access
        self._registry = registry
        self._clock = clock
        self._moving = Lock()

    def add_to(self, app: FastAPI) -> None:
        """Route the pages, and the forms that move the champion."""

        @app.api_route("/versions", methods=["GET", "HEAD"], include_in_schema=False)
        def listed(request: Request) -> Response:
            return answer(request, lambda: self._list(request))

        @app.api_route("/versions/{name}", methods=["GET", "HEAD"], include_in_schema=False)
        def one(request: Request, name: str) -> Response:
            return answer(request, lambda: self._version(request, name))

        @app.post("/versions/rollback", include_in_schema=False)
        def roll_back(request: Request) -> Response:
            return answer(request, lambda: self._roll_back(request))

        @app.post("/versions/{name}/promote", include_in_schema=False)
        def promote(request: Request, name: str) -> Response:
            return answer(request, lambda: self._promote(request, name))

    def _list(self, request: Request) -> Response:
        self._access.need(request, "viewer")
        db = self._opened()
        history = versions.history(db)
        champion = champion_of(history)
        way = course(history)
        found = versions.listed(db)[:MOST_LINES]
        lines = [version_line(one, champion) for one in found]
        if all(one.id != folders.shipped_id() for one in found):
            lines.append(version_line(shipped(), champion, shipped=True))
        return page(
            "versions.html",
            champion=champion,
            since=history[-1].at if history else None,
            versions=lines,
            back=way[-2] if len(way) > 1 else "",
            moves=[move_line(one) for one in reversed(history[-MOST_LINES:])],
            runs=[run_line(one) for one in retraining.history(db, limit=MOST_LINES)],
            **self._shown(request),
        )

    def _version(self, request: Request, name: str) -> Response:
        self._access.need(request, "viewer")
        db = self._opened()
        found = versions.find(db, name)
        ships = not found and name.partition("+")[0] == folders.shipped_id()
        if ships:
            found = [shipped()]
        if len(found) != 1:
            told = "No version of this name is registered. /versions has those that are."
            raise Problem(404, "No such version", told)
        if found[0].id != name:
            return RedirectResponse(f"/versions/{quote(found[0].id)}", 307)
        history = versions.history(db)
        moves = [one for one in reversed(history) if found[0].id in (one.version, one.previous)]
        view = version_view(found[0], champion_of(history), moves[:MOST_LINES], shipped=ships)
        return page("version.html", version=view, **self._shown(request))

    def _shown(self, request: Request) -> dict[str, Any]:
        """What both pages say about who may move the champion."""
        person = self._access.person(request)
        told = "Who has the role engineer can promote a version and roll back here."
        return self._access.shown(request) | {
            "may_move": person is not None and person.may("engineer"),
            "told": NO_ACCOUNTS if self._access.open else told,
        }

    def _promote(self, request: Request, name: str) -> Response:
        person, reason = self._asked(request)
        return self._move(
            lambda registry: registry.promote(
                name, actor=person.name, reason=reason, now=self._clock()
            )
        )

    def _roll_back(self, request: Request) -> Response:
        person, reason = self._asked(request)
        return self._move(
            lambda registry: registry.rollback(actor=person.name, reason=reason, now=self._clock())
        )

    def _asked(self, request: Request) -> tuple[Person, str]:
        person = self._access.need(request, "engineer")
        reason = self._access.form(request, person).get("reason", "").strip()
        if not 0 < len(reason) <= LONGEST_REASON:
            told = f"Say why, in up to {LONGEST_REASON} characters: the history keeps it."
            raise Problem(400, "No reason given", told)
        return person, reason

    def _move(self, move: Callable[[Registry], Promotion]) -> Response:
        """Do it, one at a time: each loads and verifies a version."""
        if not self._moving.acquire(blocking=False):
            told = "Another version is being verified at this moment. Send it again in a while."
            raise Problem(409, "One at a time", told)
        try:
            done = move(self._registry(self._opened()))
        except UnknownVersion as error:
            raise Problem(404, "No such version", f"{error}.") from error
        except DatabaseAway:
            raise
        except expected() as error:
            raise Problem(409, "The champion stays", f"{error}.") from error
        finally:
            self._moving.release()
        log.info("champion moved", kind=done.kind, version=done.version, actor=done.actor)
        return RedirectResponse("/versions", 303)


def champion_of(history: Sequence[Promotion]) -> str:
    """The id of the version that classifies."""
    return history[-1].version if history else folders.shipped_id()


def shipped() -> Registered:
    """The version that comes with the program, as if it had been registered."""
    card = json.loads((folders.SHIPPED / folders.CARD).read_text("utf-8"))
    start = card["recipe"].get("start")
    at = datetime.fromtimestamp(0, UTC)  # not shown: it was made before any installation
    return Registered(card["id"], folders.SHIPPED, at, "bearwatch", start, card)
