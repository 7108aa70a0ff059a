"""Logging in and out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from alerts.channels import plain
from pipeline.web import csrf
from pipeline.web.access import NO_ACCOUNTS, Access, form_of
from pipeline.web.accounts import Accounts, Crowded, Person
from pipeline.web.answers import Problem, answer, page, problem_page
from pipeline.web.limits import Brake
from pipeline.web.sessions import Sessions

HOME: Final = "/incidents"
TRIES: Final = 10
"""Wrong tries at once under one name; then one in :data:`REST_S`."""

REST_S: Final = 15.0
TRIES_FROM: Final = 30
"""The same for an address, which behind a proxy is everybody's."""

REST_FROM_S: Final = 3.0
WRONG: Final = "Name or password is wrong, or the token is not known."

log = structlog.get_logger()


class Login:
    """The pages ``/login`` and ``/logout``. ``monotonic`` gives seconds."""

    def __init__(
        self,
        access: Access,
        accounts: Accounts,
        sessions: Sessions,
        base_url: str | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._access = access
        self._accounts = accounts
        self._sessions = sessions
        self._base_url = base_url
        self._names = Brake(1 / REST_S, TRIES, monotonic)
        self._addresses = Brake(1 / REST_FROM_S, TRIES_FROM, monotonic)

    def add_to(self, app: FastAPI) -> None:
        """Route them."""

        @app.api_route("/login", methods=["GET", "HEAD"], include_in_schema=False)
        def form(request: Request) -> Response:
            return answer(request, lambda: self._form(request))

        @app.post("/login", include_in_schema=False)
        async def enter(request: Request) -> Response:
            # Anybody may send this, slowly: no thread is kept for it until it is here.
            try:
                fields = await form_of(request)
            except Problem as problem:
                return problem_page(problem)
            return await run_in_threadpool(answer, request, lambda: self._enter(request, fields))

        @app.post("/logout", include_in_schema=False)
        def leave(request: Request) -> Response:
            return answer(request, lambda: self._leave(request))

    def _form(self, request: Request) -> Response:
        there = _safe(request.query_params.get("next", ""))
        if self._access.person(request) is not None:
            return RedirectResponse(there, 303)
        return self._page(there, "", NO_ACCOUNTS if self._access.open else "")

    def _page(self, there: str, name: str, told: str, status: int = 200) -> Response:
        return page(
            "login.html",
            status,
            form=True,
            accounts=not self._access.open,
            person=None,
            csrf="",
            next=there,
            name=name,
            told=told,
        )

    def _enter(self, request: Request, fields: Mapping[str, str]) -> Response:
        if self._access.open:
            raise Problem(403, "Nobody can log in yet", NO_ACCOUNTS)
        if not csrf.same_origin(request, self._base_url):
            told = "Log in on the page /login of this server; programs send their token instead."
            raise Problem(403, "Not from here", told)
        name, secret = fields.get("name", "").strip(), fields.get("secret", "").strip()
        there = _safe(fields.get("next", ""))
        person = self._known(request, name, secret)
        if person is None:
            return self._page(there, name[:32], WRONG, 401)
        found = RedirectResponse(there, 303)
        self._sessions.begin(person, request, found)
        log.info("logged in", user=person.name, address=_address(request))
        return found

    def _known(self, request: Request, name: str, secret: str) -> Person | None:
        """Who that is; whoever tries often has to wait, before anything is compared."""
        address = _address(request)
        wait_s = self._begin(address, name)
        if wait_s:
            seconds = math.ceil(wait_s)
            told = f"Too many wrong tries under this name or from here: wait {seconds} s."
            raise Problem(429, "Wait a little", told, retry_after_s=seconds)
        try:
            person = self._accounts.by_token(f"Bearer {secret}")
            if name and (person is None or person.name != name):
                person = self._accounts.by_password(name, secret)
        except Crowded:
            self._forgive(address, name)
            told = "Others are logging in at the moment: try again."
            raise Problem(503, "Wait a little", told, retry_after_s=1) from None
        if person is None:
            log.warning("log-in refused", user=plain(name, 32), address=address)
        else:
            self._forgive(address, name)
        return person

    def _begin(self, address: str, name: str) -> float:
        """Seconds to wait before a try; 0: it has begun, and counts until it is forgiven."""
        wait_s = self._addresses.take(address)
        if wait_s or not name:
            return wait_s
        wait_s = self._names.take(name)
        if wait_s:
            self._addresses.give_back(address)
        return wait_s

    def _forgive(self, address: str, name: str) -> None:
        self._addresses.give_back(address)
        if name:
            self._names.give_back(name)

    def _leave(self, request: Request) -> Response:
        found = RedirectResponse("/login", 303)
        person = self._access.person(request)
        if person is not None:
            self._access.form(request, person)
        self._sessions.end(request, found)
        return found


def _safe(there: str) -> str:
    """A path of this server; the first page for whatever could lead elsewhere."""
    try:
        parts = urlsplit(there)
    except ValueError:
        return HOME
    plain_path = there.isascii() and there.isprintable() and "\\" not in there
    elsewhere = parts.scheme or parts.netloc or there.startswith("//")
    return there if there.startswith("/") and plain_path and not elsewhere else HOME


def _address(request: Request) -> str:
    """Where it comes from; of IPv6 the network, as everybody has many addresses in one."""
    host = request.client.host if request.client else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host
