"""A dashboard: rows of panels, variables, annotations and links, in Grafana's classic schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from docker.grafana.panels import BLUE, DATA_SOURCE, ORANGE, VERMILION, Json, Panel

TAG: Final = "bearwatch"
SCHEMA: Final = 39
COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, side by side until the columns are full."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; ``uid`` is its address and its file's name, and never changes."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Json]
    since: str = "now-24h"

    def to_json(self) -> Json:
        """The dashboard as Grafana provisions it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "templating": {"list": list(self.variables)},
            "annotations": {"list": ANNOTATIONS},
            "links": [_others()],
            "panels": self._placed(),
        }

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        y = 0
        for row in self.rows:
            placed.append(_heading(row.title, len(placed) + 1, y))
            y += 1
            x = tall = 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, tall = 0, y + tall, 0
                placed.append(panel.to_json(len(placed) + 1, x, y))
                x, tall = x + panel.width, max(tall, panel.height)
            y += tall
        return placed


def _heading(title: str, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": [],
    }


def _others() -> Json:
    return {
        "title": "Bearwatch",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


def _annotation(name: str, colour: str, expr: str, title: str, text: str) -> Json:
    return {
        "name": name,
        "datasource": DATA_SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
    }


ANNOTATIONS: Final[list[Json]] = [
    _annotation(
        "Incidents",
        VERMILION,
        "max by (kind, key, rule) (bearwatch_incident_severity) >= 2",
        "{{kind}} {{key}}",
        "{{rule}}: warning or worse",
    ),
    _annotation(
        "Promotions",
        BLUE,
        # Not on the first start: some version must have been there ten minutes ago.
        "(max by (version) (bearwatch_model_info)"
        " unless max by (version) (bearwatch_model_info offset 10m))"
        " and on () count(bearwatch_model_info offset 10m)",
        "version {{version}}",
        "classifies from now on; for 3 h of news incidents are held at info",
    ),
    _annotation(
        "Health",
        ORANGE,
        'ALERTS{alertname=~"Bearwatch.+",alertstate="firing"}',
        "{{alertname}}",
        "an alert on our own health",
    ),
]


def window() -> Json:
    """How far back sums reach."""
    choices = ("15m", "1h", "3h", "6h", "24h")
    return {
        "name": "window",
        "label": "window",
        "description": "How far back sums and tops reach.",
        "type": "custom",
        "query": ",".join(choices),
        "current": {"text": "1h", "value": "1h", "selected": True},
        "options": [{"text": c, "value": c, "selected": c == "1h"} for c in choices],
        "multi": False,
        "includeAll": False,
    }


def keys(name: str, kind: str) -> Json:
    """The closed set of topics or companies, by their names; several may be chosen."""
    query = f'query_result(bearwatch_key_info{{kind="{kind}"}})'
    return {
        "name": name,
        "label": name,
        "description": f"Which {kind} is shown, of all that are watched.",
        "type": "query",
        "datasource": DATA_SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name, "qryType": 3},
        "regex": '/key="(?<value>(?:[^"\\\\]|\\\\.)+)".*name="(?<text>(?:[^"\\\\]|\\\\.)+)"/',
        "refresh": 1,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
        "options": [],
    }


def address(name: str, description: str, value: str) -> Json:
    """Where a link leads: a text that the operator sets once."""
    current: dict[str, Any] = {"text": value, "value": value, "selected": True}
    return {
        "name": name,
        "label": name,
        "description": description,
        "type": "textbox",
        "query": value,
        "current": current,
        "options": [current],
        "hide": 2,
    }


VARIABLES: Final = (
    keys("topic", "topic"),
    keys("company", "company"),
    window(),
    address("web", "Where `bearwatch web` answers.", "http://localhost:8080"),
    address("runbooks", "Where docs/runbooks can be read.", "/public/runbooks"),
)
