"""What the pages about versions show: cards and reports as tables, gains as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerts.channels import plain
from pipeline.pages.axes import Tick
from pipeline.pages.view import NAME_LIMIT
from pipeline.store.retraining import Run
from pipeline.store.versions import Promotion, Registered

REASON_LIMIT: Final = 1000
TEXT_LIMIT: Final = 20_000

WIDTH: Final = 960
LABELS: Final = 230
LANE: Final = 24
FOOT: Final = 26
BAR: Final = 160
"""Width of a whole bar of a label's F1."""

TRIGGERS: Final = {
    "schedule": "by the clock",
    "labels": "enough new labels",
    "missed": "a run that was missed",
    "hand": "by hand",
}


@dataclass(frozen=True, slots=True)
class TaskScore:
    """One head on one set of rows."""

    rows: str
    task: str
    n: int
    accuracy: str
    macro_f1: str
    ece: str


@dataclass(frozen=True, slots=True)
class Bar:
    """F1 of one label."""

    name: str
    f1: str
    support: int
    width: float


@dataclass(frozen=True, slots=True)
class Gain:
    """One guarded number of a candidate beside the champion's, on the same sealed rows.

    ``x``, ``low`` and ``high`` are places in the picture.
    """

    name: str
    rows: int
    champion: str
    candidate: str
    interval: str
    verdict: str
    y: float
    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gains:
    """All of them, and the picture's size and axis."""

    rows: Sequence[Gain]
    ticks: Sequence[Tick]
    zero: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in the list."""

    id: str
    made_at: datetime | None
    """None: it came with the program."""
    made_by: str
    parent: str
    champion: bool
    scores: str


@dataclass(frozen=True, slots=True)
class MoveLine:
    """One change of the champion."""

    at: datetime
    told: str
    version: str
    previous: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """One retraining."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    trigger: str
    state: str
    candidate: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version, whole."""

    line: VersionLine
    facts: Sequence[tuple[str, str]]
    scores: Sequence[TaskScore]
    labels: Sequence[tuple[str, Sequence[Bar]]]
    """Per head, on the first of the sets of rows."""
    reasons: Sequence[str]
    gains: Gains | None
    recipe: Sequence[tuple[str, str]]
    data: Sequence[tuple[str, str]]
    limits: Sequence[str]
    prompt: str
    moves: Sequence[MoveLine]


def version_line(found: Registered, champion: str, *, shipped: bool = False) -> VersionLine:
    """``champion`` is the id of the one that classifies."""
    scores = [f"{one.task} {one.macro_f1}" for one in _scores(found.card)[:2]]
    return VersionLine(
        id=plain(found.id, NAME_LIMIT),
        made_at=None if shipped else found.made_at,
        made_by=plain(found.made_by, NAME_LIMIT),
        parent=plain(found.parent or "", NAME_LIMIT),
        champion=found.id == champion,
        scores=", ".join(scores),
    )


def version_view(
    found: Registered, champion: str, moves: Sequence[Promotion], *, shipped: bool = False
) -> VersionView:
    """Everything that is stored about one version; ``moves`` are those that speak of it."""
    card, report = found.card, found.report or {}
    facts = [("Encoder", card.get("backbone")), ("Prompt vectors", card.get("vectors"))]
    facts += [
        (f"Temperature, {task}", value) for task, value in _dict(card, "temperatures").items()
    ]
    return VersionView(
        line=version_line(found, champion, shipped=shipped),
        facts=[(name, _text(value)) for name, value in facts if value is not None],
        scores=_scores(card),
        labels=_labels(card),
        reasons=[plain(str(one), REASON_LIMIT) for one in report.get("reasons", ())],
        gains=_gains(report.get("numbers", ())),
        recipe=[(plain(name, NAME_LIMIT), _text(v)) for name, v in _dict(card, "recipe").items()],
        data=[
            (_text(one.get("name")), _text(one.get("licence") or ""))
            for one in card.get("data", ())
        ],
        limits=[_text(one) for one in card.get("limits", ())],
        prompt=plain(str(card.get("prompt", "")), TEXT_LIMIT),
        moves=[move_line(one) for one in moves],
    )


def move_line(one: Promotion) -> MoveLine:
    """One line of the champion's history."""
    return MoveLine(
        at=one.at,
        told="promoted" if one.kind == "promote" else "rolled back to",
        version=plain(one.version, NAME_LIMIT),
        previous=plain(one.previous or "", NAME_LIMIT),
        actor=plain(one.actor, NAME_LIMIT),
        reason=plain(one.reason, REASON_LIMIT),
    )


def run_line(run: Run) -> RunLine:
    """One line of the retrainings; its reasons in words."""
    return RunLine(
        number=run.seq,
        started_at=run.started_at,
        ended_at=run.ended_at,
        trigger=TRIGGERS.get(run.trigger, run.trigger),
        state=run.state,
        candidate=plain(run.candidate or "", NAME_LIMIT),
        reasons=[plain(str(one), REASON_LIMIT) for one in (run.decision or {}).get("reasons", ())],
    )


def _scores(card: Mapping[str, Any]) -> list[TaskScore]:
    return [
        TaskScore(
            rows=plain(rows, NAME_LIMIT),
            task=plain(task, NAME_LIMIT),
            n=int(found.get("n", 0)),
            accuracy=_number(found.get("accuracy")),
            macro_f1=_number(found.get("macro_f1")),
            ece=_number(found.get("ece")),
        )
        for rows, task, found in _judged(card)
    ]


def _judged(card: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Sets of rows, heads, and what is known of them; whatever else scores hold is passed over."""
    for rows, tasks in _dict(card, "scores").items():
        for task, found in tasks.items() if isinstance(tasks, dict) else ():
            if isinstance(found, dict) and "macro_f1" in found:
                yield rows, task, found


def _labels(card: Mapping[str, Any]) -> list[tuple[str, list[Bar]]]:
    found: dict[str, list[Bar]] = {}
    for _, task, scores in _judged(card):
        if task not in found and isinstance(scores.get("per_class"), dict):
            found[task] = [
                Bar(
                    name=plain(name, NAME_LIMIT),
                    f1=_number(one.get("f1")),
                    support=int(one.get("support", 0)),
                    width=round(BAR * min(1.0, max(0.0, float(one.get("f1") or 0.0))), 1),
                )
                for name, one in scores["per_class"].items()
            ]
    return list(found.items())


def _gains(numbers: Sequence[Mapping[str, Any]]) -> Gains | None:
    if not numbers:
        return None
    most = max(abs(float(one[end])) for one in numbers for end in ("low", "high")) or 0.01
    middle, half = LABELS + (WIDTH - LABELS) / 2, (WIDTH - LABELS) / 2 - 36

    def x(value: float) -> float:
        return round(middle + half * value / most, 1)

    rows = [
        Gain(
            name=plain(str(one["name"]), NAME_LIMIT),
            rows=int(one["rows"]),
            champion=_number(one["champion"]),
            candidate=_number(one["candidate"]),
            interval=f"{float(one['low']):+.3f} to {float(one['high']):+.3f}",
            verdict=plain(str(one["verdict"]), NAME_LIMIT),
            y=LANE * place + LANE / 2,
            x=x(float(one["gain"])),
            low=x(float(one["low"])),
            high=x(float(one["high"])),
        )
        for place, one in enumerate(numbers)
    ]
    ticks = [Tick(x(value), f"{value:+.3f}") for value in (-most, most)] + [Tick(x(0.0), "0")]
    return Gains(rows, ticks, x(0.0), WIDTH, LANE * len(rows) + FOOT)


def _dict(card: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = card.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else ""


def _text(value: object) -> str:
    return plain(str(value), REASON_LIMIT)
