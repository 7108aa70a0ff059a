"""Who may push, and for which sources."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.settings import InvalidSettings
from pipeline.web.settings import LEAST_TOKEN_CHARS, TokenSettings, WebSettings

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARS: Final = 512


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows. ``name`` is its own in the settings, not a secret."""

    name: str
    sources: frozenset[str]


class Tokens:
    """The tokens that are known, by their sha256. May be used from any thread."""

    def __init__(self, grants: Mapping[bytes, Grant]) -> None:
        self._grants = dict(grants)

    def grant(self, authorization: str | None) -> Grant | None:
        """What the header ``Authorization: Bearer TOKEN`` allows; None if nothing.

        Takes as long for a wrong token as for a right one, whichever of them it resembles.
        """
        given = bearer(authorization)
        if given is None:
            return None
        found: Grant | None = None
        for known, grant in self._grants.items():
            if hmac.compare_digest(known, given):
                found = grant
        return found


def bearer(authorization: str | None) -> bytes | None:
    """The digest of the token in the header ``Authorization: Bearer TOKEN``, if there is one."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_CHARS:
        return None
    return digest(token)


def load(settings: WebSettings) -> Tokens:
    """The tokens of the settings.

    Raises:
        InvalidSettings: there is none, one is given twice, a file cannot be read.
    """
    if not settings.tokens:
        raise InvalidSettings(
            [
                "web.tokens: no token, so that nobody could push; make one with `bearwatch token "
                "NAME --source SOURCE` and add what it prints to bearwatch.toml"
            ]
        )
    problems: list[str] = []
    grants: dict[bytes, Grant] = {}
    for name, token in settings.tokens.items():
        known = _stored_digest(name, token, problems)
        if known is None:
            continue
        if known in grants:
            problems.append(f"web.tokens.{name}: is the token of {grants[known].name}, too")
        grants[known] = Grant(name, frozenset(token.sources))
    if problems:
        raise InvalidSettings(problems)
    return Tokens(grants)


def new(name: str, sources: tuple[str, ...]) -> tuple[str, str]:
    """A new token, and the lines of the settings file that make it known without holding it.

    Raises:
        InvalidSettings: the name or a source cannot be.
    """
    token = f"bw_{secrets.token_urlsafe(TOKEN_BYTES)}"
    try:
        WebSettings.model_validate({"tokens": {name: {"sources": sources, "token": token}}})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        told = [one["msg"].removeprefix("Value error, ") for one in problems]
        raise InvalidSettings(told) from None
    listed = ", ".join(json.dumps(source) for source in sources)
    lines = f'[web.tokens.{name}]\nsha256 = "{digest(token).hex()}"\nsources = [{listed}]\n'
    return token, lines


def _stored_digest(name: str, token: TokenSettings, problems: list[str]) -> bytes | None:
    if token.sha256 is not None:
        return bytes.fromhex(token.sha256.get_secret_value())
    if token.token is not None:
        return digest(token.token.get_secret_value())
    path = token.token_file or Path()
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        problems.append(f"web.tokens.{name}.token_file: {path} cannot be read: {reason}")
        return None
    if not LEAST_TOKEN_CHARS <= len(text) <= MAX_TOKEN_CHARS:
        problems.append(
            f"web.tokens.{name}.token_file: {path} holds no token of "
            f"{LEAST_TOKEN_CHARS} to {MAX_TOKEN_CHARS} characters; make one: `bearwatch token`"
        )
        return None
    return digest(text)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
