"""Precision and recall of the near-duplicate rule, over labelled pairs of articles.

``python -m tests.stories.measure --half open`` also names the errors by id. Of the sealed half
only totals are printed: whoever writes the rule must not see it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rich.console import Console
from rich.table import Table

from ingest.near import repeats
from ingest.shape import Shape
from ingest.shapes import bits, is_of_body, needed, shape_of

Half = Literal["open", "read", "sealed"]
Pair = dict[str, Any]

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled pair, what the rule says, and whether the index would have found it."""

    id: str
    kind: str
    same: bool
    said: bool
    found: bool


def files(half: Half) -> list[Path]:
    """The files of labelled pairs of one half, by name."""
    return sorted(_HERE.glob(f"pairs_{half}_*.jsonl"))


def pairs(half: Half) -> Iterator[Pair]:
    """The labelled pairs of one half, in order of files and rows."""
    for path in files(half):
        yield from pairs_of(path)


def pairs_of(path: Path) -> Iterator[Pair]:
    """The labelled pairs of one file."""
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


def judge(pair: Pair) -> Judged:
    """Ask index and rule: a pair that shares no key is never compared, so it is no copy."""
    earlier, later, found = looked_up(pair)
    said = found and repeats(later, earlier)
    return Judged(pair["id"], pair["kind"], pair["same"], said, found)


def looked_up(pair: Pair) -> tuple[Shape, Shape, bool]:
    """The shapes of a pair, and whether the index brings them together."""
    (earlier, keys), (later, others) = (
        shape_of(item["title"], item["body"]) for item in (pair["a"], pair["b"])
    )
    headline = needed(later) & ~bits(earlier) == 0
    found = any(headline or is_of_body(key) for key in set(keys).intersection(others))
    return earlier, later, found


def totals(judged: Iterable[Judged]) -> tuple[int, int, int]:
    """Copies found, pairs wrongly called copies, copies missed."""
    counts = Counter((one.same, one.said) for one in judged)
    return counts[True, True], counts[False, True], counts[True, False]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=get_args(Half), default="open")
    parser.add_argument("--kinds", action="store_true", help="totals of each kind of pair too")
    options = parser.parse_args()
    judged = [judge(pair) for pair in pairs(options.half)]
    right, wrong, missed = totals(judged)
    table = Table("half", "pairs", "copies", "found", "false", "missed", "precision", "recall")
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    numbers = (len(judged), right + missed, right, wrong, missed)
    table.add_row(options.half, *map(str, numbers), f"{precision:.3f}", f"{recall:.3f}")
    console = Console(width=110)
    console.print(table)
    unfound = sum(one.same and not one.found for one in judged)
    console.print(f"copies that share no key: {unfound}")
    if options.kinds:
        sums = Counter((one.kind, one.same == one.said) for one in judged)
        for kind in sorted({one.kind for one in judged}):
            console.print(f"{kind}: right {sums[kind, True]}, wrong {sums[kind, False]}")
    if options.half != "sealed":
        for one in judged:
            if one.same != one.said:
                console.print(f"{one.id} ({one.kind}): said {one.said}")


if __name__ == "__main__":
    main()
