from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.settings import (
    DatabaseSettings,
    InvalidSettings,
    SecretUrl,
    Settings,
    SourceSettings,
    load,
)

URL = "postgresql+psycopg://bear:hunter2@db.example/bearwatch"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith("BEARWATCH_"):
            monkeypatch.delenv(name)


def file(text: str, name: str = "bearwatch.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def problems(
    path: Path | None = None, overrides: Mapping[str, Mapping[str, object]] | None = None
) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(path, overrides=overrides)
    return caught.value.problems


def test_without_file_and_environment_the_defaults_hold() -> None:
    assert load() == Settings()
    assert Settings().database.url.get_secret_value() == "sqlite:///var/bearwatch.db"
    assert Settings().metrics.host == "127.0.0.1"
    assert Settings().counting.lateness == timedelta(minutes=10)


def test_the_file_in_the_working_folder_is_read_by_itself() -> None:
    file("[metrics]\nport = 0\n")
    assert load().metrics.port == 0


def test_a_named_file_takes_the_place_of_the_default_file() -> None:
    file("[metrics]\nport = 1\n")
    other = file("[log]\nlevel = 'debug'\n", "other.toml")
    settings = load(other)
    assert (settings.metrics.port, settings.log.level) == (9108, "debug")


def test_command_line_beats_environment_beats_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file(
        "[metrics]\nport = 1\nhost = 'file'\n[model]\nprecision = 'bf16'\n[log]\nlevel = 'error'\n"
    )
    monkeypatch.setenv("BEARWATCH_METRICS__PORT", "2")
    monkeypatch.setenv("BEARWATCH_MODEL__PRECISION", "fp32")
    settings = load(overrides={"model": {"precision": "auto", "folder": None}})
    assert settings.metrics.port == 2
    assert settings.metrics.host == "file"
    assert settings.model.precision == "auto"
    assert settings.model.folder is None
    assert settings.log.level == "error"


def test_an_option_that_was_not_given_overrides_nothing() -> None:
    file("[model]\nfolder = 'var/m'\n")
    assert load(overrides={"model": {"folder": None}}).model.folder == Path("var/m")


def test_environment_reaches_a_group_within_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    file("[model.engine]\nmax_rows = 7\n")
    monkeypatch.setenv("bearwatch_model__engine__cache_rows", "0")
    engine = load().model.engine
    assert (engine.max_rows, engine.cache_rows) == (7, 0)


@pytest.mark.parametrize("text", ["reuters, ap", '["reuters", "ap"]'])
def test_a_list_in_the_environment_is_commas_or_json(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARWATCH_SOURCES__NAMES", text)
    assert load().sources.names == ("reuters", "ap")


def test_a_pair_of_numbers_in_the_environment_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "BEARWATCH_SPIKES__BASELINE__HALF_LIFE_DAYS"
    monkeypatch.setenv(name, "[1, 3.5]")
    assert load().spikes.baseline.half_life_days == (1, 3.5)
    monkeypatch.setenv(name, "[1, 3.5")
    monkeypatch.setenv("BEARWATCH_SOURCES__NAMES", "[a")
    assert sorted(problems()) == [
        "BEARWATCH_SOURCES__NAMES in the environment: not a JSON list of names",
        f"{name} in the environment: should be a valid tuple",
    ]


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARWATCH_MODEL__FOLDER", "")
    monkeypatch.setenv("BEARWATCH_NONSENSE", "")
    assert load().model.folder is None


EVERY_KIND_OF_PROBLEM = """
typo = 1
_env_file = "x"
counting = 5
[model]
precision = "bf16"
[databse]
url = "x"
[log]
level = "loud"
[sources]
names = ["a", "a"]
[health]
stalled_after_seconds = -5
"""


def test_every_problem_is_told_at_once_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    file(EVERY_KIND_OF_PROBLEM)
    monkeypatch.setenv("BEARWATCH_METRICS__PORT", "70000")
    monkeypatch.setenv("BEARWATCH_METRICS__PROT", "1")
    monkeypatch.setenv("BEARWATCH_DATABASE_URL", "sqlite:///x")
    monkeypatch.setenv("BEARWATCH_DATABASE__URL", "nowhere")
    groups = ", ".join(sorted(Settings.model_fields))
    assert sorted(problems(overrides={"model": {"precision": "fp64"}})) == sorted(
        [
            f"typo in the settings file: unknown setting; known are {groups}",
            "_env_file in the settings file: unknown setting; remove it",
            "counting in the settings file: is a group; write [counting] with its settings below",
            "databse in the settings file: unknown setting; did you mean database?",
            "log.level in the settings file: should be 'debug', 'info', 'warning' or 'error', "
            "got 'loud'",
            "sources.names in the settings file: a name is written twice",
            "health.stalled_after_seconds in the settings file: should be greater than 0, got -5",
            "BEARWATCH_METRICS__PORT in the environment: should be less than or equal to 65535, "
            "got '70000'",
            "BEARWATCH_METRICS__PROT in the environment: unknown setting; did you mean port?",
            "BEARWATCH_DATABASE_URL in the environment: unknown setting; did you mean "
            "BEARWATCH_DATABASE__URL?",
            "BEARWATCH_DATABASE__URL in the environment: not a database URL; write for example "
            "sqlite:///var/bearwatch.db",
            "model.precision on the command line: should be 'auto', 'fp32' or 'bf16', got 'fp64'",
        ]
    )


def test_the_message_has_one_line_per_problem() -> None:
    file("one = 1\ntwo = 2\n")
    with pytest.raises(InvalidSettings) as caught:
        load()
    assert len(str(caught.value).splitlines()) == 1 + 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[metrics\nport = 1", "bearwatch.toml: not TOML: "),
        (b"# caf\xe9", "bearwatch.toml: not UTF-8"),
    ],
)
def test_an_unreadable_file_hides_no_other_problem(
    content: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bearwatch.toml").write_bytes(content)
    monkeypatch.setenv("BEARWATCH_METRICS__PORT", "-1")
    first, second = problems()
    assert first.startswith(told)
    assert second.startswith("BEARWATCH_METRICS__PORT")


def test_a_named_file_must_be_there() -> None:
    assert problems(Path("none.toml")) == ["none.toml: cannot be read: No such file or directory"]
    assert problems(Path()) == [".: cannot be read: Is a directory"]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "true"])
def test_a_length_of_time_is_a_finite_number(value: str) -> None:
    file(f"[health]\nstalled_after_seconds = {value}\n")
    if value == "true":
        assert load().health.stalled_after_seconds == 1.0
        return
    (problem,) = problems()
    assert problem.startswith("health.stalled_after_seconds in the settings file: should be")


def test_what_kubernetes_says_of_services_is_not_taken_for_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BEARWATCH_METRICS_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("BEARWATCH_METRICS_SERVICE_PORT_HTTP", "9108")
    monkeypatch.setenv("BEARWATCH_METRICS_PORT", "tcp://10.0.0.1:9108")
    monkeypatch.setenv("BEARWATCH_METRICS_PORT_9108_TCP_ADDR", "10.0.0.1")
    assert load() == Settings()
    monkeypatch.setenv("BEARWATCH_METRICS_PORT", "9108")
    assert problems() == [
        "BEARWATCH_METRICS_PORT in the environment: unknown setting; did you mean "
        "BEARWATCH_METRICS__PORT?"
    ]


@pytest.mark.parametrize("group", ["database", "model"])
def test_a_value_in_the_place_of_a_group_is_not_repeated(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BEARWATCH_{group}", URL)
    (problem,) = problems()
    assert problem.endswith(f"is a group; write [{group}] with its settings below")
    assert "hunter2" not in problem


def test_no_problem_tells_the_value_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    file("password = 'hunter2'\n[database]\nurl = 5\npassword = 'hunter2'\n")
    assert "hunter2" not in "\n".join(problems())
    monkeypatch.setenv("BEARWATCH_DATABASE__URL", "hunter2@nowhere")
    with pytest.raises(InvalidSettings) as caught:
        load()
    assert "hunter2" not in str(caught.value)
    error = caught.value  # a traceback would show its cause as well
    assert (error.__suppress_context__, error.__cause__) == (True, None)


def test_the_password_is_seen_only_when_asked_for() -> None:
    settings = Settings(database=DatabaseSettings(url=SecretUrl(URL)))
    seen = [repr(settings), str(settings), repr(settings.masked()), settings.model_dump_json()]
    assert not [text for text in seen if "hunter2" in text]
    assert settings.masked()["database"]["url"] == (
        "postgresql+psycopg://bear:***@db.example/bearwatch"
    )
    assert settings.database.url.get_secret_value() == URL


def toml(values: dict[str, Any], path: str = "") -> Iterator[str]:
    """Of values that JSON and TOML write alike, and tables."""
    groups = {name: value for name, value in values.items() if isinstance(value, dict)}
    yield from (f"{k} = {json.dumps(v)}" for k, v in values.items() if k not in groups)
    for name, inner in groups.items():
        yield f"[{path}{name}]"
        yield from toml(inner, f"{path}{name}.")


def test_masked_settings_are_json_and_can_be_read_again_as_toml() -> None:
    settings = load(overrides={"sources": {"names": ["a", "b"]}, "model": {"folder": Path("m")}})
    text = "\n".join(toml(settings.masked()))
    assert tomllib.loads(text)
    assert load(file(text)) == settings


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{path}{name}.")
        else:
            yield path + name, field.description


@pytest.mark.parametrize("group", sorted(Settings.model_fields))
def test_every_setting_is_described(group: str) -> None:
    described = [
        (name, text) for name, text in leaves(Settings) if name.split(".", maxsplit=1)[0] == group
    ]
    assert described
    assert [name for name, text in described if not text or not text.endswith(".")] == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().metrics.port = 1
    with pytest.raises(ValidationError):
        Settings().metrics = Settings().metrics


def test_building_settings_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file("[metrics]\nport = 1\n")
    monkeypatch.setenv("BEARWATCH_METRICS__PORT", "2")
    assert Settings().metrics.port == 9108


def test_other_is_no_name_for_a_source() -> None:
    with pytest.raises(ValidationError, match="'other' is kept"):
        SourceSettings(names=("reuters", "other"))


@pytest.mark.parametrize("names", [("",), ("x" * 65,)])
def test_a_source_name_is_as_long_as_in_an_article(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="1 to 64 characters"):
        SourceSettings(names=names)


def test_counted_languages_are_codes_that_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().counting.languages == ("en",)
    monkeypatch.setenv("BEARWATCH_COUNTING__LANGUAGES", "en, de")
    assert load().counting.languages == ("en", "de")
    monkeypatch.setenv("BEARWATCH_COUNTING__LANGUAGES", "[]")
    assert load().counting.languages == ()
    monkeypatch.setenv("BEARWATCH_COUNTING__LANGUAGES", "english")
    (problem,) = problems()
    assert "no language that is told apart: english; use ar, az" in problem


def test_settings_are_read_without_loading_torch() -> None:
    code = "import sys, pipeline.settings as s; s.Settings(); sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False)
    assert done.returncode == 0
