"""Users of the pages for tests, and browsers without a window that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import httpx

from pipeline.web import passwords
from pipeline.web.settings import Role
from pipeline.web.tokens import digest
from tests.web.served import PATIENCE_S

CHEAP: Final = (14, 8, 1)
ROLES: Final[dict[str, Role]] = {
    "vera": "viewer",
    "ann": "annotator",
    "bob": "annotator",
    "eve": "engineer",
    "ada": "admin",
}


def password(name: str) -> str:
    return f"{name}-correct-horse"


def token(name: str) -> str:
    return f"bwu_{name}_{'t' * 40}"


@cache
def _hash(name: str) -> str:
    return str(passwords.hashed(password(name), CHEAP))


def users(*names: str) -> dict[str, dict[str, Any]]:
    """The settings' groups [web.users.NAME]; every one has a password and a token."""
    return {
        name: {
            "role": ROLES[name],
            "password_hash": _hash(name),
            "sha256": digest(token(name)).hex(),
        }
        for name in names or ROLES
    }


class Visitor:
    """A browser with cookies; says where its forms come from, as browsers do."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url,
            headers={"Accept": "text/html", "Origin": url},
            timeout=PATIENCE_S,
            follow_redirects=False,
        )

    def log_in(self, name: str, secret: str | None = None, **fields: str) -> httpx.Response:
        given = {"name": name, "secret": secret or password(name)} | fields
        return self.http.post("/login", data=given)

    def csrf(self, path: str = "/incidents") -> str:
        """What the forms of a page carry."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.http.get(path).text)
        assert found is not None
        return found[1]

    def send(self, path: str, **fields: str) -> httpx.Response:
        """A form of our own page."""
        return self.http.post(path, data={"csrf": self.csrf()} | fields)


@contextmanager
def visitor(url: str, name: str | None = None) -> Iterator[Visitor]:
    """A browser that is logged in as ``name``."""
    found = Visitor(url)
    try:
        if name is not None:
            assert found.log_in(name, token(name)).status_code == 303
        yield found
    finally:
        found.http.close()
