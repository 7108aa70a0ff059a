"""House style folded away: which words of two headlines mean the same, and what kind each is.

``wording.txt`` beside this file holds the groups. A headline becomes a list of marks: the name of
a group, a figure in one unit of measure, or the stem of a word that is in no group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, cast, get_args

from ingest.coming import told_in_time
from ingest.describing import described
from ingest.figures import (
    CENTS,
    NUMBERS,
    ORDINALS,
    SCALES,
    SIGNS,
    UNITS,
    figure,
    spelled,
)
from ingest.headline import parts
from ingest.marks import Kind, Mark
from ingest.misspelt import Spellings, misspelt
from ingest.phrases import ADVERBS, reworded
from ingest.stems import stem
from ingest.text import normalized

LIST: Final = Path(__file__).with_name("wording.txt")
_COUNTS: Final = frozenset(ORDINALS.values())
_LETTERED: Final = frozenset(
    ("part", "class", "series", "tranche", "tier", "type", "annex", "section", "category", "share")
)
"""Behind these, a letter or a Roman numeral tells one thing from another."""
MOST_CAPITALS: Final = 0.6
"""Share of marks with a capital from which on a capital tells no name."""
_NUMERAL = re.compile("[a-z]|[ivx]{2,4}")
_TOKEN = re.compile(
    r"(?P<grade>(?<![\w])(?:AAA|AA|A|BBB|BB|B|CCC|CC|C|D)[+-](?![\w]))"
    r"|(?P<figure>(?:(?<![^\s(])-(?=\d))?\d+(?:[.,]\d+)*)"
    r"(?P<scale>(?:[kKmMbB]|MN|MLN|BLN|BN|TN|mn|mln|bln|bn|tn|trn|tln|trln|cr)\b)?"
    r"(?P<th>(?:st|nd|rd|th)\b)?"
    r"|(?P<ticker>\$[A-Z]{1,6}\b)"
    r"|(?P<word>[^\W\d_](?:[\w&]|['.](?=\w)|\.(?=[A-Za-z]\b))*|%"
    r"|\$(?!\d)|[\u00a3\u20ac](?!\d))"
)
_MAY: Final = "may_month"


def marks(title: str) -> list[Mark]:
    """What ``title`` says, in order; words of no weight are left out."""
    slug, head, tail, date, source = parts(title)
    before = [replace(mark, place="slug") for mark in said(slug) if mark.kind != "must"]
    after = said(head)
    if after and not before:
        after[0] = replace(after[0], place="first")
    behind = [replace(mark, place="tail") for mark in said(tail)]
    if source:
        behind.extend(_of_source(source))
    return [*before, *after, *behind, *([Mark(date, "day")] if date else [])]


def _of_source(source: str) -> Iterator[Mark]:
    """Who says so by name is as an outlet; a day or a period counts wherever it stands."""
    for mark in said(source):
        if mark.kind in ("day", "period"):
            yield mark
        elif mark.capital and mark.kind in ("plain", "word"):
            yield replace(mark, place="tail")


def said(text: str) -> list[Mark]:
    """What a sentence says, in order, without looking for slugs, outlets and sources."""
    if not text:
        return []
    found = list(_grouped(_tokens(text)))
    loud = sum(mark.capital for mark in found) > MOST_CAPITALS * len(found)
    if not loud:
        found = [_month(mark) if at else mark for at, mark in enumerate(found)]
        found = list(described(found))
    return told_in_time(found, loud=loud)


def _month(mark: Mark) -> Mark:
    """May with a capital inside a sentence is the month."""
    return Mark(_MAY, "period") if mark.written == "may" and mark.capital else mark


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Lower-case words and whether they had a capital; stems not yet taken.

    Figures are in one form, e.g. ``2.5`` or ``400000000``.
    """
    text = normalized("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
    if not text.isascii():
        text = "".join(c for c in text if not 0x300 <= ord(c) < 0x370)
    text = spelled(text)
    text = reworded(text)
    found: list[tuple[str, bool]] = []
    for match in _TOKEN.finditer(text):
        if match["ticker"]:
            found.append((match["ticker"], True))
        elif match["grade"]:
            found.append((match["grade"].casefold(), True))
        elif match["figure"]:
            if match["th"]:
                ordinal = (match["figure"] + match["th"]).casefold()
                found.append((ORDINALS.get(ordinal, ordinal), False))
            else:
                scale = SCALES.get((match["scale"] or "").casefold(), 0)
                found.append((figure(match["figure"], scale), False))
        else:
            _add_word(found, match["word"], text[match.start() - 1 : match.start()])
    return found


def _add_word(found: list[tuple[str, bool]], written: str, glue: str) -> None:
    """``glue`` is the character before the word."""
    word = written.casefold()
    last = found[-1][0] if found else ""
    if word in NUMBERS:
        if glue == "-" and len(NUMBERS[word]) == 1 and re.fullmatch("[2-9]0", last):
            found[-1] = (last[0] + NUMBERS[word], False)
        else:
            found.append((NUMBERS[word], False))
    elif word in SIGNS:
        return
    elif not _is_figure(last):
        found.append((word, not written.islower()))
    elif word in SCALES:
        found[-1] = (figure(last, SCALES[word]), False)
    elif word in CENTS and (len(word) > 1 or glue.isdigit()):
        found[-1] = (figure(last, -2), False)
    elif word not in UNITS:
        found.append((word, not written.islower()))


def _is_figure(token: str) -> bool:
    return token[:1].isdigit() or token[:1] == "-"


def _grouped(tokens: list[tuple[str, bool]]) -> Iterator[Mark]:
    """Longest forms of the list first; the rest by its stem."""
    groups, longest = _listed()
    stems = [stem(token) for token, _ in tokens]
    at = 0
    while at < len(tokens):
        token, capital = tokens[at]
        if token[0] == "$" and len(token) > 1:
            yield Mark(token[1:].casefold(), "plain", capital)  # $NOW, $ALL: no listed word
            at += 1
            continue
        lettered = at > 0 and tokens[at - 1][0] in _LETTERED
        if capital and lettered and _NUMERAL.fullmatch(token):
            yield Mark(f"letter {token}", "figure")
            at += 1
            continue
        for length in range(min(longest.get(stems[at], 1), len(tokens) - at), 0, -1):
            key = " ".join(stems[at : at + length])
            if length == 1 and f"={token}" in groups:
                key = f"={token}"
            if key in groups:
                group = groups[key]
                written = token if length == 1 else ""
                yield Mark(group.name, group.kind, capital, written=written)
                at += length
                break
        else:
            kind: Kind = "figure" if _is_figure(token) or token in _COUNTS else "plain"
            meant = None if kind == "figure" else misspelt(stems[at], _spellings())
            if kind == "figure":
                yield Mark(token, kind, capital)
            elif meant is not None and (meant.kind != "fact" or not capital):
                yield Mark(meant.name, meant.kind, capital, written=token)
            else:
                yield Mark(stems[at], kind, capital, written=token)
            at += 1


Groups = tuple[dict[str, Mark], dict[str, int]]
"""Each form of a list, by its stems joined by a space; words of the longest, by its first."""

_in_use: list[Groups] = []
_spelt: list[Spellings] = []


def read(lines: Iterable[str]) -> None:
    """Use these groups from now on, not those of :data:`LIST`.

    Raises:
        ValueError: a line is of no kind.
    """
    _in_use[:] = [_groups(lines)]
    _spelt.clear()
    misspelt.cache_clear()


def names_of(kind: Kind) -> frozenset[str]:
    """The names of the listed groups of one kind."""
    return frozenset(mark.name for mark in _listed()[0].values() if mark.kind == kind)


def _spellings() -> Spellings:
    if not _spelt:
        _spelt.append(Spellings(_listed()[0]))
    return _spelt[0]


def _listed() -> Groups:
    if not _in_use:
        read(LIST.read_text("utf-8").splitlines())
    return _in_use[0]


def _groups(lines: Iterable[str]) -> Groups:
    found: dict[str, Mark] = {}
    longest: dict[str, int] = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        kind, _, forms = line.partition(": ")
        if kind not in get_args(Kind):
            raise ValueError(f"wording.txt: {kind!r} is no kind")
        listed = forms.split()
        for form in listed:
            name = form if kind == "drop" else listed[0]
            words = form.split("_")
            mark = Mark(name, cast(Kind, kind))
            if not form.startswith("="):
                stems = [stem(word) for word in words]
                found.setdefault(" ".join(stems), mark)
                if len(words) == 2 and words[1] in ADVERBS:
                    found.setdefault(stem("".join(words)), mark)  # tie-up
                longest[stems[0]] = max(longest.get(stems[0], 1), len(stems))
            if len(words) == 1:
                found.setdefault(f"={form.removeprefix('=')}", mark)
    return found, longest
