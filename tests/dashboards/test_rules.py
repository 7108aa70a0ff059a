"""Rules, alerts and who is told: checked with Prometheus' and Alertmanager's own programs."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main
import yaml

from pipeline.cli import app
from tests.dashboards.expressions import DOCKER, RULES, alerts, of_dashboards
from tests.dashboards.tools import free_port, run, running
from tests.test_docs import commands

ROOT = DOCKER.parent
RULES_TEST = Path(__file__).parent / "rules.test.yml"
ROUTES = DOCKER / "alertmanager/alertmanager.yml"
EXAMPLE = DOCKER / "alertmanager/receivers.example.yml"
PROMETHEUS = sorted((DOCKER / "prometheus").glob("prometheus*.yml"))

PATIENCE_S = 60.0


def test_promtool_takes_the_rules() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("path", PROMETHEUS, ids=lambda path: path.name)
def test_promtool_takes_the_configuration(path: Path) -> None:
    run("promtool", "check", "config", path)


def test_rules_fire_hold_resolve_and_stay_silent_as_their_tests_say() -> None:
    run("promtool", "test", "rules", RULES_TEST)


def test_the_annotation_of_promotions_is_tested_as_it_ships() -> None:
    (shipped,) = {e.text for e in of_dashboards() if e.where.endswith("annotation Promotions")}
    groups = yaml.safe_load(RULES_TEST.read_text())["tests"]
    tested = [one for group in groups for one in group.get("promql_expr_test", ())]
    marked = [bool(one["exp_samples"]) for one in tested if one["expr"] == shipped]
    assert sorted(marked) == [False, False, True]


def test_every_alert_is_tested_to_fire_and_to_be_over() -> None:
    cases = [
        case
        for group in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for case in group.get("alert_rule_test", ())
    ]
    fire = {case["alertname"] for case in cases if case["exp_alerts"]}
    rest = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fire == rest == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_how_grave_it_is_what_it_means_and_what_to_do(
    rule: dict[str, Any],
) -> None:
    assert rule["labels"]["severity"] in {"info", "warn", "critical"}
    assert set(rule["labels"]) <= {"severity", "explains"}
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["description"].endswith(".")
    assert told["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    page = (ROOT / told["runbook_url"]).read_text("utf-8")
    assert re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page, flags=re.S), re.M) == [
        rule["alert"],
        "Meaning",
        "Impact",
        "Diagnose",
        "Mend",
    ]
    assert f"Severity: {rule['labels']['severity']}" in page


def test_every_runbook_is_of_an_alert_and_names_commands_that_exist() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/runbooks").glob("*.md")}
    names = {rule["alert"] for rule in alerts()}
    assert set(pages) == names
    known = commands(typer.main.get_command(app))
    for page in pages.values():
        assert set(re.findall(r"\bBearwatch[A-Z]\w+", page)) <= names
        named = re.findall(r"(?:`|\.venv/bin/)(bearwatch [a-z-]+(?: [a-z-]+)?)", page)
        assert [n for n in named if not any(f"{n} ".startswith(f"{c} ") for c in known)] == []


@pytest.mark.parametrize("path", [ROUTES, EXAMPLE], ids=lambda path: path.name)
def test_amtool_takes_the_configuration(path: Path) -> None:
    run("amtool", "check-config", path)


def test_the_example_routes_and_inhibits_as_what_ships() -> None:
    shipped, example = (yaml.safe_load(path.read_text()) for path in (ROUTES, EXAMPLE))
    for part in ("route", "inhibit_rules"):
        assert shipped[part] == example[part]
    names = [[one["name"] for one in each["receivers"]] for each in (shipped, example)]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"alertname": "BearwatchNegativeSpike", "severity": "warn"}, "desk"),
        ({"alertname": "BearwatchNegativeSpike", "severity": "critical"}, "pager,desk"),
        ({"alertname": "BearwatchVolumeBurst", "severity": "info"}, "nobody"),
        ({"alertname": "BearwatchDown", "severity": "critical"}, "pager"),
        ({"alertname": "BearwatchLagging", "severity": "warn"}, "operators"),
        ({"alertname": "BearwatchVersionChanged", "severity": "info"}, "nobody"),
    ],
)
def test_who_is_told(labels: dict[str, str], told: str) -> None:
    asked = [f"{name}={value}" for name, value in labels.items()]
    found = run("amtool", "config", "routes", "test", f"--config.file={ROUTES}", *asked)
    assert found.strip() == told


def test_spikes_of_our_own_making_are_muted_unless_they_are_critical(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    arguments = (
        f"--config.file={ROUTES}",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    )
    with running("prometheus-alertmanager", tmp_path / "log", *arguments):
        wait_for(f"{url}/-/ready")
        spikes = [spike("warn"), spike("critical")]
        post(url, spikes)
        assert muted(url) == {}
        cause = {"alertname": "BearwatchVersionChanged", "severity": "info", "explains": "spikes"}
        post(url, [cause, *spikes])
        deadline = time.monotonic() + PATIENCE_S
        while (found := muted(url)) == {} and time.monotonic() < deadline:
            time.sleep(0.05)  # Alertmanager learns of its inhibitors beside the request
        assert found == {"warn": "BearwatchNegativeSpike"}


def spike(severity: str) -> dict[str, str]:
    return {
        "alertname": "BearwatchNegativeSpike",
        "severity": severity,
        "kind": "all",
        "key": "all",
        "rule": "negative_spike",
        "incident": severity,
    }


def post(url: str, labels: list[dict[str, str]]) -> None:
    now = datetime.now(UTC).isoformat()
    alerts = [{"labels": one, "startsAt": now} for one in labels]
    answer = httpx.post(
        f"{url}/api/v2/alerts", content=json.dumps(alerts), timeout=10, headers=JSON
    )
    answer.raise_for_status()


JSON = {"Content-Type": "application/json"}


def muted(url: str) -> dict[str, str]:
    found = httpx.get(f"{url}/api/v2/alerts", timeout=10).raise_for_status().json()
    return {
        alert["labels"]["severity"]: alert["labels"]["alertname"]
        for alert in found
        if alert["status"]["inhibitedBy"]
    }


def wait_for(url: str) -> None:
    """Until it answers that it is ready."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"{url} does not become ready"
        time.sleep(0.05)
