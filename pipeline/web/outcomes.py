"""What became of a push: a closed set, which is the metric's label and decides the status."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, cast, get_args

from ingest.rejection import RejectReason

PushOutcome = Literal[
    "stored",
    "unauthorized",
    "forbidden",
    "invalid",
    "too_large",
    "unsupported",
    "slow",
    "rate_limited",
    "busy",
    "unavailable",
    "broken",
]
"""Stored, or why not.

- ``unauthorized``: no token, or one that is not known.
- ``forbidden``: an article of a source that the token may not write for.
- ``invalid``: at least one record is no article.
- ``too_large``: the body, its number of records, or one record for Kafka.
- ``unsupported``: a media type or content encoding that is not taken.
- ``slow``: the body did not arrive in time, or its sender went away.
- ``rate_limited``: more requests of this token than it may make.
- ``busy``: too many requests at a time.
- ``unavailable``: neither stored nor known not to be; to be sent again.
- ``broken``: an error of this program, whose log has it.
"""
PUSH_OUTCOMES: Final = cast("tuple[PushOutcome, ...]", get_args(PushOutcome))

STATUS: Final[dict[PushOutcome, HTTPStatus]] = {
    "stored": HTTPStatus.OK,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "slow": HTTPStatus.REQUEST_TIMEOUT,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "broken": HTTPStatus.INTERNAL_SERVER_ERROR,
}

ProblemReason = RejectReason | Literal["forbidden_source"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one record: its 0-based place in the array, or its line."""

    record: int
    reason: ProblemReason
    detail: str


class Refusal(Exception):
    """Ends a push that is not stored; becomes the answer. ``told`` says what to do."""

    def __init__(
        self,
        outcome: PushOutcome,
        told: str,
        *,
        problems: tuple[Problem, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(told)
        self.outcome = outcome
        self.told = told
        self.problems = problems
        self.retry_after_s = retry_after_s
