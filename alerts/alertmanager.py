"""Prometheus' Alertmanager, by its API v2.

An alert is known by its labels, so they hold nothing that changes, but for the severity: it is
there for Alertmanager's own routes. An escalation is another alert, which notifies again, while
the one before ends in the same request. Group by ``incident``, and an incident is one
notification and an escalation another. Numbers and headlines are annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from structlog.typing import FilteringBoundLogger

from alerts.channels import Notification, NotifyError, Refused, Unreachable
from alerts.escaping import harmless
from alerts.rules import Rule, Severity
from alerts.settings import AlertmanagerSettings
from alerts.wording import body, subject

ALERT_NAMES: Final[dict[Rule, str]] = {
    "negative_spike": "BearwatchNegativeSpike",
    "volume_burst": "BearwatchVolumeBurst",
    "tone_shift": "BearwatchToneShift",
}
DESCRIPTION_LIMIT: Final = 3_000
LABEL_LIMIT: Final = 120
AT_ONCE: Final = 64
"""Incidents in one request."""

_PATIENCE: Final = (408, 425, 429)


class AlertmanagerChannel:
    """Tells every configured Alertmanager. For one thread.

    Args:
        clock: the wall clock, which Alertmanager shares to within seconds.
        transport: what carries the requests, if not the network.

    ``every`` is how often it wants to be told what is firing, ``lasts`` how long it remembers.
    """

    def __init__(
        self,
        settings: AlertmanagerSettings,
        *,
        clock: Callable[[], datetime],
        logger: FilteringBoundLogger,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._urls = [url.get_secret_value().rstrip("/") for url in settings.urls]
        self.every = timedelta(seconds=settings.resend_seconds)
        self.lasts = timedelta(seconds=settings.ends_after_seconds)
        self._clock = clock
        self._logger = logger
        self._away: set[int] = set()
        # Proxies of the environment are for the web; addresses here are near.
        self._client = httpx.Client(
            timeout=settings.within_seconds,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    def send(self, notification: Notification) -> None:
        """Post the alert, and the end of those that it stands for now."""
        self.keep([notification])

    def keep(self, notifications: Sequence[Notification]) -> None:
        """Post what is firing, and what has ended lately, as it was posted before.

        It is enough that one Alertmanager takes it: they tell each other, and one that was away
        gets it with the next call.
        """
        for begin in range(0, len(notifications), AT_ONCE):
            ends = self._clock() + self.lasts
            piece = notifications[begin : begin + AT_ONCE]
            self._post([alert for one in piece for alert in alerts(one, ends)])

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _post(self, posted: list[dict[str, Any]]) -> None:
        errors: list[NotifyError] = []
        for number, url in enumerate(self._urls):
            try:
                self._post_to(url, posted)
            except NotifyError as error:
                errors.append(error)
                if number not in self._away:
                    self._logger.warning("an Alertmanager is not told", reason=str(error))
                self._away.add(number)
            else:
                self._away.discard(number)
        if len(errors) == len(self._urls):
            raise next((e for e in errors if e.retryable), errors[0])

    def _post_to(self, url: str, posted: list[dict[str, Any]]) -> None:
        where = httpx.URL(url)
        name = f"Alertmanager at {where.host}:{where.port or where.scheme}"
        try:
            # Of the answer only its head is read: a body may never end.
            with self._client.stream("POST", f"{url}/api/v2/alerts", json=posted) as response:
                status = response.status_code
        except httpx.HTTPError as error:
            raise Unreachable(f"{name}: {type(error).__name__}") from None
        if status >= 500 or status in _PATIENCE:
            raise Unreachable(f"{name} answers {status}")
        if status >= 300:
            raise Refused(f"{name} answers {status}")


def alerts(notification: Notification, ends: datetime) -> list[dict[str, Any]]:
    """The alert, until ``ends`` unless it is resolved, and the ends of its lower severities."""
    if notification.over:
        over = notification.resolved_at or notification.at
        known = notification.told or (notification.severity,)
        return [_alert(notification, severity, over) for severity in known]
    before = [severity for severity in notification.told if severity != notification.severity]
    ended = [_alert(notification, severity, notification.at) for severity in before]
    return [_alert(notification, notification.severity, ends), *ended]


def _alert(notification: Notification, severity: Severity, ends: datetime) -> dict[str, Any]:
    starts = notification.opened_at or notification.at
    found = {
        "labels": labels(notification, severity),
        "annotations": {
            "summary": subject(notification),
            "description": body(notification, DESCRIPTION_LIMIT),
            "revision": str(notification.revision),
        },
        "startsAt": starts.isoformat(),
        "endsAt": max(starts, ends).isoformat(),
    }
    return found | ({"generatorURL": notification.link} if notification.link else {})


def labels(notification: Notification, severity: Severity) -> dict[str, str]:
    """What the alert is known by: the same from its first posting to its last."""
    return {
        "alertname": ALERT_NAMES[notification.rule],
        "severity": severity,
        "kind": notification.kind,
        "key": harmless(notification.key, LABEL_LIMIT),
        "rule": notification.rule,
        "incident": notification.incident,
    }
