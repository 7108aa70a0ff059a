"""A word without its ending, so that rise, rises, rising and rose are one.

Not a grammarian's stem: what matters is that all forms of a word come out alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_LIGHT: Final = {"s": "", "d": "", "ll": "", "re": "", "t": ""}
_IRREGULAR: Final = {
    form: word
    for line in """
        fall fell fallen|rise rose risen|grow grew grown|sell sold|buy bought|win won|lose lost
        |slide slid|sink sank sunk|shrink shrank shrunk|build built|hold held|keep kept|take took
        taken|give gave given|see saw seen|get got|begin began begun|leave left|pay paid
        |seek sought|swing swung|lead led|spend spent|make made|find found|meet met|say said
        |tell told|show shown|withdraw withdrew withdrawn|freeze froze frozen|choose chose chosen
        |sue sued|tie tied|die died|strike struck|sign signed|leap leapt|uphold upheld
        |withhold withheld|draw drew drawn|drive drove driven|fly flew flown|break broke broken
        |catch caught|deal dealt|feel felt|flee fled|hide hid hidden|lay laid|lend lent
        |overcome overcame|overtake overtook|run ran|ride rode|send sent|shake shook
        |spring sprang sprung|stand stood|steal stole stolen|tear tore|throw threw thrown
        |come came|become became|rebuild rebuilt|repay repaid|undergo underwent|mislead misled
        |write wrote written|know knew known|beat beaten|spin spun|stick stuck|sweep swept
        |swear swore sworn|shoot shot|dig dug|hang hung|overthrow overthrew overthrown
        |foresee foresaw|forbid forbade|outsell outsold|overhang overhung|wear wore
        |high highest higher|low lowest|bring brought
        |wine wines|care cares|fare fares|code codes|cape capes|tape tapes|pine pines
    """.replace("\n", " ").split("|")
    for word, *forms in [line.split()]
    for form in forms
}
_KEPT: Final = frozenset(
    {"united", "news", "texas", "paris", "gas", "wales", "sales", "succeed", "exceed", "proceed"}
    | {"need", "feed", "seed", "speed", "bleed", "breed", "wine", "care", "fare", "code", "cape"}
    | {"tape", "pine"}
)
"""Words whose end is no ending."""
_BRITISH: Final = (
    (re.compile(r"(?<=[a-z]{3})our(?=$|ed$|s$|ing$|ite)"), "or"),
    (re.compile(r"(?<=[a-z]{3})is(?=e$|ed$|es$|ing$|ation)"), "iz"),
    (re.compile(r"(?<=[a-z]{2})enc(?=e$|es$|ed$)"), "ens"),
    (re.compile(r"^(cent|met|lit|theat|fib)re(?=s?$)"), r"\1er"),
    (re.compile(r"^programme"), "program"),
    (re.compile(r"^alumini?um"), "aluminum"),
    (re.compile(r"sulph"), "sulf"),
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """A word without its ending, alike for all forms of regular words; no word of its own."""
    if word[0] in "-0123456789" or word in _KEPT:
        return word
    word = word.replace(".", "")
    if "'" in word:
        head, _, tail = word.rpartition("'")
        word = head if tail in _LIGHT and tail != "t" else word.replace("'", "")
    word = _IRREGULAR.get(word, word)
    if len(word) <= 3 or word in _KEPT:
        return word
    for pattern, instead in _BRITISH:
        word = pattern.sub(instead, word)
    if len(word) > 8:
        word = word.removesuffix("ment")
    for ending, instead in (
        ("ies", "y"),
        ("ied", "y"),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ):
        if (
            word.endswith(ending)
            and len(word) - len(ending) >= 3
            and not word.endswith(("ss", "us", "is"))
        ):
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsez":
        word = word[:-1]
    if len(word) > 5 and word.endswith("ll"):
        word = word[:-1]  # cancelled, annulled
    return word.removesuffix("e") if len(word) > 3 else word
