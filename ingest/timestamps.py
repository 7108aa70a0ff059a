"""RFC 3339 times: strict about the offset, never past what UTC can hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

TIMESTAMP: Final = re.compile(
    r"(19[0-9]{2}|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]"
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
"""RFC 3339, from 1900 on: year 1 is what an unset time looks like in Go and .NET."""


def instant(text: str) -> datetime | None:
    """The UTC time in whole milliseconds, the rest cut off; None if ``text`` is no such time.

    A leap second (23:59:60 UTC) is the last millisecond of its day.
    """
    match = TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    milliseconds = int((match[7] or "0")[:3].ljust(3, "0"))
    offset = timedelta()
    if match[8]:
        offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
    leap = second == 60
    try:
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        at = at + offset if match[8] == "-" else at - offset
    except (ValueError, OverflowError):
        return None
    if leap:
        milliseconds = 999
        if (at.hour, at.minute) != (23, 59):
            return None
    return at.replace(microsecond=milliseconds * 1_000)
