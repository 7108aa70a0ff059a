"""How much one headline looks like a copy of another: few numbers, which a model weighs.

``SIGNS`` names them and says which way each may speak: a difference never speaks for a copy.
The weights are fitted on labelled pairs (``python -m tests.stories.fit``).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from ingest.alignment import Alignment
from ingest.shape import Shape

SIGNS: Final[dict[str, int]] = {
    "share_of_later": 1,  # of its marks, without tags, the share that the earlier one has
    "shortness": -1,  # 1 / marks that both have: little can be told from a short headline
    "tag_exchanged": -1,  # what stands before or behind the headline
    "figure_added": -1,
    "must_added": -1,  # not, may, former
    "must_lost": -1,  # the same, before a clause cut off at the end
    "clause_lost": -1,  # marks cut off at the end
    "period_added": -1,
    "period_lost": -1,
    "link_added": -1,  # after, following: what came of it
    "moved": -1,  # share of neighbours in another order, a passive apart
}
MOST: Final = 3
"""What is counted is counted no further."""


def numbers(later: Shape, earlier: Shape, lying: Alignment) -> tuple[float, ...]:
    """What :data:`SIGNS` names, in its order; counts are whole numbers up to :data:`MOST`."""
    added = [sort for sort, _ in lying.added]
    cut = [sort for sort, where in lying.lost if where != "behind"]
    tags = added.count("tag")
    both = len(lying.order)
    return (
        both / max(1, len(later.order) - tags),
        1 / max(1, both),
        float(tags > 0 and any(sort == "tag" for sort, _ in lying.lost)),
        min(MOST, added.count("figure")),
        float(not later.must <= earlier.must),
        float("must" in cut),
        min(MOST, len(lying.lost) - len(cut)),
        float(not later.periods <= earlier.periods),
        float(not earlier.periods <= later.periods),
        float(bool(added) and not later.links <= earlier.links),
        _moved(lying) if later.passive == earlier.passive else 0.0,
    )


def _moved(lying: Alignment) -> float:
    """Share of neighbours that stand the other way round, in [0, 1]."""
    if lying.order == lying.old:
        return 0.0
    at = {mark: place for place, mark in enumerate(lying.old)}
    places = [at[mark] for mark in lying.order]
    return sum(a > b for a, b in pairwise(places)) / (len(places) - 1)
