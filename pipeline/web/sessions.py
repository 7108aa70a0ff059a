"""Log-ins that last: a cookie whose digest is in the database, tied to the user's secrets."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from pipeline.store import sessions as rows
from pipeline.store.database import Database
from pipeline.web.accounts import Accounts, Person

SECRET_BYTES: Final = 32
MOST_CHARS: Final = 128
"""Of a cookie that is looked at."""


class Sessions:
    """Makes, knows and ends them. May be used from any thread.

    ``opened`` gives the database. With ``secure`` browsers send the cookie over TLS only.
    """

    def __init__(
        self,
        accounts: Accounts,
        opened: Callable[[], Database],
        clock: Callable[[], datetime],
        *,
        lasts: timedelta,
        secure: bool,
    ) -> None:
        self._accounts = accounts
        self._opened = opened
        self._clock = clock
        self._lasts = lasts
        self._secure = secure
        # The prefix keeps other servers of the same domain from setting it.
        self.name = "__Host-bearwatch" if secure else "bearwatch"

    def cookie(self, request: Request) -> str:
        """What the browser sent; empty if nothing that could be one."""
        found = request.cookies.get(self.name, "")
        return found if len(found) <= MOST_CHARS and found.isascii() else ""

    def person(self, request: Request) -> Person | None:
        """Whose session the request belongs to; None if none's, or it is over."""
        cookie = self.cookie(request)
        person = self._accounts.named(cookie.partition(".")[0])
        if person is None:
            return None
        digest = self._digest(person, cookie)
        user = rows.user_of(self._opened(), digest, self._clock())
        return person if user == person.name else None

    def begin(self, person: Person, request: Request, response: Response) -> None:
        """Log ``person`` in. The secret is new, and the session that was there before ends."""
        self.end(request, response)
        now = self._clock()
        cookie = f"{person.name}.{secrets.token_urlsafe(SECRET_BYTES)}"
        until = now + self._lasts
        rows.begin(self._opened(), self._digest(person, cookie), person.name, now=now, until=until)
        response.set_cookie(
            self.name,
            cookie,
            max_age=int(self._lasts.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def end(self, request: Request, response: Response) -> None:
        """Log out: here and in the browser."""
        cookie = self.cookie(request)
        person = self._accounts.named(cookie.partition(".")[0])
        if person is not None:
            rows.end(self._opened(), self._digest(person, cookie))
        if cookie:
            response.delete_cookie(
                self.name, path="/", secure=self._secure, httponly=True, samesite="lax"
            )

    def _digest(self, person: Person, cookie: str) -> str:
        mark = self._accounts.mark(person.name)
        return hashlib.sha256(f"{mark}\0{cookie}".encode()).hexdigest()
