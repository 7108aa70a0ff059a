"""What a training's result means: promote or refuse, with numbers and reasons as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models import evaluation
from pipeline.retraining import gate
from pipeline.retraining.gate import Decision
from pipeline.retraining.job import Answered, Doubt, Result


@dataclass(frozen=True, slots=True)
class Facts:
    """What went into a training, in rows but for ``new_labels``, which are events."""

    new_labels: int
    labels: int
    rehearsal: int
    sealed: int
    disputed: int
    unknown: int


def decide(result: Result, *, contradicted: float) -> Decision:
    """The gate's decision, or a refusal of labels that cannot be believed."""
    doubted = [
        _words(task, one)
        for task, one in result.doubts.items()
        if one.share - one.usual > contradicted and one.low > 0
    ]
    if doubted or result.candidate is None:
        return Decision(promote=False, refusal="noisy_labels", reasons=tuple(doubted), numbers=())
    tasks = {task: one.compared() for task, one in result.answered.items()}
    return gate.decide(tasks, added=result.added)


def as_json(decision: Decision, result: Result, facts: Facts) -> dict[str, Any]:
    """The whole of it, for the database, the version's report and people."""
    return {
        "promote": decision.promote,
        "refusal": decision.refusal,
        "reasons": list(decision.reasons),
        "numbers": [asdict(number) for number in decision.numbers],
        "base": _on_base(result),
        "rows": asdict(facts) | result.rows,
        "doubts": {task: asdict(one) for task, one in result.doubts.items()},
        "added": list(result.added),
        "seconds": round(result.seconds, 1),
    }


def _on_base(result: Result) -> dict[str, dict[str, float]]:
    """Both versions' macro-F1 on the sealed rows that never change, comparable over the years."""
    found: dict[str, dict[str, float]] = {}
    for task, answered in result.answered.items():
        if number := result.base.get(task, 0):
            found[task] = {"rows": number} | _scores(answered, number)
    return found


def _scores(answered: Answered, number: int) -> dict[str, float]:
    one = answered.compared(slice(number))
    return {
        who: round(evaluation.score(one.labels, told, one.names).macro_f1, 4)
        for who, told in (("champion", one.champion), ("candidate", one.candidate))
    }


def _words(task: str, one: Doubt) -> str:
    return (
        f"{one.share:.0%} of the {one.labels} new {task} labels are contradicted both by the "
        f"champion and by a model of all other labels, where {one.usual:.0%} is usual: look at "
        "them before they are learned"
    )
