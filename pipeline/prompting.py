"""`prompts test`: the ranking as a table, with progress while it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models import prompt_trials
from models.prompt_trials import Scored, Trial
from models.recipe import Progress, Recipe
from pipeline.display import Shown, progress
from pipeline.recipes import changed


def rank_prompts(
    files: list[Path],
    folder: Path | None,
    console: Console,
    *,
    rows: int,
    seeds: int,
    changes: list[str],
) -> Shown:
    """Compare the prompts of ``folder``, or the shipped one with and without its parts."""
    prompts = prompt_trials.candidates(folder)
    with progress(console) as display:
        task = display.add_task("prompts", total=len(prompts), facts="")
        begun: list[str] = []

        def tell(name: str, at: Progress | None) -> None:
            if at is None:
                begun.append(name)
                display.update(task, completed=len(begun) - 1)
            step = f", step {at.step}/{at.steps}" if at else ""
            display.update(task, facts=f"{name}{step}")

        trials = prompt_trials.compare(
            prompts, files, changed(Recipe(), changes), rows=rows, seeds=seeds, progress=tell
        )
    return Shown({"prompts": [_as_json(trial) for trial in trials]}, _table(trials))


def _as_json(trial: Trial) -> dict[str, object]:
    behind = trial.behind and asdict(trial.behind) | {"beyond_noise": trial.behind.beyond_noise}
    return asdict(trial) | {"behind": behind}


def _table(trials: Sequence[Trial]) -> Table:
    table = Table(title="Prompts, best first: macro F1 (95 % interval)", title_justify="left")
    for name in ("prompt", "tokens", "untuned", "tuned", "behind the best by"):
        table.add_column(name, justify="right" if name == "tokens" else "left")
    for trial in trials:
        table.add_row(
            escape(trial.name),
            str(trial.tokens),
            _scores(trial.untuned),
            _scores(trial.tuned) or "not tuned",
            _behind(trial),
        )
    return table


def _scores(scored: Mapping[str, Scored]) -> str:
    return "\n".join(
        f"{task} {one.macro_f1:.3f} ({one.interval.low:.3f} to {one.interval.high:.3f})"
        for task, one in scored.items()
    )


def _behind(trial: Trial) -> str:
    if trial.behind is None:
        return ""
    low, high = trial.behind.interval.low, trial.behind.interval.high
    verdict = "more than noise" if trial.behind.beyond_noise else "may be noise"
    return f"{trial.behind.macro_f1:.3f} ({low:+.3f} to {high:+.3f})\n{verdict}"
