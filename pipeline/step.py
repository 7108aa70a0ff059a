"""One poll, from records to the rows of one transaction. No database, clock or network in here.

Parse, submit, rows and commit are separate calls, so that a worker can have the classifier busy
with one poll while it parses the next and commits the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.article import Article, Rejected, parse
from ingest.companies import Mention
from ingest.files import Record
from ingest.kafka.gap import Gap
from ingest.language import language_of
from ingest.shapes import bits, shape_of
from ingest.stories import bands
from models.prediction import Prediction
from models.text import prepare

Submit = Callable[[Sequence[str]], Future[list[Prediction]]]
"""Prepared texts in, predictions in the same order out."""

Link = Callable[[Article], tuple[Mention, ...]]
"""An article's companies."""

Partition = tuple[str, int]
"""topic, partition."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record was read."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Scored:
    """An article as it will be stored. A delete has no prediction, mentions, bands or language.

    ``shape``, ``keys`` and ``bits`` are for near-duplicates (:mod:`ingest.near`). Undated: None.

    ``language`` is None too when it is uncertain: see :mod:`ingest.language`.
    """

    article: Article
    origin: Origin
    late: bool
    prediction: Prediction | None = None
    mentions: tuple[Mention, ...] = ()
    bands: tuple[tuple[int, str], ...] = ()
    shape: bytes | None = None
    keys: tuple[int, ...] = ()
    bits: int = 0
    language: str | None = None

    @property
    def name(self) -> tuple[str, str]:
        """source, id."""
        return self.article.source, self.article.id


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is no article, with its bytes and the time it was received."""

    origin: Origin
    rejected: Rejected
    at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A partition's position from ``old`` to ``new``, and the newest event time up to there."""

    topic: str
    partition: int
    old: int
    new: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Parsed:
    """One poll, read: what will be scored, what is dead, and how far the positions move."""

    articles: tuple[tuple[Article, Origin, bool], ...]
    dead: tuple[DeadLetter, ...]
    moves: tuple[Move, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def texts(self) -> list[str]:
        """One prepared text per article that carries one, in order."""
        return [prepare(a.title, a.body) for a, _, _ in self.articles if a.action != "delete"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one transaction."""

    scored: tuple[Scored, ...]
    dead: tuple[DeadLetter, ...]
    moves: tuple[Move, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(slots=True)
class Tracker:
    """How far each partition has been read: the next offset and the newest event time before it.

    It runs ahead of the database by what is in flight, and is set back to it when a commit is
    refused.
    """

    lateness: timedelta
    next: dict[Partition, int] = field(default_factory=dict)
    newest: dict[Partition, datetime | None] = field(default_factory=dict)

    def set(self, positions: Mapping[Partition, tuple[int, datetime | None]]) -> None:
        """Take over what the database says."""
        self.next = {p: position for p, (position, _) in positions.items()}
        self.newest = {p: newest for p, (_, newest) in positions.items()}

    def parse(self, found: Sequence[Record | Gap]) -> Parsed:
        """Read one poll. Bad records become dead letters, never exceptions.

        An article is late when it is older than the newest before it in its own partition by more
        than the lateness: a property of the partition's content, the same however often it is
        read.
        """
        started = {(f.topic, f.partition): self.next[f.topic, f.partition] for f in found}
        articles: list[tuple[Article, Origin, bool]] = []
        dead: list[DeadLetter] = []
        gaps = tuple(one for one in found if isinstance(one, Gap))
        for record in found:
            partition = (record.topic, record.partition)
            if isinstance(record, Gap):
                self.next[partition] = record.resume
                continue
            origin = Origin(record.topic, record.partition, record.offset)
            match parse(record.value, received_at=record.timestamp):
                case Rejected() as rejected:
                    dead.append(DeadLetter(origin, rejected, record.timestamp))
                case article:
                    articles.append((article, origin, self._see(partition, article.published_at)))
            self.next[partition] = record.offset + 1
        moves = [
            Move(topic, number, old, self.next[topic, number], self.newest.get((topic, number)))
            for (topic, number), old in started.items()
        ]
        return Parsed(tuple(articles), tuple(dead), tuple(moves), gaps)

    def bury(self, record: Record, rejected: Rejected) -> Parsed:
        """Pass over a record without looking into it: a dead letter, and the position behind."""
        partition = (record.topic, record.partition)
        old, self.next[partition] = self.next[partition], record.offset + 1
        letter = DeadLetter(Origin(*partition, record.offset), rejected, record.timestamp)
        move = Move(*partition, old, record.offset + 1, self.newest.get(partition))
        return Parsed((), (letter,), (move,))

    def _see(self, partition: Partition, at: datetime | None) -> bool:
        newest = self.newest.get(partition)
        if at is None:
            return False
        if newest is None or at > newest:
            self.newest[partition] = at
            return False
        return newest - at > self.lateness


def submit(parsed: Parsed, classify: Submit) -> Future[list[Prediction]]:
    """Hand the texts to the classifier; the answer is for :func:`rows`."""
    return classify(parsed.texts)


def rows(parsed: Parsed, predictions: Sequence[Prediction], link: Link) -> Batch:
    """Join articles with their predictions and companies.

    Raises:
        ValueError: the number of predictions is not the number of texts.
    """
    answers = iter(predictions)
    scored: list[Scored] = []
    for article, origin, late in parsed.articles:
        if article.action == "delete":
            scored.append(Scored(article, origin, late))
            continue
        prediction = next(answers, None)
        if prediction is None:
            raise ValueError(f"{len(predictions)} predictions for {len(parsed.texts)} texts")
        scored.append(_scored(article, origin, late, prediction, link(article)))
    if next(answers, None) is not None:
        raise ValueError(f"{len(predictions)} predictions for {len(parsed.texts)} texts")
    return Batch(tuple(scored), parsed.dead, parsed.moves, parsed.gaps)


def _scored(
    article: Article,
    origin: Origin,
    late: bool,
    prediction: Prediction,
    found: tuple[Mention, ...],
) -> Scored:
    language = language_of(article.title, article.body)
    if article.published_at is None:
        return Scored(article, origin, late, prediction, found, language=language)
    shape, keys = shape_of(article.title, article.body)
    return Scored(
        article,
        origin,
        late,
        prediction,
        found,
        bands=bands(article.title, article.body),
        shape=shape.encode(),
        keys=keys,
        bits=bits(shape),
        language=language,
    )
