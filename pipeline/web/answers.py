"""How pages are answered: as HTML, and every failure as a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.pages.rendering import policy, render
from pipeline.store.database import Database, StoreError, open_database

log = structlog.get_logger()


class Problem(Exception):
    """Becomes a page that says what is the matter and what to do."""

    def __init__(
        self, status: int, title: str, told: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.told = told
        self.retry_after_s = retry_after_s


class Opened:
    """A database that is opened when it is first asked for, by any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._db: Database | None = None
        self._lock = Lock()

    def __call__(self) -> Database:
        """The database, its tables up to date.

        Raises:
            StoreError: it cannot be opened; the next call tries again.
        """
        with self._lock:
            if self._db is None:
                self._db = open_database(self._url)
            return self._db

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._db is not None:
                self._db.close()


def answer(request: Request, make: Callable[[], Response]) -> Response:
    """What ``make`` gives; a page about it if it raises. For handlers that run in threads."""
    try:
        return make()
    except Problem as problem:
        return _problem(request, problem)
    except StoreError as error:
        log.warning("a page could not be shown", reason=str(error))
        told = "The database does not answer at the moment. Load the page again in a while."
        return problem_page(Problem(503, "No database", told))
    except Exception:
        log.exception("a page could not be made")
        return problem_page(Problem(500, "An error of this program", "Its log has more about it."))


def problem_page(problem: Problem) -> Response:
    """The page about a problem."""
    found = page("problem.html", problem.status, title=problem.title, told=problem.told)
    if problem.retry_after_s is not None:
        found.headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        found.headers["WWW-Authenticate"] = "Bearer"
    return found


def page(
    template: str,
    status: int = 200,
    *,
    script: str | None = None,
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    """A template as an answer, with its own Content-Security-Policy.

    Forms work where ``values`` have a ``csrf`` that is not empty, or ``form`` is true.
    """
    forms = bool(values.get("csrf") or values.get("form"))
    rules = policy(forms=forms, script=script)
    headers = {"Content-Security-Policy": f"{rules}; frame-ancestors 'none'"}
    shown = render(template, forms=forms, script=script, **values)
    return HTMLResponse(shown, status, headers)


def login_url(path: str, query: str = "") -> str:
    """Where to log in, to come back to ``path`` afterwards."""
    there = f"{path}?{query}" if query else path
    return f"/login?next={quote(there, safe='/')}"


def _problem(request: Request, problem: Problem) -> Response:
    reads_html = "text/html" in request.headers.get("accept", "")
    if problem.status == 401 and reads_html and request.method in ("GET", "HEAD"):
        return RedirectResponse(login_url(request.url.path, request.url.query), 303)
    return problem_page(problem)
