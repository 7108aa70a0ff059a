"""How fast companies are found, with a list of 5,000 names, beside splitting the same titles.

``python -m tests.benchmarks.bench_companies [--data FILE]``. One thread; processor time, so that
other programs on the machine do not count. The names are made of syllables, a part of them with
marks, decoys and rules as in the list that comes with the program; a quarter of the titles names
one of them. Also measured: the list that comes with the program.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from ingest.companies import Watchlist

BAR: Final = 10_000
_SYLLABLES: Final = (
    "ba bel cor dan del dor fen gal har kel lum mar nor ost pel quin ras sol tan vor"
)
_KINDS: Final = ("Energy", "Foods", "Steel", "Pharma", "Motors", "Bank", "Software", "Rail")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="JSON Lines, also .gz, with the field title")
    parser.add_argument("--names", type=int, default=5_000, help="invented companies")
    parser.add_argument("--titles", type=int, default=50_000, help="titles a turn, at most")
    parser.add_argument("--repetitions", type=int, default=3, help="turns; medians are quoted")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)  # noqa: S311 - no secret
    rows = list(invented_companies(options.names, chance))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        write(path, rows)
        invented = Watchlist.load(path)
    shipped = Watchlist.load()
    names = [row[1] for row in rows]
    titles = list(read(options.data) if options.data else invented_titles(names, chance))
    titles = chance.sample(titles, min(options.titles, len(titles)))
    for place in range(0, len(titles), 4):
        titles[place] = f"{chance.choice(names)}: {titles[place]}"
    contenders: dict[str, Callable[[str], object]] = {
        f"{len(invented.symbols)} invented": lambda title: invented.find(title, ""),
        f"{len(shipped.symbols)} shipped": lambda title: shipped.find(title, ""),
        "lower and split": lambda title: title.lower().split(),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.repetitions):
        for name, contender in contenders.items():
            rates[name].append(rate(contender, titles))
    report(rates, titles, sum(bool(invented.find(title, "")) for title in titles))


def rate(contender: Callable[[str], object], titles: Sequence[str]) -> float:
    """Titles per second of processor time."""
    started = time.process_time()
    for title in titles:
        contender(title)
    return len(titles) / (time.process_time() - started)


def invented_companies(count: int, chance: random.Random) -> Iterator[tuple[str, str, str, str]]:
    """Rows of a watch-list: symbol, name, aliases, not. Names are unique."""
    syllables = _SYLLABLES.split()
    seen: set[str] = set()
    while len(seen) < count:
        word = "".join(chance.choices(syllables, k=chance.randint(2, 4))).capitalize()
        if word in seen:
            continue
        seen.add(word)
        mark = chance.choice(("", "", "=", "?"))
        name = f"{word} {chance.choice(_KINDS)}"
        nots = f"{word} +|{word} Park|~{word.lower()}berg" if mark else ""
        yield f"Q{len(seen)}.L", name, f"{mark}{word}|$Q{len(seen)}", nots


def write(path: Path, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """The rows as a watch-list's file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "name", "aliases", "not"))
        writer.writerows(rows)


def read(path: Path) -> Iterator[str]:
    """The titles of a file."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield str(json.loads(line)["title"])


def invented_titles(names: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Titles about as long as a wire's."""
    what = ("raises its forecast", "cuts 900 jobs", "sells a stake in its retail arm")
    why = ("after a strong spring", "as costs rise, sources say", "under pressure from banks")
    for _ in range(20_000):
        who = chance.choice(("The central bank", "A regional lender", chance.choice(names)))
        yield f"{who} {chance.choice(what)} {chance.choice(why)}"


def report(rates: dict[str, list[float]], titles: Sequence[str], matched: int) -> None:
    """The table, and whether the bar is reached."""
    console = Console()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    table = Table(title="titles/s of processor time, one thread")
    table.add_column("")
    for column in ("median", "least", "most", "x lower and split"):
        table.add_column(column, justify="right")
    for name, values in rates.items():
        share = medians[name] / medians["lower and split"]
        numbers = (medians[name], min(values), max(values))
        table.add_row(name, *(f"{number:,.0f}" for number in numbers), f"{share:.3f}")
    console.print(table)
    length = statistics.mean(map(len, titles))
    console.print(f"{len(titles)} titles, {length:.0f} characters each, {matched} with a company")
    first = next(iter(medians.values()))
    console.print(f"bar {BAR:,}: {'reached' if first >= BAR else 'NOT reached'}")


if __name__ == "__main__":
    main()
