"""Draws panels as Grafana would, from what Prometheus answers: one function per kind of panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from docker.grafana.panels import PALETTE
from tests.dashboards.series import Json, Series, Span, days, with_gaps
from tests.dashboards.units import say

INK: Final = "#222222"
FAINT: Final = "#E4E4E4"
SMALL: Final = 6.5
MOST_IN_LEGEND: Final = 6


def draw(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """What one panel shows, or that there is nothing to show."""
    axes.tick_params(labelsize=SMALL, colors=INK, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    found = [one for answer in answers for one in answer]
    if not any(np.isfinite(one.values).any() for one in found):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing to show", ha="center", fontsize=8, color="#888888")
        return
    KINDS[panel["type"]](axes, panel, answers, span)


def timeseries(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """Lines, areas or bars over time, with the band and the thresholds."""
    defaults = panel["fieldConfig"]["defaults"]
    found = [one for answer in answers for one in answer]
    colours, band = _colours(panel, found), _band(panel)
    over_time(axes, span)
    shown = [one for one in found if one.name not in band]
    if band:
        low, high = (next((s for s in found if s.name == name), None) for name in band)
        if low is not None and high is not None:
            at, least = with_gaps(low, span.step)
            axes.fill_between(
                at, least, with_gaps(high, span.step)[1], step="post", alpha=0.3,
                color=colours[high.name], linewidth=0, label="usual, 95 of 100",
            )  # fmt: skip
    if defaults["custom"]["stacking"]["mode"] == "normal":
        _stacked(axes, shown, colours, span, bars=defaults["custom"]["drawStyle"] == "bars")
    else:
        for one in sorted(shown, key=lambda s: -float(np.nanmax(s.values)))[:12]:
            at, values = with_gaps(one, span.step)
            colour = colours[one.name]
            axes.plot(at, values, color=colour, linewidth=1.3, label=one.name, clip_on=False)
    _ends(axes, panel, span)
    _thresholds(axes, defaults["thresholds"]["steps"])
    _legend(axes)


def _stacked(
    axes: Axes, found: Sequence[Series], colours: Mapping[str, str], span: Span, *, bars: bool
) -> None:
    grid = np.arange(span.begin, span.end + span.step, span.step)
    bottom = np.zeros(len(grid))
    for one in sorted(found, key=lambda s: -float(np.nansum(s.values))):
        values = np.zeros(len(grid))
        places = np.clip(np.round((one.at - span.begin) / span.step).astype(int), 0, len(grid) - 1)
        values[places] = np.nan_to_num(one.values)
        if not values.any():
            continue
        width = span.step / 86_400
        if bars:
            axes.bar(days(grid), values, width, bottom, color=colours[one.name], label=one.name)
        else:
            axes.fill_between(
                days(grid), bottom, bottom + values, color=colours[one.name], alpha=0.75,
                linewidth=0, label=one.name,
            )  # fmt: skip
        bottom = bottom + values


def stat(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """The newest values, large."""
    axes.set_axis_off()
    found = [one for answer in answers for one in answer]
    defaults = panel["fieldConfig"]["defaults"]
    for number, one in enumerate(found):
        x = (number + 0.5) / len(found)
        text = say(one.last, defaults["unit"], defaults.get("decimals"), span.end)
        colour = _step_colour(defaults, one.last)
        size = 22 if len(text) < 8 else 15
        axes.text(x, 0.52, text, ha="center", va="center", fontsize=size, color=colour)
        axes.text(x, 0.05, one.name, ha="center", fontsize=7, color=INK)


def bargauge(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """The newest values as bars, the longest first."""
    defaults = panel["fieldConfig"]["defaults"]
    found = sorted((s for a in answers for s in a), key=lambda s: -s.last)[:10]
    rows = max(len(found), 5)
    places = rows - 1 - np.arange(len(found))
    axes.set_ylim(-0.5, rows - 0.5)
    values = [max(0.0, one.last) for one in found]
    most = defaults.get("max") or max([*values, 1e-9]) * 1.15
    axes.barh(places, [most] * len(found), color="#F2F2F2", height=0.7)
    colours = [_step_colour(defaults, one.last) for one in found]
    axes.barh(places, np.minimum(values, most), color=colours, height=0.7)
    axes.set_yticks(places, [one.name for one in found])
    axes.set_xticks([])
    axes.set_xlim(0, most * 1.12)
    for place, one in zip(places, found, strict=True):
        text = say(one.last, defaults["unit"], defaults.get("decimals"), span.end)
        axes.text(most * 1.02, float(place), text, va="center", fontsize=7, color=INK)


def timeline(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """A bar per series for as long as it has a value, in the colour of the state."""
    states = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    rows: dict[str, list[Series]] = {}
    for one in (s for answer in answers for s in answer):
        rows.setdefault(one.name, []).append(one)
    names = sorted(rows, key=lambda n: -min(float(s.at[0]) for s in rows[n]))
    over_time(axes, span)
    for place, name in enumerate(names):
        for one in rows[name]:
            for at, value in zip(one.at, one.values, strict=True):
                colour = states[str(int(value))]["color"]
                left = days(np.array([at]))[0]
                axes.broken_barh(
                    [(left, span.step / 86_400)], (place - 0.35, 0.7), facecolors=colour
                )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, max(len(names), 4) - 0.4)
    for state in states.values():
        axes.barh([0], [0], color=state["color"], label=state["text"])
    _legend(axes)


def heatmap(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """How many fell into each bucket, over time."""
    found = sorted((s for a in answers for s in a), key=lambda s: float(s.labels["le"]))
    grid = np.arange(span.begin, span.end + span.step, span.step)
    table = np.zeros((len(found), len(grid)))
    for row, one in enumerate(found):
        places = np.round((one.at - span.begin) / span.step).astype(int)
        table[row, np.clip(places, 0, len(grid) - 1)] = np.nan_to_num(one.values)
    inside = np.diff(table, axis=0, prepend=0)
    inside[inside < 0.01] = np.nan
    over_time(axes, span)
    axes.pcolormesh(days(grid), np.arange(len(found)), inside, cmap="cividis", shading="nearest")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    ends = [float(one.labels["le"]) for one in found]
    names = ["longer" if math.isinf(e) else say(e, unit, None, span.end) for e in ends]
    axes.set_yticks(np.arange(len(found))[::2], names[::2])
    axes.grid(visible=False)


def table(axes: Axes, panel: Json, answers: Sequence[Sequence[Series]], span: Span) -> None:
    """Rows of labels and newest values."""
    axes.set_axis_off()
    columns, units, states = _columns(panel)
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for number, answer in enumerate(answers):
        for one in answer:
            key = tuple(sorted(one.labels.values()))
            row = rows.setdefault(key, dict(one.labels))
            ref = f"Value #{chr(65 + number)}"
            value = say(one.last, units.get(columns.get(ref, ""), "none"), None, span.end)
            row[ref] = states.get(value, value)
    cells = [[row.get(name, "") for name in columns] for row in rows.values()] or [
        [""] * len(columns)
    ]
    wide = [max(len(column), *(len(row[n]) for row in cells)) + 2 for n, column in
            enumerate(columns.values())]  # fmt: skip
    made = axes.table(
        cellText=cells, colLabels=list(columns.values()), loc="upper left", cellLoc="left",
        edges="horizontal", colWidths=[w / sum(wide) for w in wide],
    )  # fmt: skip
    made.auto_set_font_size(False)
    made.set_fontsize(6.5)
    made.scale(1, 1.25)
    for cell in made.get_celld().values():
        cell.set_edgecolor(FAINT)


def over_time(axes: Axes, span: Span) -> None:
    """A time axis, in UTC, with a light grid."""
    axes.set_xlim(days(np.array([span.begin]))[0], days(np.array([span.end]))[0])
    # matplotlib leaves its dates without types.
    locator = dates.AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]
    axes.grid(visible=True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _ends(axes: Axes, panel: Json, span: Span) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    bottom, top = axes.get_ylim()
    top = max(top, 1e-6) if top > bottom else bottom + 1
    axes.set_ylim(defaults.get("min", bottom), defaults.get("max", top))
    unit = defaults["unit"]
    axes.yaxis.set_major_locator(MaxNLocator(1 if unit == "bool_yes_no" else 5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: say(v, unit, None, span.end)))


def _thresholds(axes: Axes, steps: Sequence[Json]) -> None:
    bottom, top = axes.get_ylim()
    for step in steps[1:]:
        if bottom <= step["value"] <= top:
            axes.axhline(step["value"], color=step["color"], linestyle="--", linewidth=0.9)


def _legend(axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    if not names:
        return
    shown = [name if len(name) < 34 else name[:32] + "…" for name in names][:MOST_IN_LEGEND]
    axes.legend(
        handles[:MOST_IN_LEGEND], shown, loc="upper left", bbox_to_anchor=(0, -0.09), ncols=3,
        fontsize=6, frameon=False, handlelength=1, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _colours(panel: Json, found: Sequence[Series]) -> dict[str, str]:
    fixed = {
        one["matcher"]["options"]: each["value"]["fixedColor"]
        for one in panel["fieldConfig"]["overrides"]
        for each in one["properties"]
        if each["id"] == "color"
    }
    others = [one.name for one in found if one.name not in fixed]
    return fixed | {
        name: PALETTE[n % len(PALETTE)] for n, name in enumerate(dict.fromkeys(others))
    }


def _band(panel: Json) -> tuple[str, ...]:
    for one in panel["fieldConfig"]["overrides"]:
        for each in one["properties"]:
            if each["id"] == "custom.fillBelowTo":
                return each["value"], one["matcher"]["options"]
    return ()


def _columns(panel: Json) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Columns by label, units by column, words by value."""
    names = panel["transformations"][-1]["options"]["renameByName"]
    units = {
        one["matcher"]["options"]: each["value"]
        for one in panel["fieldConfig"]["overrides"]
        for each in one["properties"]
        if each["id"] == "unit"
    }
    mapped = panel["fieldConfig"]["defaults"]["mappings"]
    states = {k: v["text"] for m in mapped for k, v in m["options"].items()}
    return dict(names), units, states


def _step_colour(defaults: Json, value: float) -> str:
    steps = defaults["thresholds"]["steps"]
    reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
    return str(reached[-1])


KINDS: Final[Mapping[str, Callable[[Axes, Json, Sequence[Sequence[Series]], Span], None]]] = {
    "timeseries": timeseries,
    "stat": stat,
    "bargauge": bargauge,
    "state-timeline": timeline,
    "heatmap": heatmap,
    "table": table,
}
