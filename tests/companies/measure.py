"""Precision and recall of finding companies, over pairs of a sentence and a symbol.

``python -m tests.companies.measure --half open`` also lists the errors. Of the sealed half only
totals are printed, never a sentence: whoever writes the rules must not see it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from rich.console import Console
from rich.table import Table

from ingest.companies import Watchlist

Half = Literal["open", "sealed"]
Sentence = dict[str, Any]

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of pairs; the shares are in [0, 1], and 1 where there is nothing to get wrong."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what was found that is labelled."""
        return self.right / (self.right + self.false) if self.right + self.false else 1.0

    @property
    def recall(self) -> float:
        """The share of what is labelled that was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        either = 2 * self.right + self.false + self.missed
        return 2 * self.right / either if either else 1.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.right + other.right, self.false + other.false, self.missed + other.missed
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """One sentence and the symbols that were found in it."""

    sentence: Sentence
    found: frozenset[str]

    @property
    def score(self) -> Score:
        """How many of the symbols are right, false and missed."""
        wanted = set(self.sentence["symbols"])
        return Score(len(self.found & wanted), len(self.found - wanted), len(wanted - self.found))


def compare(half: Half, watchlist: Watchlist | None = None) -> Iterator[Compared]:
    """What is found in each sentence of a half; None is the list that comes with the program."""
    watchlist = watchlist or Watchlist.load()
    with (_HERE / f"sentences_{half}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            sentence: Sentence = json.loads(line)
            mentions = watchlist.find(sentence["title"], sentence["body"])
            yield Compared(sentence, frozenset(mention.symbol for mention in mentions))


def scores(half: Half) -> dict[str, Score]:
    """The score of each kind of sentence; their sum is the score of the half."""
    kinds: dict[str, Score] = {}
    for compared in compare(half):
        kind = compared.sentence["kind"]
        kinds[kind] = kinds.get(kind, Score()) + compared.score
    return kinds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=get_args(Half), required=True)
    half: Half = parser.parse_args(arguments).half
    console = Console()
    table = Table(title=f"companies, {half} half")
    table.add_column("kind")
    for column in ("right", "false", "missed", "precision", "recall", "F1"):
        table.add_column(column, justify="right")
    kinds = scores(half)
    for kind, score in [*kinds.items(), ("all", sum(kinds.values(), Score()))]:
        counts = (str(count) for count in (score.right, score.false, score.missed))
        shares = (f"{share:.3f}" for share in (score.precision, score.recall, score.f1))
        table.add_row(kind, *counts, *shares)
    console.print(table)
    if half == "open":
        for compared in compare("open"):
            print_errors(console, compared)


def print_errors(console: Console, compared: Compared) -> None:
    """What was found and should not have been (+) or the other way round (-)."""
    wanted = set(compared.sentence["symbols"])
    false, missed = sorted(compared.found - wanted), sorted(wanted - compared.found)
    if false or missed:
        signs = [f"+{symbol}" for symbol in false] + [f"-{symbol}" for symbol in missed]
        texts = (compared.sentence["title"], compared.sentence["body"])
        line = " / ".join(text for text in texts if text)
        console.print(f"{compared.sentence['id']} {' '.join(signs)}: {line}", markup=False)


if __name__ == "__main__":
    main()
