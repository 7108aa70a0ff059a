"""The course of a training for TensorBoard, an optional package: losses, scores of inner rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.dataset import DatasetError
from models.recipe import Progress


class Board:
    """Event files in a folder, which ``tensorboard --logdir`` shows while a training runs."""

    def __init__(self, writer: Any) -> None:  # noqa: ANN401 - torch's writer is untyped
        self._writer = writer

    def show(self, at: Progress) -> None:
        """One call of a training's progress: the running loss; at an epoch's end each head's
        accuracy, macro-F1 and calibration error on the inner rows, all by step."""
        self._writer.add_scalar("training/loss", at.loss, at.step)
        for task, score in (at.scores or {}).items():
            for name in ("accuracy", "macro_f1", "ece"):
                self._writer.add_scalar(f"inner/{task}/{name}", getattr(score, name), at.step)
            self._writer.flush()


@contextmanager
def board(folder: Path | None) -> Iterator[Board | None]:
    """A board in ``folder``, closed at the end; none without a folder.

    Raises:
        DatasetError: TensorBoard is not installed.
    """
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DatasetError(
            'TensorBoard is not installed; pip install "bearwatch[tensorboard]" brings it'
        ) from error
    with SummaryWriter(str(folder)) as writer:
        yield Board(writer)
