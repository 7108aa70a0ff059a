"""Who asks, and whether they may. What every page and the JSON API ask first.

A session's cookie or a token says who somebody is. What a cookie allows is only done for a form
of our own (pipeline/web/csrf.py); a token comes with every request on purpose.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import anyio.from_thread
from fastapi import Request

from pipeline.web import csrf
from pipeline.web.accounts import Accounts, Person
from pipeline.web.answers import Problem
from pipeline.web.body import Body
from pipeline.web.outcomes import Refusal
from pipeline.web.sessions import Sessions
from pipeline.web.settings import Role

FORM_BYTES: Final = 65_536
FORM_WITHIN_S: Final = 10.0
FORM_FIELDS: Final = 64
FORM_MEDIA: Final = "application/x-www-form-urlencoded"

NOBODY: Final = Person("nobody", "viewer")
"""Who reads where there are no accounts."""

NO_ACCOUNTS: Final = (
    "There is no user in the settings, so that pages may be read but nothing written. Run "
    "`bearwatch user NAME --role annotator`, put what it prints into bearwatch.toml, and start "
    "`bearwatch web` again."
)


class Access:
    """Made from the settings' users and the sessions; for handlers that run in threads.

    Without any user whoever reaches the pages may read them, and nobody may write.
    """

    def __init__(self, accounts: Accounts, sessions: Sessions, base_url: str | None) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._base_url = base_url

    @property
    def open(self) -> bool:
        """Whether there are no accounts: reading needs no log-in."""
        return not self._accounts

    def person(self, request: Request) -> Person | None:
        """Who asks; None if that is not known. A wrong token is nobody, whatever the cookie."""
        if not hasattr(request.state, "bearwatch_person"):
            request.state.bearwatch_person = (
                self._accounts.by_token(request.headers.get("authorization"))
                if _has_token(request)
                else self._sessions.person(request)
            )
        found: Person | None = request.state.bearwatch_person
        return found

    def need(self, request: Request, role: Role) -> Person:
        """Who asks, if they may do what ``role`` may.

        Raises:
            Problem: 401, nobody is logged in; 403, they are and may not, or nobody can.
        """
        if self.open:
            if NOBODY.may(role):
                return NOBODY
            raise Problem(403, "Nobody may do that yet", NO_ACCOUNTS)
        person = self.person(request)
        if person is None:
            told = "Log in first, or send a known token: Authorization: Bearer TOKEN."
            raise Problem(401, "Not logged in", told)
        if not person.may(role):
            told = (
                f"{person.name} is {person.role}; that needs {role}. Whoever runs Bearwatch sets "
                f"it in bearwatch.toml: [web.users.{person.name}] role."
            )
            raise Problem(403, "Not allowed", told)
        return person

    def form(self, request: Request, person: Person) -> dict[str, str]:
        """The fields of a form that ``person`` has sent; of a name given twice the last.

        Raises:
            Problem: 403, no page of ours sent it for this session; 400, 408, 413 and 415, it is
                no form, or not here in time.
        """
        by_cookie = not _has_token(request)
        if by_cookie and not csrf.same_origin(request, self._base_url):
            raise _foreign()
        fields = read_form(request)
        cookie = self._sessions.cookie(request)
        if by_cookie and not csrf.is_token(fields.pop(csrf.FIELD, ""), cookie):
            raise _foreign()
        return fields

    def csrf(self, request: Request) -> str:
        """What a form of this request's session carries in the field ``csrf``."""
        if _has_token(request) or self.person(request) is None:
            return ""
        return csrf.token(self._sessions.cookie(request))

    def shown(self, request: Request) -> dict[str, Any]:
        """What every template gets: ``person`` (perhaps None), ``csrf``, ``accounts``."""
        return {
            "person": self.person(request),
            "csrf": self.csrf(request),
            "accounts": not self.open,
        }


def _has_token(request: Request) -> bool:
    """Whether it says who sends it by a token, which no page of another site can make it do.

    A proxy's own password (Basic) is none: browsers add that by themselves.
    """
    scheme = request.headers.get("authorization", "").strip().partition(" ")[0]
    return scheme.lower() == "bearer"


def read_form(request: Request) -> dict[str, str]:
    """As :func:`form_of`, from a thread of a synchronous handler, which it keeps meanwhile."""
    return anyio.from_thread.run(form_of, request)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a urlencoded body.

    Raises:
        Problem: it is no such body, is too large, or not here in time.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM_MEDIA:
        raise Problem(415, "Not a form", f"Send Content-Type: {FORM_MEDIA}.")
    try:
        body = await Body(request).read(FORM_BYTES, FORM_WITHIN_S)
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=FORM_FIELDS,
        )
    except Refusal as refusal:
        status = 413 if refusal.outcome == "too_large" else 408
        told = "The form is too large, or was not here in time."
        raise Problem(status, "Not taken", told) from refusal
    except ValueError as error:  # not UTF-8, or too many fields
        raise Problem(400, "Not a form", "Load the page again and send its form.") from error
    return dict(pairs)


def _foreign() -> Problem:
    told = (
        "This did not come from a page of Bearwatch that you have open: load the page again and "
        "send it from there. Nothing was changed."
    )
    return Problem(403, "Not from here", told)
