"""Words beside a name by which it is a company: *says*, *to buy*, *shares*, *-owned*, *'s*."""

from __future__ import annotations

import re
from typing import Final

_NOUNS: Final = frozenset(
    "arm board boss buyback ceo cfo chairman chairwoman chief director dividend dividends "
    "division earnings economist economists executive executives forecast forecasts founder "
    "franchisee franchisees guidance investor investors ipo lawyers outlook payout pilots profit "
    "profits quarter quarterly refineries refinery results revenue revenues sales share "
    "shareholder shareholders shares spokesman spokesperson spokeswoman stock stocks store stores "
    "strategist strategists subsidiary unit units bond bonds analyst analysts".split()
)
_VERBS: Final = (
    "abandon absorb accelerate accept accuse acquire add admit adopt agree aim announce apologise "
    "apologize appeal appoint approach ask assure attract automate back ban beat bet bid blame "
    "boost borrow bring build buy cancel cap challenge claim climb combine compete complete "
    "confirm consider continue contest convert court curb cut debut decide declare decline "
    "defend defy delay delist deliver deny deploy develop dip disappoint disclose discontinue "
    "dispose ditch divest double drill drop earn eliminate embrace enter evacuate examine exceed "
    "exit expand expect explore extend eye face fall file finalise finalize fight fire "
    "forecast freeze fund furlough gain get give grapple grow halt halve hike hire idle import "
    "improve incur increase inject install introduce invest join jump keep launch lay lead leave "
    "lend license lift list lose lower maintain make manufacture merge miss mothball move mull "
    "narrow name near negotiate offer offload open oppose order oust outline outsource overhaul "
    "overtake owe pare partner pause pay pick pilot plan pledge plead plummet plunge poach post "
    "prepare present press prevail probe produce promise promote propose publish pull pump "
    "purchase push quit raise rally reach reaffirm reassure rebound rebrand recall recruit record "
    "recover redeem reduce refinance refund refuse regain reinstate reject relaunch release "
    "relocate rename renew reopen repair repay replace reply report repurchase rescue reshuffle "
    "resist resolve restart restate restore restructure resume retain retire retreat return "
    "reveal reverse review revise revive rise roll sack say scale scrap secure see seek sell "
    "separate set settle shake shed shelve ship shore shrink shut shutter sideline sign sink slash "
    "slide slip slow slump soar spin split spend sponsor start stay stick stockpile stop strike "
    "strengthen struggle sue suffer supply surge surpass suspend swap swing switch tap target "
    "team tell terminate test threaten tighten top tout track train transfer treble trim triple "
    "trounce tumble unload unveil update upgrade urge vow waive want warn weigh widen win "
    "withdraw woo write yank adapt brace cast cheer cite collect concede contribute cooperate "
    "deepen defer drag earmark emerge endorse engage enlist ensure escape estimate fend finish "
    "flag focus forge forgo fulfil get help hint hope ignore integrate issue justify lag lean "
    "leap lobby look loosen lure make mend modernise outbid outpace outperform outstrip overcome "
    "penalise permit phase pitch postpone prefer prune qualify quadruple reap recoup refresh "
    "rein reiterate remain remodel remove repeat rethink retrench reward rewrite sail scramble "
    "serve shorten shrug signal simplify skip snub soften spark spurn squeeze stage stall "
    "stretch study succeed surrender tackle take talk test thrive tie tip trail trade try turn "
    "undercut underwrite unwind uphold use vacate veto void weaken weather become be bear change "
    "charge convince cooperate crack decide dedicate detail discount end fix grant keep let mark "
    "meet merge probe provide put question reach run score set speed submit trade transform "
    "visit work".split()
)
_NOT_ALSO_NOUNS: Final = frozenset(
    # Behind Visa, Gap or Target in a headline these are as often things as deeds: *visa delays*.
    "ask ban be cap challenge change charge claim control cost court crack delay detail "
    "discount end fee fix grant issue mark order permit phase probe question record review "
    "run score set signal slot speed stage study talk test tie tip trade trail trap try use visit "
    "work".split()
)
_PAST: Final = frozenset(
    "said reported posted agreed announced earned unveiled warned sued told acquired declined "
    "swung rose fell downgraded upgraded".split()
)
_HYPHENATED: Final = (
    "affiliated|backed|branded|built|controlled|designed|funded|led|made|managed|operated|owned|"
    "partnered|run|supported"
)
_OBJECTS: Final = frozenset(
    "a an the its their his her this that these those another more fewer less most some all "
    "new record fresh former full-year".split()
)
"""What follows a verb and seldom a noun: *Gap revives its logo*, but *gap years abroad*."""
_ROLES: Final = re.compile(
    r"(?:shares (?:of|in)|stake in|retailer|insurer|chain|carmaker|automaker|lender|brewer|"
    r"drugmaker|chipmaker|miner|grocer|airline|carrier|supermajor|conglomerate|oil major|giant|"
    r"rivals?|operator|parent|owner|company|group|broker|app|start-?up)\s\Z",
    re.IGNORECASE,
)
_ARRANGED: Final = re.compile(
    r" (?:(?:set|poised|due|cleared|told|ordered|forced|said|likely|ready|free) to|in talks|"
    r"close to a|near a)\b",
    re.IGNORECASE,
)
_GENITIVE: Final = re.compile(rf"'s\b|'(?= )|-(?:{_HYPHENATED})\b", re.IGNORECASE)
_NEXT_WORDS: Final = re.compile(r" ([A-Za-z][A-Za-z-]*)(?: ([A-Za-z-]+))?")
_NEAR_CHARS: Final = 40


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "x", "ch", "sh", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeou" else verb + "s"


_INFINITIVES: Final = frozenset(_VERBS)
_DEEDS: Final = (
    frozenset(map(_third_person, _INFINITIVES - _NOT_ALSO_NOUNS)) | _NOUNS | _PAST | {"lays"}
)


def beside(text: str, start: int, end: int) -> bool:
    """Whether the words beside ``[start, end)`` say that it is a company."""
    if _GENITIVE.match(text, end) or _ARRANGED.match(text, end):
        return True
    after = _NEXT_WORDS.match(text, end)
    if after is not None:
        first, second = after[1].lower(), (after[2] or "").lower()
        if first in _DEEDS or (first == "to" and second in _INFINITIVES):
            return True
        if first.endswith("s") and len(first) > 3 and not first.endswith("ss"):
            return second in _OBJECTS
    return _ROLES.search(text, max(0, start - _NEAR_CHARS), start) is not None
