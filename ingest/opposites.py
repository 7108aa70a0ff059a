"""Words that cannot both be so: where one stands in the place of another, it is other news."""

from __future__ import annotations

from functools import cache
from typing import Final

from ingest.shape import mark_of
from ingest.shapes import again
from ingest.wording import said

SETS: Final = (
    "rises falls",
    "beats misses",
    "high low",
    "more less fewer",
    "positive negative stable",
    "bullish bearish",
    "optimistic pessimistic",
    "strong weak",
    "strengthens weakens",
    "grows shrinks",
    "widens narrows",
    "buys sells",
    "wins loses",
    "hires fires",
    "approves rejects blocks",
    "launches ends halts",
    "starts finishes",
    "opens shuts",
    "joins leaves",
    "supports opposes",
    "imposes lifts",
    "confirms denies",
    "tightens loosens",
    "hawkish dovish",
    "overweight underweight outperform underperform",
    "upgrade downgrade",
    "inflows outflows",
    "imports exports",
    "supply demand",
    "input output",
    "income spending",
    "profit loss",
    "surplus deficit",
    "assets liabilities",
    "wholesale retail",
    "consumer producer",
    "residential commercial",
    "public private",
    "domestic foreign",
    "local federal",
    "gross net",
    "long short",
    "before after",
    "morning afternoon evening",
    "daily weekly monthly",
    "minutes hours days weeks months years",
    "winter spring summer autumn",
    "north south east west",
    "northern southern eastern western",
    "upstream downstream",
    "onshore offshore",
    "men women",
    "employers employees",
    "chairman president ceo cfo coo director",
    "majority minority",
    "guilty innocent",
    "legal illegal",
    "stocks bonds",
    "gold silver platinum palladium copper aluminium zinc nickel",
    "wheat corn soybeans rice",
    "coffee cocoa sugar cotton",
    "oil gas coal",
    "gasoline diesel",
    "dollar euro yen sterling yuan",
    "petrol electric hybrid",
    "cars trucks vans buses",
    "arabica robusta",
    "brent wti",
    "manufacturing services",
    "primary secondary",
    "nominal real",
    "maximum minimum",
    "upper lower",
    "floor ceiling",
    "begins completes",
    "arrives departs",
    "accepts refuses",
    "raises lowers",
    "unit rival",
    "emerging developed",
)


@cache
def opposed() -> dict[int, frozenset[int]]:
    """Of each mark of :data:`SETS`, the numbers of the sets it is in."""
    found: dict[int, set[int]] = {}
    for number, line in enumerate(SETS):
        names = {mark.name for word in line.split() for mark in said(word)}
        for name in names:
            for written in (name, again(name)):
                found.setdefault(mark_of(written), set()).add(number)
    return {mark: frozenset(numbers) for mark, numbers in found.items()}


def exclude(added: frozenset[int], lost: frozenset[int]) -> bool:
    """Whether something added and something left out cannot both be so."""
    sets = opposed()
    gone = {number for mark in lost for number in sets.get(mark, ())}
    return any(not gone.isdisjoint(sets.get(mark, ())) for mark in added)
