"""Why a record is no article: a closed set of reasons, and the value that carries one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NoReturn, cast, get_args

RejectReason = Literal[
    "empty", "too_large", "not_utf8", "not_json", "schema", "bad_timestamp", "kills_process"
]
"""Why a record is no article; also the label of the dead-letter metric.

- ``empty``: no bytes, or only white space (a blank line, a Kafka tombstone).
- ``too_large``: record over 1 MiB, body over 200 kB, or unknown fields over 512 KiB.
- ``not_utf8``: bytes that are not UTF-8, or a ``\\ud8xx`` escape that stands for no character.
- ``not_json``: not one JSON value, NaN or Infinity, or past the limits that RFC 8259 section 9
  lets a reader set: nesting over 64, a number too large to hold.
- ``schema``: JSON, but not article v1: a field missing, of the wrong type, length or form.
- ``bad_timestamp``: ``published_at`` is there but is no RFC 3339 time with an offset.
- ``kills_process``: processing it ended the process again and again. No parser says so: the worker
  does, which does not touch it any more.
"""
REJECT_REASONS: Final = cast("tuple[RejectReason, ...]", get_args(RejectReason))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is no article, kept with its bytes for the dead letters.

    ``detail`` says what is wrong and what to do: ASCII, at most 300 characters, safe to print.
    """

    raw: bytes
    reason: RejectReason
    detail: str


class Refusal(Exception):
    """Ends the parsing of one record. Never leaves the package: parse turns it into a value."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def refuse(reason: RejectReason, detail: str) -> NoReturn:
    """Raise the :class:`Refusal` of the record being parsed."""
    raise Refusal(reason, detail)
