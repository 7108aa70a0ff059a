"""The gate: whether a candidate takes the champion's place. Numbers in, a decision out.

Both have answered the same sealed rows. The candidate has to gain somewhere beyond noise and must
not lose anywhere: macro-F1 and calibration of each task, recall of *negative*, F1 of each topic
with enough rows. Every difference is paired: both are scored on the same draw of rows, so what
makes rows hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.evaluation import Labels, Probabilities, calibration_error
from models.intervals import LEVEL, RESAMPLES, SEED, macro_f1

Refusal = Literal["too_few_rows", "no_gain", "worse", "noisy_labels"]
REFUSALS: Final = get_args(Refusal)

LEAST_ROWS: Final = 100
"""Sealed rows of a task; with fewer nothing can be told of it."""

LEAST_TOPIC_ROWS: Final = 20
MARGIN: Final = 0.01
TOPIC_MARGIN: Final = 0.05

FALSE_REFUSALS: Final = 0.1
"""How often a candidate that is as good as the champion may be refused by one family of guards,
the five of the tasks or those of the topics: shared by their number (Bonferroni). On a few hundred
rows a number moves by more than its margin without a cause."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What both said of the sealed rows that are labelled for one task, n > 0.

    ``labels`` (n,) are indices into ``names``; the probabilities are (n, len(names)), both in the
    order of ``names``.
    """

    names: Sequence[str]
    labels: Labels
    champion: Probabilities
    candidate: Probabilities


@dataclass(frozen=True, slots=True)
class Number:
    """One guarded number of both on the same rows. ``gain`` is positive where the candidate is
    better; ``low`` and ``high`` are the ends of its 95 % interval, in the number's own unit."""

    name: str
    rows: int
    champion: float
    candidate: float
    gain: float
    low: float
    high: float
    may_gain: bool
    verdict: Literal["better", "worse", "within noise"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, the reasons in words, and all numbers they rest on.

    ``refusal`` is None for a promotion; of several it is the gravest.
    """

    promote: bool
    refusal: Refusal | None
    reasons: tuple[str, ...]
    numbers: tuple[Number, ...]


def decide(tasks: Mapping[str, Compared], *, added: Collection[str] = ()) -> Decision:
    """Compare a candidate with the champion on sealed rows.

    ``tasks`` has ``topic``, ``sentiment`` or both; ``added`` are the topics that the champion was
    not tuned on, each of which may be the one that gains.
    """
    enough = {task: one for task, one in tasks.items() if len(one.labels) >= LEAST_ROWS}
    if not enough:
        held = ", ".join(f"{len(one.labels)} of {task}" for task, one in tasks.items()) or "none"
        few = f"sealed rows: {held}; at least {LEAST_ROWS} of one task are needed to compare"
        return Decision(promote=False, refusal="too_few_rows", reasons=(few,), numbers=())
    numbers = (*_of_tasks(enough, added), *_of_topics(enough.get("topic"), added))
    worse = [one for one in numbers if one.verdict == "worse"]
    gains = [one for one in numbers if one.may_gain and one.verdict == "better"]
    short = [task for task in tasks if task not in enough]
    notes = [f"{task}: under {LEAST_ROWS} sealed rows, not compared" for task in short]
    if worse:
        losses = tuple(f"worse: {_words(one)}" for one in worse)
        return Decision(False, "worse", (*losses, *notes), numbers)
    if not gains:
        none = tuple(f"no gain beyond noise: {_words(one)}" for one in numbers if one.may_gain)
        return Decision(False, "no_gain", (*none, *notes), numbers)
    better = tuple(f"better: {_words(one)}" for one in gains)
    return Decision(True, None, (*better, "nothing guarded is worse", *notes), numbers)


def _of_tasks(tasks: Mapping[str, Compared], added: Collection[str]) -> list[Number]:
    made: list[tuple[str, Compared, _Kind, bool]] = []
    for task, one in tasks.items():
        made.append((f"{task} macro-F1", one, _macro, True))
        made.append((f"{task} calibration error", one, _calibrated, False))
        if task == "sentiment" and "negative" in one.names:
            made.append(("recall of negative", one, _recall(one.names.index("negative")), False))
        if task == "topic" and (known := _without(one, added)) is not None:
            # A new topic that is learned well must not hide that the others are forgotten.
            made.append(("topic macro-F1 without new topics", known, _macro, False))
    level = FALSE_REFUSALS / len(made)
    return [
        _number(name, one, score, margin=MARGIN, level=level, may_gain=gains)
        for name, one, score, gains in made
    ]


def _of_topics(topic: Compared | None, added: Collection[str]) -> list[Number]:
    if topic is None:
        return []
    rows = np.bincount(topic.labels, minlength=len(topic.names))
    judged = [i for i in range(len(topic.names)) if rows[i] >= LEAST_TOPIC_ROWS]
    return [
        _number(
            f"F1 of {topic.names[i]}",
            topic,
            _f1(i),
            margin=TOPIC_MARGIN,
            level=FALSE_REFUSALS / len(judged),
            may_gain=topic.names[i] in added,
            rows=int(rows[i]),
        )
        for i in judged
    ]


_Score = Callable[[NDArray[np.int64]], float]
"""Indices of rows, repeats too -> higher is better; nan where none of them tells."""

_Kind = Callable[[Labels, Probabilities], _Score]
"""Labels (n,) and one version's probabilities (n, classes) -> its score on any rows of them."""


def _number(
    name: str,
    one: Compared,
    kind: _Kind,
    *,
    margin: float,
    level: float,
    may_gain: bool,
    rows: int | None = None,
) -> Number:
    """``worse`` takes a loss beyond ``margin`` that chance makes in less than ``level``."""
    champion, candidate = kind(one.labels, one.champion), kind(one.labels, one.candidate)
    number = len(one.labels)
    old, new = champion(np.arange(number)), candidate(np.arange(number))
    gains = np.array([candidate(drawn) - champion(drawn) for drawn in _draws(number)])
    gains = gains[~np.isnan(gains)]
    outside = 100 * (1 - LEVEL) / 2
    low, high = (float(end) for end in np.percentile(gains, [outside, 100 - outside]))
    gain = new - old
    verdict: Literal["better", "worse", "within noise"] = "within noise"
    if low > 0.0:
        verdict = "better"
    elif gain < -margin and float(np.percentile(gains, 100 * (1 - level))) < 0.0:
        verdict = "worse"
    counted = number if rows is None else rows
    return Number(name, counted, abs(old), abs(new), gain, low, high, may_gain, verdict)


def _macro(labels: Labels, probabilities: Probabilities) -> _Score:
    told, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    return lambda rows: macro_f1(labels[rows], told[rows], classes)


def _calibrated(labels: Labels, probabilities: Probabilities) -> _Score:
    return lambda rows: -calibration_error(labels[rows], probabilities[rows])


def _recall(which: int) -> _Kind:
    def of(labels: Labels, probabilities: Probabilities) -> _Score:
        meant = labels == which
        right = meant & (probabilities.argmax(axis=1) == which)
        return lambda rows: _ratio(right[rows].sum(), meant[rows].sum())

    return of


def _f1(which: int) -> _Kind:
    def of(labels: Labels, probabilities: Probabilities) -> _Score:
        meant, told = labels == which, probabilities.argmax(axis=1) == which
        right, both = 2 * (meant & told), meant.astype(int) + told
        return lambda rows: _ratio(right[rows].sum(), both[rows].sum())

    return of


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")


def _without(topic: Compared, added: Collection[str]) -> Compared | None:
    """Rows of the topics that the champion was tuned on; None where that is all, or nothing."""
    new = [i for i, name in enumerate(topic.names) if name in added]
    kept = ~np.isin(topic.labels, new)
    if kept.all() or not kept.any():
        return None
    return Compared(topic.names, topic.labels[kept], topic.champion[kept], topic.candidate[kept])


def _draws(rows: int) -> Iterator[NDArray[np.int64]]:
    draw = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        yield draw.integers(0, rows, size=rows)


def _words(one: Number) -> str:
    return (
        f"{one.name} {one.champion:.3f} -> {one.candidate:.3f} on {one.rows} rows "
        f"(gain {one.gain:+.3f}, 95 % interval {one.low:+.3f} to {one.high:+.3f})"
    )
