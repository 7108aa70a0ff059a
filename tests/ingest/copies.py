"""Two headlines as the near-duplicate rule sees them."""

from __future__ import annotations

from ingest.near import repeats
from ingest.shapes import bits, needed, shape_of


def is_copy(later: str, earlier: str) -> bool:
    """Whether the rule calls ``later`` a copy of ``earlier``."""
    return repeats(shape_of(later, "")[0], shape_of(earlier, "")[0])


def is_found_copy(later: str, earlier: str) -> bool:
    """Whether it is one, and would be found in the index."""
    (new, keys), (old, others) = shape_of(later, ""), shape_of(earlier, "")
    found = not set(keys).isdisjoint(others) and needed(new) & ~bits(old) == 0
    return found and repeats(new, old)
