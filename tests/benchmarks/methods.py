"""Trainings side by side: recipes, folds and seeds, on a processor or on a GPU, many at a time.

    python -m tests.benchmarks.methods PLAN.json --data DIR --out DIR [--device cuda] [--jobs 16]

A plan is a list of jobs: ``name``; ``kind`` (``folds`` or ``whole``); for ``folds`` the file that is
cut (``file``), ``folds``, and ``extra`` files that are trained on in every fold; for ``whole`` the
``files``; ``judge``, pairs of file and split that are read; ``seeds``; ``recipe``, changes of the
default one; ``start``, a version's folder, or the name of a job of an earlier plan in ``--out``.
Every training is a line of ``results.jsonl`` in ``--out``; what is there is not done again. A table
comes last: means and standard deviations over folds and seeds.

Folds are of near-duplicate groups (models.groups), the same for every job. Nothing that is judged
here is ever seen by the training: epochs and temperatures are chosen on its inner rows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing as mp
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np

Job = dict[str, Any]


def tasks_of(plan: list[Job]) -> list[Job]:
    """One task for each training: the job with its ``seed`` and ``fold``."""
    tasks = []
    for job in plan:
        for seed in job.get("seeds", [7]):
            folds = range(job["folds"]) if job["kind"] == "folds" else [None]
            only = job.get("only_folds")
            tasks += [{**job, "seed": seed, "fold": f} for f in folds if only is None or f in only]
    return tasks


def key_of(task: Job) -> str:
    """Names a training in ``results.jsonl``."""
    return f"{task['name']}/{task['seed']}/{task['fold']}"


def rows_of(path: Path) -> list[Job]:
    """The rows of a JSONL file, compressed or not."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open()
    with opened as file:
        return [json.loads(line) for line in file]


def fold_of(path: Path, folds: int) -> dict[str, int]:
    """Each row's fold by its id: groups of near-duplicates, largest first, to the smallest fold."""
    from models.groups import near_groups
    from models.text import prepare

    rows = rows_of(path)
    groups = near_groups([prepare(row["text"]) for row in rows])
    members: dict[int, list[str]] = defaultdict(list)
    for row, group in zip(rows, groups.tolist(), strict=True):
        members[group].append(row["id"])
    shuffled = sorted(members.values(), key=lambda own: -len(own) if len(own) > 1 else 0)
    few = [own for own in shuffled if len(own) > 1]
    single = [own for own in shuffled if len(own) == 1]
    np.random.default_rng(11).shuffle(single)
    sizes, where = [0] * folds, {}
    for own in [*few, *single]:
        fold = sizes.index(min(sizes))
        sizes[fold] += len(own)
        where |= dict.fromkeys(own, fold)
    return where


def work(task: Job) -> Job:
    """One training and what it scores."""
    import torch

    torch.set_num_threads(1)
    from dataclasses import fields, replace

    from models import dataset, evaluation, taxonomy, training, versions
    from models.recipe import Recipe

    begun = time.monotonic()
    data, device = Path(task["data"]), task["device"]
    kept = Path(task["out"]) / "versions" / f"{task['name']}.{task['seed']}.{task['fold']}"
    names = tuple(task.get("names", ()))
    encoder = Path(task["encoder"]) if task.get("encoder") else None
    start = task.get("start")
    if start is not None:
        start = Path(start) if Path(start).is_dir() else Path(task["out"]) / "versions" / start
    with tempfile.TemporaryDirectory() as place:
        files, judged = [], []
        if task["kind"] == "folds":
            source = data / task["file"]
            train, test = Path(place) / source.name.removesuffix(".gz"), Path(place) / "test.jsonl"
            for path, inside in ((train, False), (test, True)):
                chosen = [
                    row
                    for row in rows_of(source)
                    if (task["folds_by_id"][row["id"]] == task["fold"]) is inside
                ]
                path.write_text("".join(json.dumps(row) + "\n" for row in chosen))
            files, judged = [train], [("test", test, None)]
        files += [data / name for name in (*task.get("files", ()), *task.get("extra", ()))]
        judged += [(f"{n}:{s}", data / n, s) for n, s in task.get("judge", ())]
        recipe = Recipe(seed=task["seed"])
        kinds = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
        changes = {name: kinds[name](value) for name, value in task.get("recipe", {}).items()}
        out = Path(place) / "version"
        labels = taxonomy.load()
        without = set(task.get("without", ()))
        if without:
            files = [_without(path, without, Path(place)) for path in files]
        card = training.train(
            files,
            out,
            replace(recipe, **changes),
            lambda _: None,
            start=start,
            device=device,
            names=names,
            labels=labels,
            encoder=encoder,
        )
        trained = time.monotonic() - begun
        version = versions.load(out, precision="fp32", encoder=encoder)
        scores: Job = {"inner": _brief(card.scores["inner"])}
        for name, path, split in judged:
            rows = dataset.read([path], labels)
            if split is not None:
                rows = rows[rows["split"] == split]
            found = evaluation.judged(version, rows)
            reports = {
                task_: evaluation.score(one.labels, one.probabilities, one.names)
                for task_, one in found.items()
            }
            scores[name] = _brief({t: vars_of(r) for t, r in reports.items()})
            if name == "test" and "agreement" in rows_of(path)[0]:
                sure = {row["id"] for row in rows_of(path) if str(row["agreement"]) == "100"}
                one = found["sentiment"]
                held = np.array([i in sure for i in one.ids])
                right = one.probabilities.argmax(axis=1) == one.labels
                scores[name]["sure"] = float(right[held].mean())
        if task.get("keep"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(out, kept, dirs_exist_ok=True)
    tuned = {k: task[k] for k in ("name", "seed", "fold")}
    seconds = {"trained": round(trained, 1), "all": round(time.monotonic() - begun, 1)}
    return {**tuned, "scores": scores, "seconds": seconds, "recipe": card.recipe}


def vars_of(report: Any) -> Job:
    """A report as plain values."""
    from dataclasses import asdict

    return asdict(report)


def _brief(reports: Job) -> Job:
    return {
        task: {
            **{n: report[n] for n in ("n", "accuracy", "macro_f1", "ece")},
            "per_class": {
                name: [c["precision"], c["recall"], c["f1"], c["support"]]
                for name, c in report["per_class"].items()
            },
        }
        for task, report in reports.items()
    }


def _without(path: Path, topics: set[str], place: Path) -> Path:
    """The file less the rows of some topics, as if nobody had labelled any."""
    to = place / path.name.removesuffix(".gz")
    kept = [row for row in rows_of(path) if row.get("topic") not in topics]
    to.write_text("".join(json.dumps(row) + "\n" for row in kept))
    return to


def _safely(task: Job) -> Job:
    try:
        return work(task)
    except Exception as error:  # noqa: BLE001 - one training's failure is a line, not the end
        import traceback

        told = traceback.format_exc()[-1500:]
        return {k: task[k] for k in ("name", "seed", "fold")} | {"error": f"{error}\n{told}"}


def table(results: list[Job]) -> str:
    """Means (and standard deviations) by job over seeds and folds; a seed's folds are averaged."""
    lines = []
    by_name: dict[str, list[Job]] = defaultdict(list)
    for result in results:
        by_name[result["name"]].append(result)
    for name, own in by_name.items():
        good = [one for one in own if "scores" in one]
        seconds = fmean(o["seconds"]["trained"] for o in good) if good else 0
        parts = [f"{name:34} n={len(good):2} {seconds:5.0f}s"]
        for where in good[0]["scores"] if good else ():
            for task in ("sentiment", "topic"):
                if task not in good[0]["scores"][where]:
                    continue
                cells = []
                for metric in ("accuracy", "macro_f1", "ece"):
                    values = defaultdict(list)
                    for one in good:
                        values[one["seed"]].append(one["scores"][where][task][metric])
                    means = [fmean(v) for v in values.values()]
                    spread = f"±{pstdev(means):.3f}" if len(means) > 1 else ""
                    cells.append(f"{fmean(means):.3f}{spread}")
                parts.append(f"{where[:12]} {task[0]} {' '.join(cells)}")
            if "sure" in good[0]["scores"][where]:
                parts.append(f"sure {fmean(o['scores'][where]['sure'] for o in good):.3f}")
        lines.append(" | ".join(parts))
        lines += [f"  {one['error'][-400:]}" for one in own if "error" in one][:1]
    return "\n".join(lines)


def main() -> None:
    """Do what of the plan is not done, within the time given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="No training begins later.")
    parser.add_argument("--encoder", type=Path, help="Its folder; default the installed one.")
    parser.add_argument("--folds-file", type=Path, help="Folds by id, made before.")
    given = parser.parse_args()
    plan = json.loads(given.plan.read_text())
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "results.jsonl"
    results = rows_of(log) if log.exists() else []
    done = {key_of(one) for one in results if "scores" in one}
    folds: dict[str, dict[str, int]] = {}
    waiting = []
    for task in tasks_of(plan):
        if key_of(task) in done:
            continue
        task |= {"data": str(given.data), "out": str(given.out), "device": given.device}
        task["encoder"] = str(given.encoder) if given.encoder else None
        if task["kind"] == "folds":
            name = f"{task['file']}/{task['folds']}"
            if name not in folds:
                known = given.folds_file is not None and given.folds_file.exists()
                folds[name] = (
                    json.loads(given.folds_file.read_text())
                    if known
                    else fold_of(given.data / task["file"], task["folds"])
                )
            task["folds_by_id"] = folds[name]
        waiting.append(task)
    until = time.monotonic() + given.seconds
    with mp.get_context("spawn").Pool(given.jobs) as pool, log.open("a") as file:
        running = []
        while waiting or running:
            ready = [one for one in running if one.ready()]
            running = [one for one in running if not one.ready()]
            for one in ready:
                results.append(one.get())
                file.write(json.dumps(results[-1]) + "\n")
                file.flush()
                print(
                    len(results), key_of(results[-1]), results[-1].get("seconds"), file=sys.stderr
                )
            if time.monotonic() > until:
                break
            while waiting and len(running) < given.jobs:
                running.append(pool.apply_async(_safely, (waiting.pop(0),)))
            time.sleep(0.1)
        pool.terminate()
    print(table(results))


if __name__ == "__main__":
    main()
