"""From the body of a push to records, each as its sender wrote it. No network in here.

A body is one article or an array of articles (JSON), or one article per line (JSON Lines). Either
all of its records are articles of sources that the sender may write for, or none is stored: a
sender who mends the bad one and sends all again is right in every case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ingest.article import Rejected, parse
from pipeline.web.outcomes import Problem, Refusal

MediaKind = Literal["json", "lines"]

MEDIA: Final[dict[str, MediaKind]] = {
    "application/json": "json",
    "application/x-ndjson": "lines",
    "application/jsonl": "lines",
}
MAX_TOLD: Final = 20
"""Problems that an answer names; it says how many there are."""

_SPACE = " \t\r\n"
_SCAN = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record that is an article: its name, and its bytes as they were sent."""

    source: str
    id: str
    value: bytes


def take(
    body: bytes, kind: MediaKind, allowed: frozenset[str], *, most: int, received_at: datetime
) -> list[Incoming]:
    """The articles of a body, at least one.

    Raises:
        Refusal: too many, not all are articles, or not all are of the sources ``allowed``.
    """
    accepted: list[Incoming] = []
    problems: list[Problem] = []
    for seen, (place, value) in enumerate(_split(body, kind), 1):
        if seen > most:
            raise Refusal("too_large", f"over {most} records; send them in several requests")
        match parse(value, received_at=received_at):
            case Rejected() as rejected:
                problems.append(Problem(place, rejected.reason, rejected.detail))
            case article if article.source not in allowed:
                told = f"this token may write for {_named(allowed)}, not for {article.source!a}"
                problems.append(Problem(place, "forbidden_source", told))
            case article:
                accepted.append(Incoming(article.source, article.id, value))
    if problems:
        raise _refusal(problems, len(problems) + len(accepted))
    if not accepted:
        raise Refusal("invalid", "no record in the body; send at least one article")
    return accepted


def _refusal(problems: Sequence[Problem], number: int) -> Refusal:
    forbidden = any(problem.reason == "forbidden_source" for problem in problems)
    return Refusal(
        "forbidden" if forbidden else "invalid",
        f"{len(problems)} of {number} records cannot be taken, and none was stored; "
        "mend them and send all again",
        problems=tuple(problems[:MAX_TOLD]),
    )


def _named(sources: frozenset[str]) -> str:
    return ", ".join(ascii(source) for source in sorted(sources)[:5])


def _split(body: bytes, kind: MediaKind) -> Iterator[tuple[int, bytes]]:
    if kind == "lines":
        for number, line in enumerate(body.split(b"\n")):
            if line.strip():
                yield number, line.removesuffix(b"\r")
        return
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return
    if start.startswith(b"["):
        yield from enumerate(_elements(start))
    else:
        yield 0, body


def _elements(body: bytes) -> Iterator[bytes]:
    """The elements of an array, each cut out as it was written."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refusal("invalid", f"byte {error.start} of the array is not UTF-8") from None
    at = _skip(text, 1)
    if text.startswith("]", at):
        _end(text, at)
        return
    while True:
        try:
            _, after = _SCAN.raw_decode(text, at)
        except RecursionError:
            raise Refusal("invalid", "nested too deeply; send flatter objects") from None
        except ValueError as error:
            at = getattr(error, "pos", at)
            raise Refusal("invalid", f"the array is not JSON at character {at}") from None
        yield text[at:after].encode()
        after = _skip(text, after)
        if text.startswith("]", after):
            _end(text, after)
            return
        if not text.startswith(",", after):
            raise Refusal("invalid", f"the array is not JSON at character {after}")
        at = _skip(text, after + 1)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _end(text: str, at: int) -> None:
    rest = _skip(text, at + 1)
    if rest != len(text):
        raise Refusal("invalid", f"something follows the array at character {rest}")
