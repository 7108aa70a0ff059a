"""Figures in one form: $1.2 bln, 1,200 million dollars and USD1.2bn are the same number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

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

_PER: Final = (
    "tonnes?|tons?|kg|kilo|lbs?|oz|bbl|barrel|bushel|bu|litre|liter|gallon|gal|mwh|kwh|therm|share"
)
"""What prices are told of."""
_SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
_PREFIX = r"(?:us|ca?n?|cdn|au?|nz|hk|s|t|r|nt|mex)\$"
_SIGN = rf"(?:[$\u00a3\u20ac\u00a5\u20b9]|{_PREFIX})?"
DIGITS = r"\d+(?:[.,]\d+)*"


Instead = str | Callable[[re.Match[str]], str]


class Rewrite(NamedTuple):
    """What is put instead of a pattern, looked for only where one of ``clues`` stands."""

    clues: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: Instead


def rewrites(rows: Iterable[tuple[str, str, Instead]]) -> tuple[Rewrite, ...]:
    """From clues in small letters, with a bar between two, and patterns that disregard case."""
    return tuple(
        Rewrite(tuple(clues.split("|")), re.compile(pattern, re.IGNORECASE), instead)
        for clues, pattern, instead in rows
    )


def rewritten(text: str, rules: Iterable[Rewrite]) -> str:
    """``text`` after each of the rules, in their order."""
    lower = text.lower()
    for clues, pattern, instead in rules:
        for clue in clues:
            if clue in lower:
                after = pattern.sub(instead, text)
                if after != text:
                    text, lower = after, after.lower()
                break
    return text


_PARTS: Final = {"1/4": "25 pct", "1/3": "33.3 pct", "1/2": "50 pct", "3/4": "75 pct"}
_IN_DIGITS: Final = rewrites(
    (
        ("$", rf"\b{_PREFIX}", "$"),
        # CNY2 billion, Rs500: the code is no part of a name.
        ("", rf"\b(?:{'|'.join(sorted(_CODES))})\.?\s?(?=\d)", "$"),
        # MOP20.4bn: three capitals before a figure with a scale are some money.
        ("", rf"(?<![\w.])(?-i:[A-Z]{{3}})(?={DIGITS}\s?(?:{_SCALE})\b)", "$"),
        # +2.6%, -0.3 pct: up or down by that much.
        ("+", rf"(?<![\w.,%])\+\s?(?={DIGITS}\s?(?:%|pct|percent|bps))", " up "),
        (
            "-|\u2212",
            rf"(?<=[a-z,] )[-\u2212](?={DIGITS}\s?(?:%|pct|percent|bps))",
            " down ",
        ),
        ("q", r"\b([1-4])q\b", r"q\1"),
        ("h", r"\b([12])h\b", r"h\1"),
        ("kt", r"(?<=\d)\s?kt\b", "k tonnes"),
        # $372/t, 3.10 dollars/lb
        ("/t|/mt", r"(?<=\d)/m?t\b", " per tonne"),
        ("/", rf"(?<=[\da-z])/(?=(?:{_PER})\b)", " per "),
        ("kg", r"(?<=\d)\s?kgs?\b", " kilos"),
        ("lb", r"\blbs?\b", "pounds"),
        # $4.0-4.2 bln, 5 to 6 million: the scale is of both.
        (
            "-|\u2013|to",
            rf"(?<![\d.,])({DIGITS})\s?(?:-|\u2013|to)\s?{_SIGN}({DIGITS})\s?({_SCALE})\b",
            r"\1 \3 to \2 \3",
        ),
        ("r", r"\br(?=\d+\.\d\d\b)", "$"),
        ("/", r"(?<![\d/])(?:1/[234]|3/4)(?![\d/])", lambda part: _PARTS[part[0]]),
        ("9m", r"\b9m\b", "9 months"),
        ("fy|q|h", r"\b(fy|[qh]\d|\dq)[ ']?(?=\d{2}\b)", r"\1 20"),
        ("fy|q|h", r"\b(fy|[qh]\d|\dq)(?=\d{4}\b)", r"\1 "),
    )
)
# What a fraction is followed by; "a third bidder" is none.
_OF = r"(?=\s(?:of|in|from|since|so|this|after|as|amid)\b|\W*$|[,;])"
_SHARES: Final = {"third": "33.3 pct", "quarter": "25 pct", "fifth": "20 pct", "tenth": "10 pct"}
_POINT = r"(?:percentage|percent|pct)[ -]points?\b"
_IN_WORDS: Final = rewrites(
    (
        (
            "point",
            rf"\b(?:{'|'.join(NUMBERS)})(?=[ -]{_POINT})",
            lambda word: NUMBERS[word[0].lower()],
        ),
        ("quarter", r"\b(?:a )?quarter[ -](?:of a )?(?:percentage[ -])?point\b", "25 bps"),
        ("quarter", r"\bthree[ -]quarters(?: of a)?[ -](?:percentage[ -])?point\b", "75 bps"),
        ("half", r"\b(?:a )?half(?:[ -]| a )(?:percentage[ -])?point\b", "50 bps"),
        (
            "half of",
            r"(?<!first )(?<!second )(?<!1st )(?<!2nd )(?<!latter )\bhalf of\b",
            "50 pct of",
        ),
        ("half", r"\bhalf an? (?=per ?cent\b|pct\b|%)", "0.5 "),
        ("thirds", rf"\btwo[ -]thirds{_OF}", "66.7 pct"),
        ("quarters", r"\bthree[ -]quarters(?= of\b)", "75 pct"),
        (
            "third|quarter|fifth|tenth",
            rf"(?:(?<=\bby )(?:a|one)[ -]({'|'.join(_SHARES)})\b"
            rf"|\b(?:a|one)[ -]({'|'.join(_SHARES)}){_OF})",
            lambda share: _SHARES[(share[1] or share[2]).lower()],
        ),
        ("half", r"(?<=\bby )(?:a|one)[ -]half\b", "50 pct"),
        ("half", r"(?<=\bby )half(?! a\b|-)", "50 pct"),
        ("dozen", r"\bhalf a dozen\b|\bhalf[ -]dozen\b", "6"),
        ("dozen", r"\b(?:a |one )?dozen\b(?! of)", "12"),
        ("half", r"\bhalf a (?=[mbt]r?illion)", "0.5 "),
        ("illion", r"\ban? (?=[mbt]r?illion)", "1 "),
        (
            "pp|point",
            rf"(?<![\d.,])(\d+(?:\.\d+)?)\s?(?:{_POINT}|ppts?\b|pp\b)",
            lambda points: f"{figure(points[1], 2)} bps",
        ),
    )
)
_IN_HUNDRED: Final = {"2": "50", "3": "33.3", "4": "25", "5": "20", "10": "10"}
_ONE_IN: Final = re.compile(
    r"\b(?:one|1)[ -](?:in|out of)[ -](?:every )?(two|three|four|five|ten|2|3|4|5|10)\b"
    r"(?![.,]?\d| \w+illion)",
    re.IGNORECASE,
)
_NUMBER: Final = "|".join(sorted(NUMBERS, key=len, reverse=True))
_IN_HUNDREDS: Final = re.compile(
    rf"\b(?:{_NUMBER}|an?(?=[ -](?:hundred|thousand)\b))[ -](?:hundred|thousand)\b"
    rf"(?:(?:,? | and |-)(?:{_NUMBER}|hundred|thousand)\b)*",
    re.IGNORECASE,
)
_SCALED: Final = re.compile("hundred|thousand", re.IGNORECASE)
_A_DIGIT = re.compile(r"\d")


def _share(written: str) -> str:
    return _IN_HUNDRED[NUMBERS.get(written.casefold(), written)]


def _counted(found: re.Match[str]) -> str:
    """One thousand two hundred and five as 1205."""
    total = part = 0
    for word in re.split(r"[\s,-]+", found[0].casefold()):
        if word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = total + part * 1000, 0
        elif word != "and":
            part += int(NUMBERS.get(word, "1"))
    return str(total + part)


def spelled(text: str) -> str:
    """``text`` with its figures in digits, each with its own scale, and no codes of money."""
    if _SCALED.search(text):
        text = _IN_HUNDREDS.sub(_counted, text)
    text = _ONE_IN.sub(lambda found: f"{_share(found[1])} pct of", text)
    text = rewritten(text, _IN_WORDS)
    return rewritten(text, _IN_DIGITS) if _A_DIGIT.search(text) else text


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
