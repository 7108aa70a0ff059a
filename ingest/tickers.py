"""Companies by code: cashtags, exchange and ticker, codes of news agencies and terminals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_US: Final = ("",)
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("NASDAQ", "NASDAQGS", "NYSE", "AMEX", "NYSEARCA", "US"), _US),
    **dict.fromkeys(("OTC", "OTCMKTS", "OTCQX", "OTCPK"), _US),
    **dict.fromkeys(("LON", "LSE", "LN"), (".L",)),
    **dict.fromkeys(("ETR", "FRA", "FWB", "XETRA", "GR", "GY"), (".DE",)),
    **dict.fromkeys(("EPA", "PAR", "FP"), (".PA",)),
    **dict.fromkeys(("AMS", "AEX", "NA"), (".AS",)),
    **dict.fromkeys(("EBR", "BRU", "BB"), (".BR",)),
    "EURONEXT": (".PA", ".AS", ".BR", ".IR"),
    **dict.fromkeys(("BME", "MCE", "SM"), (".MC",)),
    **dict.fromkeys(("BIT", "IM"), (".MI",)),
    **dict.fromkeys(("SWX", "VTX", "SIX", "SW", "VX"), (".SW",)),
    **dict.fromkeys(("STO", "SS"), (".ST", ".SS")),
    **dict.fromkeys(("CPH", "DC"), (".CO",)),
    **dict.fromkeys(("HEL", "FH"), (".HE",)),
    **dict.fromkeys(("OSL", "OSE", "NO"), (".OL",)),
    **dict.fromkeys(("TYO", "TSE", "JP"), (".T",)),
    **dict.fromkeys(("HKG", "HKEX", "SEHK", "HK"), (".HK",)),
    **dict.fromkeys(("SHA", "SSE", "CH"), (".SS", ".SZ")),
    **dict.fromkeys(("SHE", "SZSE"), (".SZ",)),
    **dict.fromkeys(("KRX", "KOSPI", "KS"), (".KS",)),
    **dict.fromkeys(("TPE", "TWSE", "TT"), (".TW",)),
    **dict.fromkeys(("NSE", "BSE", "BOM", "IN"), (".NS",)),
    **dict.fromkeys(("ASX", "AU"), (".AX",)),
}
"""Exchanges, and countries of terminals' codes, with the endings that symbols have there."""

_RIC_SUFFIXES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("O", "OQ", "N", "K", "A", "P", "US"), ""),
    **dict.fromkeys(("S", "VX"), ".SW"),
    "BO": ".NS",
    "XETRA": ".DE",
}
"""Endings of agencies' codes that are not those of the list."""

_EXCHANGE: Final = "|".join(sorted((name for name in _SUFFIXES if len(name) > 2), key=len)[::-1])
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,6}(?:[.-][A-Z]{1,2})?|\d{3,6}\.[A-Z]{1,2})(?![\w-])")
_LISTED = re.compile(
    rf"\b(?i:({_EXCHANGE})(?: [A-Z]{{5,8}})?)(?: ?: ?| - |/)"
    r"([A-Z0-9&]{1,10}(?:[.-][A-Z]{1,2})?(?:, ?[A-Z]{1,5}(?:[.-][A-Z])?(?=[,)]))*)(?!\w)"
)
_TERMINAL = re.compile(r"\(([A-Z0-9&/-]{1,10}) (US|[A-Z]{2})(?: Equity)?\)")
_BRACKETED = re.compile(r"[<(]([A-Z0-9&-]{1,12}\.[A-Z]{1,2})[>)]")
_BARE = re.compile(r"(?<![\w.$&'-])([A-Z0-9][A-Z0-9&-]{0,11}\.[A-Z]{1,2})(?![\w&]|\.\w)")
_UNITS_OF_MONEY: Final = frozenset("MK")

Code = tuple[int, int, str]


class Tickers:
    """Finds the symbols of a list by code. Immutable; may be used from any thread.

    ``tickers`` gives the symbol of each code that is written alone or behind a dollar sign.
    """

    def __init__(self, tickers: Mapping[str, str]) -> None:
        self._tickers = {code.upper(): symbol for code, symbol in tickers.items()}

    def symbol_of(self, tag: str) -> str | None:
        """The symbol that a tag stands for: AAPL, $AAPL, NASDAQ:AAPL, AAPL:US, AAPL.O, LON:BP."""
        tag = tag.strip().lstrip("$").upper()
        left, _, right = tag.partition(":")
        if left in _SUFFIXES:
            return self._on_exchange(right.strip(), left)
        if right.strip() in _SUFFIXES:
            return self._on_exchange(left.strip(), right.strip())
        return self._listed(tag)

    def find(self, text: str) -> Iterator[Code]:
        """Where codes of listed companies are, with the symbol."""
        if "$" in text:
            for match in _CASHTAG.finditer(text):
                before = text[max(0, match.start() - 3) : match.start()]
                if match[1] in _UNITS_OF_MONEY and before.endswith(("(", "in ")):
                    continue
                yield from self._found(match, self._listed(match[1]))
        if ":" in text or "(" in text:
            for match in _LISTED.finditer(text):
                for code in match[2].split(","):
                    symbol = self._on_exchange(code.strip(), match[1].upper())
                    yield from self._found(match, symbol)
            for match in _TERMINAL.finditer(text) if "(" in text else ():
                if match[2] in _SUFFIXES:
                    yield from self._found(match, self._on_exchange(match[1], match[2]))
        if "." in text:
            for match in _BARE.finditer(text):
                bracketed = _BRACKETED.match(text, match.start() - 1) if match.start() else None
                if bracketed or not _is_initials(match[1], text[match.end() : match.end() + 1]):
                    yield from self._found(match, self._listed(match[1]))

    @staticmethod
    def _found(match: re.Match[str], symbol: str | None) -> Iterator[Code]:
        if symbol is not None:
            yield match.start(), match.end(), symbol

    def _on_exchange(self, code: str, exchange: str) -> str | None:
        if any(code.endswith(ending) for ending in _SUFFIXES[exchange] if ending):
            return self._listed(code)
        for ending in _SUFFIXES[exchange]:
            symbol = self._listed(code.strip("/") + ending)
            if symbol is not None:
                return symbol
        return None

    def _listed(self, code: str) -> str | None:
        stem, _, suffix = code.rpartition(".")
        forms = [code, code.replace("-", ".")]
        if stem:
            if suffix in _RIC_SUFFIXES:
                forms.append(stem + _RIC_SUFFIXES[suffix])
            if stem.isdigit():
                forms.append(f"{stem.lstrip('0').zfill(4)}.{suffix}")
            forms.append(f"{stem.replace('.', '-')}.{suffix}")
        for form in forms:
            if form in self._tickers:
                return self._tickers[form]
        return None


def _is_initials(code: str, after: str) -> bool:
    """Whether a code in the middle of a text may be letters of a person or a state: *M.A.*"""
    stem, _, suffix = code.partition(".")
    return len(stem) == 1 and len(suffix) == 1 and (after == "." or suffix not in "NO")
