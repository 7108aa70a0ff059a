"""The image and the compose file, as far as they can be checked without a container engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from pipeline.cli import app
from pipeline.health import Health, serve
from pipeline.settings import NESTING, PREFIX, Settings, load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
COMPOSE_TEXT = (FOLDER / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("bearwatch:")}
MAY_BE_REACHED = {"web", "grafana", "prometheus"}
INTERPOLATED = re.compile(r"\$\{(\w+)([^}]*)\}")


def checked(*command: str) -> None:
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfile_passes_its_linter() -> None:
    checked("hadolint", str(FOLDER / "Dockerfile"))


def test_compose_file_follows_the_compose_specification() -> None:
    checked(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(FOLDER / "compose.yaml"),
    )


def parsed(arguments: list[str]) -> str:
    """The command that the arguments name; an option that it does not have is an error."""
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="bearwatch")
    while hasattr(command, "commands"):
        name, command, arguments = command.resolve_command(context, arguments)
        context = command.context_class(command, parent=context, info_name=name)
    command.make_context(command.name, list(arguments), parent=context.parent)
    return str(command.name)


def test_every_service_of_ours_runs_a_command_that_exists() -> None:
    named = {name: parsed(one["command"]) for name, one in OURS.items()}
    assert named == {
        "topics": "create-topics",
        "worker": "worker",
        "worker-gpu": "worker",
        "monitor": "monitor",
        "retrain": "retrain",
        "web": "web",
        "feeds": "feeds",
        "labels": "listen",
    }


@pytest.mark.parametrize("arguments", [["worker", "--kafkas", "x"], ["kafka", "make-topics"]])
def test_a_command_that_does_not_exist_is_noticed(arguments: list[str]) -> None:
    with pytest.raises(Exception, match="No such"):
        parsed(arguments)


def test_image_starts_the_installed_program() -> None:
    assert 'ENTRYPOINT ["bearwatch"]' in DOCKERFILE
    (words,) = re.findall(r"^CMD \[(.*)\]", DOCKERFILE, re.M)
    assert words == '"--help"'


def is_setting(variable: str) -> bool:
    """Whether settings would take it; names of the user's choice count."""
    kind: Any = Settings
    for part in variable.removeprefix(PREFIX).lower().split(NESTING):
        fields = getattr(kind, "model_fields", None)
        if fields is None:
            kind = kind.__args__[1]  # a group by name
        elif part in fields:
            kind = fields[part].annotation
        else:
            return False
    return not (isinstance(kind, type) and issubclass(kind, BaseModel))


def variables() -> set[str]:
    found = set(re.findall(rf"\b{PREFIX}\w+(?==)", DOCKERFILE))
    return found.union(*({v for v in one["environment"] if PREFIX in v} for one in OURS.values()))


def test_every_variable_of_ours_is_a_setting() -> None:
    assert len(variables()) >= 7
    assert [name for name in sorted(variables()) if not is_setting(name)] == []
    assert not is_setting("BEARWATCH_METRICS__PORTS")
    assert not is_setting("BEARWATCH_METRIC__PORT")


@pytest.mark.parametrize("name", sorted(OURS))
def test_settings_of_every_service_are_accepted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [v for v in os.environ if v.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, INTERPOLATED.sub("x" * 32, value))
    found = load(FOLDER / "bearwatch.toml")
    assert found.kafka.servers == ("kafka:9092",)
    if name == "web":
        assert found.web.tokens["push"].sources == ("x" * 32,)


def test_nothing_secret_has_a_value_and_none_may_be_forgotten() -> None:
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / ".env.example").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )
    named = INTERPOLATED.findall(COMPOSE_TEXT)
    assert {name for name, _ in named} == set(example)
    assert set(example.values()) == {""}
    # `:?` refuses a variable that is empty as well as one that is not set.
    assert all(rest.startswith(":?") and len(rest) > 10 for _, rest in named)
    for one in SERVICES.values():
        for variable, value in one.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY", variable):
                assert INTERPOLATED.match(str(value)), variable
    assert not re.search(r"://[^/@\s]*:[^$@\s][^@\s]*@", COMPOSE_TEXT)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in one["security_opt"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(one)
    assert one["mem_limit"]
    assert all("docker.sock" not in str(volume) for volume in one.get("volumes", []))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_only_what_people_open_is_published_and_only_on_this_machine(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in MAY_BE_REACHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_have_versions() -> None:
    images = [one["image"] for name, one in SERVICES.items() if name not in OURS]
    images += re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, re.M)
    assert len(images) == 6
    for image in images:
        assert re.search(r":v?\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$", image), image


def test_image_runs_without_root_and_both_targets_end_in_it() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.M)
    stages = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.M)}
    assert stages["cpu"] == stages["cuda"] == "runtime"
    assert DOCKERFILE.index("USER 10001") < DOCKERFILE.index("FROM runtime AS cuda")
    assert {one["build"]["target"] for one in OURS.values()} == {"cpu", "cuda"}


def mounts() -> dict[str, str]:
    """What is mounted from here, by its place in the container."""
    found = {}
    for one in SERVICES.values():
        for volume in one.get("volumes", []):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert mode == ["ro"], volume
                found[target] = source
            else:
                assert source in COMPOSE["volumes"]
    return found


def test_every_mounted_file_is_there() -> None:
    missing = [source for source in mounts().values() if not (FOLDER / source).exists()]
    assert missing == []


def test_every_file_that_a_command_names_is_mounted_and_there() -> None:
    named = [
        word.rpartition("=")[2]
        for one in SERVICES.values()
        for word in one.get("command", [])
        if re.search(r"\.(ya?ml|toml)$", word)
    ]
    assert len(named) >= 8
    for file in named:
        target = max((t for t in mounts() if file.startswith(t)), key=len)
        found = FOLDER / mounts()[target] / file.removeprefix(target).lstrip("/")
        assert found.is_file(), file


def test_grafana_finds_what_its_provisioning_names() -> None:
    folder = FOLDER / "grafana/provisioning"
    texts = [path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))]
    paths = [path for text in texts for path in re.findall(r"^ +path: (\S+)$", text, re.M)]
    named = {name for text in texts for name in re.findall(r"\$\{?(\w+)", text)}
    assert paths
    assert set(paths) <= set(mounts())
    assert named <= set(SERVICES["grafana"]["environment"])


def test_prometheus_looks_for_services_that_are_there() -> None:
    config = yaml.safe_load((FOLDER / "prometheus/prometheus.compose.yml").read_text("utf-8"))
    static, names = [], []
    for job in [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]:
        static += [t for one in job.get("static_configs", []) for t in one["targets"]]
        names += [n for one in job.get("dns_sd_configs", []) for n in one["names"]]
    names += [target.partition(":")[0] for target in static]
    assert {"worker", "monitor"} <= set(names) <= {*SERVICES, "localhost"}


def test_every_service_says_how_it_is_or_why_not() -> None:
    without = {n for n, one in SERVICES.items() if one.get("healthcheck", {}).get("disable")}
    assert without == {"topics", "feeds", "labels"}
    theirs = set(SERVICES) - set(OURS)
    assert all("test" in SERVICES[name]["healthcheck"] for name in theirs)
    assert "/healthz" in str(SERVICES["web"]["healthcheck"])


@pytest.mark.parametrize("ok", [True, False])
def test_health_check_of_the_image_tells_a_healthy_program_from_a_stalled_one(ok: bool) -> None:
    (script,) = re.findall(r'^    CMD \["python", "-c", "(.*)"\]$', DOCKERFILE, re.M)
    server = serve(
        lambda: b"",
        health=lambda: Health(ok, "told"),
        ready=lambda: Health(ok, "told"),
        host="127.0.0.1",
        port=0,
    )
    try:
        here = script.replace("127.0.0.1:9108", f"127.0.0.1:{server.port}")
        assert here != script
        done = subprocess.run(
            [sys.executable, "-c", here], capture_output=True, timeout=60, check=False
        )
    finally:
        server.close()
    assert (done.returncode == 0) == ok


def test_services_wait_for_what_they_need() -> None:
    for name, one in OURS.items():
        wanted = (
            {"kafka": "service_healthy"}
            if name == "topics"
            else {
                "postgres": "service_healthy",
                "topics": "service_completed_successfully",
            }
        )
        assert {n: c["condition"] for n, c in one["depends_on"].items()} == wanted
        assert "inside" in one["networks"]


def test_profiles_are_those_that_are_documented() -> None:
    profiles = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    assert profiles == {
        "worker": ["cpu"],
        "worker-gpu": ["gpu"],
        "feeds": ["feeds"],
        "labels": ["labels"],
    }


def test_build_context_has_what_the_package_needs_and_no_secrets() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert next(line for line in lines if line and line[0] != "#") == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    packages = {"ingest", "models", "alerts", "pipeline"}
    files = {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", "NOTICE"}
    assert let_in == packages | files
    assert all((ROOT / name).exists() for name in let_in)
