"""The live page at `/`: one look for all who ask within a moment; it loads itself again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Condition, Event, Thread
from time import monotonic
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response

from pipeline.baselines import Baselines
from pipeline.live import Live, read
from pipeline.pages.live import LiveView, live_view
from pipeline.settings import Settings
from pipeline.store.database import Database, DatabaseAway, StoreError
from pipeline.web.access import Access
from pipeline.web.answers import answer, page

EVERY_S: Final = 1.0
"""From one look to the next, while somebody watches: some 30 ms of work each."""

WATCHED_FOR_S: Final = 15.0
"""So long after the last question somebody is taken to watch."""

FRESH_FOR_S: Final = 3.0
"""An older look is not shown; who asks waits for the next."""

LOOKS_WITHIN_S: Final = 20.0

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


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, and the same ready to be shown."""

    live: Live
    view: LiveView


class Looking:
    """Looks at the database for pages and programs, for as long as somebody asks.

    On a thread of its own, so that who asks is answered at once, however many they are; only the
    first after a while waits for a look. For any thread. ``names`` are the companies', by symbol.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        baselines: Baselines,
        settings: Settings,
        names: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._names = names
        self.baselines = baselines
        self._follower = Follower(baselines, database)
        self._fresh_for = settings.counting.report_fresh_within
        self._clock = clock
        self._changed = Condition()
        self._asked = self._began = self._ended = -math.inf
        self._found: Look | StoreError | None = None
        self._number = 0
        self._closing = False
        self._thread = Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    def look(self) -> Look:
        """How things were a moment ago.

        Raises:
            StoreError: the database does not answer.
        """
        with self._changed:
            self._asked = monotonic()
            self._changed.notify_all()
            if monotonic() - self._ended > FRESH_FOR_S:
                before = self._number
                self._changed.wait_for(lambda: self._number != before, LOOKS_WITHIN_S)
                if self._number == before:
                    raise DatabaseAway("the database takes too long to answer")
            if not isinstance(self._found, Look):
                raise self._found or DatabaseAway("nothing is known of the database")
            return self._found

    def close(self) -> None:
        """End the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(CLOSES_S)
        self._follower.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (rest_s := self._rest()) != 0:
                    self._changed.wait(rest_s)
                if self._closing:
                    return
                self._began = monotonic()
            found = self._once()
            with self._changed:
                self._found, self._ended = found, monotonic()
                self._number += 1
                self._changed.notify_all()

    def _rest(self) -> float | None:
        """Seconds to the next look; 0: now; None: when somebody asks."""
        now = monotonic()
        if now - self._asked > WATCHED_FOR_S:
            return None
        return max(0.0, self._began + EVERY_S - now)

    def _once(self) -> Look | StoreError:
        try:
            caught_up = self._follower.catch_up(BEGINS_S if self._number == 0 else CATCHES_UP_S)
            found = read(self._database(), self.baselines, self._clock(), self._fresh_for)
            found = replace(found, behind=not caught_up)
            view = live_view(found, self._names)
        except StoreError as error:
            return error
        except Exception as error:
            log.exception("nothing can be told of the database")
            return StoreError(f"{type(error).__name__}: see the log")
        return Look(found, view)


class LivePage:
    """``refresh_s`` of 0: it does not load itself again."""

    def __init__(self, looking: Looking, access: Access, refresh_s: int) -> None:
        self._looking = looking
        self._access = access
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
            live=self._looking.look().view,
            refresh=0 if held else self._refresh_s,
            held=held and self._refresh_s > 0,
            **self._access.shown(request),
        )
