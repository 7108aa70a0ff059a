"""The labelled sentences are whole, and their halves are the seeded split they claim to be.

Messages name ids and counts only, so that a failure shows nobody the sealed half.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
WATCH_LIST: Final = HERE.parent.parent / "ingest" / "companies.csv"
SEED: Final = 20261122

KINDS: Final = (
    "plain",
    "two_or_three",
    "short_form",
    "possessive_or_hyphen",
    "cashtag_or_ticker",
    "all_caps",
    "common_word_company",
    "common_word_trap",
    "other_company_same_word",
    "subsidiaries_or_brands",
    "non_latin_or_accents",
    "names_in_persons_or_places",
    "body_only",
    "none",
)

Sentence = dict[str, Any]


def read(half: str) -> list[Sentence]:
    lines = (HERE / f"sentences_{half}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


OPEN: Final = read("open")
SEALED: Final = read("sealed")
EVERY: Final = sorted(OPEN + SEALED, key=lambda sentence: sentence["id"])


def split(sentences: list[Sentence]) -> tuple[set[str], set[str]]:
    """Halve each kind by a seeded shuffle; odd ones out go to the halves in turn."""
    draw = random.Random(SEED)  # noqa: S311 a split, not a secret
    halves: tuple[set[str], set[str]] = (set(), set())
    turn = 0
    for kind in KINDS:
        ids = [sentence["id"] for sentence in sentences if sentence["kind"] == kind]
        draw.shuffle(ids)
        middle = len(ids) // 2
        halves[0].update(ids[:middle])
        halves[1].update(ids[middle : 2 * middle])
        if len(ids) % 2:
            halves[turn].add(ids[-1])
            turn = 1 - turn
    return halves


def test_there_are_enough_and_the_halves_are_equal() -> None:
    opened, sealed = len(OPEN), len(SEALED)
    assert opened + sealed >= 420
    assert opened == sealed


def test_every_kind_is_in_both_halves() -> None:
    for half in (OPEN, SEALED):
        assert set(KINDS) == {sentence["kind"] for sentence in half}
    counts = Counter(sentence["kind"] for sentence in EVERY)
    assert min(counts.values()) >= 20


def test_the_halves_are_the_seeded_split() -> None:
    opened, sealed = split(EVERY)
    assert sorted(one["id"] for one in OPEN) == sorted(opened)
    assert sorted(one["id"] for one in SEALED) == sorted(sealed)


def test_fields() -> None:
    wanted = ["id", "kind", "title", "body", "symbols"]
    assert [one["id"] for one in EVERY if list(one) != wanted] == []
    assert [one["id"] for one in EVERY if not re.fullmatch(r"c\d{3}", one["id"])] == []
    assert [one["id"] for one in EVERY if not one["title"].strip()] == []
    assert [one["id"] for one in EVERY if len(set(one["symbols"])) != len(one["symbols"])] == []


def test_ids_and_titles_are_unique() -> None:
    ids = Counter(one["id"] for one in EVERY)
    assert [name for name, count in ids.items() if count > 1] == []
    titles = Counter(one["title"].casefold() for one in EVERY)
    assert [one["id"] for one in EVERY if titles[one["title"].casefold()] > 1] == []


def test_symbols_are_on_the_watch_list() -> None:
    with WATCH_LIST.open(encoding="utf-8", newline="") as file:
        listed = {row["symbol"] for row in csv.DictReader(file)}
    assert [one["id"] for one in EVERY if not set(one["symbols"]) <= listed] == []
    named = Counter(symbol for one in EVERY for symbol in one["symbols"])
    assert len(named) >= 150


def test_kinds_without_companies_have_none() -> None:
    empty = ("none", "common_word_trap")
    assert [one["id"] for one in EVERY if one["kind"] in empty and one["symbols"]] == []
    full = ("plain", "two_or_three", "short_form", "common_word_company")
    assert [one["id"] for one in EVERY if one["kind"] in full and not one["symbols"]] == []
    assert [
        one["id"] for one in EVERY if one["kind"] == "two_or_three" and len(one["symbols"]) < 2
    ] == []
    assert [one["id"] for one in EVERY if one["kind"] == "body_only" and not one["body"]] == []


def test_readme_has_the_counts_and_the_sealed_half_is_unchanged() -> None:
    readme = (HERE / "README.md").read_text("utf-8")
    sealed = hashlib.sha256((HERE / "sentences_sealed.jsonl").read_bytes()).hexdigest()
    assert sealed in readme
    counts = Counter(one["kind"] for one in EVERY)
    empty = Counter(one["kind"] for one in EVERY if not one["symbols"])
    table = {
        kind: (int(total), int(none))
        for kind, total, none in re.findall(r"^\| `(\w+)` \|.*\| (\d+) \| (\d+) \|$", readme, re.M)
    }
    assert table == {kind: (counts[kind], empty[kind]) for kind in KINDS}
