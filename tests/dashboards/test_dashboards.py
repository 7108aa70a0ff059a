"""The dashboards that ship: written from their source, complete, and of metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from docker.grafana.build import written
from docker.grafana.panels import DATA_SOURCE, PALETTE, SEVERITIES
from pipeline.metrics import Metrics
from pipeline.retraining.metrics import RetrainingMetrics
from tests.dashboards.expressions import (
    DASHBOARDS,
    DOCKER,
    dashboards,
    metrics_in,
    of_dashboards,
    of_rules,
    panels,
    rules,
)

BOARDS = {board["uid"]: board for board in dashboards()}
ENDS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
PROMETHEUS_OWN = ("step", "titleFormat", "textFormat", "definition")
"""Fields of annotations and variables that only Grafana's Prometheus plugin reads."""

RUNBOOKS = DOCKER.parent / "docs/runbooks"


@pytest.fixture(params=sorted(BOARDS))
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    return BOARDS[request.param]


def test_what_ships_is_what_its_source_says() -> None:
    assert {path: path.read_text("utf-8") for path in DASHBOARDS} == written()


def test_the_four_dashboards_are_there() -> None:
    assert set(BOARDS) == {
        f"bearwatch-{n}" for n in ("overview", "keys", "pipeline", "classifier")
    }
    assert [path.stem for path in DASHBOARDS] == sorted(BOARDS)
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)


def test_it_can_be_provisioned_as_it_is(board: dict[str, Any]) -> None:
    text = json.dumps(board)
    assert "__inputs" not in text
    assert "__requires" not in text
    assert "id" not in board
    assert board["schemaVersion"] >= 36
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])


def test_grafanas_own_types_take_every_field(board: dict[str, Any]) -> None:
    register_default_plugins()
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(json.dumps(board)))))
    lost = {
        path for path in lost_in(board, known) if path.rsplit(".", 1)[-1] not in PROMETHEUS_OWN
    }
    assert lost == set()


def test_data_sources_are_named_by_uid(board: dict[str, Any]) -> None:
    found = list(values_of(board, "datasource"))
    assert len(found) > len(panels(board))
    assert [one for one in found if one != DATA_SOURCE] == []
    provisioned = yaml.safe_load(
        (DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )
    assert [one["uid"] for one in provisioned["datasources"]] == [DATA_SOURCE["uid"]]


def test_panels_of_a_dashboard_have_ids_and_titles_of_their_own(board: dict[str, Any]) -> None:
    for name in ("id", "title"):
        found = [panel[name] for panel in board["panels"]]
        assert len(found) == len(set(found)), name


def test_every_panel_says_what_it_shows_in_which_unit_and_from_where_it_is_bad(
    board: dict[str, Any],
) -> None:
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        steps = defaults["thresholds"]["steps"]
        assert steps, panel["title"]
        assert steps[0]["value"] is None, panel["title"]
        later = [step["value"] for step in steps[1:]]
        assert later == sorted(later), panel["title"]
        assert panel["targets"], panel["title"]


def test_panels_fill_the_grid_and_do_not_cover_each_other(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


def test_colours_are_those_that_everybody_tells_apart(board: dict[str, Any]) -> None:
    allowed = {*PALETTE, *(colour for _, colour in SEVERITIES.values())}
    names = ("color", "fixedColor", "iconColor")
    found = [colour for name in names for colour in values_of(board, name)]
    assert {colour for colour in found if isinstance(colour, str)} <= allowed


def test_series_whose_names_are_known_have_their_colour(board: dict[str, Any]) -> None:
    for panel in panels(board):
        if panel["type"] != "timeseries":
            continue
        coloured = {
            one["matcher"]["options"]
            for one in panel["fieldConfig"]["overrides"]
            for each in one["properties"]
            if each["id"] == "color"
        }
        legends = {target["legendFormat"] for target in panel["targets"]}
        assert {name for name in legends if "{{" not in name} <= coloured, panel["title"]


def test_topic_company_and_window_can_be_chosen(board: dict[str, Any]) -> None:
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert len(names) == len(set(names))
    assert {"topic", "company", "window"} <= set(names)


def test_incidents_and_promotions_are_marked(board: dict[str, Any]) -> None:
    names = [one["name"] for one in board["annotations"]["list"]]
    assert {"Incidents", "Promotions"} <= set(names)


def test_links_lead_to_evidence_and_to_runbooks_that_exist() -> None:
    urls = [url for board in BOARDS.values() for url in values_of(board, "url")]
    runbooks = [url for url in urls if url.startswith("${runbooks}/")]
    assert any(url.startswith("${web}/incidents") for url in urls)
    assert len(runbooks) > 10
    for url in runbooks:
        assert (RUNBOOKS / url.removeprefix("${runbooks}/")).is_file(), url


def test_every_metric_that_is_asked_for_is_exported() -> None:
    metrics = Metrics(program_version="1", topics=("t",), keys=(("all", "all"),))
    RetrainingMetrics(metrics.registry)
    exported = {
        family.name + end
        for family in metrics.registry.collect()
        for end in ENDS.get(family.type, ("",))
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = exported | recorded | {"up", "ALERTS"}
    asked = {e.where: metrics_in(e.text) for e in (*of_dashboards(), *of_rules())}
    assert len(asked) > 100
    assert [where for where, names in asked.items() if not names] == []
    assert {where: names - known for where, names in asked.items() if names - known} == {}


def lost_in(ours: object, known: object, path: str = "") -> Iterator[str]:
    """Where ``known`` says something else than ``ours``, or nothing."""
    if isinstance(ours, dict) and isinstance(known, dict):
        for name, value in ours.items():
            yield from lost_in(value, known.get(name), f"{path}.{name}")
    elif isinstance(ours, list) and isinstance(known, list) and len(ours) == len(known):
        for number, value in enumerate(ours):
            yield from lost_in(value, known[number], path)
    elif ours != known and ours not in ({}, []):
        yield path


def values_of(value: object, name: str) -> list[Any]:
    """All that stands under ``name``, anywhere."""
    if isinstance(value, dict):
        here = [value[name]] if name in value else []
        return here + [found for one in value.values() for found in values_of(one, name)]
    if isinstance(value, list):
        return [found for one in value for found in values_of(one, name)]
    return []
