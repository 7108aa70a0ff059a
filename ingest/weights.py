"""The fitted weights of the copy rule: a file of the package, checked when it is first needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Final

from ingest.likeness import SIGNS

FILE: Final = Path(__file__).with_name("near.json")
_MEND: Final = "install Bearwatch again, or fit them anew with `python -m tests.stories.fit`"


class WeightsError(Exception):
    """The weights of the copy rule are missing, damaged or of another rule."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A linear model over :data:`ingest.likeness.SIGNS`: a copy from ``threshold`` on.

    ``fitted_on`` are the files of labelled pairs with their SHA-256.
    """

    weights: tuple[float, ...]
    intercept: float
    threshold: float
    fitted_on: dict[str, str]

    def score(self, numbers: tuple[float, ...]) -> float:
        """Log-odds of a copy, as often as copies are among the labelled pairs."""
        total = self.intercept
        for weight, number in zip(self.weights, numbers, strict=True):
            total += weight * number
        return total

    def write(self, path: Path) -> None:
        """Write the file that :func:`read` reads."""
        held = {
            "intercept": self.intercept,
            "threshold": self.threshold,
            "weights": dict(zip(SIGNS, self.weights, strict=True)),
            "fitted_on": self.fitted_on,
        }
        path.write_text(json.dumps(held, indent=2) + "\n", "utf-8")


@cache
def weights() -> Weights:
    """Those of the package.

    Raises:
        WeightsError: as :func:`read`.
    """
    return read(FILE)


def read(path: Path) -> Weights:
    """Read and check a file of weights.

    Raises:
        WeightsError: it cannot be read, is no such file, or names other numbers than the rule has.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); {_MEND}") from error
    try:
        named: dict[str, Any] = held["weights"]
        found = Weights(
            tuple(float(named[name]) for name in SIGNS),
            float(held["intercept"]),
            float(held["threshold"]),
            {str(name): str(digest) for name, digest in held["fitted_on"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: not the weights of this rule ({error!r}); {_MEND}") from error
    if named.keys() != SIGNS.keys():
        raise WeightsError(f"{path}: weights of another rule; {_MEND}")
    if not all(map(isfinite, (*found.weights, found.intercept, found.threshold))):
        raise WeightsError(f"{path}: a number that is not finite; {_MEND}")
    if any(SIGNS[name] * found.weights[at] < 0 for at, name in enumerate(SIGNS)):
        raise WeightsError(f"{path}: a weight has the wrong sign; {_MEND}")
    return found
