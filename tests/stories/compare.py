"""Other ways to tell near-duplicates, on the same labelled pairs: why the rule is what it is.

``python -m tests.stories.compare`` prints precision and recall over five folds. What has a
threshold, or is fitted, has it from the other four: the one with most copies found at a precision
of :data:`AIM`. ``--minhash`` needs datasketch and rensa, which the project does not.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ingest import near, wording
from ingest.shapes import shape_of
from ingest.stems import stem
from ingest.stories import normal_form
from tests.stories import fit
from tests.stories.measure import Pair, judge, pairs

AIM: Final = 0.985
FOLDS: Final = 5
PERMUTATIONS: Final = 128
_WORD = re.compile(r"\w+")

Score = Callable[[Pair], float]


def texts(pair: Pair) -> tuple[str, str]:
    """Headlines, and bodies where both have one."""
    both = pair["a"]["body"] and pair["b"]["body"]
    earlier, later = (
        normal_form(f"{item['title']} {item['body'] if both else ''}")
        for item in (pair["a"], pair["b"])
    )
    return earlier, later


def words(text: str, *, size: int) -> set[str]:
    """Shingles of ``size`` words."""
    found = _WORD.findall(text)
    return {" ".join(found[at : at + size]) for at in range(max(1, len(found) - size + 1))}


def characters(text: str, *, size: int) -> set[str]:
    """Shingles of ``size`` characters."""
    return {text[at : at + size] for at in range(max(1, len(text) - size + 1))}


def jaccard(pair: Pair, *, shingles: Callable[[str], set[str]]) -> float:
    """What MinHash estimates: shared shingles among all, in [0, 1]."""
    one, other = map(shingles, texts(pair))
    return len(one & other) / max(1, len(one | other))


def contained(pair: Pair, *, shingles: Callable[[str], set[str]]) -> float:
    """Shared shingles among those of the shorter text, in [0, 1]."""
    one, other = map(shingles, texts(pair))
    return len(one & other) / max(1, min(len(one), len(other)))


def minhash(pair: Pair, *, shingles: Callable[[str], set[str]]) -> float:
    """The estimate of datasketch."""
    made: list[Any] = []
    for text in texts(pair):
        made.append(import_module("datasketch").MinHash(num_perm=PERMUTATIONS))
        made[-1].update_batch([shingle.encode() for shingle in sorted(shingles(text))])
    return float(made[0].jaccard(made[1]))


def rminhash(pair: Pair, *, shingles: Callable[[str], set[str]]) -> float:
    """The estimate of rensa."""
    made: list[Any] = []
    for text in texts(pair):
        made.append(import_module("rensa").RMinHash(num_perm=PERMUTATIONS, seed=1))
        made[-1].update(sorted(shingles(text)))
    return float(made[0].jaccard(made[1]))


def folds(every: Sequence[Pair]) -> list[list[Pair]]:
    """The pairs in parts, each kind spread over all."""
    draw = random.Random(5)  # noqa: S311 - a fixed sequence, not a secret
    ordered = sorted(every, key=lambda pair: (pair["kind"], draw.random()))
    return [ordered[number::FOLDS] for number in range(FOLDS)]


def threshold(scores: Sequence[float], same: Sequence[bool]) -> float:
    """Lowest score from which on the precision is :data:`AIM`; infinite if there is none."""
    best, right = float("inf"), 0
    ordered = sorted(zip(scores, same, strict=True), reverse=True)
    for number, (score, is_same) in enumerate(ordered, start=1):
        right += is_same
        last = number == len(ordered) or ordered[number][0] < score
        if last and right >= AIM * number:
            best = score
    return best


def tuned(every: Sequence[Pair], score: Score) -> list[tuple[bool, bool]]:
    """Of each pair: its label, and what the threshold of the other folds says."""
    parts = folds(every)
    found = []
    for number, part in enumerate(parts):
        rest = [pair for other, held in enumerate(parts) if other != number for pair in held]
        least = threshold([score(pair) for pair in rest], [pair["same"] for pair in rest])
        found += [(pair["same"], score(pair) >= least) for pair in part]
    return found


def refitted(every: Sequence[Pair]) -> list[tuple[bool, bool]]:
    """The rule, with weights and a threshold from the other folds."""
    parts = [[fit.seen_of(pair, author="") for pair in part] for part in folds(every)]
    found = []
    for number, part in enumerate(parts):
        rest = [one for other, held in enumerate(parts) if other != number for one in held]
        weights = fit.fitted(rest)
        least = fit.threshold([one.score(weights) for one in rest], [one.same for one in rest])
        found += [(one.same, one.score(weights) >= least) for one in part]
    return found


def unheard(every: Sequence[Pair]) -> list[tuple[bool, bool]]:
    """The rule, of each fold with only those forms of ``wording.txt`` that other folds have.

    As if the list had been written from these alone, which is less than it was written from.
    """
    parts, found = folds(every), []
    listed = wording.LIST.read_text("utf-8").splitlines()
    for number, part in enumerate(parts):
        rest = [pair for other, held in enumerate(parts) if other != number for pair in held]
        heard = {
            stem(word)
            for pair in rest
            for item in (pair["a"], pair["b"])
            for word in _WORD.findall(normal_form(f"{item['title']} {item['body']}"))
        }
        wording.read([_cut(line, heard) for line in listed])
        found += [(one.same, one.said) for one in map(judge, part)]
    wording.read(listed)
    return found


def _cut(line: str, heard: set[str]) -> str:
    kind, colon, forms = line.partition(": ")
    if kind in ("drop", "must", "period", "day", "link") or not colon:
        return line  # function words, and what protects: these a list has without any pair
    kept = [f for f in forms.split() if all(stem(w) in heard for w in re.findall(r"\w+", f))]
    return f"{kind}: {' '.join(kept)}" if kept else ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minhash", action="store_true", help="with datasketch and rensa")
    options = parser.parse_args()
    every = list(pairs("open"))
    ways: dict[str, Score] = {}
    for name, cut in (
        ("1 word", partial(words, size=1)),
        ("2 words", partial(words, size=2)),
        ("3 words", partial(words, size=3)),
        ("5 characters", partial(characters, size=5)),
    ):
        ways[f"Jaccard, shingles of {name}"] = partial(jaccard, shingles=cut)
        ways[f"contained, shingles of {name}"] = partial(contained, shingles=cut)
        if options.minhash:
            ways[f"MinHash (datasketch), {name}"] = partial(minhash, shingles=cut)
            ways[f"MinHash (rensa), {name}"] = partial(rminhash, shingles=cut)
    table = Table("way", "copies found", "false", "precision", "recall")
    for name, score in ways.items():
        _row(table, name, tuned(every, score))
    _row(table, "the rule, weights from the other folds", refitted(every))
    _row(table, "the rule", [(one.same, one.said) for one in map(judge, every)])
    _row(table, "the rule, without words that only the fold has", unheard(every))
    _row(table, "the rule without the index", [(p["same"], _asked(p)) for p in every])
    Console(width=110).print(table)


def _asked(pair: Pair) -> bool:
    earlier, later = (shape_of(item["title"], item["body"])[0] for item in (pair["a"], pair["b"]))
    return near.repeats(later, earlier)


def _row(table: Table, name: str, judged: Sequence[tuple[bool, bool]]) -> None:
    right = sum(same and said for same, said in judged)
    wrong = sum(said and not same for same, said in judged)
    copies = sum(same for same, _ in judged)
    precision, recall = right / max(1, right + wrong), right / max(1, copies)
    table.add_row(name, f"{right} of {copies}", str(wrong), f"{precision:.3f}", f"{recall:.3f}")


if __name__ == "__main__":
    main()
