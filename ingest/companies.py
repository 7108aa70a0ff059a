"""Which companies of a watch-list an article is about, and how much.

Relevance is ``0.5 T + 0.3 P + 0.2 F``: T is 1 if the title names the company, else 0; P is 1 at
the beginning of the title (or of the body, if only that names it) and falls to 0 at its end; F is
a third for each time it is named in both, at most 1. A publisher's tag gives at least 0.25.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from ahocorasick_rs import AhoCorasick

from ingest import watchlists
from ingest.judging import LINKS, Verdict, judge
from ingest.names import Certainty, Name, Passage
from ingest.tickers import Tickers
from ingest.watchlists import Company, WatchlistError

__all__ = ["TAG_RELEVANCE", "Company", "Mention", "Watchlist", "WatchlistError"]

TITLE_WEIGHT: Final = 0.5
POSITION_WEIGHT: Final = 0.3
FREQUENCY_WEIGHT: Final = 0.2
TAG_RELEVANCE: Final = 0.25

_OFTEN = 3

Span = tuple[int, int, str]
Match = tuple[int, int, Name, Verdict]


@dataclass(frozen=True, slots=True)
class Mention:
    """One company that an article is about. ``relevance`` is in (0, 1], 1 is most."""

    symbol: str
    relevance: float


class Watchlist:
    """Finds the companies of a list in articles. Immutable; may be used from any thread."""

    def __init__(self, companies: Iterable[Company]) -> None:
        rows = sorted(companies, key=lambda company: company.symbol)
        self.names: Mapping[str, str] = MappingProxyType({c.symbol: c.name for c in rows})
        self.symbols = tuple(self.names)
        self._tickers = Tickers(watchlists.tickers(rows))
        patterns: dict[str, list[Name]] = {}
        for company in rows:
            for name in watchlists.names_of(company):
                patterns.setdefault(name.written.lower(), []).append(name)
        self._patterns = [_readings(names) for names in patterns.values()]
        self._automaton = AhoCorasick(list(patterns))

    @classmethod
    def load(cls, path: Path | None = None) -> Watchlist:
        """Read a watch-list; None is the one that comes with the program.

        A CSV file in UTF-8 with columns symbol, name, aliases and, optionally, not. ``aliases``
        and ``not`` hold any number of entries separated by ``|``. An alias that is also a word is
        marked ``=`` (only as written), ``?`` (and, where a capital letter says nothing, only with
        a sign beside it) or ``!`` (only with a sign); another ticker is marked ``$``. The name is
        an alias too, unless it is repeated with a mark.

        ``not`` says what is not the company: a phrase (a ``*`` at its end lets the last word go
        on); ``Samsung +``, the alias with another name behind it; ``+ Dell``, the alias with
        a name before it; ``~orchard``, the aliases of one word in a text with this word.

        Raises:
            WatchlistError: the file cannot be read, or rows are wrong.
        """
        return cls(watchlists.read(path))

    def find(self, title: str, body: str, symbols: Sequence[str] = ()) -> tuple[Mention, ...]:
        """The companies that an article names or its publisher tagged, sorted by symbol."""
        relevance: dict[str, float] = {}
        for tag in symbols:
            if (symbol := self._tickers.symbol_of(tag)) is not None:
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
        codes = list(self._tickers.find(passage.text))
        if codes:  # HKEX: 700 is not about the exchange
            spans = [span for span in spans if not any(_overlap(span, code) for code in codes)]
        return sorted(spans + codes)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _readings(names: list[Name]) -> list[Name]:
    # The surest is tried first, a decoy last: for another company the phrase may be a name.
    order = get_args(Certainty)
    return sorted(names, key=lambda name: order.index(name.certainty))


def _longest(found: list[Match], length: int) -> list[Match]:
    """The matches that no longer one overlaps; a decoy hides names although others hide it."""
    named, hidden = bytearray(length), bytearray(length)
    kept: list[Match] = []
    for match in sorted(found, key=lambda match: (match[0] - match[1], match[0])):
        start, end, name, _ = match
        taken = hidden if name.certainty == "decoy" else named
        if any(named[start:end]) or (taken is named and any(hidden[start:end])):
            continue
        taken[start:end] = b"\1" * (end - start)
        if taken is named:
            kept.append(match)
    return sorted(kept, key=lambda match: match[0])


def _certain(found: list[Match], text: str) -> list[Span]:
    """The names that are companies: those judged so, and doubtful ones in a list with those."""
    sure = [verdict == "yes" for *_, verdict in found]
    forward = range(len(found))
    for i in (*forward, *reversed(forward)):
        for j in (i - 1, i + 1):
            if j in forward and sure[j]:
                between = text[min(found[i][1], found[j][1]) : max(found[i][0], found[j][0])]
                sure[i] = sure[i] or between in LINKS
    return [
        (start, end, name.symbol)
        for (start, end, name, _), is_sure in zip(found, sure, strict=True)
        if is_sure
    ]
