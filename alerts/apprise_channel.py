"""Chats, mails and webhooks by Apprise: one receiver, given as a URL that holds its secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType
from apprise.conversion.format import convert_between

from alerts.channels import TITLE_LIMIT, Notification, Unreachable, plain
from alerts.wording import body, subject

WITHIN_S: Final = 20.0
"""One delivery; connecting and each answer have 4 s of their own."""

BODY_LIMIT: Final = 3_500
"""More is not read, in whatever medium."""

SHORTEST: Final = 40
LEAST_SECRET: Final = 5
REASON_LIMIT: Final = 200

_TYPES: Final = {
    "info": NotifyType.INFO,
    "warn": NotifyType.WARNING,
    "critical": NotifyType.FAILURE,
}


class AppriseChannel:
    """One receiver. For one thread.

    Args:
        name: of the sink, for errors.
        url: one that ``receiver`` knows.
    """

    def __init__(self, name: str, url: str) -> None:
        found = receiver(url)
        if found is None:
            raise ValueError(f"{name}: not a complete Apprise URL")
        _quiet()
        self._name = name
        self._secrets = secrets(url)
        self._receiver = found
        self._apprise = Apprise(asset=found.asset)
        self._apprise.add(found)

    def send(self, notification: Notification) -> None:
        """Deliver. Whatever goes wrong may pass: only the URL can be wrong for good."""
        title = subject(notification, _room(self._receiver.title_maxlen, TITLE_LIMIT))
        kind = NotifyType.SUCCESS if notification.over else None
        result = self._apprise.notify(
            body=fitting(notification, self._receiver, title),
            title=title,
            notify_type=kind or _TYPES[notification.severity],
            body_format=NotifyFormat.TEXT,
            timeout=WITHIN_S,
        )
        if not result:
            told = [entry.message for one in result for entry in one.logs()]
            why = told[-1] if told else result.status.name.lower()
            raise Unreachable(f"{self._name}: {scrubbed(why, self._secrets)}")


def receiver(url: str) -> NotifyBase | None:
    """What Apprise makes of a URL, if it knows it and finds it complete."""
    asset = AppriseAsset(
        app_id="Bearwatch", app_desc="", app_url="", async_mode=False, secure_logging=True
    )
    _quiet()
    found: NotifyBase | None = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return found


def fitting(notification: Notification, to: NotifyBase, title: str) -> str:
    """The longest text that the receiver takes whole, once Apprise has escaped it.

    Cut before it is escaped: a cut afterwards could leave half an escape behind.
    """
    taken = len(title) + SHORTEST if to.title_maxlen <= 0 or to.overflow_amalgamate_title else 0
    room = _room(to.body_maxlen, BODY_LIMIT) - taken
    limit = room
    while limit > SHORTEST:
        text = body(notification, limit)
        escaped = convert_between(NotifyFormat.TEXT, to.resolve_format("text"), text)  # type: ignore[no-untyped-call] # not typed there
        over = len(escaped) - room
        if over <= 0:
            return text
        limit = min(limit, len(text)) - max(1, over // 2)
    return body(notification, max(1, limit))


def scrubbed(text: str, hidden: Sequence[str]) -> str:
    """One line without what is ``hidden``."""
    for secret in hidden:
        text = text.replace(secret, "***")
    return plain(text, REASON_LIMIT)


def secrets(url: str) -> list[str]:
    """Every part of the URL that may be a secret, as written and as meant, longest first."""
    rest = url.partition("://")[2]
    parts = [part for part in re.split(r"[/:@?&=#,]+", rest) if len(part) >= LEAST_SECRET]
    return sorted({*parts, *map(unquote, parts), rest} - {""}, key=len, reverse=True)


def _room(theirs: int, ours: int) -> int:
    return min(theirs, ours) if theirs > 0 else ours


def _quiet() -> None:
    """Keep Apprise's and its HTTP client's own log lines to themselves: they hold tokens."""
    for name in ("apprise", "urllib3"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
