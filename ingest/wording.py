"""House style folded away: which words of two headlines mean the same, and what kind each is.

``wording.txt`` beside this file holds the groups. A headline becomes a list of marks: the name of
a group, a figure in one unit of measure, or the stem of a word that is in no group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal, cast, get_args

from ingest.text import normalized

Kind = Literal["plain", "figure", "word", "fact", "place", "must", "period", "day", "weak", "drop"]
"""``plain``: in no group; ``figure``: a number; the others: see the head of ``wording.txt``."""

_LIST: Final = Path(__file__).with_name("wording.txt")
_LONGEST: Final = 4
"""Words that a form in the list may have."""

_LIGHT: Final = {"s": "", "d": "", "ll": "", "re": "", "t": ""}
_IRREGULAR: Final = {
    form: word
    for line in """
        fall fell fallen|rise rose risen|grow grew grown|sell sold|buy bought|win won|lose lost
        |slide slid|sink sank sunk|shrink shrank shrunk|build built|hold held|keep kept|take took
        taken|give gave given|see saw seen|get got|begin began begun|leave left|pay paid
        |seek sought|swing swung|lead led|spend spent|make made|find found|meet met|say said
        |tell told|show shown|withdraw withdrew withdrawn|freeze froze frozen|choose chose chosen
        |sue sued|tie tied|die died|strike struck|sign signed|leap leapt
        |high highest higher|low lowest|bring brought
    """.replace("\n", " ").split("|")
    for word, *forms in [line.split()]
    for form in forms
}
_KEPT: Final = frozenset({"united", "news", "texas", "paris", "gas", "wales", "sales"})
"""Words whose end is no ending."""
_NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ],
        start=1,
    )
}
_ORDINALS: Final = {
    f"{number}{'st' if number == 1 else 'nd' if number == 2 else 'rd' if number == 3 else 'th'}": w
    for number, w in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
        ],
        start=1,
    )
}
_SCALES: Final = {
    **dict.fromkeys(("k", "thousand"), 3),
    **dict.fromkeys(("m", "mn", "mln", "mm", "million", "millions"), 6),
    **dict.fromkeys(("b", "bn", "bln", "billion", "billions"), 9),
    **dict.fromkeys(("tn", "trln", "trillion"), 12),
}
_UNITS: Final = frozenset(
    [
        "%",
        "pct",
        "percent",
        "pc",
        "euro",
        "euros",
        "dollar",
        "dollars",
        "pound",
        "pounds",
        "yen",
        "usd",
        "eur",
        "gbp",
        "stg",
        "cad",
        "crown",
        "crowns",
        "sek",
        "nok",
    ]
)
_SIGNS: Final = frozenset(("%", "pct", "percent"))
# What stands before a headline and says how often it was sent: UPDATE 1-, WRAPUP 3-.
_COUNTED = re.compile(r"\b(?:UPDATE|WRAPUP|LEAD|RECAP)\s\d{1,2}\s?-")
# A slug in capitals: GLOBAL MARKETS-, RECALL ALERT:, [Companies], India Markets |
_SLUG = re.compile(
    r"^\W*(?:\[[^\]]{1,30}\]|[^|]{1,30}\s\|(?=\s)|(?:[A-Z][A-Z0-9/&.]*\s){0,3}[A-Z][A-Z0-9/&.]+"
    r"(?:-|:)(?=\s?\S)|[A-Z]{2,6}-[A-Z][a-z]+:\s|[A-Z][a-z]+(?:\s[A-Z][a-z]+)?:\s)"
)
_OUTLET = re.compile(
    r"(?:\s[-|\u2013\u2014]+\s|,\s|\s\()(?P<name>[^-|()\u2013\u2014,:]{2,40})\)?\W*$"
)
_IS_OUTLET = re.compile(
    r"news|wire|reuters|rtrs|yahoo|finance\b|\bap$|\bafp$|bloomberg|times$|journal$|\bwsj$|cnbc"
    r"|release|[a-z]PR$|newsroom|marketwatch|\bdesk\b|headlines",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\(\s*\$?[A-Z]{1,8}(?:[.:]\s?[A-Z0-9.]{1,8})?\s*\)|(?<!\S)#\w+|\S+\.[a-z]{2,8}/\S+|https?:\S+"
)
# Who says so: ", bank says in statement", " - sources", ", survey shows".
_ATTRIBUTION = re.compile(
    r"(?:,|\s[-\u2013\u2014]+)\s?(?:[\w'.]+\s){0,5}(?:say|says|said|shows?|showed|sources?|filings?"
    r"|minister|ministry|official|regulator|report|survey|statement|data|term sheet|spokesm[ae]n)"
    r"(?:\s(?:in|on|to|by|with)\s[\w\s'.]{1,25})?\W*$"
    r"|\s[-\u2013\u2014][A-Z][\w.]*\W*$|\s[-\u2013\u2014]\s[a-z][a-z. ]{1,24}$"
    r"|:\s(?:[A-Z]{2,5}|[a-z]{4,10})$"
)
_TOKEN = re.compile(
    r"(?P<grade>(?<![\w])(?:AAA|AA|A|BBB|BB|B|CCC|CC|C|D)[+-](?![\w]))"
    r"|(?P<figure>\d+(?:[.,]\d+)*)(?P<scale>(?:[kKmMbB]|MN|MLN|BLN|BN|TN|mn|mln|bln|bn|tn)\b)?"
    r"(?P<th>(?:st|nd|rd|th)\b)?"
    r"|(?P<word>[^\W\d_](?:[\w&]|['.](?=\w)|\.(?=[A-Za-z]\b))*|%|[$\u00a3\u20ac](?!\d))"
)
_FUTURE: Final = "future"
_SPELLED: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\b(?:us|ca?|a|nz|hk|s|t|r)\$", "$"),
        (r"\beuro[ -](?:zone|area)\b", "eurozone"),
        (r"\by[/-]?o?[/-]?y\b", "year on year"),
        (r"\b(?:a )?quarter[ -](?:percentage[ -])?point\b", "25 bps"),
        (r"\b(?:a )?half[ -](?:percentage[ -])?point\b", "50 bps"),
        (r"\bhalf a dozen\b|\bhalf[ -]dozen\b", "6"),
        (r"\ban? (?=[mbt]illion)", "1 "),
        (r"\b[\w.]+-based\b", " "),
        (r"\bwon't\b", "will not"),
        (r"\bcan't\b|\bcannot\b", "can not"),
        (r"n't\b", " not"),
        (r"\b(e|co|re|non|pre|multi|sub|inter)-(?=[a-z])", r"\1"),
    )
)
_BRITISH: Final = (
    (re.compile(r"(?<=[a-z]{3})our(?=$|ed$|s$|ing$|ite)"), "or"),
    (re.compile(r"(?<=[a-z]{3})is(?=e$|ed$|es$|ing$|ation)"), "iz"),
    (re.compile(r"(?<=[a-z]{2})enc(?=e$|es$|ed$)"), "ens"),
    (re.compile(r"^(cent|met|lit|theat|fib)re(?=s?$)"), r"\1er"),
    (re.compile(r"^programme"), "program"),
    (re.compile(r"^alumini?um"), "aluminum"),
    (re.compile(r"sulph"), "sulf"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that a headline says: equal names mean the same."""

    name: str
    kind: Kind
    capital: bool = False
    """Written with a capital letter."""
    place: Literal["slug", "first", ""] = ""
    """Before the headline, or its first word."""


def marks(title: str) -> list[Mark]:
    """What ``title`` says, in order; words of no weight are left out."""
    bare = _bare(title)
    slug = _SLUG.match(bare)
    cut = slug.end() if slug is not None and not bare.isupper() else 0
    before = [replace(mark, place="slug") for mark in said(bare[:cut])]
    after = said(bare[cut:])
    if after and not before:
        after[0] = replace(after[0], place="first")
    return [*before, *after]


def said(text: str) -> list[Mark]:
    """What a sentence says, in order, without looking for slugs, outlets and sources."""
    found = list(_grouped(_tokens(text)))
    ways = {mark.name for mark in found if mark.name in ("to", "from")}
    result: list[Mark] = []
    after: str | None = None
    for mark in found:
        if mark.name in ("to", "from") and mark.kind == "drop":
            after = mark.name
            continue
        if mark.kind == "drop":
            continue
        if after == "from" and len(ways) == 2 and mark.kind != "weak":
            # "to hold from buy" is not "to buy from hold".
            result.append(Mark(f"from {mark.name}", "must"))
        elif after == "to" and mark.kind == "fact":
            result.append(Mark(_FUTURE, "must"))
        after = None
        result.append(mark)
    return result


def _bare(title: str) -> str:
    """The headline without counts of its editions, outlets, sources, tags and links."""
    title = _COUNTED.sub(" ", _ASIDE.sub(" ", title)).strip()
    for _ in range(2):
        tail = _OUTLET.search(title)
        if tail is None or not _IS_OUTLET.search(tail["name"]) or tail.start() < 12:
            break
        title = title[: tail.start()]
    tail = _ATTRIBUTION.search(title)
    return title[: tail.start()] if tail is not None and tail.start() >= 12 else title


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Lower-case words and whether they had a capital; stems not yet taken.

    Figures are in one form, e.g. ``2.5`` or ``400000000``.
    """
    text = normalized("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
    if not text.isascii():
        text = "".join(c for c in text if not 0x300 <= ord(c) < 0x370)
    for pattern, instead in _SPELLED:
        text = pattern.sub(instead, text)
    found: list[tuple[str, bool]] = []
    for match in _TOKEN.finditer(text):
        if match["grade"]:
            found.append((match["grade"].casefold(), True))
        elif match["figure"]:
            if match["th"]:
                ordinal = (match["figure"] + match["th"]).casefold()
                found.append((_ORDINALS.get(ordinal, ordinal), False))
            else:
                scale = _SCALES.get((match["scale"] or "").casefold(), 0)
                found.append((_figure(match["figure"], scale), False))
        else:
            _add_word(found, match["word"])
    return found


def _add_word(found: list[tuple[str, bool]], written: str) -> None:
    word = written.casefold()
    if word in _NUMBERS:
        found.append((_NUMBERS[word], False))
    elif word in _SCALES and found and found[-1][0][0].isdigit():
        found[-1] = (_figure(found[-1][0], _SCALES[word]), False)
    elif word in _UNITS and (word in _SIGNS or (found and found[-1][0][0].isdigit())):
        return
    else:
        found.append((word, written[0].isupper()))


def _figure(written: str, scale: int) -> str:
    """``written`` times ten to the ``scale``: 1,500 and 1500, 16.0 and 16 are the same."""
    digits = (
        written.replace(",", "")
        if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", written)
        else written
    )
    whole, _, part = digits.replace(",", ".").partition(".")
    part = part.replace(".", "").rstrip("0")
    if scale:
        whole, part = whole + part[:scale].ljust(scale, "0"), part[scale:]
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def _grouped(tokens: list[tuple[str, bool]]) -> Iterator[Mark]:
    """Longest forms of the list first; the rest by its stem."""
    groups = _groups()
    stems = [_stem(token) for token, _ in tokens]
    at = 0
    while at < len(tokens):
        token, capital = tokens[at]
        for length in range(min(_LONGEST, len(tokens) - at), 0, -1):
            key = " ".join(stems[at : at + length])
            if length == 1 and f"={token}" in groups:
                key = f"={token}"
            if key in groups:
                yield replace(groups[key], capital=capital) if capital else groups[key]
                at += length
                break
        else:
            kind: Kind = "figure" if token[0].isdigit() else "plain"
            yield Mark(token if kind == "figure" else stems[at], kind, capital)
            at += 1


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """A word without its ending, alike for all forms of regular words; no word of its own."""
    if word[0].isdigit() or word in _KEPT:
        return word
    word = word.replace(".", "")
    if "'" in word:
        head, _, tail = word.rpartition("'")
        word = head if tail in _LIGHT and tail != "t" else word.replace("'", "")
    word = _IRREGULAR.get(word, word)
    if len(word) <= 3:
        return word
    for pattern, instead in _BRITISH:
        word = pattern.sub(instead, word)
    if len(word) > 8:
        word = word.removesuffix("ment")
    for ending, instead in (
        ("ies", "y"),
        ("ied", "y"),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsez":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@cache
def _groups() -> dict[str, Mark]:
    """Each form of the list, by its stems joined by a space."""
    found: dict[str, Mark] = {}
    for line in _LIST.read_text("utf-8").splitlines():
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
                found.setdefault(" ".join(_stem(word) for word in words), mark)
            if len(words) == 1:
                found.setdefault(f"={form.removeprefix('=')}", mark)
    return found
