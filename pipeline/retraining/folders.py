"""The folder that one training works in, named by all that its result depends on."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from models.text import prepare
from pipeline.retraining import job, staging
from pipeline.retraining.job import Job
from pipeline.retraining.staging import Rows
from pipeline.store.retraining import Recent


def prepared(root: Path, told: Job, rows: Rows, recent: Sequence[Recent], *of: str) -> Path:
    """Write what the training's process reads; ``of`` says what else its result depends on.

    An interrupted training of just the same is gone on with; folders of others are thrown away,
    they hold texts and can be of no use any more.
    """
    folder = root / staging.fingerprint(rows, *of, json.dumps(dict(told.recipe), sort_keys=True))
    folder.mkdir(parents=True, exist_ok=True)
    for other in root.iterdir():
        if other != folder and re.fullmatch(r"[0-9a-f]{16}", other.name):
            shutil.rmtree(other, ignore_errors=True)
    (folder / job.RESULT).unlink(missing_ok=True)
    texts = [{"text": prepare(one.title, one.body)} for one in recent]
    # Sealed rows lie beside those to train on, by their split: what nearly repeats one of them is
    # then held out, too.
    base = rows.sealed["split"] == staging.BASE
    files = {
        job.REHEARSAL: staging.lines(pd.concat([rows.rehearsal, rows.sealed[base]])),
        job.LABELS: staging.lines(pd.concat([rows.labels, rows.sealed[~base]])),
        job.SEALED: staging.lines(rows.sealed),
        job.RECENT: "".join(f"{json.dumps(one)}\n" for one in texts),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    job.write(folder / job.JOB, told)
    return folder
