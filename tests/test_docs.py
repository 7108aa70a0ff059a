"""Documents that can be wrong are tested."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main

from pipeline.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def commands(group: object, name: str = "bearwatch") -> list[str]:
    found = getattr(group, "commands", None)
    if found is None:
        return [name]
    return [path for word, one in found.items() for path in commands(one, f"{name} {word}")]


@pytest.mark.parametrize("command", commands(typer.main.get_command(app)))
def test_readme_names_every_command(command: str) -> None:
    assert command in README


def test_readme_names_no_command_that_is_not_there() -> None:
    known = commands(typer.main.get_command(app))
    named = re.findall(r"^(?:\$ )?\.venv/bin/(bearwatch .+)", README, re.M)
    assert named
    assert [line for line in named if not any(f"{line} ".startswith(f"{c} ") for c in known)] == []


def test_make_targets_in_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    named = set(re.findall(r"\bmake ([a-z]+)\b", README))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_architecture_names_only_files_that_exist() -> None:
    named = set(re.findall(r"`((?:ingest|models|alerts|pipeline)/[\w/]+\.py)`", ARCHITECTURE))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"[{version}]" in changelog or "[Unreleased]" in changelog


def test_nothing_ignores_the_code_of_the_models() -> None:
    assert "models" not in (ROOT / ".gitignore").read_text()


def test_prometheus_configuration_is_valid() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing: install Debian's package prometheus")
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    config = ROOT / "docker/prometheus/prometheus.yml"
    subprocess.run([promtool, "check", "config", config], check=True, timeout=30)
