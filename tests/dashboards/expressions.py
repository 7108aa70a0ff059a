"""Every PromQL expression that ships: of dashboards, their variables and annotations, of rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parent.parent.parent / "docker"
DASHBOARDS = sorted((DOCKER / "grafana/dashboards").glob("*.json"))
RULES = sorted((DOCKER / "prometheus/rules").glob("*.yml"))

METRIC = re.compile(r"\b(bearwatch[_:][a-z0-9_:]+|process_[a-z_]+|up\b|ALERTS\b)")


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression and where it stands; the variables of dashboards are filled in."""

    where: str
    text: str


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in DASHBOARDS]


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something, not the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def filled(text: str) -> str:
    """An expression as Grafana sends it, everything chosen."""
    values = {"$__rate_interval": "1m", "$window": "1h", "$topic": ".*", "$company": ".*"}
    for name, value in values.items():
        text = text.replace(name, value)
    assert "$" not in text, f"a variable that nobody fills in: {text}"
    return text


def of_dashboards() -> Iterator[Expression]:
    for board in dashboards():
        uid = board["uid"]
        for panel in panels(board):
            for target in panel["targets"]:
                where = f"{uid}: {panel['title']} {target['refId']}"
                yield Expression(where, filled(target["expr"]))
        for one in board["annotations"]["list"]:
            yield Expression(f"{uid}: annotation {one['name']}", filled(one["expr"]))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"query_result\((.*)\)", variable["query"]["query"])
                assert asked is not None
                yield Expression(f"{uid}: variable {variable['name']}", asked[1])


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def of_rules() -> Iterator[Expression]:
    for rule in rules():
        yield Expression(f"rule {rule.get('record') or rule['alert']}", rule["expr"])


def selectors_in(text: str) -> set[str]:
    """The metrics that an expression reads, each with the labels that it asks for."""
    return {found[0] for found in re.finditer(METRIC.pattern + r"(\{[^}]*\})?", text)}


def metrics_in(text: str) -> set[str]:
    """The metrics that an expression reads."""
    without_labels = re.sub(r"\{[^}]*\}", "", text)
    return set(METRIC.findall(without_labels))
