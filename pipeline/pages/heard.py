"""Who was told what of an incident, and when: the outbox in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.channels import plain
from alerts.routing import is_pager
from pipeline.pages.view import NAME_LIMIT, WHAT, lasted
from pipeline.store.looking import Told

TROUBLE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Heard:
    """One message. ``after`` is from the change in event time to the sending, in words.

    ``sent`` is None while nobody has it; ``trouble`` then says why, if that is known.
    """

    sink: str
    calls: bool
    what: str
    severity: str
    written: datetime
    sent: datetime | None
    after: str
    trouble: str


def heard(messages: Sequence[Told]) -> list[Heard]:
    """Every message, in the order in which they were written."""
    return [_heard(one) for one in messages]


def first_call(messages: Sequence[Told], opened_at: datetime) -> str:
    """A sentence on when somebody was called first, or that nobody was."""
    calls = [one for one in messages if is_pager(one.sink)]
    sent = [one for one in calls if one.sent_at is not None]
    first = min(sent, key=lambda one: (one.sent_at or opened_at, one.sink), default=None)
    if first is not None and first.sent_at is not None:
        at = f"{first.sent_at:%a} {first.sent_at.day} {first.sent_at:%b %Y, %H:%M}"
        return f"{_name(first.sink)} was called first: {at}{_after(first.sent_at - opened_at)}."
    if calls:
        return "Nobody has been called so far."
    return "Nobody is called about this: it is kept in the records only." if messages else ""


def _heard(one: Told) -> Heard:
    since = one.at or one.created_at
    return Heard(
        sink=_name(one.sink),
        calls=is_pager(one.sink),
        what=WHAT.get(one.change, "changed") if one.change else "",
        severity=one.severity,
        written=one.created_at,
        sent=one.sent_at,
        after=lasted(one.sent_at - since) if one.sent_at and one.sent_at >= since else "",
        trouble="" if one.sent_at else plain(one.error or "not yet", TROUBLE_LIMIT),
    )


def _name(sink: str) -> str:
    return plain(sink, NAME_LIMIT)


def _after(span: timedelta) -> str:
    return f", {lasted(span)} after it opened" if span >= timedelta(0) else ""
