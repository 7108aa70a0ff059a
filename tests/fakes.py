"""Stand-ins for the model and the outside world, checked against the real ones' protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

from ingest.article import Article
from ingest.companies import Mention
from ingest.files import Record
from models.prediction import Prediction
from pipeline.step import Partition
from pipeline.store.database import Database
from pipeline.worker import Worker

TOPICS = ("Earnings", "Energy", "Macro")
COMPANIES = ("ACM", "BRK")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class ManualClock:
    """A wall clock that is moved by hand."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


def predict(text: str) -> Prediction:
    """What the text says of itself: words such as ``negative`` and ``Energy`` are the labels, and
    ``perhaps`` makes the negative ones doubtful."""
    words = set(text.split())
    negative = (0.5 if "perhaps" in words else 0.8) if "negative" in words else 0.1
    positive = 0.8 if "positive" in words and "negative" not in words else 0.1
    topic = next((topic for topic in TOPICS if topic in words), "Macro")
    return Prediction(topic, 0.9, negative, 1 - negative - positive, positive, "fake+0")


def classify(texts: Sequence[str]) -> Future[list[Prediction]]:
    """An engine that has answered already."""
    answer: Future[list[Prediction]] = Future()
    answer.set_result([predict(text) for text in texts])
    return answer


def link(article: Article) -> tuple[Mention, ...]:
    """Companies by their symbols in the title."""
    found = sorted(set(COMPANIES) & set(article.title.split()))
    return tuple(Mention(symbol, 1.0) for symbol in found)


class ListSource:
    """Partitions given as lists of record values; everything exists from the start."""

    def __init__(
        self,
        partitions: Mapping[int, Sequence[bytes]],
        *,
        clock: ManualClock,
        topic: str = "news",
        max_records: int = 10,
        ends: bool = True,
    ) -> None:
        self.values = {(topic, number): list(values) for number, values in partitions.items()}
        self.next: dict[Partition, int] = dict.fromkeys(self.values, 0)
        self._clock = clock
        self._max_records = max_records
        self._ends = ends

    @property
    def finished(self) -> bool:
        return self._ends and all(self.next[p] >= len(v) for p, v in self.values.items())

    @property
    def reassigned(self) -> bool:
        return False

    @property
    def trouble(self) -> str | None:
        return None

    def hold(self) -> None:
        """Waits by itself."""

    def partitions(self) -> Mapping[Partition, str | None]:
        return dict.fromkeys(self.values)

    def seek(self, positions: Mapping[Partition, int]) -> None:
        self.next.update(positions)

    def poll(self, timeout_s: float) -> Sequence[Record]:
        records: list[Record] = []
        for (topic, number), values in self.values.items():
            begin = self.next[topic, number]
            for offset in range(begin, min(begin + self._max_records, len(values))):
                records.append(Record(topic, number, offset, values[offset], self._clock()))
                self.next[topic, number] = offset + 1
        return records

    def ends(self) -> Mapping[Partition, int]:
        return {partition: len(values) for partition, values in self.values.items()}

    def close(self) -> None:
        """Nothing to let go of."""


def store_all(db: Database, source: ListSource, clock: ManualClock) -> None:
    """Let a worker commit all that the source has; nothing is counted."""
    worker = Worker(
        db,
        source,
        classify=classify,
        link=link,
        lateness=timedelta(minutes=10),
        clock=clock,
        name="test",
    )
    worker.start()
    while not worker.finished:
        worker.step(0.0)
