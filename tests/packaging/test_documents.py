"""Links lead somewhere, commands exist, and what is generated is up to date."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel, Field, SecretStr

from pipeline.cli import app
from pipeline.settings import Settings
from pipeline.settings_page import main, page
from tests.test_docs import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
KNOWN = commands(typer.main.get_command(app))


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.S | re.M)


@cache
def anchors(path: Path) -> frozenset[str]:
    """The headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.M)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(heading.strip().replace(" ", "-") for heading in words)


def broken(path: Path) -> list[str]:
    found = []
    for link in LINK.findall(prose(path)):
        if re.match(r"https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    assert broken(ROOT / name) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    text = (
        "# One two\n[a](#one-two) [b](#one) [c](none.md) [d](page.md#one-two) [e](https://x.org)\n"
    )
    (tmp_path / "page.md").write_text(text)
    assert broken(tmp_path / "page.md") == ["#one", "none.md"]


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"]
    assert len(pages) >= 4
    assert [name for name in pages if f"({name})" not in index] == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_in_documents_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    named = re.findall(r"(?:`|\.venv/bin/)bearwatch ([a-z][a-z -]*)", text)
    groups = {known.rpartition(" ")[0] for known in KNOWN}

    def exists(words: str) -> bool:
        line = f"bearwatch {words} "
        return any(line.startswith(f"{known} ") for known in KNOWN) or line.strip() in groups

    assert [words for words in named if not exists(words)] == []


def test_configuration_page_is_up_to_date(tmp_path: Path) -> None:
    stored = (ROOT / "docs/configuration.md").read_text("utf-8")
    assert stored == page(), "run: make docs"
    assert main([str(tmp_path / "again.md")]) == 0
    assert (tmp_path / "again.md").read_text("utf-8") == stored


def test_configuration_page_has_every_group_and_tells_what_each_setting_is() -> None:
    text = page()
    assert all(f"\n## [{group}" in text for group in Settings.model_fields)
    for line in (line for line in text.splitlines() if line.startswith("| `")):
        _, name, value, _, what, _ = line.split("|")
        assert value.strip(), name
        assert len(what.strip()) >= 5, name
    assert "`BEARWATCH_WEB__TOKENS__NAME__SOURCES`" in text
    assert "at least 0, at most 65,535 | `9108`" in text
    assert "<class" not in text
    assert "typing." not in text


class Route(BaseModel):
    """Who is told."""

    to: tuple[str, ...] = Field(min_length=1, description="Receivers, by name.")


class Receiver(BaseModel):
    """One receiver."""

    url: SecretStr = Field(description="Where it is.")


class Alerts(BaseModel):
    """Where ``incidents`` are told."""

    routes: tuple[Route, ...] = Field(default=(), description="The first that fits.")
    receivers: dict[str, Receiver] = Field(default_factory=dict, description="By name.")
    after: timedelta = Field(default=timedelta(hours=1.5), description="So long.")
    least: float | None = Field(default=None, gt=0, description="None | nothing: no limit.")


class Whole(BaseModel):
    alerts: Alerts = Field(default_factory=Alerts)


def test_groups_in_lists_and_by_name_have_sections_of_their_own() -> None:
    text = page(Whole)
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == ["[alerts]", "[[alerts.routes]]", "[alerts.receivers.NAME]"]
    assert "Where `incidents` are told." in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `routes`<br>`BEARWATCH_ALERTS__ROUTES` | list of groups; in the environment JSON |  "
        "| The first that fits. |",
        "| `receivers`<br>`BEARWATCH_ALERTS__RECEIVERS` | a group per name |  | By name. |",
        "| `after`<br>`BEARWATCH_ALERTS__AFTER` | seconds, or a duration such as `PT30M` "
        "| 1.5 hours | So long. |",
        "| `least`<br>`BEARWATCH_ALERTS__LEAST` | number, over 0 |  "
        "| None &#124; nothing: no limit. |",
        "| `to` | list of: text | required | Receivers, by name. |",
        "| `url`<br>`BEARWATCH_ALERTS__RECEIVERS__NAME__URL` | text, secret | required "
        "| Where it is. |",
    ]
