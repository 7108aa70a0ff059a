"""Who may push is written in the settings, without the secret itself."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import settings
from pipeline.cli import app
from pipeline.settings import InvalidSettings, Settings
from pipeline.web import tokens
from pipeline.web.limits import TokenBucket
from pipeline.web.serve import PAGES_ONLY
from pipeline.web.settings import WebSettings
from tests.web.served import article, serving


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_new_token_is_known_by_the_lines_that_are_printed_with_it(command: CliRunner) -> None:
    made = command.invoke(
        app, ["token", "desk", "--source", "wire", "--source", 'a "b" \\ é', "--json"]
    )
    given = json.loads(made.stdout)
    assert given["token"] not in given["settings"]
    Path("bearwatch.toml").write_text(given["settings"], "utf-8")
    found = settings.load()
    grant = tokens.load(found.web).grant(f"Bearer {given['token']}")
    assert grant == tokens.Grant("desk", frozenset({"wire", 'a "b" \\ é'}))
    digest = tomllib.loads(given["settings"])["web"]["tokens"]["desk"]["sha256"]
    assert digest not in json.dumps(found.masked())
    assert digest not in repr(found)


def test_two_tokens_are_never_the_same(command: CliRunner) -> None:
    made = {command.invoke(app, ["token", "a", "--source", "x"]).stdout for _ in range(2)}
    assert len({re.findall(r"bw_[\w-]{43}", text)[0] for text in made}) == 2


@pytest.mark.parametrize("arguments", [["A b", "--source", "x"], ["a", "--source", ""]])
def test_token_that_the_settings_would_refuse_is_not_made(
    command: CliRunner, arguments: list[str]
) -> None:
    done = command.invoke(app, ["token", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_web_without_a_token_shows_pages_and_takes_no_article(tmp_path: Path) -> None:
    found = Settings.model_validate(
        {"database": {"url": f"sqlite:///{tmp_path}/new.db"}, "web": {"port": 0}}
    )
    with serving(found) as sender:
        assert sender.http.get("/incidents").status_code == 200
        assert sender.push(article(1)).status_code == 401
    assert "bearwatch token NAME" in PAGES_ONLY


def test_token_may_come_from_the_environment_or_a_file(
    command: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("secret").write_text("f" * 40 + "\n")
    monkeypatch.setenv("BEARWATCH_WEB__TOKENS__A__TOKEN", "e" * 40)
    monkeypatch.setenv("BEARWATCH_WEB__TOKENS__A__SOURCES", "wire, wire2")
    Path("bearwatch.toml").write_text(
        '[web.tokens.b]\ntoken_file = "secret"\nsources = ["desk"]\n'
    )
    known = tokens.load(settings.load().web)
    assert known.grant("bearer " + "e" * 40) == tokens.Grant("a", frozenset({"wire", "wire2"}))
    assert known.grant("Bearer " + "f" * 40) == tokens.Grant("b", frozenset({"desk"}))
    assert known.grant("Bearer " + "g" * 40) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('sha256 = "abc"', "64 lower-case hex digits"),
        ('token = "short"', "under 32 characters"),
        ("", "one of sha256, token and token_file"),
        ('token = "{0}"\nsha256 = "{1}"', "one of sha256, token and token_file"),
        ('token = "{0}"\nsouces = ["x"]', "sources"),
        ('token_file = "nowhere"', "nowhere"),
        ('token_file = "empty"', "holds no token"),
        ('token = "{0}"\n[web.tokens.b]\nsources = ["y"]\ntoken = "{0}"', "token of a"),
        ('token = "{0}"\n[web.tokens."b.c"]\nsources = ["y"]\ntoken = "{0}"', "a-z, 0-9"),
    ],
)
def test_wrong_token_settings_are_told_without_the_secret(
    command: CliRunner, lines: str, said: str
) -> None:
    secret, digest = "s" * 40, "0" * 64
    Path("empty").write_text("")
    body = lines.replace("{0}", secret).replace("{1}", digest)
    Path("bearwatch.toml").write_text(f'[web.tokens.a]\nsources = ["x"]\n{body}\n')
    done = command.invoke(app, ["web", "--db", "sqlite:///new.db"])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert secret not in done.stderr
    assert digest not in done.stderr


def test_bucket_allows_a_burst_and_then_the_rate() -> None:
    now = 0.0
    bucket = TokenBucket(2.0, 3, lambda: now)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now = 0.25
    assert bucket.take() == 0.25
    now = 0.5
    assert [bucket.take(), bucket.take()] == [0, 0.5]
    now = 100.0  # a long rest saves up no more than the burst
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_defaults_allow_nobody() -> None:
    with pytest.raises(InvalidSettings):
        tokens.load(WebSettings())


def test_every_token_is_compared_whatever_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(known)
        return known == given

    monkeypatch.setattr("pipeline.web.tokens.hmac.compare_digest", compare)
    given = {letter: {"sources": ("x",), "token": letter * 40} for letter in "abc"}
    known = tokens.load(WebSettings.model_validate({"tokens": given}))
    assert known.grant("Bearer " + "a" * 40) is not None
    assert len(compared) == 3
