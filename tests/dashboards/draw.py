"""Draws the dashboards into docs/images: ``python -m tests.dashboards.draw``.

A Prometheus is asked for what every panel asks for, over a day of the demo's news; the pictures
stand in for a Grafana, with its layout and its colours.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from ingest.samples import BURSTS
from tests.dashboards.expressions import DOCKER, dashboards, panels
from tests.dashboards.past import Past, past
from tests.dashboards.pictures import draw
from tests.dashboards.series import Series, Span, series_of

Box = tuple[float, float, float, float]

IMAGES: Final = DOCKER.parent / "docs/images"
SPAN: Final = timedelta(hours=24)
END: Final = BURSTS[-1].start + timedelta(minutes=105)
"""In the middle of the last burst."""

CHOSEN: Final[Mapping[str, str]] = {
    "$__rate_interval": "20m",
    "$window": "3h",
    "$topic": r"Energy \\| Oil|Company \\| Product News|Macro|Markets|Earnings",
    "$company": "7203[.]T|AAPL|XOM|BP[.]L|SHEL[.]L|JPM",
}
"""What is chosen in the pictures; a few keys, so that lines can be told apart."""

WIDTH: Final = 15.0  # inches
ROW: Final = 0.30  # inches for each of a dashboard's rows
HEAD: Final = 1.7  # rows for the title
STEPS: Final = 288
PAGE: Final = "#F4F5F5"
COLOURS: Final = 160


def picture(board: dict[str, Any], found: Past) -> Figure:
    """One dashboard, all panels where they are in Grafana."""
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"]) + HEAD
    figure = Figure(figsize=(WIDTH, rows * ROW), dpi=100, facecolor=PAGE)
    begin, end = found.begin.timestamp(), found.end.timestamp()
    span = Span(begin, end, (end - begin) / STEPS)
    told = f"{board['title']}   ·   {found.begin:%d %b %H:%M} to {found.end:%d %b %H:%M} UTC"
    figure.text(0.006, 1 - 1.1 / rows, told, fontsize=12, fontweight="bold")
    for panel in board["panels"]:
        at = panel["gridPos"]
        left, top = at["x"] / 24, 1 - (at["y"] + HEAD) / rows
        if panel["type"] == "row":
            figure.text(left + 0.006, top - 0.75 / rows, panel["title"], fontsize=9.5)
            continue
        title = panel["title"].replace("$window", CHOSEN["$window"])
        figure.text(left + 0.009, top - 0.8 / rows, title, fontsize=8, fontweight="bold")
        card(figure, left, top - at["h"] / rows, at["w"] / 24, at["h"] / rows)
        draw(figure.add_axes(inside(panel, left, top, rows)), panel, answers(panel, found, span),
             span)  # fmt: skip
    return figure


def inside(panel: dict[str, Any], left: float, top: float, rows: float) -> Box:
    """Left, bottom, width and height of what is drawn in a panel's card."""
    at = panel["gridPos"]
    margin = {"bargauge": 0.1, "state-timeline": 0.14, "stat": 0.012, "table": 0.012}
    below = {"timeseries": 1.9, "state-timeline": 1.7, "heatmap": 1.3}
    labels, legend = margin.get(panel["type"], 0.045), below.get(panel["type"], 0.5)
    return (
        left + labels,
        top - (at["h"] - legend) / rows,
        at["w"] / 24 - labels - 0.014,
        (at["h"] - legend - 1.15) / rows,
    )


def card(figure: Figure, left: float, bottom: float, width: float, height: float) -> None:
    """The panel's ground, a little smaller than its place."""
    gap = 0.0025
    figure.add_artist(
        Rectangle(
            (left + gap, bottom + gap / 2), width - 2 * gap, height - gap,
            facecolor="white", edgecolor="#D8D8D8", linewidth=0.8, zorder=-1,
        )
    )  # fmt: skip


def answers(panel: dict[str, Any], found: Past, span: Span) -> list[list[Series]]:
    """What Prometheus says to each target of a panel."""
    all_of_them = []
    for target in panel["targets"]:
        text = target["expr"]
        for name, value in CHOSEN.items():
            text = text.replace(name, value)
        begin = span.end if target["instant"] else span.begin
        answer = found.server.over(text, begin, span.end, span.step)
        now = [one for one in answer if panel["type"] != "table" or at_end(one, span)]
        all_of_them.append(series_of(panel, target, now))
    return all_of_them


def at_end(one: dict[str, Any], span: Span) -> bool:
    return bool(float(one["values"][-1][0]) >= span.end - span.step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, past(Path(folder), END, SPAN) as found:
        save_all(found, given.out)


def save_all(found: Past, out: Path) -> None:
    """Every dashboard as a small PNG."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    for board in dashboards():
        path = out / f"{board['uid'].removeprefix('bearwatch-')}.png"
        picture(board, found).savefig(path)
        with Image.open(path) as image:
            few = image.convert("RGB").quantize(COLOURS)
        few.save(path, optimize=True)
        sys.stdout.write(f"{path}: {len(panels(board))} panels\n")


if __name__ == "__main__":
    main()
