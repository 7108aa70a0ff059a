"""A notification as harmless text: what chats, mails and annotations are given."""

from __future__ import annotations

from typing import Final

from alerts.channels import LINE_LIMIT, TITLE_LIMIT, Notification
from alerts.escaping import harmless

_WORDS: Final[dict[str, str]] = {
    "opened": "",
    "escalated": " (now graver)",
    "updated": " (more of it)",
    "reopened": " (again)",
    "resolved": " (over)",
}


def subject(notification: Notification, limit: int = TITLE_LIMIT) -> str:
    """Severity and title in one line of at most ``limit`` characters."""
    end = _WORDS.get(notification.change, f" ({notification.change})")
    head = f"[{notification.severity}] {notification.title}"
    return harmless(head, limit - len(end)) + end


def body(notification: Notification, limit: int) -> str:
    """Evidence and our link, as many lines as fit into ``limit`` characters, numbers first.

    The link is whole or not there, and is the only thing that can be clicked.
    """
    end = "" if notification.link is None else f"\n{notification.link}"
    if len(end) > limit:
        end = ""
    lines: list[str] = []
    for line in notification.lines:
        safe = f"- {harmless(line, LINE_LIMIT)}"
        if len("\n".join([*lines, safe, "…"])) + len(end) > limit:
            lines.append("…")
            break
        lines.append(safe)
    return ("\n".join(lines)[: limit - len(end)] + end).lstrip("\n")
