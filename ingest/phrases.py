"""Phrases in one form: what takes several words, or means another thing beside others."""

from __future__ import annotations

import re
from typing import Final

from ingest.figures import compiled

ADVERBS: Final = ("up", "off", "out", "in", "down", "over")
"""Behind a hyphen they are a part of the word before."""
_MOVED: Final = (
    "raise[sd]?|lifts?|lifted|revise[sd]?|change[sd]?|cuts?|lowers?|lowered|moves?|moved"
)
_STANDS: Final = r"(?:positive|negative|stable|developing)\b"
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_PHRASES: Final = compiled(
    (
        (r"\beuro[ -](?:zone|area)\b", "eurozone"),
        (r"\by(?:ea)?r?[/-]?o?[/-]?y(?:ea)?r?\b(?<=[/oy][yr])", "year on year"),
        (r"\bm[/-]?o?[/-]?m\b|\bmonth[ -](?:on|over)[ -]month\b", "monthly"),
        (r"\bq[/-]?o?[/-]?q\b|\bquarter[ -](?:on|over)[ -]quarter\b", "quarterly"),
        # The same verb says another thing with another object.
        (
            r"\b(?:leav(?:e|es|ing)|left)\b(?=(?:\s\w+){1,4}\s(?:unchanged|steady|on hold)\b)",
            "keeps",
        ),
        (
            r"\b(?-i:lift)(?:s|ed|ing)?\b(?=(?:\s[\w-]+){0,3}\s(?:bans?|blockades?|curbs?|embargo"
            r"|restrictions?|sanctions?|suspension|freeze|moratorium|strike|siege|lockdown)\b)",
            "ends",
        ),
        (
            r"\b(?-i:eas)(?:e|es|ed|ing)\b(?=(?:\s[\w-]+){0,3}\s(?:rules?|curbs?|limits?|controls?"
            r"|restrictions?|requirements?|sanctions?|lockdown|ban)\b)",
            "relaxes",
        ),
        (r"\b(?:gets?|got|given|jailed for)\b(?= [\w-]+ (?:years|months)\b)", "sentenced to"),
        (
            r"\b(?-i:annual)\b(?=(?:\s\w+)?\s(?:profits?|earnings|results?|sales|revenues?|income"
            r"|loss|forecasts?|outlook|guidance|targets?|view)\b)",
            "full-year",
        ),
        (
            r"\b(dollar|yen|euro|sterling|yuan|rupee|peso|rand|lira|rou?ble|baht|ringgit|franc|zloty"
            r"|forint|shekel|krona|rupiah|gold|silver|copper|crude|wheat|corn|prices?|cocoa|sugar"
            r"|coffee|yields?|stocks|shares|crown|koruna|kron[ae]|won|dong|dirham|riyal|dinar|tenge|leu|lev"
            r"|hryvnia|naira|shilling|cedi|real|taka|bitcoin|oil|aluminium|zinc|nickel)\sfirms?\b",
            r"\1 rises",
        ),
        (
            r"\b(?:gets?|got|wins?|won|receives?|received|secures?|secured|obtains?|obtained|gains?|recieve[sd]?)"
            r"\b(?=(?:\s[\w.'-]+){0,3}\s(?:approval|clearance|nod|go-ahead|green light)\b)",
            "",
        ),
        (r"(?<![\w.])[\w.]+-(?:based|hit|listed|backed|owned|led)\b", " "),
        # Of a market, that the day ended so says no more than that it was so.
        (
            r"\b(?:ends?|ended|clos(?:e|es|ed)|settles?|settled|finish(?:es|ed)?)"
            r"(?=\s(?:[\d.]+\s?(?:%|pct|percent)\s)?(?:higher|lower|up|down|flat|mixed|at)\b)",
            "",
        ),
        (r"\bleav(?:e|es|ing)\b(?=\s\w+\s(?:dead|missing|injured|homeless)\b)", ""),
        (r"\bin (?:a |an )?deal (?:worth|valued at)\b", "for"),
        (
            r"\b(?:from|on|over|than)(?: the)? (?:previous|prior|preceding) (month|quarter)\b",
            r"\1ly",
        ),
        (
            r"\b(?:drop(?:s|ped)?|ends?|ended)\b(?=(?:\s[\w.,'$\u00a3\u20ac-]+){0,4}\s(?:bids?|offers?|lawsuits?"
            r"|suits?|plans?|charges|case|appeal|claims?|pursuit|proposals?|takeover|probe|inquiry"
            r"|investigation)\b)",
            "scraps",
        ),
        (r"\bblock(?:s|ed)?\b(?=(?:\s[\w'-]+){0,2}\s(?:assets|accounts)\b)", "freezes"),
        (
            r"\b(?:(?:against|vs\.?|versus|compared with)\s(?:an?\s|the\s)?)?"
            r"(?:prior|previous|poll|consensus|f'?cast|forecasts?|expectations?|estimates?)"
            r"(?:\sof)?\s(?:up\s|down\s)?\s?(?=[$\u00a3\u20ac]?\d)",
            "from ",
        ),
        (
            r"\b(?:takes?|took|taking)\b(?=(?:\s[\w.,%'-]+){0,4}\s(?:stake|holding|interest)\b)",
            "buys",
        ),
        (
            r"\b(begins?|starts?|launch(?:es)?|resumes?|halts?|stops?|suspends?) sales(?= of\b)",
            r"\1 selling",
        ),
        (
            r"\b(begins?|starts?|resumes?|halts?|stops?|suspends?)"
            r" (?:making|producing|manufacturing)\b",
            r"\1 output",
        ),
        (r"\b(north|south)-(east|west)", r"\1\2"),
        (r",?\sblam(?:es|ed|ing)\b", " citing"),
        (r"\bper cent\b", "%"),
        (
            r"\b(?:fires|fired)\b(?=\s\S+\s(?:staff|workers|employees|people|executives)\b)",
            "lays off",
        ),
        (
            r"\bpull(?:s|ed|ing)?\b(?=(?:\s[\w'-]+){0,3}\s(?:guidance|forecasts?|outlook|view|targets?"
            r"|bid|offer|ipo|listing|float|flotation)\b)",
            "withdraws",
        ),
        (rf"\bin (?:the )?(?:year|12 months) to (?=(?:{_MONTHS})[a-z]*)", "yearly "),
        # Where an outlook is now, says also which way it was moved.
        (
            rf"\b(?:{_MOVED})\b(?=(?:\s[\w'.&-]+){{0,5}}\soutlook(?:\s[\w'.&-]+){{0,4}}\sto\s{_STANDS})",
            " ",
        ),
        (rf"(?<=\boutlook )(?:{_MOVED})(?= to {_STANDS})", " "),
        (rf"(\bin (?:{_MONTHS})[a-z]*) from (?:{_MONTHS})[a-z]*\b", r"\1 monthly"),
        (r"\bw/(?=\s)", "with"),
        (r"\b(?:vs\.?|versus)\s(?=[$\u00a3\u20ac]?\d)", "from "),
        (rf"\b([a-z]{{2,}})-({'|'.join(ADVERBS)})s?\b(?!-)", r"\1\2"),
        (r"\bwon't\b", "will not"),
        (r"\bcan't\b|\bcannot\b", "can not"),
        (r"n't\b", " not"),
        (r"\b(e|co|re|non|pre|multi|sub|inter)-(?=[a-z])", r"\1"),
    )
)
_A_PHRASE = re.compile(
    r"outlook|rec[ie]{2}ve|cast|expectation|estimate|against|\bt[ao]k|\bstart|\bbegin"
    r"|\bresume|\bstop|halt|launch|suspend|north-|south-|\bdrop|\bend|\bblock|prior"
    r"|previous|\bpoll|consensus|\bblam|\bfire[sd]|\bpull|\bin |\bfrom |euro"
    r"|\bfirms?\b|\b[ymq]r?[/-]|\b[ymq]o[ymq]\b|month"
    r"|quarter|\blea?[vf]|\blift|\beas|\bg[eio]|jailed|annual|-(?:based|hit|listed|backed|owned|led)"
    r"|approval|clearance|\bnod\b|ahead|green|n't|\bcannot|\b(?:e|co|re|non|pre|multi|sub|inter)-"
    r"|per cent|w/|\bvs\b|versus|[a-z]-(?:up|off|out|in|down|over)|higher|lower|\bup\b|\bdown\b"
    r"|flat|mixed|\bat\b",
    re.IGNORECASE,
)
"""Where none of this stands, there is no such phrase either."""


_BANKS: Final = {
    bank: f"{country} central bank"
    for line in """
        Australia: RBA, Reserve Bank of Australia
        Brazil: BCB
        Britain: BoE, Bank of England
        Canada: BoC, Bank of Canada
        Chile: BCCh
        China: PBOC, People's Bank of China
        Czech: CNB, Czech National Bank
        Hungary: NBH, MNB, National Bank of Hungary
        India: RBI, Reserve Bank of India
        Indonesia: Bank Indonesia
        Israel: Bank of Israel
        Japan: BOJ, Bank of Japan
        Korea: BOK, Bank of Korea
        Malaysia: BNM, Bank Negara Malaysia, Bank Negara
        Mexico: Banxico, Bank of Mexico
        New Zealand: RBNZ, Reserve Bank of New Zealand
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
_LONG: Final = "|".join(re.escape(bank) for bank in _BANKS if " " in bank)
_SHORT: Final = "|".join(f"{bank}|{bank.upper()}" for bank in _BANKS if " " not in bank)
_BANK: Final = re.compile(rf"\b(?:(?i:{_LONG})|{_SHORT})\b")
_NAMED: Final = {name.upper(): instead for name, instead in _BANKS.items()}


def _central(found: re.Match[str]) -> str:
    return _NAMED[found[0].upper()]


def reworded(text: str) -> str:
    """``text`` with each phrase in the form that ``wording.txt`` knows."""
    text = _BANK.sub(_central, text)
    if _A_PHRASE.search(text):
        for pattern, instead in _PHRASES:
            text = pattern.sub(instead, text)
    return text
