"""One value of a settings file is changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import InvalidSettings, load
from pipeline.settings_file import set_value

SCORES = [2.15, 2.5, 3.25, 2.15]
LINE = "open_score_by_band = [2.15, 2.5, 3.25, 2.15]"
TABLES = "# mine\n[incidents]  # why\nleast_stories = 4\n\n[log]\nlevel = 'debug'\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"[incidents]\n{LINE}\n"),
        ("[log]\nlevel = 'info'\n", f"[log]\nlevel = 'info'\n\n[incidents]\n{LINE}\n"),
        ("[log]", f"[log]\n\n[incidents]\n{LINE}\n"),
        (TABLES, TABLES.replace("# why\n", f"# why\n{LINE}\n")),
        ("[incidents]", f"[incidents]\n{LINE}\n"),
        (
            "[incidents]\nopen_score_by_band = [\n  2.1, 2.1,\n  2.1, 2.1]  # old\n[log]\n",
            f"[incidents]\n{LINE}  # old\n[log]\n",
        ),
    ],
)
def test_value_is_put_into_its_table_and_the_rest_stays(
    tmp_path: Path, before: str, after: str
) -> None:
    file = tmp_path / "bearwatch.toml"
    file.write_text(before, "utf-8")
    set_value(file, "incidents", "open_score_by_band", SCORES)
    assert file.read_text("utf-8") == after
    assert load(file).incidents.open_score_by_band == tuple(SCORES)


def test_file_need_not_be_there(tmp_path: Path) -> None:
    set_value(tmp_path / "new.toml", "incidents", "open_score_by_band", SCORES)
    assert (tmp_path / "new.toml").read_text("utf-8") == f"[incidents]\n{LINE}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["new.toml"]


@pytest.mark.parametrize(
    "text", ["incidents = {least_stories = 4}\n", "incidents.least_stories = 4"]
)
def test_file_that_is_written_otherwise_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(InvalidSettings, match=r"open_score_by_band = \[2\.15"):
        set_value(file, "incidents", "open_score_by_band", SCORES)
    assert file.read_text("utf-8") == text


def test_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[incidents\n", "utf-8")
    with pytest.raises(InvalidSettings, match="not TOML"):
        set_value(file, "incidents", "open_score_by_band", SCORES)
