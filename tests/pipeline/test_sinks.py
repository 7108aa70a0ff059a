"""Settings of alerts, the sinks that are made of them, and the command that tries them."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.settings import InvalidSettings, Settings, load
from pipeline.sinks import policy, remote_sinks
from tests.fakes import ManualClock

README = Path(__file__).parent.parent.parent / "README.md"
EXAMPLE = """
[alerts]
old_after_hours = 3

[alerts.alertmanager]
urls = ["http://one:9093", "http://two:9093"]

[alerts.apprise.desk]
url = "json://desk.example/token-of-the-desk"

[[alerts.routes]]
severity = "critical"
sinks = ["apprise.desk", "alertmanager"]

[[alerts.routes]]
severity = "warn"
kinds = ["company"]
keys = ["AAPL"]
sinks = ["alertmanager"]

[web]
base_url = "https://news.example.com/bearwatch/"
"""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith("BEARWATCH_"):
            monkeypatch.delenv(name)


def problems(text: str) -> str:
    Path("bearwatch.toml").write_text(text)
    with pytest.raises(InvalidSettings) as caught:
        load()
    return str(caught.value)


def test_settings_of_alerts_are_read_from_the_file() -> None:
    Path("bearwatch.toml").write_text(EXAMPLE)
    found = load()
    assert found.alerts.sinks == ("log", "kafka", "alertmanager", "apprise.desk")
    assert [route.severity for route in found.alerts.routes] == ["critical", "warn"]
    how = policy(found)
    assert (how.old_after, how.link) == (timedelta(hours=3), "https://news.example.com/bearwatch")
    with ExitStack() as stack:
        assert set(remote_sinks(found, ManualClock(), stack)) == {"alertmanager", "apprise.desk"}


def test_example_in_the_readme_holds() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.S)
    (example,) = [block for block in blocks if "[alerts.alertmanager]" in block]
    Path("bearwatch.toml").write_text(example)
    found = load().alerts
    assert found.sinks[2:] == ("alertmanager", "apprise.desk", "apprise.risk", "apprise.mail")
    assert len(found.routes) == 2


def test_tokens_may_come_from_the_environment_and_are_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "json://user:hunter22@desk.example/hunter22"
    monkeypatch.setenv("BEARWATCH_ALERTS__APPRISE__DESK__URL", url)
    monkeypatch.setenv("BEARWATCH_ALERTS__ALERTMANAGER__URLS", "http://a:hunter22@one:1, http://b")
    found = load()
    assert found.alerts.sinks == ("log", "kafka", "alertmanager", "apprise.desk")
    done = CliRunner().invoke(app, ["config"])
    assert done.exit_code == 0
    assert "one:1" in done.output
    assert "hunter22" not in done.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[alerts.routes]]\nseverity = 'grave'\nsinks = []", "alerts.routes.0.severity"),
        ("[[alerts.routes]]\nseverty = 'warn'\nsinks = []", "did you mean severity?"),
        (
            "[[alerts.routes]]\nsinks = ['pagerduty']",
            "not set up: pagerduty; there are log, kafka",
        ),
        ("[alerts.apprise]\ndesk = 'json://x'", "alerts.apprise.desk"),
        ("[alerts.alertmanager]\nurl = ['http://x']", "did you mean urls?"),
        ("[web]\nbase_url = 'news.example.com'", "web.base_url"),
        ("[web]\nbase_url = 'https://user:hunter22@news.example.com'", "no user"),
        ("[web]\nbase_url = 'https://news.example.com/?a=b'", "no user, ? or #"),
        ("[web]\nbase_url = 'javascript:alert(1)'", "http:// or https://"),
    ],
)
def test_wrong_settings_are_told_with_where_they_are(text: str, told: str) -> None:
    found = problems(text)
    assert told in found
    assert "hunter22" not in found


def test_without_settings_nothing_but_the_log_is_told() -> None:
    with ExitStack() as stack:
        assert remote_sinks(Settings(), ManualClock(), stack) == {}


def test_alerts_test_tries_every_sink_and_says_which_fails() -> None:
    Path("bearwatch.toml").write_text(
        "[alerts.apprise.desk]\nurl = 'json://127.0.0.1:9/token-of-the-desk'\n"
        "[alerts.alertmanager]\nurls = ['http://127.0.0.1:9']\n"
    )
    done = CliRunner().invoke(app, ["alerts", "test", "--json"])
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    outcomes = {row["sink"]: row["outcome"] for row in found["sinks"]}
    assert outcomes == {
        "log": "delivered",
        "alertmanager": "unreachable",
        "apprise.desk": "unreachable",
    }
    assert found["failed"] == 2
    assert "token-of-the-desk" not in done.output


def test_alerts_test_of_one_sink_leaves_the_others_alone() -> None:
    Path("bearwatch.toml").write_text("[alerts.alertmanager]\nurls = ['http://127.0.0.1:9']\n")
    done = CliRunner().invoke(app, ["alerts", "test", "log"])
    assert done.exit_code == 0
    assert "delivered" in done.stdout
    assert "alertmanager" not in done.stdout
    assert "nothing has happened" in done.stderr


def test_alerts_test_of_an_unknown_sink_says_what_there_is() -> None:
    done = CliRunner().invoke(app, ["alerts", "test", "slack"])
    assert done.exit_code == 2
    assert "log" in done.stderr
