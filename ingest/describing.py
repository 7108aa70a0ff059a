"""What a firm is, told before its name: a copy may leave it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from ingest.marks import Mark
from ingest.text import words

MOST_DESCRIBING: Final = 3
"""Words before what a firm is that belong to it: *low cost* airline."""
_FIRMS: Final = words(
    "airline bank biotech brand brewer broker builder carmaker automaker carrier chain chipmaker "
    "company conglomerate contractor designer developer distiller distributor drugmaker exchange "
    "fintech firm foundry fund giant group grocer insurer label landlord lender maker "
    "manufacturer marketplace miner operator platform producer provider publisher recycler "
    "refiner retailer service shipbuilder shipper smelter specialist start-up startup steelmaker "
    "studio supplier trader utility vendor"
)


def described(found: Sequence[Mark]) -> Iterator[Mark]:
    """What a firm is, before its name, may be left out: *care home operator Brackenfield*."""
    weak: set[int] = set()
    for at, mark in enumerate(found[:-1]):
        name = found[at + 1]
        if mark.written not in _FIRMS or not (name.capital and name.kind == "plain"):
            continue
        first = at
        while first and at - first < MOST_DESCRIBING and _describes(found, first - 1):
            first -= 1
        weak.update(range(first, at + 1))
    for at, mark in enumerate(found):
        yield replace(mark, kind="weak") if at in weak and mark.kind != "drop" else mark


def _describes(found: Sequence[Mark], at: int) -> bool:
    mark = found[at]
    return mark.kind in ("plain", "word", "weak") and (at == 0 or not mark.capital)
