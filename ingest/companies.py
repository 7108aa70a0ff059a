"""Which companies of a watch-list an article is about, and how much.

Relevance is ``0.5 T + 0.3 P + 0.2 F``: T is 1 if the title names the company, else 0; P is 1 at
the beginning of the title (or of the body, if only that names it) and falls to 0 at its end; F is
a third for each time it is named in both, at most 1. A publisher's tag gives at least 0.25.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from ahocorasick_rs import AhoCorasick

from ingest.names import LINKS, Certainty, Name, Passage, Verdict, decoy, judge, spellings

TITLE_WEIGHT: Final = 0.5
POSITION_WEIGHT: Final = 0.3
FREQUENCY_WEIGHT: Final = 0.2
TAG_RELEVANCE: Final = 0.25

_OFTEN = 3
_EXCHANGES = frozenset({"NASDAQ", "NYSE", "AMEX", "NYSEARCA", "US"})
_US_RICS = frozenset({"O", "OQ", "N", "K", "A", "P"})
_TICKER = re.compile(
    r"(?<![\w$])\$([A-Z]{1,6}(?:\.[A-Z]{1,2})?)(?!\w)"  # $AAPL
    r"|\b(?:NASDAQ|Nasdaq|NYSE|AMEX): ?([A-Z]{1,6}(?:[.-][A-Z]{1,2})?)(?!\w)"  # (NYSE: F)
    r"|[<(]([A-Z0-9&-]{1,12}\.[A-Z]{1,2})[>)]"  # <7203.T>
)

Span = tuple[int, int, str]
Match = tuple[int, int, Name, Verdict]


class WatchlistError(Exception):
    """A watch-list file cannot be used. The message lists every problem with its line."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One company that an article is about. ``relevance`` is in (0, 1], 1 is most."""

    symbol: str
    relevance: float


@dataclass(frozen=True, slots=True)
class Company:
    """One row of a watch-list. ``aliases`` may begin with a mark: ``=`` ``?`` or ``$``."""

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()


class Watchlist:
    """Finds the companies of a list in articles. Immutable; may be used from any thread."""

    def __init__(self, companies: Iterable[Company]) -> None:
        rows = sorted(companies, key=lambda company: company.symbol)
        self.names: Mapping[str, str] = MappingProxyType({c.symbol: c.name for c in rows})
        self.symbols = tuple(self.names)
        self._tickers = {c.symbol.upper(): c.symbol for c in rows}
        patterns: dict[str, list[Name]] = {}
        for company in rows:
            for name in _names_of(company):
                patterns.setdefault(name.written.lower(), []).append(name)
            for alias in company.aliases:
                if alias.startswith("$"):
                    self._tickers.setdefault(alias[1:].upper(), company.symbol)
        self._patterns = [_readings(names) for names in patterns.values()]
        self._automaton = AhoCorasick(list(patterns))

    @classmethod
    def load(cls, path: Path | None = None) -> Watchlist:
        """Read a watch-list; None is the one that comes with the program.

        A CSV file in UTF-8 with columns symbol, name, aliases and, optionally, not. ``aliases``
        and ``not`` hold any number of entries separated by ``|``. An alias that is also a word is
        marked ``=`` (only as written) or ``?`` (and only with a sign beside it), another ticker
        ``$``; the name is an alias too, unless it is repeated with a mark. ``not`` lists phrases
        that are not the company; a ``*`` at the end lets the last word go on.

        Raises:
            WatchlistError: the file cannot be read, or rows are wrong.
        """
        try:
            file = resources.files("ingest") / "companies.csv" if path is None else path
            text = file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise WatchlistError(f"{path} cannot be read as UTF-8: {error}") from error
        return cls(_companies(text, str(path or "companies.csv")))

    def find(self, title: str, body: str, symbols: Sequence[str] = ()) -> tuple[Mention, ...]:
        """The companies that an article names or its publisher tagged, sorted by symbol."""
        relevance: dict[str, float] = {}
        for tag in symbols:
            if (symbol := self._symbol_of(tag)) is not None:
                relevance[symbol] = TAG_RELEVANCE
        place: dict[str, float] = {}
        times: Counter[str] = Counter()
        for text, weight in ((title, TITLE_WEIGHT), (body, 0.0)):
            for start, _, symbol in self._named(text) if text else ():
                at = max(0.0, 1 - start / len(text))
                place.setdefault(symbol, weight + POSITION_WEIGHT * at)
                times[symbol] += 1
        for symbol, score in place.items():
            score += FREQUENCY_WEIGHT * min(1.0, times[symbol] / _OFTEN)
            relevance[symbol] = max(round(score, 4), relevance.get(symbol, 0.0))
        return tuple(Mention(symbol, relevance[symbol]) for symbol in sorted(relevance))

    def _named(self, text: str) -> list[Span]:
        """Where ``text`` names companies: no two overlap, in order, the longest name wins."""
        passage = Passage(text)
        found: list[Match] = []
        matches = self._automaton.find_matches_as_indexes(passage.lower, overlapping=True)
        for index, start, end in matches:
            for name in self._patterns[index]:
                verdict = judge(name, passage, start, end)
                if verdict != "no":
                    found.append((start, end, name, verdict))
                    break
        spans = _certain(_longest(found, len(passage.text)), passage.text) if found else []
        spans += self._tickers_in(passage.text)
        return sorted(spans)

    def _tickers_in(self, text: str) -> list[Span]:
        if not ("$" in text or "(" in text or "<" in text or ":" in text):
            return []
        spans: list[Span] = []
        for match in _TICKER.finditer(text):
            symbol = self._symbol_of(match[match.lastindex or 0])
            if symbol is not None:
                spans.append((match.start(), match.end(), symbol))
        return spans

    def _symbol_of(self, tag: str) -> str | None:
        """The listed symbol that a tag stands for: AAPL, $AAPL, NASDAQ:AAPL, AAPL:US, AAPL.O."""
        tag = tag.strip().lstrip("$").upper()
        left, _, right = tag.partition(":")
        if left in _EXCHANGES:
            tag = right.strip()
        elif right in _EXCHANGES:
            tag = left.strip()
        stem, _, suffix = tag.rpartition(".")
        ric = stem if suffix in _US_RICS else tag
        for form in (tag, ric, tag.replace("-", ".")):
            if form in self._tickers:
                return self._tickers[form]
        return None


def _companies(text: str, source: str) -> list[Company]:
    rows = csv.DictReader(text.splitlines(), strict=True)
    missing = {"symbol", "name", "aliases"} - set(rows.fieldnames or ())
    if missing:
        raise WatchlistError(f"{source}: line 1 lacks the columns {', '.join(sorted(missing))}")
    companies: list[Company] = []
    problems: list[str] = []
    owners: dict[str, str] = {}
    try:
        for row in rows:
            company = Company(
                symbol=(row["symbol"] or "").strip(),
                name=(row["name"] or "").strip(),
                aliases=_entries(row["aliases"]),
                decoys=_entries(row.get("not")),
            )
            problem = _problem(company, owners)
            if problem:
                problems.append(f"line {rows.line_num}: {problem}")
            companies.append(company)
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    if problems or not companies:
        raise WatchlistError(f"{source}: " + ("; ".join(problems) or "no companies"))
    return companies


def _entries(cell: str | None) -> tuple[str, ...]:
    return tuple(entry for part in (cell or "").split("|") if (entry := part.strip()))


def _problem(company: Company, owners: dict[str, str]) -> str | None:
    """What is wrong with a row; ``owners`` collects who has which symbol, ticker and name."""
    if not company.symbol or not company.name:
        return "symbol and name must not be empty"
    if any(not alias.lstrip("=?$") for alias in company.aliases) or "*" in company.decoys:
        return "a mark without a name"
    if f"symbol {company.symbol}" in owners:
        return f"symbol {company.symbol} is listed twice"
    claims = [f"symbol {company.symbol}"]
    claims += [f"ticker {alias[1:]}" for alias in company.aliases if alias.startswith("$")]
    claims += [f'"{name.written.lower()}"' for name in _names_of(company) if not _is_decoy(name)]
    for claim in claims:
        owner = owners.setdefault(claim, company.symbol)
        if owner != company.symbol:
            return f"{claim} also belongs to {owner}"
    return None


def _names_of(company: Company) -> list[Name]:
    aliases = [alias for alias in company.aliases if not alias.startswith("$")]
    if all(alias.lstrip("=?") != company.name for alias in aliases):
        aliases.append(company.name)
    names = [name for alias in aliases for name in spellings(company.symbol, alias)]
    return [*names, *(decoy(company.symbol, phrase) for phrase in company.decoys)]


def _is_decoy(name: Name) -> bool:
    return name.certainty == "decoy"


def _readings(names: list[Name]) -> list[Name]:
    # The surest is tried first, a decoy last: for another company the phrase may be a name.
    order = get_args(Certainty)
    return sorted(names, key=lambda name: order.index(name.certainty))


def _longest(found: list[Match], length: int) -> list[Match]:
    taken = bytearray(length)
    kept: list[Match] = []
    for match in sorted(found, key=lambda match: (match[0] - match[1], match[0])):
        start, end, *_ = match
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            kept.append(match)
    return sorted(kept, key=lambda match: match[0])


def _certain(found: list[Match], text: str) -> list[Span]:
    """The names that are companies: those judged so, and doubtful ones in a list with those."""
    names = [match for match in found if not _is_decoy(match[2])]
    sure = [verdict == "yes" for *_, verdict in names]
    forward = range(len(names))
    for i in (*forward, *reversed(forward)):
        for j in (i - 1, i + 1):
            if j in forward and sure[j]:
                between = text[min(names[i][1], names[j][1]) : max(names[i][0], names[j][0])]
                sure[i] = sure[i] or between in LINKS
    return [
        (start, end, name.symbol)
        for (start, end, name, _), is_sure in zip(names, sure, strict=True)
        if is_sure
    ]
