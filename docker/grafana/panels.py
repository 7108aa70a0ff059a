"""Panels of Grafana's classic schema, as values: what a dashboard shows and how to read it.

Colours are those of Okabe and Ito, which people who see few colours tell apart too, and a colour
means the same everywhere: see ``NEGATIVE`` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, Literal

Json = dict[str, Any]
Kind = Literal["timeseries", "stat", "bargauge", "heatmap", "state-timeline", "table"]
Draw = Literal["lines", "stacked", "bars"]

DATA_SOURCE: Final[Json] = {"type": "prometheus", "uid": "bearwatch-prometheus"}

ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#999999"
INDIGO: Final = "#332288"

NEGATIVE: Final = VERMILION
NEUTRAL: Final = GREY
POSITIVE: Final = BLUE
USUAL: Final = SKY
FINE: Final = GREEN
WARN: Final = ORANGE
BAD: Final = VERMILION
PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY, INDIGO)
"""For series without a meaning of their own, in order; the last is Tol's."""

SEVERITIES: Final = {1: ("info", SKY), 2: ("warn", ORANGE), 3: ("critical", VERMILION)}
"""Values of ``bearwatch_incident_severity``."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and how its series are called; ``instant`` asks for the newest value only."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Where to go from a panel, or from one of its series if ``of_series``."""

    title: str
    url: str
    of_series: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``width`` is of 24 columns; ``height`` is in rows of 30 pixels.

    Args:
        thresholds: (from, colour) in rising order; the first has no lower end.
        colours: by the name of the series, where they mean something.
        names: of the other series, where they are a small closed set: each has its colour.
        band: legends of the lower and the upper series, between which is filled.
        least, most: ends of the axis; None where the data decide.
        columns: of a table, label or ``Value #REF`` to title, in order; others are hidden.
        units: of columns or series that differ from ``unit``.
        states: values that are shown as words, each with its colour.
    """

    kind: Kind
    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    thresholds: Sequence[tuple[float | None, str]] = ((None, FINE),)
    width: int = 12
    height: int = 8
    draw: Draw = "lines"
    colours: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    band: tuple[str, str] | None = None
    least: float | None = None
    most: float | None = None
    decimals: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    links: Sequence[Link] = ()
    repeat: str | None = None

    def to_json(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana reads it, at column ``x`` and row ``y``."""
        made: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATA_SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": [self._target(q, chr(65 + n)) for n, q in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": _OPTIONS[self.kind],
            "links": [_link(link) for link in self.links if not link.of_series],
            "transformations": self._transformations(),
        }
        return made | ({"repeat": self.repeat} if self.repeat else {})

    def _target(self, query: Query, ref: str) -> Json:
        form = {"table": "table", "heatmap": "heatmap"}.get(self.kind, "time_series")
        return {
            "refId": ref,
            "datasource": DATA_SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": form,
            "instant": query.instant,
            "range": not query.instant,
        }

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.thresholds]
        found: Json = {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "palette-classic-by-name" if self.draws_lines else "thresholds"},
            "links": [_link(link) for link in self.links if link.of_series],
            "custom": self._custom(),
            "mappings": self._mappings(),
        }
        ends = {"min": self.least, "max": self.most, "decimals": self.decimals}
        return found | {name: value for name, value in ends.items() if value is not None}

    @property
    def draws_lines(self) -> bool:
        """Whether its series are told apart by colour."""
        return self.kind == "timeseries"

    def _custom(self) -> Json:
        if self.kind == "state-timeline":
            return {"fillOpacity": 85, "lineWidth": 0}
        if not self.draws_lines:
            return {}
        lined = len(self.thresholds) > 1
        return {
            "drawStyle": "bars" if self.draw == "bars" else "line",
            "lineWidth": 2 if self.draw == "lines" else 1,
            "fillOpacity": {"lines": 0, "stacked": 45, "bars": 80}[self.draw],
            "stacking": {"mode": "none" if self.draw == "lines" else "normal", "group": "A"},
            "showPoints": "never",
            "spanNulls": False,
            "thresholdsStyle": {"mode": "dashed" if lined else "off"},
        }

    def _mappings(self) -> list[Json]:
        if not self.states:
            return []
        options = {
            str(value): {"text": text, "color": colour, "index": value}
            for value, (text, colour) in self.states.items()
        }
        return [{"type": "value", "options": options}]

    def _overrides(self) -> list[Json]:
        found = [
            _override(name, ("color", {"mode": "fixed", "fixedColor": colour}))
            for name, colour in self._coloured().items()
        ]
        found += [_override(name, ("unit", unit)) for name, unit in self.units.items()]
        if self.band is not None:
            low, high = self.band
            thin = ("custom.lineWidth", 0)
            found.append(_override(low, thin, ("custom.fillOpacity", 0)))
            filled = (("custom.fillBelowTo", low), ("custom.fillOpacity", 25))
            found.append(_override(high, thin, *filled))
        return found

    def _coloured(self) -> dict[str, str]:
        """Colours by name; series whose names nobody knows before are left to Grafana."""
        if not self.draws_lines:
            return {}
        fixed = [q.legend for q in self.queries if "{{" not in q.legend]
        others = [name for name in (*fixed, *self.names) if name not in self.colours]
        free = [colour for colour in PALETTE if colour not in self.colours.values()]
        return {**self.colours, **dict(zip(others, cycle(free), strict=False))}

    def _transformations(self) -> list[Json]:
        if self.kind != "table":
            return []
        order = {name: place for place, name in enumerate(self.columns)}
        shown = {
            "include": {"names": list(self.columns)},
        }
        return [
            {"id": "merge", "options": {}},
            {"id": "filterFieldsByName", "options": shown},
            {
                "id": "organize",
                "options": {"indexByName": order, "renameByName": dict(self.columns)},
            },
        ]


def _override(name: str, *properties: tuple[str, object]) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties],
    }


def _link(link: Link) -> Json:
    return {"title": link.title, "url": link.url, "targetBlank": True}


_LEGEND: Final[Json] = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_LAST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Final[Mapping[Kind, Json]] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "reduceOptions": _LAST,
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
    },
    "bargauge": {
        "reduceOptions": _LAST,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
    },
    "heatmap": {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Cividis", "steps": 32, "reverse": False},
        "yAxis": {"axisPlacement": "left"},
        "cellGap": 1,
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"show": True},
    },
    "state-timeline": {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": _LEGEND | {"showLegend": False},
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
}
