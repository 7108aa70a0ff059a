"""The gauges of single keys: how a topic or company stands at the newest evaluation.

Keys are a closed set, given at the start: topics, the watch-list, ``all``. A key without stories
has no series, and one below the minimum volume no share: no data is not neutral.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from alerts.rules import SEVERITIES, Rule, Severity

PREFIX: Final = "bearwatch_"

READINGS: Final = {
    "spike_score": "Newest score of the spike tests; absent without a story in 180 minutes.",
    "window_stories": "Stories in the last 60 minutes of event time.",
    "negative_stories": "Negative ones of them.",
    "expected_negative_stories": "Negative stories that are usual in these 60 minutes.",
    "expected_negative_low_stories": "Lower end of the 95 % interval of what is usual.",
    "expected_negative_high_stories": "Upper end of the 95 % interval of what is usual.",
    "negative_share_ratio": "Negative share of the stories in 60 minutes; absent below the "
    "minimum volume.",
    "expected_share_ratio": "Negative share that is usual for the key at this hour of the week.",
    "expected_share_low_ratio": "Lower end of the 95 % interval of the usual share.",
    "expected_share_high_ratio": "Upper end of the 95 % interval of the usual share.",
}
"""Name without prefix and help text; each is a field of :class:`KeyReading`."""

INCIDENTS: Final = ("incident_severity", "incident_opened_timestamp_seconds")
NAMES: Final = frozenset(PREFIX + name for name in (*READINGS, *INCIDENTS))

LEVELS: Final[Mapping[Severity, int]] = {
    severity: level for level, severity in enumerate(SEVERITIES, start=1)
}
"""Values of ``bearwatch_incident_severity``: info 1, warn 2, critical 3."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """One key's newest numbers, all of the last 60 minutes. None: not known, so not shown."""

    spike_score: float | None = None
    window_stories: float | None = None
    negative_stories: float | None = None
    expected_negative_stories: float | None = None
    expected_negative_low_stories: float | None = None
    expected_negative_high_stories: float | None = None
    negative_share_ratio: float | None = None
    expected_share_ratio: float | None = None
    expected_share_low_ratio: float | None = None
    expected_share_high_ratio: float | None = None


NOTHING: Final = KeyReading()


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What the gauges show of an incident that is not resolved."""

    kind: str
    key: str
    rule: Rule
    severity: Severity
    opened_at: datetime


class KeyGauges:
    """Readings and incidents of the keys; for any thread."""

    def __init__(
        self,
        registry: CollectorRegistry,
        keys: Iterable[tuple[str, str]],
        names: Mapping[str, str],
    ) -> None:
        self._keys = frozenset(keys)
        self._readings = {
            name: Gauge(PREFIX + name, text, ("kind", "key"), registry=registry)
            for name, text in READINGS.items()
        }
        labels = ("kind", "key", "rule")
        text = "An open incident: 1 info, 2 warn, 3 critical; absent while there is none."
        self._incidents = Gauge(f"{PREFIX}{INCIDENTS[0]}", text, labels, registry=registry)
        text = "Event time at which the open incident began; absent while there is none."
        self._opened = Gauge(f"{PREFIX}{INCIDENTS[1]}", text, labels, registry=registry)
        self._open: set[tuple[str, str, Rule]] = set()
        self._shown: dict[tuple[str, str], KeyReading] = {}
        text = "The name of a key for people: of a company from the watch-list, else the key."
        info = Gauge(f"{PREFIX}key_info", text, ("kind", "key", "name"), registry=registry)
        for kind, key in sorted(self._keys):
            info.labels(kind, key, names.get(key, key) if kind == "company" else key).set(1)

    def set(self, kind: str, key: str, reading: KeyReading) -> None:
        """Show a key's readings; those that are None are taken away.

        Raises:
            ValueError: not one of the keys given at the start.
        """
        if (kind, key) not in self._keys:
            raise ValueError(f"{kind} {key!r} is no key of these metrics")
        if self._shown.get((kind, key), NOTHING) == reading:
            return  # most keys, at most evaluations: without a story then and now
        self._shown[kind, key] = reading
        for name, value in asdict(reading).items():
            if value is None:
                self._readings[name].remove(kind, key)
            else:
                self._readings[name].labels(kind, key).set(value)

    def incidents(self, found: Iterable[OpenIncident]) -> None:
        """Show the open incidents; all others are taken away.

        Those of a key that is watched no longer have no series: the label values are a closed set.
        """
        shown = {(i.kind, i.key, i.rule): i for i in found if (i.kind, i.key) in self._keys}
        for gone in self._open - shown.keys():
            self._incidents.remove(*gone)
            self._opened.remove(*gone)
        for labels, incident in shown.items():
            self._incidents.labels(*labels).set(LEVELS[incident.severity])
            self._opened.labels(*labels).set(incident.opened_at.timestamp())
        self._open = set(shown)

    def clear(self) -> None:
        """Take away all but the names."""
        for gauge in (*self._readings.values(), self._incidents, self._opened):
            gauge.clear()
        self._open = set()
        self._shown = {}
