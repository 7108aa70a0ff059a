"""Label Studio's JSON export: tasks with annotations, read and written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.prediction import SENTIMENTS
from pipeline.labels.reading import BadRow, Fields, LabelError
from pipeline.store.labels import TASKS

Row = tuple[str, Fields | BadRow]


def read(content: bytes) -> Iterator[Row]:
    """A row for each choice of each annotation; of JSON_MIN, which has no annotations, each row.

    Cancelled annotations and predictions are no labels.

    Raises:
        LabelError: not a list of tasks.
    """
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"not JSON: {error}") from error
    if not isinstance(tasks, list):
        raise LabelError("expected a list of tasks, as Label Studio exports it")
    for number, task in enumerate(tasks, 1):
        where = f"task {number}"
        if not isinstance(task, dict):
            yield where, BadRow("a task must be an object")
        elif "annotations" not in task and "data" not in task:
            yield where, task
        else:
            yield from _task(where, task)


def tasks(rows: Sequence[Fields]) -> list[dict[str, Any]]:
    """Rows as tasks: one a text, an annotation for each annotator."""
    made: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in rows:
        named = tuple(row.get(name) for name in ("source", "id", "title", "body"))
        data = {
            name: row[name]
            for name in ("text", "title", "body", "source", "id", "split")
            if row.get(name) not in (None, "")
        }
        task = made.setdefault(named, {"id": len(made) + 1, "data": data, "annotations": []})
        times = [row[f"{name}_at"] for name in TASKS if row.get(name) is not None]
        annotation = {
            "completed_by": {"email": row["annotator"]},
            "created_at": max(map(str, times)),
            "was_cancelled": False,
            "result": [_result(row, name) for name in TASKS if row.get(name) is not None],
        }
        task["annotations"].append(annotation)
    return list(made.values())


def _result(row: Fields, task: str) -> dict[str, Any]:
    return {
        "from_name": task,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [row[task]]},
        "meta": {"at": row[f"{task}_at"]},
    }


def _task(where: str, task: Mapping[str, Any]) -> Iterator[Row]:
    data, annotations = task.get("data"), task.get("annotations", [])
    if not isinstance(data, dict) or not isinstance(annotations, list):
        yield where, BadRow("expected data, an object, and annotations, a list")
        return
    for number, annotation in enumerate(annotations, 1):
        there = f"{where}, annotation {number}"
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            yield there, BadRow("an annotation must be an object with a list of results")
        elif not annotation.get("was_cancelled"):
            who = _annotator(annotation.get("completed_by"))
            at = annotation.get("updated_at") or annotation.get("created_at")
            for result in annotation["result"]:
                yield from _said(there, {**data, "annotator": who, "at": at}, result)


def _annotator(by: object) -> object:
    """Its mail address or name; of a bare number a name that tells where it is from."""
    if isinstance(by, dict):
        by = by.get("email") or by.get("username") or by.get("id")
    if isinstance(by, int) and not isinstance(by, bool):
        return f"label-studio-{by}"
    return by


def _said(where: str, row: dict[str, Any], result: object) -> Iterator[Row]:
    if not isinstance(result, dict) or result.get("type") != "choices":
        return  # another kind of mark, of which we know nothing
    value = result.get("value")
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or len(choices) != 1:
        yield where, BadRow("a result must hold exactly one choice")
        return
    # Projects name their controls as they like; then the choice tells the task.
    task = result.get("from_name")
    if task not in TASKS:
        task = "sentiment" if choices[0] in SENTIMENTS else "topic"
    meta = result.get("meta")
    if isinstance(meta, dict) and isinstance(meta.get("at"), str):
        row["at"] = meta["at"]
    labels = {"topic": None, "sentiment": None, "topic_at": None, "sentiment_at": None}
    yield where, {**row, **labels, "task": task, "value": choices[0]}
