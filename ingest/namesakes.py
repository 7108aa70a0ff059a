"""Persons, places, stadiums, schools and tournaments that are called like a company.

What they have in common does not depend on the company: *Senator*, *Sir Philip* before a name,
*Stadium*, *County*, *University*, *Championship* behind it.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.text import words

TITLES: Final = words(
    "ambassador baron baroness bishop cardinal chancellor colonel congressman congresswoman "
    "councillor countess dame detective dr gov governor judge justice king lady lieutenant lord "
    "madam mayor minister miss mr mrs ms pope premier prince princess prof professor queen rep "
    "representative reverend secretary sen senator sergeant sheriff sir sister"
)
"""Words before a person's name; not *president* or *chairman*, which companies have too."""

GIVEN_NAMES: Final = words(
    "aaron abigail adam adrian agnes ahmed akira alan albert alejandro alex alexander alexandra "
    "alexei alfred alice alison allan amanda amy ana anand anders andre andrea andreas andrew "
    "andrzej angela anil anita anjali ann anna anne anthony antoine antonio arjun arthur arun "
    "ashok barbara ben benjamin bernard bernd betty beverly blake bob bobby brad bradley brandon "
    "brenda brian bruce bruno bryan caleb cameron carl carla carlos carmen carol caroline "
    "catherine charles charlie cheryl chloe chris christian christina christine christopher "
    "christy claire clara claude claudia colin connor craig cynthia daisy dan daniel danny "
    "darren dave david deborah deepak denis dennis derek diana diane diego dmitry dominic donald "
    "donna dorothy doug douglas duncan dylan edgar edith eduardo edward edwin eleanor elena "
    "elijah elizabeth ella ellen emily emma enrique enzo eric erik ernest esther ethan eugene "
    "eva evan evelyn felix ferdinand fernando fiona francesca francesco francis francisco "
    "francois fred freddie frederick friedrich fritz gabriel gareth gary gautam gavin geoffrey "
    "george gerald gerard giovanni glenn gloria gordon graham greg gregory guillermo gunther "
    "gustav guy hannah hans harold harriet harrison harry harvey hassan heather heinrich heinz "
    "helen helmut henri henrik henry herbert hermann hiroshi howard hugh hugo ian ibrahim ichiro "
    "igor irene isaac isabel isabella ivan jacob jacqueline jacques jaime james jamie jan jane "
    "janet janice jared jason javier jay jean jeanine jeff jeffrey jennifer jenny jeremy jerome "
    "jerry jesse jessica jill jim jimmy joan joanna joe joel johan johann johannes john johnny "
    "jonathan jorge jose joseph josephine joshua juan judith juergen jules julia julian julie "
    "jurgen justin kai kamal karen karl karsten kate katherine kathleen kathryn kathy katie "
    "kazuo keith kelly ken kenichi kenji kenneth kevin kim kimberly kiran klaus kumar kurt kyle "
    "larry lars laura lauren laurent lawrence leah leila leon leonard leonardo leslie lewis liam "
    "linda lindsay lionel lisa lita liz lorenzo louis louise luca lucas lucy ludwig luis luke "
    "lydia magnus malcolm manuel marc marcel marco marcus margaret maria marie marina mario "
    "marion marlene marta martha marthe martina matt matthew matthias maureen maurice maurizio "
    "megan mehmet melanie melissa michael michel michelle miguel mike mikhail mitchell mohamed "
    "mohammed monica morris muhammad nadia nan nancy naoko naomi natalia natalie natasha nathan "
    "neil nicholas nick nicola nicolas nicole nigel nikola nikolai nina noah nora norman oliver "
    "olivia oscar otto owen pablo pamela patricia patrick paul paula pauline pavel pedro perez "
    "pete peter phil philip philippe phillip pierre pieter pradeep prakash priya rachel rahul "
    "raj rajesh ralph ramesh ramon randy raul ravi ray raymond rebecca reginald ricardo richard "
    "rick rob robert roberto robin rodrigo roger roland ron ronald rosa rosemary roy rudolf "
    "rupert russell ruth ryan sally sam samantha samuel sandeep sandra sanjay sara sarah satoshi "
    "scott sean sebastian sergei sergio shane sharon shaun shawn sheila shigeru shinichi shirley "
    "shunichi simon sofia soichiro sonia sophia sophie stanley stefan stella stephanie stephen "
    "steve steven stuart sunil suresh susan suzanne sven sylvia takashi takeshi tara tatiana ted "
    "terence teresa terry theodore theresa thomas tiffany tim timothy todd tom tony tracy trevor "
    "tyler umberto ursula valentina vanessa vera vicente vicky victor vijay vikram vincent "
    "vivian vladimir walter warren wayne wendy werner wilhelm william wolfgang xavier yasmin "
    "yuki yuri yves yvonne zachary zoe"
)
"""First names, folded. Those that are also words of headlines (Will, Mark, May, Rich, Grant,
Frank, Bill, Chase, Austin, Virginia, Jordan) are left out."""

INSTITUTIONS: Final = words(
    "academy amphitheater amphitheatre arena auditorium ballpark bowl center centre championship "
    "championships church classic college county cup elementary festival foundation hall high "
    "hospital institute institution invitational island lake library marathon memorial middle "
    "museum observatory open playhouse polytechnic prize scholarship scholarships school "
    "speedway stadium township university velodrome"
)
"""Words behind a name that make it a place, a school, a foundation or a sponsored event."""

PLACES: Final = words(
    "avenue beach boulevard bridge canyon city creek district dome drive field fields heights "
    "hill hills isle lane manor mansion mountain park peak peninsula place plaza raceway ranch "
    "ridge river road rock run square street town trail valley village"
)
"""The same, but only with a capital letter that says something: *Tesla Road Trip* is no road."""

_ALSO_WORDS: Final = words("bowl classic cup hall high marathon middle open prize")
BEFORE: Final = words("mount mt lake fort port camp cape saint st san santa lago")
_FAMILY: Final = frozenset(("family", "heir", "heirs", "heiress", "dynasty", "clan"))

_WORD_BEFORE = re.compile(r"([A-Za-z]+)\.? (?:[A-Z]\.? )?\Z")
_WORD_AFTER = re.compile(r" (?:(?:High|Business|Medical|Memorial) )?([A-Za-z]+)(?! of\b)")
_NEAR_CHARS = 30


def is_person(text: str, start: int, end: int) -> bool:
    """Whether a title, or a first name and perhaps an initial, is before ``[start, end)``."""
    before = _WORD_BEFORE.search(text, max(0, start - _NEAR_CHARS), start)
    if before is None or not before[1][0].isupper():
        return False
    word = before[1].lower()
    return word in GIVEN_NAMES or word in TITLES


def is_place(text: str, start: int, end: int, *, capitals_speak: bool) -> bool:
    """Whether ``[start, end)`` is a part of a place's, a school's or an event's name.

    ``capitals_speak``: a capital letter is there for a name, not for a headline's style.
    """
    after = _WORD_AFTER.match(text, end)
    if after is not None:
        word = after[1].lower()
        if word in _FAMILY:
            return True
        if after[1][0].isupper():
            if word in INSTITUTIONS and (capitals_speak or word not in _ALSO_WORDS):
                return True
            if word in PLACES and capitals_speak:
                return True
    before = _WORD_BEFORE.search(text, max(0, start - _NEAR_CHARS), start)
    return before is not None and before[1][0].isupper() and before[1].lower() in BEFORE
