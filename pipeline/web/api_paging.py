"""Times that are asked for, and where the next page is."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from pipeline.store.listing import Place
from pipeline.web.answers import Problem


def aware(at: datetime | None) -> datetime | None:
    """A time with an offset, or none.

    Raises:
        Problem: it has no offset.
    """
    if at is not None and at.tzinfo is None:
        raise Problem(400, "No such time", "A time needs an offset: 2026-03-02T09:00:00Z.")
    return at


def url_of(path: str, given: Mapping[str, object]) -> str:
    """The next page; times in their own notation, and what was not given is left out."""
    texts = {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in given.items()
        if value is not None
    }
    return f"/api/v1/{path}?{urlencode(texts)}"


def cursor_of(place: Place) -> str:
    """Where a page of articles ended, as a word that nobody has to understand."""
    at, source, id = place
    content = json.dumps([at.isoformat(), source, id], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """What :func:`cursor_of` wrote.

    Raises:
        Problem: it did not write that.
    """
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, source, id = json.loads(content)
        found = datetime.fromisoformat(at)
        if found.tzinfo is None or not (isinstance(source, str) and isinstance(id, str)):
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error) as error:
        told = "A cursor is taken from `next` of the page before, as it is."
        raise Problem(400, "No such cursor", told) from error
    return found, source, id
