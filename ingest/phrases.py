"""Phrases in one form: what takes several words, or means another thing beside others."""

from __future__ import annotations

import re
from typing import Final

from ingest.figures import Rewrite, rewrites, rewritten

ADVERBS: Final = ("up", "off", "out", "in", "down", "over")
"""Behind a hyphen they are a part of the word before."""
_MOVED: Final = (
    "raise[sd]?|lifts?|lifted|revise[sd]?|change[sd]?|cuts?|lowers?|lowered|moves?|moved"
)
_STANDS: Final = r"(?:positive|negative|stable|developing)\b"
_MONEY: Final = (
    "dollar|greenback|euro|yen|yuan|renminbi|sterling|pound|rupee|rou?ble|franc|peso|rand|lira|won"
    "|zloty|forint|shekel|krona|krone|koruna|crown|ringgit|rupiah|baht|real|basket"
)
_GAP: Final = r"(?:loss|losses|deficit|gap|shortfall|surplus)\b"
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_PHRASES: Final = rewrites(
    (
        ("euro", r"\beuro[ -](?:zone|area)\b", "eurozone"),
        ("y", r"\by(?:ea)?r?[/-]?o?[/-]?y(?:ea)?r?\b(?<=[/oy][yr])", "year on year"),
        (
            "m/m|mom|m-m|m-o-m|mm|month",
            r"\bm[/-]?o?[/-]?m\b|\bmonth[ -](?:on|over)[ -]month\b",
            "monthly",
        ),
        (
            "q/q|qoq|q-q|q-o-q|qq|quarter",
            r"\bq[/-]?o?[/-]?q\b|\bquarter[ -](?:on|over)[ -]quarter\b",
            "quarterly",
        ),
        # The same verb says another thing with another object.
        (
            "unchanged|steady|on hold",
            r"\b(?:leav(?:e|es|ing)|left|keep(?:s|ing)?|kept|hold(?:s|ing)?|held)"
            r"((?:\s[\w'-]+){1,4})\s(?:unchanged|steady|on hold)\b",
            r"keeps\1",
        ),
        # Prices keep falling: that they fall.
        (
            "keep|kept|continu",
            r"\b(?:keeps?|kept)\s(?=(?:ris|fall|climb|grow|declin|dropp|shrink|slid|gain|weaken|strengthen)ing\b)"
            r"|\bcontinue[sd]? to\s",
            "",
        ),
        # What becomes of a loss told by what it is.
        (
            "wider|bigger|larger",
            rf"\b(?:wider|bigger|larger)\b(?=(?:\s[\w-]+){{0,2}}\s{_GAP})",
            "widens",
        ),
        (
            "narrower|smaller",
            rf"\b(?:narrower|smaller)\b(?=(?:\s[\w-]+){{0,2}}\s{_GAP})",
            "narrows",
        ),
        (
            "awarded",
            r"\b(?:(?:is|was|been|gets) )?awarded\b(?=(?:\s[\w.,$%'\u00a3\u20ac-]+){0,8}"
            r"\s(?:contract|deal|order)s?\b)(?!.*\s(?:to|by)\s)",
            "wins",
        ),
        ("extended trading", r"\bextended trading\b", "after-hours trading"),
        # Money rises against other money: against nobody.
        (
            "against|versus",
            r"\b(?<!bet )(?<!bets )(?:against|versus)(?=(?:\s(?:the|an?|us|u\.s\.|\w+(?:er|ing)))*"
            rf"\s(?:{_MONEY})\b)",
            "vs",
        ),
        (
            "lift",
            r"\b(?-i:lift)(?:s|ed|ing)?\b(?=(?:\s[\w-]+){0,3}\s(?:bans?|blockades?|curbs?|embargo"
            r"|restrictions?|sanctions?|suspension|freeze|moratorium|strike|siege|lockdown)\b)",
            "ends",
        ),
        (
            "eas",
            r"\b(?-i:eas)(?:e|es|ed|ing)\b(?=(?:\s[\w-]+){0,3}\s(?:rules?|curbs?|limits?|controls?"
            r"|restrictions?|requirements?|sanctions?|lockdown|ban)\b)",
            "relaxes",
        ),
        (
            "year|month",
            r"\b(?:gets?|got|given|jailed for)\b(?= [\w-]+ (?:years|months)\b)",
            "sentenced to",
        ),
        (
            "annual",
            r"\b(?-i:annual)\b(?=(?:\s\w+)?\s(?:profits?|earnings|results?|sales|revenues?|income"
            r"|loss|forecasts?|outlook|guidance|targets?|view)\b)",
            "full-year",
        ),
        (
            " firm",
            r"\b(dollar|yen|euro|sterling|yuan|rupee|peso|rand|lira|rou?ble|baht|ringgit|franc|zloty"
            r"|forint|shekel|krona|rupiah|gold|silver|copper|crude|wheat|corn|prices?|cocoa|sugar"
            r"|coffee|yields?|stocks|shares|crown|koruna|kron[ae]|won|dong|dirham|riyal|dinar|tenge"
            r"|leu|lev|hryvnia|naira|shilling|cedi|real|taka|bitcoin|oil|aluminium|zinc|nickel)"
            r"\sfirms?\b",
            r"\1 rises",
        ),
        (
            "approval|clearance|nod|ahead|green light",
            r"\b(?:gets?|got|wins?|won|receives?|received|secures?|secured|obtains?|obtained|gains?"
            r"|recieve[sd]?)\b(?=(?:\s[\w.'-]+){0,3}\s(?:approval|clearance|nod|go-ahead"
            r"|green light)\b)",
            "",
        ),
        (
            "-based|-hit|-listed|-backed|-owned|-led",
            r"(?<![\w.])[\w.]+-(?:based|hit|listed|backed|owned|led)\b",
            " ",
        ),
        # Of a market, that the day ended so says no more than that it was so.
        (
            "end|clos|settle|finish",
            r"\b(?:ends?|ended|clos(?:e|es|ed)|settles?|settled|finish(?:es|ed)?)"
            r"(?=\s(?:[\d.]+\s?(?:%|pct|percent)\s)?(?:higher|lower|up|down|flat|mixed|at)\b)",
            "",
        ),
        ("leav", r"\bleav(?:e|es|ing)\b(?=\s\w+\s(?:dead|missing|injured|homeless)\b)", ""),
        ("deal", r"\bin (?:a |an )?deal (?:worth|valued at)\b", "for"),
        (
            "previous|prior|preceding",
            r"\b(?:from|on|over|than)(?: the)? (?:previous|prior|preceding) (month|quarter)\b",
            r"\1ly",
        ),
        (
            "drop|end",
            r"\b(?:drop(?:s|ped)?|ends?|ended)\b(?=(?:\s[\w.,'$\u00a3\u20ac-]+){0,4}\s(?:bids?"
            r"|offers?|lawsuits?|suits?|plans?|charges|case|appeal|claims?|pursuit|proposals?"
            r"|takeover|probe|inquiry|investigation)\b)",
            "scraps",
        ),
        (
            "block",
            r"\bblock(?:s|ed)?\b(?=(?:\s[\w'-]+){0,2}\s(?:assets|accounts)\b)",
            "freezes",
        ),
        # What was forecast beside what was so: (poll 3.5%), vs f'cast 3.5%, prior 4.3%.
        (
            "prior|previous|poll|consensus|cast|expectation|estimate",
            r"\b(?:(?:against|vs\.?|versus|compared with)\s(?:an?\s|the\s)?)?"
            r"(?:prior|previous|poll|consensus|f'?cast|forecasts?|expectations?|estimates?)"
            r"(?:\sof)?\s(?:up\s|down\s)?\s?(?=[$\u00a3\u20ac]?\d)",
            "from ",
        ),
        (
            "stake|holding|interest",
            r"\b(?:takes?|took|taking)\b"
            r"(?=(?:\s[\w.,%'-]+){0,4}\s(?:stake|holding|interest)\b)",
            "buys",
        ),
        (
            "sales of",
            r"\b(begins?|starts?|launch(?:es)?|resumes?|halts?|stops?|suspends?) sales(?= of\b)",
            r"\1 selling",
        ),
        (
            " making| produc| manufactur",
            r"\b(begins?|starts?|resumes?|halts?|stops?|suspends?)"
            r" (?:making|producing|manufacturing)\b",
            r"\1 output",
        ),
        ("north-|south-", r"\b(north|south)-(east|west)", r"\1\2"),
        ("blam", r",?\sblam(?:es|ed|ing)\b", " citing"),
        ("per cent", r"\bper cent\b", "%"),
        (
            "fire",
            r"\b(?:fires|fired)\b(?=\s\S+\s(?:staff|workers|employees|people|executives)\b)",
            "lays off",
        ),
        (
            "pull",
            r"\bpull(?:s|ed|ing)?\b(?=(?:\s[\w'-]+){0,3}\s(?:guidance|forecasts?|outlook|view"
            r"|targets?|bid|offer|ipo|listing|float|flotation)\b)",
            "withdraws",
        ),
        (
            "year to|12 months to",
            rf"\bin (?:the )?(?:year|12 months) to (?=(?:{_MONTHS})[a-z]*)",
            "yearly ",
        ),
        # Where an outlook is now, says also which way it was moved.
        (
            "outlook",
            rf"\b(?:{_MOVED})\b"
            rf"(?=(?:\s[\w'.&-]+){{0,5}}\soutlook(?:\s[\w'.&-]+){{0,4}}\sto\s{_STANDS})",
            " ",
        ),
        ("outlook", rf"(?<=\boutlook )(?:{_MOVED})(?= to {_STANDS})", " "),
        (" from ", rf"(\bin (?:{_MONTHS})[a-z]*) from (?:{_MONTHS})[a-z]*\b", r"\1 monthly"),
        ("w/", r"\bw/(?=\s)", "with"),
        # The month, not that it may be so.
        (
            "may",
            r"(?<=\d\s)(?-i:May|MAY)\b|\b(?-i:May|MAY)(?=\s\d)|(\b(?:in|since|by|from|to|until|till|of|for|on"
            r"|late|early|mid|end|last|next|this|through|before|after|versus|vs\.?)[\s-])(?-i:May|MAY)\b",
            lambda found: f"{found[1] or ''}may month",
        ),
        (" off ", r"\boff (?=[\d.,]+\s?(?:%|pct|percent|points)\b)", "down "),
        # The place in a list, not a negation.
        ("no", r"\bno\.?\s?(?=\d)", "number "),
        ("bid to", r"\bbid to (?=\W?\d)", "offer to "),
        (
            "starting|beginning|effective",
            rf"\b(?:starting|beginning|effective)\s(?:from\s|on\s|in\s)?"
            rf"(?=(?:{_MONTHS}|mon|tues|wednes|thurs|fri|satur|sun|next|\d)[a-z]*\b)",
            "from ",
        ),
        # November 26th, 26th of November
        ("st|nd|rd|th", rf"(?<=\d)(?:st|nd|rd|th)(?=\s(?:of\s)?(?:{_MONTHS})[a-z]*\b)", ""),
        ("st|nd|rd|th", rf"\b((?:{_MONTHS})[a-z]*\.?\s\d{{1,2}})(?:st|nd|rd|th)\b", r"\1"),
        ("vs|versus", r"\b(?:vs\.?|versus)\s(?=[$\u00a3\u20ac]?\d)", "from "),
        (
            "|".join(f"-{adverb}" for adverb in ADVERBS),
            rf"\b([a-z]{{2,}})-({'|'.join(ADVERBS)})s?\b(?!-)",
            r"\1\2",
        ),
        ("won't", r"\bwon't\b", "will not"),
        ("can't|cannot", r"\bcan't\b|\bcannot\b", "can not"),
        ("n't", r"n't\b", " not"),
        (
            "e-|co-|re-|non-|pre-|multi-|sub-|inter-",
            r"\b(e|co|re|non|pre|multi|sub|inter)-(?=[a-z])",
            r"\1",
        ),
    )
)

_BANKS: Final = {
    bank: f"{country} central bank"
    for line in """
        Australia: RBA, Reserve Bank of Australia, Australia's Reserve Bank
        Brazil: BCB
        Britain: BoE, Bank of England
        Canada: BoC, Bank of Canada
        Chile: BCCh
        China: PBOC, People's Bank of China, Peoples Bank of China
        Czech: CNB, Czech National Bank
        Hungary: NBH, MNB, National Bank of Hungary
        India: RBI, Reserve Bank of India, India's Reserve Bank
        Indonesia: Bank Indonesia
        Israel: Bank of Israel
        Japan: BOJ, Bank of Japan
        Korea: BOK, Bank of Korea
        Malaysia: BNM, Bank Negara Malaysia, Bank Negara
        Mexico: Banxico, Bank of Mexico
        New Zealand: RBNZ, Reserve Bank of New Zealand, New Zealand's Reserve Bank
        Nigeria: CBN
        Norway: Norges Bank
        Philippines: BSP, Bangko Sentral ng Pilipinas
        Poland: NBP, National Bank of Poland
        Russia: CBR, Bank of Russia
        Singapore: MAS, Monetary Authority of Singapore
        South Africa: SARB, South African Reserve Bank
        Sweden: Riksbank
        Switzerland: SNB, Swiss National Bank
        Thailand: Bank of Thailand
        Turkey: CBRT
    """.strip().splitlines()
    for country, _, banks in [line.strip().partition(": ")]
    for bank in banks.split(", ")
}
_LONG: Final = [bank for bank in _BANKS if " " in bank]
_SHORT: Final = [bank for bank in _BANKS if " " not in bank]
_NAMED: Final = {bank.upper(): instead for bank, instead in _BANKS.items()}
_BANK: Final = re.compile(
    rf"\b(?:(?i:{'|'.join(map(re.escape, _LONG))})"
    rf"|{'|'.join((*_SHORT, *map(str.upper, _SHORT)))})\b"
)
_A_BANK: Final = ("bank", *(bank.lower() for bank in _SHORT))
_CENTRAL: Final = (Rewrite(_A_BANK, _BANK, lambda found: _NAMED[found[0].upper()]),)
"""A country's central bank by any name, so that the country may be left out as elsewhere."""


def reworded(text: str) -> str:
    """``text`` with each phrase in the form that ``wording.txt`` knows."""
    return rewritten(rewritten(text, _CENTRAL), _PHRASES)
