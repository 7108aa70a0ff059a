"""Failures for programs, as RFC 9457 has them: application/problem+json."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pipeline.store.database import StoreError
from pipeline.web.answers import Problem, problem_page
from pipeline.web.api_models import ProblemBody

MEDIA: Final = "application/problem+json"

DESCRIBED: Final[dict[str, Any]] = {
    "model": ProblemBody,
    "description": "Why not, and what to do (application/problem+json).",
}

log = structlog.get_logger()


def add_to(app: FastAPI) -> None:
    """Answer whatever a handler of the API raises, and paths and methods that are not there."""

    @app.exception_handler(Problem)
    def told(request: Request, problem: Problem) -> Response:
        return as_json(problem.status, problem.title, problem.told)

    @app.exception_handler(StoreError)
    def away(request: Request, error: StoreError) -> Response:
        log.warning("an answer could not be given", reason=str(error))
        return as_json(503, "No database", "The database does not answer: ask again in a while.")

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        lines = [_in_words(one) for one in error.errors()]
        told = "Parameters that cannot be; /api has those there are."
        return as_json(400, "Not understood", told, lines)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        log.error("an answer could not be made", path=request.url.path)  # uvicorn tells the rest
        return as_json(500, "An error of this program", "Its log has more about it.")

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            told = "There is nothing at this address. What Bearwatch found is under incidents."
            return problem_page(Problem(404, "Not here", told))
        title = HTTPStatus(error.status_code).phrase
        found = as_json(error.status_code, title, "See /api for what there is.")
        found.headers.update(error.headers or {})
        return found


def as_json(status: int, title: str, detail: str, errors: list[str] | None = None) -> Response:
    """One problem."""
    body = ProblemBody(title=title, status=status, detail=detail, errors=errors or [])
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA)


def _in_words(error: Any) -> str:  # noqa: ANN401 - as pydantic has it
    *_, name = error["loc"] or ("",)
    return f"{name}: {error['msg']}"
