"""The pictures of the dashboards: drawn from a real Prometheus that has watched the demo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image

from tests.dashboards import draw
from tests.dashboards.expressions import dashboards, panels
from tests.dashboards.past import Past, past
from tests.dashboards.tools import tool
from tests.dashboards.units import say

NOTHING = {
    "bearwatch-overview": 0,
    "bearwatch-keys": 3,  # no company has an incident, or stories enough for a share, that hour
    "bearwatch-pipeline": 2,  # no GPU, no dead-letter topic
    "bearwatch-classifier": 2,  # drift: judged from the seventh day after a promotion on
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """One hour in the last burst."""
    tool("promtool")
    folder = tmp_path_factory.mktemp("past")
    with past(folder, draw.END, timedelta(hours=1), before=timedelta(minutes=10)) as made:
        yield made


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: str(board["uid"]))
def test_every_panel_is_in_the_picture_with_something_to_see(
    board: dict[str, object], found: Past
) -> None:
    figure = draw.picture(board, found)
    titles = {text.get_text() for text in figure.texts}
    window = draw.CHOSEN["$window"]
    shown = [str(panel["title"]).replace("$window", window) for panel in panels(board)]
    assert set(shown) <= titles
    assert len(figure.axes) == len(shown)
    empty = [a for a in figure.axes if any(t.get_text() == "nothing to show" for t in a.texts)]
    assert len(empty) == NOTHING[str(board["uid"])]


def test_there_is_a_picture_of_every_dashboard_and_the_readme_shows_the_overview() -> None:
    names = {f"{board['uid'].removeprefix('bearwatch-')}.png" for board in dashboards()}
    assert {path.name for path in draw.IMAGES.glob("*.png")} >= names
    for name in names:
        with Image.open(draw.IMAGES / name) as image:
            assert image.width == int(draw.WIDTH * 100)
    readme = (draw.IMAGES.parent.parent / "README.md").read_text("utf-8")
    assert "](docs/images/overview.png)" in readme


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "said"),
    [
        (0.423, "percentunit", 0, "42%"),
        (0.0006, "percentunit", None, "0.06%"),
        (0.25, "s", None, "250 ms"),
        (5400.0, "s", None, "1.5 h"),
        (1000.0 * 400, "dateTimeFromNow", None, "10 min ago"),
        (3 * 2**20, "bytes", None, "3 MiB"),
        (1_250_000.0, "short", None, "1.2M"),
        (13.94, "none", 1, "13.9"),
        (0.0, "bool_yes_no", None, "no"),
        (2.5, "ops", None, "2.5/s"),
    ],
)
def test_values_are_written_in_their_unit(
    value: float, unit: str, decimals: int | None, said: str
) -> None:
    assert say(value, unit, decimals, now=1000.0) == said
