"""Words beside a name by which it is a company: *says*, *to buy*, *shares*, *-owned*, *'s*."""

from __future__ import annotations

import re
from typing import Final

from ingest.text import words

_NOUNS: Final = words(
    "analyst analysts arm board bond bonds boss buyback ceo cfo chairman chairwoman chief "
    "director dividend dividends division earnings economist economists executive executives "
    "forecast forecasts founder franchisee franchisees guidance investor investors ipo lawyers "
    "outlook payout pilots profit profits quarter quarterly refineries refinery results revenue "
    "revenues sales share shareholder shareholders shares spokesman spokesperson spokeswoman "
    "stock stocks store stores strategist strategists subsidiary unit units"
)
_VERBS: Final = words(
    "abandon absorb accelerate accept accuse acquire adapt add admit adopt agree aim announce "
    "apologise apologize appeal appoint approach ask assure attract automate back ban be bear "
    "beat become bet bid blame boost borrow brace bring build buy cancel cap cast challenge "
    "change charge cheer cite claim climb collect combine compete complete concede confirm "
    "consider contest continue contribute convert convince cooperate court crack curb cut debut "
    "decide declare decline dedicate deepen defend defer defy delay delist deliver deny deploy "
    "detail develop dip disappoint disclose discontinue discount dispose ditch divest double "
    "drag drill drop earmark earn eliminate embrace emerge end endorse engage enlist ensure "
    "enter escape estimate evacuate examine exceed exit expand expect explore extend eye face "
    "fall fend fight file finalise finalize finish fire fix flag focus forecast forge forgo "
    "freeze fulfil fund furlough gain get give grant grapple grow halt halve help hike hint hire "
    "hope idle ignore import improve increase incur inject install integrate introduce invest "
    "issue join jump justify keep lag launch lay lead lean leap leave lend let license lift list "
    "lobby look loosen lose lower lure maintain make manufacture mark meet mend merge miss "
    "modernise mothball move mull name narrow near negotiate offer offload open oppose order "
    "oust outbid outline outpace outperform outsource outstrip overcome overhaul overtake owe "
    "pare partner pause pay penalise permit phase pick pilot pitch plan plead pledge plummet "
    "plunge poach post postpone prefer prepare present press prevail probe produce promise "
    "promote propose provide prune publish pull pump purchase push put quadruple qualify "
    "question quit raise rally reach reaffirm reap reassure rebound rebrand recall record recoup "
    "recover recruit redeem reduce refinance refresh refund refuse regain rein reinstate "
    "reiterate reject relaunch release relocate remain remodel remove rename renew reopen repair "
    "repay repeat replace reply report repurchase rescue reshuffle resist resolve restart "
    "restate restore restructure resume retain rethink retire retreat retrench return reveal "
    "reverse review revise revive reward rewrite rise roll run sack sail say scale score "
    "scramble scrap secure see seek sell separate serve set settle shake shed shelve ship shore "
    "shorten shrink shrug shut shutter sideline sign signal simplify sink skip slash slide slip "
    "slow slump snub soar soften spark speed spend spin split sponsor spurn squeeze stage stall "
    "start stay stick stockpile stop strengthen stretch struggle study submit succeed sue suffer "
    "supply surge surpass surrender suspend swap swing switch tackle take talk tap target team "
    "tell terminate test threaten thrive tie tighten tip top tout track trade trail train "
    "transfer transform treble trim triple trounce try tumble turn undercut underwrite unload "
    "unveil unwind update upgrade uphold urge use vacate veto visit void vow waive want warn "
    "weaken weather weigh widen win withdraw woo work write yank"
)
_ALSO_NOUNS: Final = words(
    # Behind Visa or Gap in a headline these are as often things as deeds: *visa delays*.
    "ask ban be cap challenge change charge claim control cost court crack delay detail discount "
    "end fee fix grant issue mark permit phase probe question record review run score set "
    "signal slot speed stage study talk test tie tip trade trail trap try use visit work"
)
_PAST: Final = words(
    "accused acquired agreed announced declined downgraded earned fell fined has is posted "
    "reported rose said sued swung told unveiled upgraded warned was"
)
_OTHER_LANGUAGES: Final = words(
    # French, German, Spanish, Italian; folded.
    "abaisse abre achete annonce annuncia anuncia apre augmente baut chiude cierra compra "
    "despide erhoht ferme gagne gana hebt investit invierte kauft lance lancia lanza meldet "
    "nomme ouvre perd pierde plant preve prevoit rachete releve schliesst senkt signe startet "
    "steigert steigt streicht sube supprime taglia va vend vende verkauft veut vise warnt"
)
_HYPHENATED: Final = (
    "affiliated|backed|branded|built|controlled|designed|funded|led|made|managed|operated|owned|"
    "partnered|run|supported"
)
_OBJECTS: Final = words(
    "a all an another fewer former fresh full-year her his its less more most new record some "
    "that the their these this those"
)
"""What follows a verb and seldom a noun: *Gap revives its logo*, but *gap years abroad*."""
_ROLES: Final = re.compile(
    r"(?:shares (?:of|in)|stake in|retailer|insurer|chain|carmaker|automaker|lender|brewer|"
    r"drugmaker|chipmaker|miner|grocer|airline|carrier|supermajor|conglomerate|oil major|giant|"
    r"rivals?|operator|parent|owner|company|group|broker|app|start-?up)\s\Z",
    re.IGNORECASE,
)
_ARRANGED: Final = re.compile(
    r" (?:(?:set|poised|due|cleared|told|ordered|forced|said|likely|ready|free) to|"
    r"in talks|under (?:fire|investigation|pressure|scrutiny)|hit (?:by|with)|"
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


_DEEDS: Final = (
    frozenset(map(_third_person, _VERBS - _ALSO_NOUNS)) | _NOUNS | _PAST | _OTHER_LANGUAGES
)


def beside(text: str, start: int, end: int) -> bool:
    """Whether the words beside ``[start, end)`` say that it is a company."""
    if _GENITIVE.match(text, end) or _ARRANGED.match(text, end):
        return True
    after = _NEXT_WORDS.match(text, end)
    if after is not None:
        first, second = after[1].lower(), (after[2] or "").lower()
        if first in _DEEDS or (first == "to" and second in _VERBS):
            return True
        if second in _OBJECTS and first.endswith(("s", "ed")) and len(first) > 3:
            return True
    return _ROLES.search(text, max(0, start - _NEAR_CHARS), start) is not None
