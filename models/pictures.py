"""An evaluation as pictures: where labels are confused, and whether confidence can be believed.

matplotlib is imported here alone and only when a picture is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.evaluation import CALIBRATION_BINS, Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#1f2937"
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"
"""Of Okabe and Ito's palette: told apart by readers who see colours differently."""

_STYLE: Final[dict[Any, object]] = {
    "svg.hashsalt": "bearwatch",  # ids in the file: the same picture is the same bytes
    "svg.fonttype": "none",
    "text.parse_math": False,  # a label may hold a dollar sign
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def confusion(found: Judged, path: Path) -> None:
    """Shares of each label's rows by answer, as an SVG: a dark diagonal is what one wants."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    present = np.unique(found.labels)
    predicted = found.probabilities.argmax(axis=1)
    classes = len(found.names)
    counts = np.bincount(found.labels * classes + predicted, minlength=classes * classes)
    table = counts.reshape(classes, classes)[present]
    shares = table / table.sum(axis=1, keepdims=True)
    side = 1.6 + 0.42 * max(classes, 5)
    with rc_context(_STYLE):
        figure = Figure(
            figsize=(side + 1, 1.4 + 0.42 * max(len(present), 4)), layout="constrained"
        )
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(classes), found.names, rotation=50, ha="right")
        names = [f"{found.names[k]} ({table[i].sum()})" for i, k in enumerate(present)]
        axes.set_yticks(range(len(present)), names)
        axes.set_xlabel("answer")
        axes.set_ylabel("label (rows)")
        for (i, k), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.55 else INK
                axes.text(k, i, f"{share:.0%}", ha="center", va="center", color=colour, size=7)
        _save(figure, path)


def reliability(found: Judged, path: Path) -> None:
    """Accuracy against confidence in equal bins, with how many rows lie in each, as an SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    confidence = found.probabilities.max(axis=1)
    right = found.probabilities.argmax(axis=1) == found.labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = rows > 0
    accuracy = np.bincount(bins, right, CALIBRATION_BINS)[used] / rows[used]
    believed = np.bincount(bins, confidence, CALIBRATION_BINS)[used] / rows[used]
    with rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 4.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot((0, 1), (0, 1), color=INK, linewidth=0.8, linestyle="--")
        above.plot(believed, accuracy, color=BLUE, marker="o")
        above.vlines(believed, accuracy, believed, color=ORANGE, linewidth=1)
        above.set_ylabel("share that is right")
        above.set_ylim(0, 1.02)
        below.bar((np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS, rows, 0.06, color=BLUE)
        below.set_ylabel("rows")
        below.set_xlabel("confidence")
        below.set_xlim(0, 1.02)
        _save(figure, path)


def learning_curves(
    found: Mapping[str, tuple[Sequence[int], Sequence[Sequence[float]]]],
    path: Path,
    *,
    score: str,
) -> None:
    """Scores against the number of labels, a line for each way of choosing them, as a PNG.

    ``found`` gives the numbers of labels and, for each seed, the score at each of them; the line
    is the mean, the band reaches from the worst seed to the best.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(6.0, 3.8), layout="constrained")
        axes = figure.subplots()
        for colour, (name, (numbers, seeds)) in zip(
            (BLUE, ORANGE, GREEN), found.items(), strict=False
        ):
            scores = np.asarray(seeds)
            axes.plot(
                numbers, scores.mean(axis=0), color=colour, marker="o", markersize=3, label=name
            )
            axes.fill_between(
                numbers,
                scores.min(axis=0),
                scores.max(axis=0),
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        axes.set_xlabel("labels")
        axes.set_ylabel(score)
        axes.grid(visible=True, linewidth=0.3)
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, format="png", dpi=120, metadata={"Software": None})


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
