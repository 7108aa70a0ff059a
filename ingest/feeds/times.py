"""Times as feeds write them. One without a zone is no time: the hours would be a guess."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ingest.timestamps import instant

LONGEST: Final = 100
"""Characters of a time; what is longer is none."""

FIRST_YEAR: Final = 1900
"""As in an article: what is older is a clock that was never set."""

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2}(?:[.,]\d+)?)? ?(?:([Zz])|([+-]\d{2}):?(\d{2})?)"
)
_ZONES: Final = {
    "UTC": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "SGT": 8, "HKT": 8, "JST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Hours from UTC of zone names that RFC 822 does not know and that mean one place only."""

_ZONE_NAME = re.compile(r"\b([A-Z]{3,4})$")
_CLOCK = re.compile(r"\d:\d\d")
_UNSET_YEAR = re.compile(r" 00\d\d ")  # year 1 of a time that was never set, not 2001


def stated(text: str) -> datetime | None:
    """The UTC time in whole milliseconds; None if ``text`` does not state time and zone."""
    text = " ".join(text.split())
    if not 0 < len(text) <= LONGEST or not text.isascii():
        return None
    iso = _ISO.fullmatch(text)
    if iso is not None:
        day, minutes, seconds, _, hours, rest = iso.groups()
        zone = "Z" if hours is None else f"{hours}:{rest or '00'}"
        return instant(f"{day}T{minutes}{(seconds or ':00').replace(',', '.')}{zone}")
    if _CLOCK.search(text) is None or _UNSET_YEAR.search(text) is not None:
        return None  # a day alone is no time
    name = _ZONE_NAME.search(text)
    if name is not None and name[1] in _ZONES:
        text = f"{text[: name.start()]}+{_ZONES[name[1]]:02}00"
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            return None
        at = at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.year >= FIRST_YEAR else None
