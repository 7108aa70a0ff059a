"""Files of labelled rows as frames: JSON Lines, CSV, and the PhraseBank's own text files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


class FileError(ValueError):
    """The file cannot be read as labelled rows; the message says why."""


def read_frame(path: Path) -> pd.DataFrame:
    """The rows of a file with the columns that it has; a missing value is None.

    By the name's ending: ``.csv`` (UTF-8, a header of column names, an empty cell is missing),
    ``.txt`` (the Financial PhraseBank's form, Latin-1: a sentence, ``@`` and its sentiment on each
    line; columns ``text`` and ``sentiment``), anything else JSON Lines; each also with ``.gz``.

    Raises:
        FileError: it cannot be opened or is not of that form.
    """
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    try:
        match kind:
            case ".csv":
                frame = pd.read_csv(path, dtype=str, keep_default_na=False).replace("", None)
            case ".txt":
                frame = _phrasebank(path)
            case _:
                frame = pd.read_json(path, lines=True, dtype=False, encoding="utf-8")
    except (OSError, EOFError, ValueError) as error:
        form = {".csv": "CSV", ".txt": "lines of sentence@sentiment"}.get(kind, "JSON Lines")
        raise FileError(f"{path}: not {form}: {error}") from error
    frame = frame.astype(object)
    return frame.where(frame.notna(), None)


def _phrasebank(path: Path) -> pd.DataFrame:
    # No quoting and no escape: the last @ of a line parts the sentence from its label.
    lines = pd.read_csv(
        path, sep="\0", header=None, names=["line"], dtype=str, encoding="latin-1", quoting=3
    )["line"]
    parted = lines.str.rpartition("@")
    if (without := int((parted[1] != "@").sum())) > 0:
        raise ValueError(f"{without} lines have no @ before a sentiment")
    return pd.DataFrame({"text": parted[0].str.strip(), "sentiment": parted[2].str.strip()})
