"""The engine's parts that own no thread: rows, rounds into batches, one batch to its outcomes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch

from models.prediction import Prediction
from models.settings import EngineSettings

Predict = Callable[[Sequence[Sequence[int]]], Sequence[Prediction]]
"""Token ids, one row per text, ragged -> one prediction per row, same order."""

Outcome = Prediction | Exception
"""What became of one row."""


@dataclass(slots=True, eq=False)
class Submission:
    """What one caller submitted. Its rows are answered one by one, its caller once.

    ``version`` is the one that read ``texts`` and gave the answers that are known.
    """

    texts: Sequence[str]
    version: str
    answers: list[Prediction | None]
    missing: int
    arrived: float
    rows: list[Row] = field(default_factory=list)
    reply: Future[list[Prediction]] = field(default_factory=Future)
    failed: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of all its rows."""
        return sum(len(row.token_ids) for row in self.rows)

    def start(self) -> bool:
        """Its turn has come: from here on it cannot be cancelled. False if it was before."""
        if self.reply.set_running_or_notify_cancel():
            return True
        self.failed = True
        return False

    def forget(self, version: str) -> None:
        """Start again for another version: no answer is known, and there are no rows."""
        self.version = version
        self.answers = [None] * len(self.texts)
        self.missing = len(self.texts)
        self.rows = []

    def refuse(self, error: Exception) -> None:
        """Answer with ``error``, unless it is answered or cancelled."""
        if not self.failed and self.missing and (self.reply.running() or self.start()):
            self.failed = True
            self.reply.set_exception(error)

    def answer(self, place: int, outcome: Outcome) -> None:
        """Take one row's outcome; the first error, or the last prediction, completes the reply."""
        if self.failed:
            return
        if isinstance(outcome, Exception):
            self.failed = True
            self.reply.set_exception(outcome)
            return
        self.answers[place] = outcome
        self.missing -= 1
        self.complete()

    def complete(self) -> None:
        """Answer the caller if nothing is missing."""
        if not self.missing:
            self.reply.set_result([answer for answer in self.answers if answer is not None])


@dataclass(slots=True, eq=False)
class Row:
    """A text to run, and the places that its prediction goes to."""

    text: str
    token_ids: Sequence[int]
    places: list[tuple[Submission, int]]

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return not all(submission.failed for submission, _ in self.places)

    def answer(self, outcome: Outcome) -> None:
        """Hand the outcome to everybody who asked."""
        for submission, place in self.places:
            submission.answer(place, outcome)


class Answers:
    """The newest distinct texts' predictions. The caller holds a lock."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._newest_last: OrderedDict[str, Prediction] = OrderedDict()

    def get(self, text: str, version: str) -> Prediction | None:
        """What ``version`` said about ``text``; another version's answer is none."""
        known = self._newest_last.get(text)
        if known is None or known.version != version:
            return None
        self._newest_last.move_to_end(text)
        return known

    def put(self, text: str, prediction: Prediction) -> None:
        """Remember an answer and forget the one unused for longest, if there is one too many."""
        self._newest_last[text] = prediction
        self._newest_last.move_to_end(text)
        if len(self._newest_last) > self._size:
            self._newest_last.popitem(last=False)


def merged(rows: Sequence[Row]) -> list[Row]:
    """``rows`` with each text once; its row answers every place of its repeats."""
    first: dict[str, Row] = {}
    for row in rows:
        if row.text in first:
            first[row.text].places.extend(row.places)
        else:
            first[row.text] = row
    return list(first.values())


def batches(rows: Sequence[Row], settings: EngineSettings) -> Iterator[list[Row]]:
    """Cut ``rows`` into batches within the settings' bounds, shortest rows first.

    A single row over the bound gets a batch of its own: truncation is the tokenizer's job.
    """
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.token_ids)):
        padded = len(row.token_ids) * (len(batch) + 1)
        if batch and (padded > settings.max_padded_tokens or len(batch) == settings.max_rows):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def attempt(rows: Sequence[Sequence[int]], predict: Predict) -> tuple[list[Outcome], int]:
    """Each row's prediction or error, and how often a batch had to be halved.

    Only a lack of memory is worth another try with less; any other error is that of every row.
    """
    try:
        predictions = predict(rows)
        if len(predictions) != len(rows):
            raise RuntimeError(f"{len(predictions)} predictions for {len(rows)} texts")
        return list(predictions), 0
    except Exception as error:  # noqa: BLE001 - handed to every caller, never dropped
        if len(rows) == 1 or not is_out_of_memory(error):
            return [error] * len(rows), 0
    # Below the handler on purpose: the error's traceback holds the failed batch's tensors.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(rows) // 2
    shorter, first_halvings = attempt(rows[:middle], predict)
    longer, second_halvings = attempt(rows[middle:], predict)
    return shorter + longer, first_halvings + second_halvings + 1


def is_out_of_memory(error: Exception) -> bool:
    """Whether less work at once could help. A CPU's allocator raises a plain ``RuntimeError``."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
