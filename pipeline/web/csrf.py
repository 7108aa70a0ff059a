"""Whether a form that writes was sent by one of our own pages, for the person who sees it.

Two proofs, and both are wanted: what the browser itself says about where the request came from,
and a value in the form that only a page of the same session can have.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

FIELD: Final = "csrf"
"""The form's hidden field."""


def token(cookie: str) -> str:
    """The value for forms of the session that ``cookie`` opens; empty without one."""
    if not cookie:
        return ""
    return hmac.new(cookie.encode(), b"bearwatch form", hashlib.sha256).hexdigest()


def is_token(given: str, cookie: str) -> bool:
    """Whether ``given`` belongs to that session; compared in constant time."""
    wanted = token(cookie)
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def same_origin(request: Request, base_url: str | None) -> bool:
    """Whether the browser says that a page of ours sent this.

    Browsers send Sec-Fetch-Site to https and to this machine, Origin with every POST. A request
    with neither was sent by a program, which has a token and needs no cookie.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None or origin == "null":
        return site == "same-origin"
    place = _place(origin)
    ours = (request.headers.get("host", "").lower(), _place(base_url or ""))
    return bool(place) and place in ours


def _place(url: str) -> str:
    """Host and port, as they stand in a Host header; empty if there are none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""
