"""Which money a text counts in, where it says so: euros are not crowns, US$ not A$.

Figures are compared without it (:mod:`ingest.figures`), for many desks leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ingest.figures import DIGITS, SCALES

_FAMILIES: Final = {
    family: (frozenset(codes.split()), words.split())
    for family, codes, words in (
        ("dollar", "usd cad aud nzd hkd sgd twd", "dollar dollars buck bucks"),
        ("euro", "eur", "euro euros"),
        ("pound", "gbp egp", "pound pounds sterling pence p"),
        ("yen", "jpy", "yen"),
        ("yuan", "cny cnh rmb", "yuan renminbi"),
        ("won", "krw", "won"),
        ("franc", "chf cfa", "franc francs"),
        (
            "crown",
            "czk sek nok dkk isk",
            "crown crowns krona kronor krone kroner kronur koruna korunas koruny",
        ),
        ("zloty", "pln", "zloty zlotys zlotych"),
        ("forint", "huf", "forint forints"),
        ("leu", "ron", "leu lei"),
        ("lev", "bgn", "lev leva"),
        ("rouble", "rub", "rouble roubles ruble rubles"),
        ("hryvnia", "uah", "hryvnia hryvnias"),
        ("lira", "try", "lira liras"),
        ("rupee", "inr pkr lkr", "rupee rupees rs"),
        ("taka", "bdt", "taka takas"),
        ("baht", "thb", "baht"),
        ("rupiah", "idr", "rupiah"),
        ("ringgit", "myr", "ringgit"),
        ("dong", "vnd", "dong"),
        ("peso", "mxn clp cop php ars", "peso pesos"),
        ("real", "brl", "reais"),
        ("sol", "pen", "soles"),
        ("rand", "zar", "rand"),
        ("naira", "ngn", "naira"),
        ("shilling", "kes ugx tzs", "shilling shillings"),
        ("cedi", "ghs", "cedi cedis"),
        ("dirham", "aed mad", "dirham dirhams dh dhs"),
        ("riyal", "sar qar", "riyal riyals"),
        ("shekel", "ils", "shekel shekels"),
        ("dinar", "kwd bhd jod", "dinar dinars"),
        ("tenge", "kzt", "tenge"),
    )
}
_SAME: Final = {"cnh": "cny", "rmb": "cny"}
_PREFIXED: Final = {
    **dict.fromkeys(("us$",), "usd"),
    **dict.fromkeys(("c$", "ca$", "can$", "cdn$"), "cad"),
    **dict.fromkeys(("a$", "au$"), "aud"),
    **dict.fromkeys(("nz$",), "nzd"),
    **dict.fromkeys(("hk$",), "hkd"),
    **dict.fromkeys(("s$",), "sgd"),
    **dict.fromkeys(("t$", "nt$"), "twd"),
    **dict.fromkeys(("r$",), "brl"),
    **dict.fromkeys(("mex$",), "mxn"),
}
_SIGNS: Final = {"$": "dollar", "\u00a3": "pound", "\u20ac": "euro", "\u20b9": "rupee"}
_NOT_POUND: Final = "money not pound"
"""Of 85 cents only this is known; 85 pence are something else."""


def _known() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each way to write a money, and what it says: its family and, if it is told, which of it."""
    codes: dict[str, tuple[str, ...]] = {}
    for family, (of, words) in _FAMILIES.items():
        said = (f"money {family}",) if family == "pound" else (f"money {family}", _NOT_POUND)
        yield from ((word, said) for word in words)
        codes |= {code: (*said, f"money {_SAME.get(code, code)}") for code in of}
    yield from codes.items()
    yield from ((written, codes[code]) for written, code in _PREFIXED.items())
    for sign, family in _SIGNS.items():
        name = f"money {family}"
        yield sign, (name,) if family == "pound" else (name, _NOT_POUND)
    yield from ((word, (_NOT_POUND,)) for word in ("cent", "cents", "c"))


KNOWN: Final = dict(_known())
_CODES: Final = "|".join(sorted(code.upper() for codes, _ in _FAMILIES.values() for code in codes))
"""In capitals only: try and pen are words."""
_BEFORE: Final = "|".join(
    [
        *(re.escape(written) for written in sorted(_PREFIXED, key=len, reverse=True)),
        rf"(?-i:{_CODES})\.?\s?",
        r"rs\.?\s?",
        r"dhs?\.?\s?",
        *map(re.escape, _SIGNS),
    ]
)
_WORDS: Final = [word for _, words in _FAMILIES.values() for word in words]
_BEHIND: Final = "|".join(
    [*sorted([*_WORDS, "cent", "cents", "c"], key=len, reverse=True), f"(?-i:{_CODES})"]
)
_SCALE: Final = "|".join(sorted(SCALES, key=len, reverse=True))
_MONEY: Final = re.compile(
    rf"(?<![^\W\d_])(?P<before>{_BEFORE})(?={DIGITS})"
    rf"|(?<=\d)[\s-]?(?:(?:{_SCALE})[\s-])?(?:[A-Z][a-z.]+\s|U\.S\.\s)?(?P<behind>{_BEHIND})\b"
    rf"|\d\s?(?:{_SCALE})?\s?(?P<sign>[\u20ac\u00a3$])",
    re.IGNORECASE,
)
_A_DIGIT: Final = re.compile(r"\d")


def moneys(text: str) -> frozenset[str]:
    """What ``text`` says of the money of its figures, each as ``money euro``.

    Two texts count in other money if each says something of it that the other does not.
    """
    if not _A_DIGIT.search(text):
        return frozenset()
    found: set[str] = set()
    for match in _MONEY.finditer(text):
        written = match["before"] or match["behind"] or match["sign"]
        found.update(KNOWN[written.casefold().strip(" .")])
    return frozenset(found)
