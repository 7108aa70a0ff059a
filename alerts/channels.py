"""Delivering what happened to an incident.

Errors:

* NotifyError
  x Unreachable  - timeout, refused connection, busy or broken receiver: worth another try
  x Refused      - the receiver said no; trying again cannot help
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Literal, Protocol

from structlog.typing import FilteringBoundLogger

from alerts.incidents import What
from alerts.rules import Rule, Severity

NotifyReason = Literal["unknown", "unreachable", "refused"]

TITLE_LIMIT: Final = 200
LINE_LIMIT: Final = 300
LINES_LIMIT: Final = 20
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls, invisible formats such as bidi marks, and line separators."""


class NotifyError(Exception):
    """Delivery failed. ``reason`` is a closed set, safe as a metric label."""

    reason: ClassVar[NotifyReason] = "unknown"
    retryable: ClassVar[bool] = False


class Unreachable(NotifyError):
    """The receiver did not answer, or asked for patience."""

    reason = "unreachable"
    retryable = True


class Refused(NotifyError):
    """The receiver understood and declined."""

    reason = "refused"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message about an incident. Texts may hold anything; a channel makes them safe."""

    incident: str
    """Id; with ``revision`` it lets a receiver drop repeats."""
    revision: int
    change: What
    severity: Severity
    kind: str
    key: str
    rule: Rule
    at: datetime
    """Event time of the change."""
    title: str
    lines: tuple[str, ...]
    """Evidence: numbers first, then headlines, best first."""
    parent: str | None = None
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    """Event times, like ``at``; None: as ``at``, and not resolved."""
    link: str | None = None
    """Where the evidence is shown: our own page, never a headline's."""
    late: bool = False
    """Old news: a record of it is kept, and nobody is called."""
    told: tuple[Severity, ...] = ()
    """Severities under which this receiver has heard of the incident before."""

    @property
    def over(self) -> bool:
        """Whether the incident has ended, by itself or by somebody's decision."""
        return self.change == "resolved" or self.resolved_at is not None


class Channel(Protocol):
    """Where notifications go. Errors hold no secret: they are stored and logged."""

    def send(self, notification: Notification) -> None:
        """Deliver or raise ``NotifyError``; returns within the channel's own timeout."""
        ...


class LogChannel:
    """Writes each notification as one structured log line."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        self._logger = logger

    def send(self, notification: Notification) -> None:
        """Log at warning, or at info if there is nothing to be done about it."""
        calm = notification.late or notification.over or notification.severity == "info"
        log = self._logger.info if calm else self._logger.warning
        log(
            "incident",
            incident=notification.incident,
            revision=notification.revision,
            change=notification.change,
            severity=notification.severity,
            kind=notification.kind,
            key=plain(notification.key, LINE_LIMIT),
            rule=notification.rule,
            at=notification.at.isoformat(),
            title=plain(notification.title, TITLE_LIMIT),
            lines=[plain(line, LINE_LIMIT) for line in notification.lines[:LINES_LIMIT]],
            parent=notification.parent,
            late=notification.late,
            link=notification.link,
        )


def plain(text: str, limit: int) -> str:
    """Make foreign text one harmless line of at most ``limit`` characters.

    Controls, bidi marks and other invisible characters become spaces or vanish; what is cut off
    is marked by an ellipsis.
    """
    spaced = (" " if c.isspace() else c for c in text)
    visible = "".join(c for c in spaced if unicodedata.category(c) not in _UNSAFE)
    kept = " ".join(visible.split())
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"
