"""Why a feed could not be read: a closed set of reasons, and the value that carries one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NoReturn, cast, get_args

FeedReason = Literal[
    "address",
    "unreachable",
    "tls",
    "timeout",
    "redirect",
    "busy",
    "gone",
    "status",
    "too_large",
    "encoding",
    "not_a_feed",
    "entities",
    "defect",
]
"""Why a feed could not be read; also the label of a metric.

- ``address``: no http(s) URL with a host, or its host has an address that is not public.
- ``unreachable``: no such host, no connection, or one that broke.
- ``tls``: no encryption; mostly a certificate that is not valid for the host.
- ``timeout``: not there within the deadline.
- ``redirect``: more than three, to nowhere, or from https to http.
- ``busy``: 429 or 503; the server may have said when to come again.
- ``gone``: 410, for good.
- ``status``: any other answer but 200 and 304.
- ``too_large``: over the limit, before or after decompression.
- ``encoding``: compressed or written in a way that is not known, or damaged.
- ``not_a_feed``: neither RSS nor Atom.
- ``entities``: a document type with declarations, which could make little text large.
- ``defect``: a bug of ours, in the log with its traceback.
"""
FEED_REASONS: Final = cast("tuple[FeedReason, ...]", get_args(FeedReason))


@dataclass(frozen=True, slots=True)
class FeedError:
    """A feed that could not be read this time.

    ``detail`` says what is wrong and what to do. It names hosts, never a URL, which may hold a
    password. ``retry_at`` is when the server asked to be asked again, if it did.
    """

    reason: FeedReason
    detail: str
    retry_at: datetime | None = None


class Refusal(Exception):
    """Ends the reading of one feed. Never leaves the package: it is turned into a value."""

    def __init__(self, error: FeedError) -> None:
        super().__init__(error.detail)
        self.error = error


def refuse(reason: FeedReason, detail: str) -> NoReturn:
    """Raise the :class:`Refusal` of the feed that is being read."""
    raise Refusal(FeedError(reason, detail))
