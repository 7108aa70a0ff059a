"""The gauges of single keys: how a topic or company stands at the newest evaluation.

Keys are a closed set, given at the start: topics, the watch-list, ``all``. A key below the minimum
volume has no series: no data is not neutral.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from alerts.rules import SEVERITIES, Rule, Severity

PREFIX: Final = "bearwatch_"

READINGS: Final = {
    "spike_score": "Newest score of the spike tests; absent below the minimum volume.",
    "negative_share": "Negative share of the stories of 60 minutes; absent below the minimum "
    "volume.",
    "expected_share": "Negative share that is usual for the key at this hour of the week.",
    "negative_stories": "Negative stories in 60 minutes.",
    "window_stories": "All stories in 60 minutes.",
    "expected_negative_stories": "Negative stories that are usual in these 60 minutes.",
    "expected_negative_low": "Lower end of the 95 % interval of what is usual, itself usual.",
    "expected_negative_high": "Upper end of the 95 % interval of what is usual, itself usual.",
}
"""Name without prefix and help text; each is a field of :class:`KeyReading`."""

NAMES: Final = frozenset(PREFIX + name for name in (*READINGS, "incident_severity"))

LEVELS: Final[Mapping[Severity, int]] = {
    severity: level for level, severity in enumerate(SEVERITIES, start=1)
}
"""Values of ``bearwatch_incident_severity``: info 1, warn 2, critical 3."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """One key's newest numbers, all of the last 60 minutes. None: not known, so not shown."""

    spike_score: float | None = None
    negative_share: float | None = None
    expected_share: float | None = None
    negative_stories: float | None = None
    window_stories: float | None = None
    expected_negative_stories: float | None = None
    expected_negative_low: float | None = None
    expected_negative_high: float | None = None


NOTHING: Final = KeyReading()


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
        text = "An open incident: 1 info, 2 warn, 3 critical; absent while there is none."
        labels = ("kind", "key", "rule")
        self._incidents = Gauge(f"{PREFIX}incident_severity", text, labels, registry=registry)
        self._open: set[tuple[str, str, Rule]] = set()
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
        for name, value in asdict(reading).items():
            if value is None:
                self._readings[name].remove(kind, key)
            else:
                self._readings[name].labels(kind, key).set(value)

    def incidents(self, found: Iterable[tuple[str, str, Rule, Severity]]) -> None:
        """Show the open incidents; all others are taken away.

        Those of a key that is watched no longer have no series: the label values are a closed set.
        """
        levels = {(k, key, rule): LEVELS[s] for k, key, rule, s in found if (k, key) in self._keys}
        for gone in self._open - levels.keys():
            self._incidents.remove(*gone)
        for labels, level in levels.items():
            self._incidents.labels(*labels).set(level)
        self._open = set(levels)

    def clear(self) -> None:
        """Take away all but the names."""
        for gauge in (*self._readings.values(), self._incidents):
            gauge.clear()
        self._open = set()
