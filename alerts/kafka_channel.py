"""Incidents as JSON, for programs: what is published in Kafka's topic of alerts.

One object per change, keyed by the incident's id: ``version`` (1), ``incident``, ``revision``,
``change``, ``severity``, ``kind``, ``key``, ``rule``, ``at``, ``opened_at``, ``resolved_at`` (RFC
3339, event time; the last may be null), ``title``, ``lines``, ``parent``, ``link`` (may be null),
``late``. At least once: drop what has an ``incident`` and ``revision`` that were there before.
``title`` and ``lines`` are plain text that anybody may have written; escape it for where it goes.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from alerts.channels import LINE_LIMIT, LINES_LIMIT, TITLE_LIMIT, Notification, plain


class KafkaChannel:
    """Publishes by ``send(key, value)``, which returns once the value is stored.

    ``send`` raises ``NotifyError``. For one thread, like what it is handed.
    """

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        self._send = send

    def send(self, notification: Notification) -> None:
        """Publish one change."""
        self._send(notification.incident.encode(), envelope(notification))


def envelope(notification: Notification) -> bytes:
    """The notification as JSON: under 30 kB, whatever is in it."""
    opened, resolved = notification.opened_at or notification.at, notification.resolved_at
    fields = {
        "version": 1,
        "incident": notification.incident,
        "revision": notification.revision,
        "change": notification.change,
        "severity": notification.severity,
        "kind": notification.kind,
        "key": plain(notification.key, LINE_LIMIT),
        "rule": notification.rule,
        "at": notification.at.isoformat(),
        "opened_at": opened.isoformat(),
        "resolved_at": resolved and resolved.isoformat(),
        "title": plain(notification.title, TITLE_LIMIT),
        "lines": [plain(line, LINE_LIMIT) for line in notification.lines[:LINES_LIMIT]],
        "parent": notification.parent,
        "link": notification.link,
        "late": notification.late,
    }
    return json.dumps(fields, ensure_ascii=False).encode()
