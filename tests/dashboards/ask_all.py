"""Ask every expression that ships while a Bearwatch runs: ``python -m tests.dashboards.ask_all``.

A Prometheus of its own scrapes the Bearwatch at ``--port`` until that ends. What never returned
data is printed, and how long Prometheus says that the answers took.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.dashboards.expressions import Expression, of_dashboards, rules
from tests.dashboards.prometheus import Prometheus, prometheus

EVERY_S = 2.0
LATE_S = 0.2
SCRAPED_EVERY = "5s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9108)
    parser.add_argument("--at-most", type=float, default=3600.0, help="seconds")
    given = parser.parse_args()
    expressions = [*of_dashboards()]
    expressions += [Expression(r["record"], r["expr"]) for r in rules() if "record" in r]
    seen: dict[str, int] = dict.fromkeys((e.where for e in expressions), 0)
    took: dict[str, list[float]] = {e.where: [] for e in expressions}
    with (
        tempfile.TemporaryDirectory() as folder,
        prometheus(Path(folder), port=given.port, every=SCRAPED_EVERY) as db,
    ):
        db.wait("up == 1")
        end = time.monotonic() + given.at_most
        rounds = 0
        while time.monotonic() < end and answers(given.port):
            rounds += 1
            ask(db, expressions, seen, took)
            time.sleep(EVERY_S)
    never = [where for where, number in seen.items() if not number]
    middle = {where: statistics.median(times) for where, times in took.items()}
    name = max(middle, key=middle.__getitem__)
    every = sorted(seconds for times in took.values() for seconds in times)
    late = sum(seconds >= LATE_S for seconds in every)
    told = [f"{len(expressions)} expressions, asked {rounds} times; without data every time:"]
    told += [f"  {where}" for where in never]
    told += [f"the slowest in the median: {name}, {middle[name] * 1000:.1f} ms"]
    told += [
        f"{late} of {len(every)} answers took {LATE_S} s or more, the longest {every[-1]:.3f}"
    ]
    sys.stdout.write("\n".join(told) + "\n")


def answers(port: int) -> bool:
    """Whether there still is a program."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError:
        return False
    return True


def ask(
    db: Prometheus,
    expressions: list[Expression],
    seen: dict[str, int],
    took: dict[str, list[float]],
) -> None:
    """Every expression once; what it brought and how long it took."""
    for e in expressions:
        answer = db.ask(e.text)
        seen[e.where] += bool([one for one in answer.series if one["value"][1] != "NaN"])
        took[e.where].append(answer.seconds)


if __name__ == "__main__":
    main()
