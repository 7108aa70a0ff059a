"""Trainings side by side: methods, recipes, folds and seeds, on a processor or on a GPU.

    python -m tests.benchmarks.methods PLAN.json --data DIR --out DIR --device cuda --jobs 16

A plan is a list of jobs: ``name``, ``recipe`` (changes of the default one), ``seeds``, and either
``file``, which is cut into ``folds``, each judged by a training on the others, or ``files`` and
``judge``, pairs of a file and a split of it. ``extra`` files are trained on in every fold;
``start`` is a version's folder to go on from. A training is a line of ``results.jsonl`` in
``--out``; what is there already is not done again. Means and spreads over the seeds come last.

Folds are of near-duplicate groups (models.groups), the same for every job. What is judged here is
never seen by the training, which chooses epoch and temperatures on inner rows of its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing as mp
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

Job = dict[str, Any]


def tasks_of(plan: Iterable[Job]) -> list[Job]:
    """One task for each training: the job with its ``seed`` and ``fold``."""
    return [
        {**job, "seed": seed, "fold": fold}
        for job in plan
        for seed in job.get("seeds", [7])
        for fold in (range(job["folds"]) if "file" in job else [None])
    ]


def key_of(task: Job) -> str:
    """Names a training in ``results.jsonl``."""
    return f"{task['name']}/{task['seed']}/{task['fold']}"


def rows_of(path: Path) -> list[Job]:
    """The rows of a JSONL file, compressed or not."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.splitlines()]


@cache
def fold_of(path: Path, folds: int) -> dict[str, int]:
    """Each row's fold by its id: whole groups, the largest first, each to the smallest fold."""
    from models.groups import near_groups
    from models.text import prepare

    rows = rows_of(path)
    members: dict[int, list[str]] = defaultdict(list)
    groups = near_groups([prepare(row["text"]) for row in rows]).tolist()
    for row, group in zip(rows, groups, strict=True):
        members[group].append(row["id"])
    sizes, where = [0] * folds, {}
    for own in sorted(members.values(), key=lambda ids: (-len(ids), hash_of(ids[0]))):
        fold = sizes.index(min(sizes))
        sizes[fold] += len(own)
        where |= dict.fromkeys(own, fold)
    return where


def hash_of(name: str) -> int:
    """A number that is the same on every machine; files are sorted by label."""
    return int.from_bytes(name.encode()[::-1], "big") * 2654435761 % 2**32


def work(task: Job) -> Job:
    """One training, and the scores of what it is judged on."""
    import torch

    torch.set_num_threads(1)
    from models import dataset, evaluation, taxonomy, training, versions
    from models.recipe import Recipe
    from pipeline.recipes import changed

    begun = time.monotonic()
    data, labels = Path(task["data"]), taxonomy.load()
    changes = {"seed": task["seed"], **task.get("recipe", {})}
    with tempfile.TemporaryDirectory() as place:
        files, judged = _cut(task, data, Path(place))
        out = Path(place) / "version"
        card = training.train(
            files,
            out,
            changed(Recipe(), [f"{name}={value}" for name, value in changes.items()]),
            lambda _: None,
            start=Path(task["start"]) if "start" in task else None,
            device=task["device"],
            names=tuple(task.get("names", ())),
        )
        trained = time.monotonic() - begun
        version = versions.load(out, precision="fp32")
        scores: Job = {"inner": card.scores["inner"]}
        for name, path, split in judged:
            rows = dataset.read([path], labels)
            chosen = rows if split is None else rows[rows["split"] == split]
            scores[name] = {
                kind: asdict(evaluation.score(one.labels, one.probabilities, one.names))
                for kind, one in evaluation.judged(version, chosen).items()
            }
    named = {name: task[name] for name in ("name", "seed", "fold")}
    return {**named, "scores": scores, "seconds": round(trained, 1), "recipe": card.recipe}


def _cut(task: Job, data: Path, place: Path) -> tuple[list[Path], list[tuple[str, Path, Any]]]:
    """The files to train on, and what is judged: name, file, split or None for all of it."""
    files, judged = [], []
    if "file" in task:
        rows, folds = rows_of(data / task["file"]), fold_of(data / task["file"], task["folds"])
        inside = [row for row in rows if folds[row["id"]] == task["fold"]]
        parts = {
            Path(task["file"]).name.removesuffix(".gz"): [
                row for row in rows if folds[row["id"]] != task["fold"]
            ],
            "test.jsonl": inside,
            "sure.jsonl": [row for row in inside if str(row.get("agreement")) == "100"],
        }
        for name, part in parts.items():
            (place / name).write_text("".join(json.dumps(row) + "\n" for row in part))
        train, test, sure = (place / name for name in parts)
        files, judged = [train], [("test", test, None)]
        if parts["sure.jsonl"]:
            judged.append(("sure", sure, None))
    files += [data / name for name in (*task.get("files", ()), *task.get("extra", ()))]
    judged += [(f"{name}:{split}", data / name, split) for name, split in task.get("judge", ())]
    return files, judged


def safely(task: Job) -> Job:
    """The same; what went wrong is a line of its own, not the end of the others."""
    try:
        return work(task)
    except Exception:  # noqa: BLE001 - told with its trace
        named = {name: task[name] for name in ("name", "seed", "fold")}
        return {**named, "error": traceback.format_exc()}


def table(results: Iterable[Job]) -> str:
    """Accuracy / macro-F1 / ECE by job and judged rows: the mean of seeds, each of its folds."""
    by_name: dict[str, list[Job]] = defaultdict(list)
    for result in results:
        by_name[result["name"]].append(result)
    lines = []
    for name, own in by_name.items():
        good = [one for one in own if "scores" in one]
        lines.append(f"{name}: {len(good)} trainings, {len(own) - len(good)} failed")
        lines += [one["error"].strip().splitlines()[-1] for one in own if "error" in one][:1]
        for where, tasks in (good[0]["scores"] if good else {}).items():
            lines += [f"  {where} {task}: {_cells(good, where, task)}" for task in tasks]
    return "\n".join(lines)


def _cells(good: list[Job], where: str, task: str) -> str:
    cells = []
    for metric in ("accuracy", "macro_f1", "ece"):
        by_seed = defaultdict(list)
        for one in good:
            by_seed[one["seed"]].append(one["scores"][where][task][metric])
        means = [fmean(values) for values in by_seed.values()]
        cells.append(f"{fmean(means):.3f}" + (f"±{pstdev(means):.3f}" if means[1:] else ""))
    return " / ".join(cells)


def main() -> None:
    """Do what of the plan is not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="Trainings at a time.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "results.jsonl"
    results = rows_of(log) if log.exists() else []
    done = {key_of(one) for one in results if "scores" in one}
    more = {"data": str(given.data), "device": given.device}
    waiting = [
        task | more
        for task in tasks_of(json.loads(given.plan.read_text()))
        if key_of(task) not in done
    ]
    with mp.get_context("spawn").Pool(given.jobs) as pool, log.open("a") as file:
        for number, result in enumerate(pool.imap_unordered(safely, waiting), start=1):
            results.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
            sys.stderr.write(f"{number} of {len(waiting)}: {key_of(result)}\n")
    sys.stdout.write(table(results) + "\n")


if __name__ == "__main__":
    main()
