"""Passwords as they are kept: scrypt, with its cost and salt written beside it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

MOST_CHARS: Final = 256
"""Of a password; a longer one is refused before any work is done for it."""

COST: Final = (14, 8, 5)
"""log2 of N, r and p for new passwords: 16 MiB and about a quarter of a second a guess."""

LEAST_LOG2_N: Final = 14
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of memory for one guess."""

_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_FORM: Final = re.compile(
    r"scrypt:(\d{1,2}):(\d{1,2}):(\d{1,2}):([0-9a-f]{32,64}):([0-9a-f]{64})", re.ASCII
)


class NotAHash(ValueError):
    """Text that is no password hash of ours, or one too weak or too costly."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password's hash; ``matches`` takes as long as its cost says, whatever it is given."""

    log2_n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def matches(self, password: str) -> bool:
        """Whether ``password`` is the one; one that is too long is not."""
        given = password if len(password) <= MOST_CHARS else ""
        found = _derive(given, self.log2_n, self.r, self.p, self.salt)
        return hmac.compare_digest(found, self.key) and given == password and bool(given)

    def __str__(self) -> str:
        """As it stands in the settings."""
        cost = f"{self.log2_n}:{self.r}:{self.p}"
        return f"scrypt:{cost}:{self.salt.hex()}:{self.key.hex()}"


def hashed(password: str, cost: tuple[int, int, int] = COST) -> PasswordHash:
    """A new hash of ``password``, with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return PasswordHash(*cost, salt, _derive(password, *cost, salt))


def parse(text: str) -> PasswordHash:
    """What :func:`hashed` wrote.

    Raises:
        NotAHash: it is something else, or its cost is outside of what is sensible.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise NotAHash("no password hash; copy the line that `bearwatch user` printed")
    log2_n, r, p = (int(part) for part in found.groups()[:3])
    if log2_n < LEAST_LOG2_N or r < 8 or not 1 <= p <= 16 or r << (7 + log2_n) > MOST_BYTES:
        raise NotAHash(
            f"a cost that is not taken: log2 of N is at least {LEAST_LOG2_N}, r at least 8, "
            f"p 1 to 16, and 128 r N at most {MOST_BYTES} bytes"
        )
    return PasswordHash(log2_n, r, p, bytes.fromhex(found[4]), bytes.fromhex(found[5]))


def _derive(password: str, log2_n: int, r: int, p: int, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=1 << log2_n,
        r=r,
        p=p,
        maxmem=2 * MOST_BYTES,
        dklen=_KEY_BYTES,
    )
