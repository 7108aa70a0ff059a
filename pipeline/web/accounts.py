"""Who there is: the users of the settings, by password or by token, and what each may do."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Final, get_args

from pydantic import ValidationError

from pipeline.settings import InvalidSettings
from pipeline.web import passwords
from pipeline.web.passwords import PasswordHash
from pipeline.web.settings import Role, UserSettings, WebSettings
from pipeline.web.tokens import TOKEN_BYTES, bearer, digest

ROLES: Final[tuple[Role, ...]] = get_args(Role)
PASSWORD_BYTES: Final = 15
"""Of chance in a password that is made here: 20 characters."""

AT_ONCE: Final = 2
"""Passwords that are compared at a time: each takes 16 MiB and a processor."""

WAIT_S: Final = 5.0


class Crowded(Exception):
    """Too many log-ins at a time; worth trying again."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known; ``name`` is what audit trails have."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this person's role is ``role`` or includes it."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class _Account:
    person: Person
    password: PasswordHash | None
    token: bytes | None
    mark: str
    """Changes when one of the secrets does, and tells nothing about them."""


class Accounts:
    """The users of the settings. May be used from any thread."""

    def __init__(self, users: Mapping[str, UserSettings]) -> None:
        self._accounts = {name: _account(name, user) for name, user in users.items()}
        self._nobody = _nobody([one.password for one in self._accounts.values() if one.password])
        self._room = BoundedSemaphore(AT_ONCE)

    def __len__(self) -> int:
        return len(self._accounts)

    def by_token(self, authorization: str | None) -> Person | None:
        """Whose token the header ``Authorization: Bearer TOKEN`` has; None if nobody's.

        Takes as long for a wrong token as for a right one, whichever of them it resembles.
        """
        given = bearer(authorization)
        if given is None:
            return None
        found: Person | None = None
        for account in self._accounts.values():
            if account.token is not None and hmac.compare_digest(account.token, given):
                found = account.person
        return found

    def by_password(self, name: str, password: str) -> Person | None:
        """Who logs in; None if the name or the password is wrong, and not which of them.

        Takes a good part of a second, for a name that is not known as well.

        Raises:
            Crowded: others are logging in, and it did not get its turn.
        """
        account = self._accounts.get(name)
        kept = account.password if account is not None else None
        if not self._room.acquire(timeout=WAIT_S):
            raise Crowded
        try:
            right = (kept or self._nobody).matches(password)
        finally:
            self._room.release()
        return account.person if account is not None and kept is not None and right else None

    def named(self, name: str) -> Person | None:
        """Who is called so."""
        account = self._accounts.get(name)
        return account.person if account is not None else None

    def mark(self, name: str) -> str:
        """What a session of this user is tied to: new secrets end it."""
        return self._accounts[name].mark


def new(name: str, role: str, *, token: bool) -> tuple[str, str]:
    """A new password, or token, and the lines of the settings file that make it known.

    Raises:
        InvalidSettings: the name or the role cannot be.
    """
    if token:
        secret = f"bwu_{secrets.token_urlsafe(TOKEN_BYTES)}"
        kept = ("sha256", digest(secret).hex())
    else:
        secret = secrets.token_urlsafe(PASSWORD_BYTES)
        kept = ("password_hash", str(passwords.hashed(secret)))
    try:
        WebSettings.model_validate({"users": {name: {"role": role, kept[0]: kept[1]}}})
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        told = [one["msg"].removeprefix("Value error, ") for one in problems]
        raise InvalidSettings(told) from None
    lines = f"[web.users.{name}]\nrole = {json.dumps(role)}\n{kept[0]} = {json.dumps(kept[1])}\n"
    return secret, lines


def _nobody(known: Sequence[PasswordHash]) -> PasswordHash:
    """What no password matches, at the cost of those that are known."""
    cost = (known[0].log2_n, known[0].r, known[0].p) if known else passwords.COST
    return PasswordHash(*cost, secrets.token_bytes(16), secrets.token_bytes(32))


def _account(name: str, user: UserSettings) -> _Account:
    password = user.password_hash.get_secret_value() if user.password_hash else ""
    token = user.sha256.get_secret_value() if user.sha256 else ""
    return _Account(
        Person(name, user.role),
        passwords.parse(password) if password else None,
        bytes.fromhex(token) if token else None,
        hashlib.sha256(f"{password}\0{token}".encode()).hexdigest(),
    )
