"""Figures in one form: $1.2 bln, 1,200 million dollars and USD1.2bn are the same number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS: Final = {word: str(number) for number, word in enumerate(_SMALL) if number} | {
    word: str(10 * number) for number, word in enumerate(_TENS, start=2)
}
_COUNTED: Final = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth"),
)
ORDINALS: Final = {
    f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }": word
    for number, word in enumerate(_COUNTED, start=1)
}
SCALES: Final = {
    **dict.fromkeys(("k", "thousand", "thousands"), 3),
    **dict.fromkeys(("lakh", "lakhs"), 5),
    **dict.fromkeys(("m", "mn", "mln", "mio", "mm", "million", "millions"), 6),
    **dict.fromkeys(("crore", "crores", "cr"), 7),
    **dict.fromkeys(("b", "bn", "bln", "billion", "billions"), 9),
    **dict.fromkeys(("tn", "trn", "tln", "trln", "trillion", "trillions"), 12),
}
"""Powers of ten."""


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


SIGNS: Final = frozenset(("%", "pct", "percent"))
_CODES: Final = _words(
    "usd eur gbp jpy cny cnh rmb chf sek nok dkk isk pln czk huf ron bgn rub uah aud nzd cad hkd",
    "sgd twd krw inr pkr bdt lkr idr myr thb vnd brl mxn clp zar ngn kes ghs egp tnd ils aed qar",
    "kwd bhd kzt stg cfa rs y sar omr jod mad dh dhs ars php ugx tzs pen uyu pyg bob crc xof xaf",
)
_MONEY: Final = _words(
    "dollar dollars euro euros pound pounds sterling yen yuan renminbi won franc francs crown",
    "crowns krona kronor krone kroner kronur koruna korunas zloty zlotys forint forints leu lei",
    "lira liras rouble roubles ruble rubles hryvnia rupee rupees baht rupiah ringgit peso pesos",
    "dong reais hryvnias zlotych koruny soles taka takas leva bucks rand naira shilling shillings",
    "cedi cedis dirham dirhams riyal riyals shekel",
    "shekels dinar dinars tenge lb lbs pc",
)
UNITS: Final = _CODES | _MONEY
"""What is left out behind a figure: which money it is seldom tells two reports apart."""
CENTS: Final = frozenset(("cent", "cents", "pence", "p", "c"))

_SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
_PREFIX = r"(?:us|ca?n?|cdn|au?|nz|hk|s|t|r|nt|mex)\$"
_SIGN = rf"(?:[$\u00a3\u20ac\u00a5\u20b9]|{_PREFIX})?"
DIGITS = r"\d+(?:[.,]\d+)*"


def compiled(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns that disregard case, each with what is put instead."""
    return tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in pairs)


_IN_DIGITS: Final = compiled(
    (
        (rf"\b{_PREFIX}", "$"),
        # CNY2 billion, Rs500: the code is no part of a name.
        (rf"\b(?:{'|'.join(sorted(_CODES))})\.?\s?(?=\d)", "$"),
        # MOP20.4bn: three capitals before a figure with a scale are some money.
        (rf"(?<![\w.])(?-i:[A-Z]{{3}})(?={DIGITS}\s?(?:{_SCALE})\b)", "$"),
        # +2.6%, -0.3 pct: up or down by that much.
        (rf"(?<![\w.,%])\+\s?(?={DIGITS}\s?(?:%|pct|percent|bps))", " up "),
        (rf"(?<=[a-z,] )[-\u2212](?={DIGITS}\s?(?:%|pct|percent|bps))", " down "),
        (r"\b([1-4])q\b", r"q\1"),
        (r"(?<=\d)\s?kt\b", "k tonnes"),
        # $4.0-4.2 bln, 5 to 6 million: the scale is of both.
        (
            rf"(?<![\d.,])({DIGITS})\s?(?:-|\u2013|to)\s?{_SIGN}({DIGITS})\s?({_SCALE})\b",
            r"\1 \3 to \2 \3",
        ),
        (r"\br(?=\d+\.\d\d\b)", "$"),
        (r"(?<![\d/])1/4(?![\d/])", "25 pct"),
        (r"(?<![\d/])1/3(?![\d/])", "33.3 pct"),
        (r"(?<![\d/])1/2(?![\d/])", "50 pct"),
        (r"(?<![\d/])3/4(?![\d/])", "75 pct"),
        (r"\b9m\b", "9 months"),
        (r"\b(fy|[qh]\d|\dq)[ ']?(?=\d{2}\b)", r"\1 20"),
        (r"\b(fy|[qh]\d|\dq)(?=\d{4}\b)", r"\1 "),
    )
)
# What a fraction is followed by; "a third bidder" is none.
_OF = r"(?=\s(?:of|in|from|since|so|this)\b|\W*$|[,;])"
_FRACTIONS: Final = {"half": 50, "third": 33.3, "quarter": 25, "fifth": 20, "tenth": 10}
_IN_WORDS: Final = compiled(
    (
        *(
            (rf"\b{word}(?=[ -](?:percentage|percent|pct)[ -]points?\b)", digits)
            for word, digits in NUMBERS.items()
        ),
        (r"\b(?:a )?quarter[ -](?:of a )?(?:percentage[ -])?point\b", "25 bps"),
        (r"\bthree[ -]quarters(?: of a)?[ -](?:percentage[ -])?point\b", "75 bps"),
        (r"\b(?:a )?half(?:[ -]| a )(?:percentage[ -])?point\b", "50 bps"),
        (r"(?<!first )(?<!second )(?<!1st )(?<!2nd )(?<!latter )\bhalf of\b", "50 pct of"),
        (r"\bhalf an? (?=per ?cent\b|pct\b|%)", "0.5 "),
        (rf"\btwo[ -]thirds{_OF}", "66.7 pct"),
        (r"\bthree[ -]quarters(?= of\b)", "75 pct"),
        (rf"\b(?:a|one)[ -]third{_OF}", "33.3 pct"),
        (rf"\b(?:a|one)[ -]quarter{_OF}", "25 pct"),
        (rf"\b(?:a|one)[ -]fifth{_OF}", "20 pct"),
        (rf"\b(?:a|one)[ -]tenth{_OF}", "10 pct"),
        *(
            (rf"(?<=\bby )(?:a|one)[ -]{word}\b", f"{share} pct")
            for word, share in _FRACTIONS.items()
        ),
        (r"\bhalf a dozen\b|\bhalf[ -]dozen\b", "6"),
        (r"\b(?:a |one )?dozen\b(?! of)", "12"),
        (r"\bhalf a (?=[mbt]r?illion)", "0.5 "),
        (r"\ban? (?=[mbt]r?illion)", "1 "),
    )
)
_POINTS = re.compile(
    r"(?<![\d.,])(\d+(?:\.\d+)?)\s?(?:(?:percentage|percent|pct)[ -]points?\b|ppts?\b|pp\b)",
    re.IGNORECASE,
)
_A_DIGIT = re.compile(r"\d")
_A_WORD = re.compile(r"point|dozen|illion|third|quarter|fifth|tenth|half", re.IGNORECASE)


def spelled(text: str) -> str:
    """``text`` with its figures in digits, each with its own scale, and no codes of money."""
    patterns = _IN_WORDS if _A_WORD.search(text) else ()
    for pattern, instead in (*patterns, *(_IN_DIGITS if _A_DIGIT.search(text) else ())):
        text = pattern.sub(instead, text)
    return _POINTS.sub(lambda points: f"{figure(points[1], 2)} bps", text)


def figure(written: str, scale: int) -> str:
    """``written`` times ten to the ``scale``: 1,500 and 1500, 16.0 and 16 are the same.

    A scale below zero is allowed: 48 cents are 0.48.
    """
    grouped = re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", written)
    digits = written.replace(",", "") if grouped else written
    sign = "-" if digits[0] == "-" else ""
    whole, _, part = digits.lstrip("-").replace(",", ".").partition(".")
    part = part.replace(".", "")
    if scale > 0:
        whole, part = whole + part[:scale].ljust(scale, "0"), part[scale:]
    elif scale < 0:
        whole = whole.rjust(1 - scale, "0")
        whole, part = whole[:scale], whole[scale:] + part
    part = part.rstrip("0")
    return sign + (whole.lstrip("0") or "0") + (f".{part}" if part else "")
