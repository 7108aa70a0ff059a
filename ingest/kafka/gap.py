"""A part of a partition that could not be read: a value, to be stored like any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from ingest.files import Record

GapReason = Literal["deleted", "truncated", "corrupt"]
"""deleted: the broker had deleted the records before they were read. truncated: its log no longer
reaches as far as we had read. corrupt: what it has there is damaged."""
GAP_REASONS: Final = get_args(GapReason)


@dataclass(frozen=True, slots=True)
class Gap:
    """Reading goes on at ``resume`` instead of ``start``: behind it, or after a truncation before.

    With ``deleted`` and ``corrupt`` the records in [start, resume) were never seen. With
    ``truncated`` it goes back to where the log is known to be what was read, or to its beginning;
    an article that is read again changes nothing.
    """

    topic: str
    partition: int
    start: int
    resume: int
    reason: GapReason


def resume_at(
    start: int, *, first: int, end: int, divergent: int | None, truncated: bool
) -> tuple[int, GapReason]:
    """Where to go on when the broker refuses ``start``, and why; ``start`` itself is no gap.

    It has [first, end). ``divergent`` is where its log stops being the one that was read, if it
    knows that; ``truncated`` says that it does stop somewhere.
    """
    if start < first:
        return first, "deleted"
    if divergent is not None:
        return max(first, min(start, divergent)), "truncated"
    if truncated or start > end:
        # Another log under the same name, or one that lost its end and has grown again since:
        # only its beginning is sure not to be too late.
        return first, "truncated"
    return start, "truncated"


def merged(found: Sequence[Record | Gap], gaps: Iterable[Gap]) -> list[Record | Gap]:
    """``found`` with ``gaps`` behind; a corrupt batch, stepped over one by one, is one gap."""
    together = list(found)
    for gap in gaps:
        last = together[-1] if together else None
        if isinstance(last, Gap) and gap.reason == "corrupt" and _adjoin(last, gap):
            together[-1] = replace(last, resume=gap.resume)
        else:
            together.append(gap)
    return together


def _adjoin(last: Gap, gap: Gap) -> bool:
    return replace(last, start=last.resume, resume=gap.resume) == gap
