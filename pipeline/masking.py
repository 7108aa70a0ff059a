"""Hides secrets in what people read: log lines, printed settings, error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"

# Greedy up to the last @ of the word: a password may itself hold @, / or ?.
_URL_PASSWORD = re.compile(r"(://[^\s/?#:@]*):\S*@")
_URL_TOKEN = re.compile(r"(https?://)[^\s/?#:@]+@", re.IGNORECASE)
# A tokenizer and a number of tokens are no secrets; numbers are let through by `masked`.
_WORDS = r"(?:passw(?:or)?d|passphrase|secret|token(?!i[sz])|api_?-?key|sslkey|authorization)"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"({_WORDS}[\w-]*[\"']?\s*(?:=|:)\s*[\"']?)(?!\d+\b)[^\s&\"',;]+", re.IGNORECASE
)
_BEARER = re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def masked_text(text: str) -> str:
    """``text`` without the passwords of its URLs, its bearer tokens and ``password=...`` parts."""
    text = _URL_TOKEN.sub(rf"\1{MASK}@", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))
    return _ASSIGNED.sub(rf"\1{MASK}", _BEARER.sub(rf"\1{MASK}", text))


def masked(name: str, value: object) -> object:
    """``value`` as it may be shown under ``name``, at any depth of dicts and lists.

    A value under a name such as ``password`` or ``push_token`` is hidden whole, unless it is a
    number or absent. Other text loses what ``masked_text`` finds.
    """
    if isinstance(value, bool | int | float) or value is None:
        return value
    if _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, bytes):
        return masked_text(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, Mapping):
        return {str(key): masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(name, inner) for inner in value]
    return masked_text(str(value))
