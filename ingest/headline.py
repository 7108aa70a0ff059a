"""The parts of a headline: what desks and feeds put before and behind it, and the headline itself.

By pattern, not by a list: what stands behind a dash, a bar or in brackets at the end, or before a
colon or a hyphen at the beginning, may be a tag, or may be a part of what is told. Only what says
nothing anywhere is thrown away (counts of editions, links, tickers, who says so, agencies); the
rest is kept apart, and the rule between two articles decides.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final, NamedTuple


class Parts(NamedTuple):
    """Of one headline, in order; all but ``head`` may be empty. ``date`` is as ``nov252026``.

    ``source`` is who says so: it may tell on which day, or by its name another report.
    """

    slug: str
    head: str
    tail: str
    date: str = ""
    source: str = ""


MOST_TAILS: Final = 3
LEAST_HEAD: Final = 12
"""Characters that must be left before a tail."""

# What stands before a headline and says how often it was sent: UPDATE 1-, WRAPUP 3-.
_COUNTED = re.compile(
    r"\b(?:UPDATE|WRAPUP|LEAD|RECAP)\s\d{1,2}\s?-"
    r"|^\W*(?:\d(?:st|nd|rd|th)\s)?(?:LD|LEAD|WRITETHRU|TAKE|ADD)\b[)\]:\s-]+"  # (2nd LD)
    # 09:14, [7.30 pm ET]
    r"|^\W*\d{1,2}[:.]\d{2}(?:\s?[ap]\.?m\.?)?(?:\s(?:GMT|UTC|[CE]E?[SD]?T|BST))?\b\W+(?=[A-Z])"
)
# Tickers, tags, links and who posts them: (NASDAQ: ACM), #oil, via @desk, More: lnk.example/x
_ASIDE = re.compile(
    r"\(\s*\$?[A-Z]{1,8}s?(?:[.:]\s?[A-Z0-9.]{1,8})?\s*\)|(?<=\w\s)\[[A-Z]{2,5}(?:\.[A-Z]{1,2})?\]|(?<!\S)#\w+"
    r"|(?i:\b(?:read |see |find out )?(?:more|the story|details|link|full story|story|here)"
    r"(?: (?:here|at|on|below))?:?\s)?"
    r"(?:(?<![\w-])[\w-]+\.[a-z]{2,8}/\S+|https?:\S+)"
    r"|(?i:\b(?:via|by|from|rt|h/t)\s)?@\w+:?"
)
_MAY_BE_ASIDE = re.compile(r"[(\[#@/]")
# Acme $ACM to buy, lender $ACM Acme: the ticker beside the name.
_BESIDE = re.compile(
    r"(?<=[\w.])\s\$[A-Z]{1,5}\b(?=\s+[a-z])|(?<=[a-z])\s\$[A-Z]{1,5}\b(?=\s[A-Z])"
)
_SLUG = re.compile(
    r"^\W*(?:\[[^\]]{1,30}\]|\([A-Z][^()]{1,30}\)(?=\s[A-Z])"  # [Companies], (Fjord Ledger)
    r"|[^|]{1,30}?\s?\|(?=\s|[A-Z])"  # India Markets |
    r"|\$[A-Z.]{1,6}(?=\s[A-Z][a-z])"  # $ACM before the name
    r"|[A-Z][A-Z0-9.]{1,9}\s-+\s"  # ACM.AX -
    r"|(?:[A-Z][A-Z0-9/&.]*\s){0,3}[A-Z][A-Z0-9/&.]+(?:-|\s-+\s|:|/\s|/(?=[A-Z][a-z]))(?=\s?\S)"
    r"|[A-Z]{2,6}-[A-Z][a-z]+:\s|[A-Z]{2,6}\s\d{1,4}:\s"
    r"|[A-Z][A-Za-z]+(?:\s(?:[A-Z]?[a-z]+|[A-Z]{2,4})){0,2}:\s)"  # Morning bid:, Asia FX:
)
# Q & A, R & D
_LETTERS = re.compile(r"(?<![\w&] )\b([A-Z]) & (?=[A-Z]\b)")
# BUENOS AIRES, Nov 26 (Reuters) -
_DATELINE = re.compile(
    r"^[A-Z][\w./' -]{2,30}(?:,\s[A-Z][a-z]{2,8}\.?\s\d{1,2})?\s\([A-Z][\w ]{1,18}\)"
    r"\s*[-\u2013\u2014]+\s"
)
# $ACM $X behind a headline: which security it is about, and seldom a part of the sentence.
_CASHTAGS = re.compile(r"(?:\s\$[A-Z]{1,6}(?:\.[A-Z])?\b)+[^\w$]*$")
# - Nov 25, 2026; | 25 November 2026
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATED = re.compile(
    rf"\s?[-|,(\u2013\u2014]\s?(?:(?P<month>{_MONTHS})[a-z]*\.?\s(?P<day>\d{{1,2}}),?"
    rf"|(?P<on>\d{{1,2}})\s(?P<of>{_MONTHS})[a-z]*\.?)\s(?P<year>\d{{4}})\W*$"
)
# - Outlet, | Outlet, (Outlet), [Section], -WSJ, , RTRS, By Outlet.com
_PAPERS = (
    "News|Times|Post|Weekly|Daily|Journal|Wire|Herald|Tribune|Gazette|Monitor|Report|Review|Courier"
    "|Ledger|Chronicle|Observer|Telegraph|Globe|Mail|Standard|Today|Insider|Business|Desk"
)
_TAIL = re.compile(
    r"(?:\s(?:[-|\u2013\u2014~\u2022\u00b7\u00bb]+|>+|::|//|/)\s?|\|\s?|(?<=[a-z\s])-(?=[A-Z][\w.]*\W*$)"
    rf"|,\s(?=[A-Z]{{2,6}}$)|,\s(?=(?:[A-Z]\w+\s){{1,3}}(?:{_PAPERS})\W*$)"
    r"|\s[({\[]|\s/(?=\w+/)|(?<=[a-z\d]\s)By\s(?=[A-Z][\w.]+(?:\s[A-Z][\w.]+){0,3}$))"
    r"(?P<name>[^-|(){}\[\]\u2013\u2014:]{2,40}|[A-Z]{2,4}-[A-Z]{2,4})[)}\]/]?[\s.!]*$"
)
_BARS: Final = ("|", "::", ">", "\u2022", "\u00b7", "\u00bb", " / ")
"""Behind these, feeds put themselves, not a part of the headline."""
_OUTLET = re.compile(
    r"news|wire|reuters|rtrs|yahoo|\bap$|\bafp$|bloomberg|times$|journal$|\bwsj$|cnbc|\bft$"
    r"|release|[a-z]PR$|newsroom|marketwatch|\bdesk\b|headlines|\.com$|\b(?:bbc|cnn|dpa|efe|pti)\b"
    r"|investing|seeking alpha|benzinga|barron's|motley fool|the economist|dow jones|nikkei|xinhua"
    r"|kyodo|interfax",
    re.IGNORECASE,
)
_SAYS = "says?|said|saying|shows?|showed|tells?|told|reported|according|indicates?|suggests?"
_WHO = (
    "sources?|people|filings?|minister|ministry|officials?|regulator|reports?|survey|statement|data"
    "|term sheet|spokesm[ae]n|spokesperson|spokeswoman|traders?|analysts?|documents?|memo|union"
    "|government|company|bank|agency|exchange|media|poll|delegates|executive|ceo|cfo|chairman"
    "|prosecutors|police|court|lawyer|statistics office|central bank|bourse|department"
)
# Who says so: ", bank says in statement", " - sources", ": delegates", ", survey shows".
_SAID = re.compile(
    rf"(?:,|\s[-\u2013\u2014]+)\s?(?:(?:[\w'.&]+\s){{0,7}}(?i:{_SAYS})\b"
    r"(?:\s(?:in|on|to|by|with|reporters?|investors)\b[^,:;]{0,30})?"
    rf"|(?:sources?|people|officials?)\b[\w\s]{{0,40}}|(?:[\w'.&]+\s){{0,3}}(?:{_WHO}))\W*$"
    r"|(?:,\s(?:via|per)|,?\saccording to)(?:\s[A-Z][\w.&'-]*){1,4}\W*$"
    r"|:\s(?:[A-Z]{2,5}|(?!the\s)(?:[a-z]+\s)?[a-z]{4,12})$"
)
# When it was so, of a market: "in early trade", "in late London dealings".
_HOURS = re.compile(
    r",?\s(?:in|during)\s(?:early|late|morning|afternoon|midday|premarket|pre-market|after-hours|thin)"
    r"(?:\s[\w.]+)?\s(?:trade|trading|deals|dealings|session|hours)\W*$",
    re.IGNORECASE,
)
# A headline that was cut off, perhaps within its last word.
_CLIPPED = re.compile(r"\s[\w'-]*\s?(?:\.\.\.|\u2026)\W*$")
# What a site writes behind a headline to be clicked.
_CALL = re.compile(
    r"(?:(?:\s[-\u2013\u2014]+\s|[:;,.]\s|\s)"
    r"(?:link in (?:bio|profile|first comment|comments?)|more in (?:thread|comments)|thread|1/\d)"
    r"|\s(?:\(\d\)|-\d-)"
    r"|\s\((?:adds|updates|recasts|repeats|refiles|rewrites|releads)\b[^()]{0,40}\)"
    r"|\W+\d{1,2}[ -](?:min|minutes?)[ -](?:read|listen|watch|video)"
    r"|\s(?:[|\u2022\u00b7/]|[-\u2013\u2014]+)\s?"
    r"(?:share (?:this|on)\b|subscribe|sign up|watch|listen|comments?\b|print\b)"
    r"|(?:\s[-\u2013\u2014]+\s|[:;,.]\s)(?:here(?:'s|\u2019s| is| are)\b|what (?:you|to|we) "
    r"|what it means|all you need|everything you|read (?:more|on)|details inside|why it matters)"
    r"[^.]{0,40})\W*$",
    re.IGNORECASE,
)


def parts(title: str) -> Parts:
    """``title`` in three parts, without counts of its editions, tickers, tags and links."""
    if "&" in title:
        title = _LETTERS.sub(r"\1&", unescape(title))
    if _MAY_BE_ASIDE.search(title):
        title = _ASIDE.sub(" ", title)
    title = _DATELINE.sub("", _COUNTED.sub(" ", title).strip(), count=1)
    title = _cut(_cut(title, _CALL), _CLIPPED)
    date = ""
    if (found := _DATED.search(title)) is not None and found.start() >= LEAST_HEAD:
        month, day = found["month"] or found["of"], found["day"] or found["on"]
        date = f"{month}{int(day)}{found['year']}".casefold()
        title = title[: found.start()]
    tails: list[str] = []
    source = ""
    if "$" in title:
        tails.extend(_BESIDE.findall(title))
        title = _BESIDE.sub("", title)
    if (found := _CASHTAGS.search(title)) is not None and found.start() >= LEAST_HEAD:
        tails.append(found[0])
        title = title[: found.start()]
    for _ in range(MOST_TAILS):
        told = title
        title = _cut(title, _SAID)
        source = told[len(title) :] or source
        title = _cut(title, _HOURS)
        found = _TAIL.search(title)
        if found is None or found.start() < LEAST_HEAD or not _is_tail(found["name"]):
            break
        bar = any(sign in found[0] for sign in _BARS) and title.count(" ", 0, found.start()) >= 4
        if not bar and not _OUTLET.search(found["name"]):
            tails.insert(0, found["name"])
        title = title[: found.start()]
    slug = _SLUG.match(title)
    at = slug.end() if slug is not None and not title.isupper() else 0
    return Parts(title[:at], title[at:], " ".join(tails), date, source)


def _cut(title: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(title)
    return title[: found.start()] if found is not None and found.start() >= LEAST_HEAD else title


def _is_tail(name: str) -> bool:
    return len(name.split()) <= 5 and not any(c.isdigit() for c in name)
