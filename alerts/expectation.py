"""What the tests compare counts with: the usual, and how much it varies."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from alerts.season import FloatArray

_OF_ALL_KEYS: Final = ("ready", "baseline_days")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the tests compare with; arrays are (keys, 3 windows) unless said otherwise."""

    negative: FloatArray
    variation: FloatArray
    stories: FloatArray
    at_once: FloatArray
    """All stories, if those of the newest hour come at its beginning: what a burst of volume has
    to exceed. Releases come on the hour, and the hours are all that is learned."""
    stories_variation: FloatArray
    share: FloatArray
    concentration: FloatArray
    """Of the share's Beta."""
    ready: bool
    """False during warm-up: every score is 0."""
    baseline_days: float

    def of(self, index: int) -> Expectation:
        """The same for one key alone."""
        arrays = [field.name for field in fields(self) if field.name not in _OF_ALL_KEYS]
        return replace(self, **{name: getattr(self, name)[index : index + 1] for name in arrays})
