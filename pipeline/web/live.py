"""The live page at `/`: one look for all who ask within a moment; it loads itself again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.baselines import Baselines
from pipeline.live import Live, read
from pipeline.pages.live import live_view
from pipeline.settings import Settings
from pipeline.store.database import Database, StoreError
from pipeline.web.access import Access
from pipeline.web.answers import answer, page

SAME_FOR_S: Final = 1.0
"""So long one look is shown again, whoever asks."""

CATCHES_UP_S: Final = 0.25
"""A look waits so long for the baselines; after it, it makes do with those there are."""

BEGINS_S: Final = 2.0
"""The first look waits longer: weeks are read in a second or two."""

CLOSES_S: Final = 5.0

log = structlog.get_logger()


class Follower:
    """Keeps baselines up with the monitor on a thread of its own, whenever somebody asks."""

    def __init__(self, baselines: Baselines, database: Callable[[], Database]) -> None:
        self._baselines = baselines
        self._database = database
        self._asked, self._done = Event(), Event()
        self._closing = False
        self._thread = Thread(target=self._run, name="baselines", daemon=True)
        self._thread.start()

    def catch_up(self, within_s: float) -> bool:
        """Follow to the monitor's cursor; False if that takes longer, and goes on meanwhile."""
        self._done.clear()
        self._asked.set()
        return self._done.wait(within_s)

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self._closing = True
        self._asked.set()
        self._thread.join(CLOSES_S)

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._closing:
                return
            try:
                self._baselines.follow(self._database())
            except StoreError as error:
                log.warning("what is usual cannot be read", reason=str(error))
            except Exception:
                log.exception("what is usual cannot be followed")
            self._done.set()


class Looking:
    """Looks at the database for pages and programs: at most once a moment. For any thread."""

    def __init__(
        self,
        database: Callable[[], Database],
        baselines: Baselines,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self.baselines = baselines
        self._follower = Follower(baselines, database)
        self._fresh_for = settings.counting.report_fresh_within
        self._clock = clock
        self._lock = Lock()
        self._known: Live | None = None
        self._until = 0.0

    def look(self) -> Live:
        """How things are, no older than :data:`SAME_FOR_S`.

        Raises:
            StoreError: the database does not answer.
        """
        with self._lock:
            if self._known is None or monotonic() >= self._until:
                within_s = BEGINS_S if self._known is None else CATCHES_UP_S
                caught_up = self._follower.catch_up(within_s)
                found = read(self._database(), self.baselines, self._clock(), self._fresh_for)
                self._known = replace(found, behind=not caught_up)
                self._until = monotonic() + SAME_FOR_S
            return self._known

    def close(self) -> None:
        """End the thread that follows the baselines."""
        self._follower.close()


class LivePage:
    """``names`` are the companies', by symbol; ``refresh_s`` of 0: it does not load itself."""

    def __init__(
        self, looking: Looking, access: Access, names: Mapping[str, str], refresh_s: int
    ) -> None:
        self._looking = looking
        self._access = access
        self._names = names
        self._refresh_s = refresh_s

    def add_to(self, app: FastAPI) -> None:
        """Route the page."""

        @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
        def live(request: Request) -> Response:
            return answer(request, lambda: self._page(request))

    def _page(self, request: Request) -> Response:
        self._access.need(request, "viewer")
        held = "still" in request.query_params
        return page(
            "live.html",
            live=live_view(self._looking.look(), self._names),
            refresh=0 if held else self._refresh_s,
            held=held and self._refresh_s > 0,
            **self._access.shown(request),
        )
