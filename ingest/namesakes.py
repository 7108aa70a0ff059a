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

PROFESSIONS: Final = words(
    "actor actress author batsman bowler boxer chef comedian cricketer cyclist drummer explorer "
    "footballer goalkeeper golfer guitarist historian inventor jockey midfielder novelist "
    "painter philosopher pianist pitcher playwright poet quarterback rapper sculptor singer "
    "skier sprinter striker surgeon swimmer"
)
"""What a person may be and a company may not."""

GIVEN_NAMES: Final = words(
    "aaron abigail adam adrian agnes ahmed ajay akira alan albert alejandro alex alexander "
    "alexandra alexei alfred ali alice alison allan amanda amit amy ana anand anders andre "
    "andrea andreas andrew andrzej angela anil anita anjali ann anna anne anthony antoine "
    "antonio arjun arthur arun ashok barbara basil ben benjamin bernard bernd beth betty beverly "
    "bill blake bob bobby brad bradley brandon brenda brian bruce bruno bryan caleb cameron carl "
    "carla carlos carmen carol caroline catherine cecil charles charlie cheryl chloe chris "
    "christian christina christine christopher christy chuck claire clara clarence clark claude "
    "claudia clyde colin connor corey craig curtis cynthia cyril cyrus daisy dan daniel danny "
    "darren dave david deborah deepak denis dennis derek dermot desmond diana diane diego dmitry "
    "dominic donald donna dorothy doug douglas duncan dwight dylan earl edgar edith eduardo "
    "edward edwin eleanor elena elijah elizabeth ella ellen emily emma enrique enzo eric erik "
    "ernest esther ethan eugene eva evan evelyn everett felix ferdinand fergus fernando fiona "
    "floyd francesca francesco francis francisco francois frank fred freddie frederick friedrich "
    "fritz gabriel gareth garrett gary gautam gavin geoffrey george gerald gerard gilbert giles "
    "giovanni glenn gloria gordon grace graham greg gregory guido guillermo gunther gus gustav "
    "guy hank hannah hans harold harriet harrison harry harvey hassan heather heinrich heinz "
    "helen helmut henri henrik henry herbert hermann hiroshi homer howard hugh hugo ian ibrahim "
    "ichiro igor ines ingrid ira irene irving isaac isabel isabella ivan jacinta jack jacob "
    "jacqueline jacques jaime james jamie jan jane janet janice jared jason jasper javier jay "
    "jean jeanine jeff jeffrey jennifer jenny jeremy jerome jerry jesse jessica jill jim jimmy "
    "joan joanna joe joel johan johann johannes john johnny jonathan jorge jose joseph josephine "
    "josh joshua juan judith juergen jules julia julian julie julius jun jurgen justin kai kamal "
    "karen karl karsten kate katherine kathleen kathryn kathy katie kay kazuo keith kelly ken "
    "kenichi kenji kenneth kevin kim kimberly kiran kirill kirk kirsten klaus kumar kurt kyle "
    "lachlan lakshmi lance larry lars laura lauren laurent lawrence leah leila leon leonard "
    "leonardo leroy leslie lester lewis liam liesel linda lindsay lionel lisa lita liz lloyd "
    "lorenzo louis louise luca lucas lucy ludwig luis luke luther lydia lyle magnus malcolm "
    "manuel marc marcel marco marcus margaret marguerite maria marie marina mario marion mark "
    "marlene marshall marta martha marthe martina marvin mathilde matt matthew matthias maureen "
    "maurice maurizio max maxwell meera megan mehmet mei melanie melissa melvin michael michel "
    "michelle miguel mike mikhail milton mitchell mohamed mohammed monica morris muhammad mukesh "
    "nadia nan nancy naoko naomi natalia natalie natasha nathan ned neil nelson nicholas nick "
    "nicola nicolas nicole nigel nikhil nikola nikolai nils nina noah noel nora norman oliver "
    "olivia omar orlando oscar ottavio otto owen pablo pamela patricia patrick paul paula "
    "pauline pavel pedro percy perez pete peter phil philip philippe phillip pierre pieter "
    "pradeep prakash preston priya quentin rachel rafael rahul raj rajesh ralph ramesh ramon "
    "randy ratan raul ravi ray raymond rebecca reginald rex ricardo richard rick rob robert "
    "roberto robin rodrigo roger rohan rohit roland ron ronald rosa rosemary ross roy rudolf "
    "rupert russell ruth ryan sally salman sam samantha samuel sandeep sandra sanjay sanjiv sara "
    "sarah satoshi scott sean sebastian sergei sergio shakuntala shane sharon shaun shawn sheila "
    "shigeru shinichi shireen shirley shunichi sidney sigrid silas simon sofia soichiro sonia "
    "sophia sophie soren spencer stanley stefan stella stephanie stephen steve steven stuart "
    "sunil sunita suresh susan suzanne sven sylvester sylvia takashi takeshi tara tatiana ted "
    "terence teresa terry theodore theresa thomas tiffany tim timothy tobias todd tom tony tracy "
    "travis trevor troy truman tyler ulrich umberto ursula uwe valentina vanessa vera vernon "
    "vicente vicky victor vijay vikram vincent virgil vivian vladimir wade wallace walter warren "
    "wayne wei wendell wendy werner wes wesley wilbur wilfred wilhelm william willie winston "
    "wolfgang woodrow xavier yasmin yoko yuki yuri yves yvonne zach zachary zara zoe"
)
"""First names, folded. Those that are also words of headlines (Will, Mark, May, Rich, Grant,
Frank, Bill, Chase, Austin, Virginia, Jordan) are left out."""

INSTITUTIONS: Final = words(
    "abbey academy airport amphitheater amphitheatre arena auditorium ballpark ballroom bowl "
    "cathedral center centre championship championships church classic coliseum college "
    "colosseum conservatory county cup derby elementary festival fieldhouse foundation gallery "
    "gymnasium hall high hospital institute institution invitational island kindergarten lake "
    "league library marathon masters memorial middle museum observatory open orphanage pavilion "
    "playhouse polytechnic prize racecourse regatta scholarship scholarships school seminary "
    "speedway stadion stadium superdome superspeedway theater theatre township trophy university "
    "velodrome zoo"
)
"""Words behind a name that make it a place, a school, a foundation or a sponsored event."""

PLACES: Final = words(
    "avenue basin bay beach borough boulevard bridge canyon castle city coast cove creek "
    "crossing dam desert district dome drive expressway falls farm farms field fields forest "
    "freeway gardens glacier glen gorge grove harbor harbour heights highway hill hills hollow "
    "isle junction lane lodge manor mansion monument moor mountain palace parish park parkway "
    "pass peak peninsula pier place plaza point prefecture province quay raceway ranch reef "
    "reservoir ridge river road rock run square station street town trail tunnel valley village "
    "way wharf woods"
)
"""The same, but only with a capital letter that says something: *Tesla Road Trip* is no road."""

_ALSO_WORDS: Final = words("bowl classic cup hall high marathon middle open prize")
BEFORE: Final = words("mount mt lake fort port camp cape saint st san santa lago")
_KIN: Final = frozenset(("heir", "heirs", "heiress", "dynasty", "clan"))

_WORD_BEFORE = re.compile(r"([A-Za-z]+)\.? (?:[A-Z]\.? )?\Z")
_MIDDLE = (
    "High|Business|Medical|Memorial|State|National|Community|Elementary|Primary|Secondary|Middle|"
    "Technical|Art|Law|Motor|Concert|Opera|Golf|Country|Tennis|Ladies|World|Premier|Regional"
)
_WORD_AFTER = re.compile(rf" (?:(?:{_MIDDLE}) )?([A-Za-z]+)(?! of\b)")
_OF_BEFORE = re.compile(
    r"\b(?:[Uu]niversity|[Cc]ity|[Tt]own|[Vv]illage|[Ii]sle|[Ii]sland|[Pp]ort|[Cc]hurch|Duke|Earl|"
    r"Prince|[Bb]ishop|[Aa]rchbishop|[Cc]ollege|[Cc]ounty|[Dd]istrict|[Pp]rovince|[Ss]uburb|Gulf|"
    r"Bay|Battle|House|Order|[Dd]iocese|[Pp]arish) of \Z"
)
_AGE_AFTER = re.compile(r", \d{2}(?:,|\.|$)| (?:Jr|Sr|II|III)\b| (?:dies|died|weds|marries)\b")
_KIN_AFTER = re.compile(
    r"'s? (?:widow|widower|wife|husband|daughter|sons?|brother|sister|mother|father|grandson|"
    r"granddaughter|memoirs?|novels?|poems?|biography|funeral|grave|birthplace|portrait)\b"
)
_FAMILY_AFTER = re.compile(
    r" family(?:\Z|[',.;:]| (?:feud|fortune|home|members?|owns|reunion|sells|stake|trust)\b)"
)
"""Not any family: *family-size packs* are a firm's."""
_TOWN_AFTER = re.compile(
    r", (?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|"
    r"Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|"
    r"Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New [A-Z]\w+|"
    r"North [A-Z]\w+|Ohio|Oklahoma|Oregon|Pennsylvania|South [A-Z]\w+|Tennessee|Texas|Utah|"
    r"Vermont|Virginia|Washington|Wisconsin|Wyoming|Ontario|Bahamas|Spain|France|England|Japan)\b"
)
_IN_BEFORE = re.compile(r"\b(?:[Ii]n|[Nn]ear|[Oo]utside|[Ff]rom|[Aa]t) \Z")
_NAME_BEFORE = re.compile(r"([A-Z][a-z]+|[A-Z]\.) \Z")
_NO_NAMES_BEFORE = re.compile(
    r"(?:[A-Z][a-z]+(?:an|ese|ish|day|ary|ember|ober|ust)|Dutch|French|Swiss|Greek|Thai|Czech|"
    r"March|April|May|June|July|The|And|For|With|Of|By|To|Is|Why|How|Will|Can)\Z"
)
_NEAR_CHARS = 30


def is_person(text: str, start: int, end: int) -> bool:
    """Whether a title or a first name is before ``[start, end)``, or an age or kin behind it."""
    if _AGE_AFTER.match(text, end) or _KIN_AFTER.match(text, end):
        return True
    before = _WORD_BEFORE.search(text, max(0, start - _NEAR_CHARS), start)
    if before is None:
        return False
    word = before[1].lower()
    if before[1][0].isupper():
        return word in GIVEN_NAMES or word in TITLES
    return word in PROFESSIONS


def name_before(text: str, start: int) -> int | None:
    """Where a capitalised word before ``start`` begins: a first name, unless it begins a sentence.

    Nationalities and dates do not count.
    """
    before = _NAME_BEFORE.search(text, max(0, start - _NEAR_CHARS), start)
    if before is None or _NO_NAMES_BEFORE.match(before[1]):
        return None
    return before.start()


def is_place(text: str, start: int, end: int, *, capitals_speak: bool) -> bool:
    """Whether ``[start, end)`` is a part of a place's, a school's or an event's name.

    ``capitals_speak``: a capital letter is there for a name, not for a headline's style.
    """
    if _FAMILY_AFTER.match(text, end) or (
        text[end : end + 8] == " family " and text[max(0, start - 4) : start].lower() == "the "
    ):
        return True
    after = _WORD_AFTER.match(text, end)
    if after is not None:
        word = after[1].lower()
        if word in _KIN:
            return True
        if after[1][0].isupper():
            if word in INSTITUTIONS and (capitals_speak or word not in _ALSO_WORDS):
                return True
            if word in PLACES and capitals_speak:
                return True
    near = max(0, start - _NEAR_CHARS)
    if _OF_BEFORE.search(text, near, start):
        return True
    town = _TOWN_AFTER.match(text, end)
    if town and (text[town.end() : town.end() + 1] == "," or _IN_BEFORE.search(text, near, start)):
        return True
    before = _WORD_BEFORE.search(text, near, start)
    return before is not None and before[1][0].isupper() and before[1].lower() in BEFORE
