"""What is to come: *to buy* has not happened, and what is expected has not either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingest.marks import Mark

FUTURE: Final = "future"
_NOT: Final = "no"
_COMING: Final = frozenset(("to", "will", "shall"))
_FORESEEN: Final = frozenset(
    ("see", "sees", "seen", "expect", "expects", "expected", "forecasts", "predict", "predicts")
)
"""What is foreseen has not happened: *sees output falling* is *expects output to fall*."""
_AFTER: Final = _COMING | {"from"}


def told_in_time(found: Sequence[Mark], *, loud: bool) -> list[Mark]:
    """A sentence without words of no weight, and with a must before what is to come.

    ``loud``: capitals tell no names.
    """
    coming, moved = _coming(found, loud=loud)
    result: list[Mark] = []
    after_from = False
    for at, mark in enumerate(found):
        if mark.kind == "drop":
            after_from = mark.name == "from" or (after_from and mark.name not in _COMING)
            continue
        if at in coming:
            result.append(Mark(FUTURE, "must"))
        elif after_from and _turns(found[at:], moved=moved, coming=bool(coming)):
            result.append(Mark(f"from {mark.name}", "must"))
        after_from = False
        result.append(mark)
    return result


def _turns(rest: Sequence[Mark], *, moved: bool, coming: bool) -> bool:
    """Whether *from* this is told: "to hold from buy" is not "to buy from hold"."""
    mark = rest[0]
    if moved:
        dated = mark.kind == "figure" and len(rest) > 1 and rest[1].kind == "period"
        return not dated and mark.kind not in ("weak", "period", "day")
    return coming and mark.capital and mark.kind == "plain"  # to buy a stake from Clarion


def _coming(found: Sequence[Mark], *, loud: bool) -> tuple[set[int], bool]:
    """Where something that has not happened is told; and whether something goes *to* something.

    What comes later in the sentence has no part in it, for a copy may cut it off.
    """
    coming: set[int] = set()
    foreseen = told = left = moved = False
    after = ""
    for at, mark in enumerate(found):
        foreseen = foreseen or (not told and (mark.written or mark.name) in _FORESEEN)
        if mark.kind == "drop":
            after = mark.name if mark.name in _AFTER else after
            left = left or mark.name == "from"
            continue
        if mark.kind == "must" and mark.name == _NOT:
            continue  # will not buy
        happens = mark.kind == "fact"
        # "to stable from positive", "from positive to stable": no verb.
        leaves = at + 1 < len(found) and found[at + 1].name == "from"
        plain = not told and not left and not leaves and _may_be_verb(mark, loud=loud)
        if (after in _COMING and (happens or plain)) or (foreseen and happens):
            coming.add(at)
        if after == "to" and (leaves or at not in coming):
            moved = True
        foreseen = foreseen and not happens
        told = told or (happens and (loud or not mark.capital))
        after = ""
    return coming, moved


def _may_be_verb(mark: Mark, *, loud: bool) -> bool:
    """Whether a word behind *to* may say what somebody will do, where no listed verb does."""
    return mark.kind in ("plain", "word", "weak") and (loud or not mark.capital)
