"""Labels from Kafka's topic: a position in the database that moves with what was stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import structlog
from rich.console import Console

from ingest.decoding import decode
from ingest.files import Record
from ingest.kafka.gap import Gap
from ingest.kafka.source import KafkaSource
from ingest.rejection import Refusal, Rejected
from pipeline.labels.reading import BadRow, Known, Said, known_values, read_row
from pipeline.parts import keep_working, open_when_there
from pipeline.process import now, process_name, stop_on_signals
from pipeline.settings import InvalidSettings, Settings
from pipeline.sources import Source
from pipeline.step import DeadLetter, Move, Origin, Partition
from pipeline.store import articles, dead_letters, gaps, labels, positions
from pipeline.store.database import Database, StoreError
from pipeline.store.labels import LabelledText, NewLabel
from pipeline.store.pinning import TakenDown, pin_each
from pipeline.watermark import Report
from pipeline.worker import Done

POLL_RECORDS = 100
"""Records of one poll and of one transaction."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """One label of a record, and where that stands."""

    origin: Origin
    record: Record
    said: Said


class Listener:
    """Stores the labels of a topic, each once. For one thread.

    A record is JSON as :func:`pipeline.labels.reading.read_row` reads it, and has to name its
    annotator. What is no label becomes a dead letter, but for labels of texts that were taken
    down: these are dropped, since their record may repeat the text.
    """

    def __init__(
        self,
        db: Database,
        source: Source,
        known: Known,
        *,
        clock: Callable[[], datetime],
        name: str,
    ) -> None:
        self._db = db
        self._source = source
        self._known = known
        self._clock = clock
        self._name = name
        self._next: dict[Partition, int] = {}

    @property
    def finished(self) -> bool:
        """Everything the source will ever have is stored."""
        ends = self._source.ends()
        return self._source.finished and all(
            self._next.get(partition, 0) >= end for partition, end in ends.items()
        )

    def start(self) -> None:
        """Go to where the database says the topic was left."""
        claimed = positions.claim(
            self._db,
            self._source.partitions(),
            now=self._clock(),
            worker=self._name,
            also=positions.leave_out,
        )
        self._next = {partition: position for partition, (position, _) in claimed.items()}
        self._source.seek(self._next)

    def step(self, timeout_s: float) -> Done:
        """Read and store the next records; waits for them when there are none."""
        found = self._source.poll(timeout_s)
        if self._source.reassigned:
            self.start()
        elif found and not self._store(found):
            log.warning("commit refused: another owner moved the position", worker=self._name)
            self.start()
        return Done()

    def hold(self) -> None:
        """Keep the source while nothing can be stored."""
        self._source.hold()

    def close(self) -> None:
        """Nothing is held: positions are the database's."""

    def _store(self, found: Sequence[Record | Gap]) -> bool:
        heard, dead = self._read([one for one in found if isinstance(one, Record)])
        after = dict(self._next)
        for one in found:
            after[one.topic, one.partition] = (
                one.resume if isinstance(one, Gap) else one.offset + 1
            )
        at = self._clock()
        moves = [
            Move(topic, number, self._next[topic, number], new, None)
            for (topic, number), new in after.items()
            if new != self._next[topic, number]
        ]
        # Finished, so that the watermark, which is about articles, does not wait for it.
        reports = {
            (m.topic, m.partition): Report(
                m.topic, m.partition, m.new, m.new, None, at, finished=True
            )
            for m in moves
        }
        try:
            with self._db.write() as connection:
                articles.move(connection, moves, reports, self._name)
                pinned = pin_each(connection, [one.said.what for one in heard], at)
                texts = [one for one in pinned if isinstance(one, LabelledText)]
                events = [
                    _event(one, text.hash)
                    for one, text in zip(heard, pinned, strict=True)
                    if isinstance(text, LabelledText)
                ]
                dead += _refused(heard, pinned)
                labels.add(connection, texts, labels.unsaid(connection, events))
                dead_letters.write(connection, dead)
                gaps.write(connection, [one for one in found if isinstance(one, Gap)], at=at)
        except articles.Fenced:
            return False
        self._next = after
        return True

    def _read(self, records: Sequence[Record]) -> tuple[list[Heard], list[DeadLetter]]:
        heard: list[Heard] = []
        dead: list[DeadLetter] = []
        for record in records:
            origin = Origin(record.topic, record.partition, record.offset)
            try:
                fields = decode(record.value)
                said = read_row(fields, self._known, annotator=None, now=record.timestamp)
            except Refusal as refusal:
                dead.append(
                    _dead(origin, record, Rejected(record.value, refusal.reason, refusal.detail))
                )
            except BadRow as error:
                dead.append(_no_label(origin, record, error))
            else:
                heard += [Heard(origin, record, one) for one in said]
        return heard, dead


def run_listener(settings: Settings, console: Console, *, until_idle: bool) -> None:
    """Store labels from Kafka until SIGTERM or Ctrl-C, whatever happens to the database.

    Raises:
        InvalidSettings: no broker is named.
    """
    if not settings.kafka.servers:
        raise InvalidSettings(
            ["kafka.servers: labels are read from Kafka; give --kafka HOST:PORT"]
        )
    with stop_on_signals() as stop, ExitStack() as stack:
        db = open_when_there(settings.database.url.get_secret_value(), stop)
        if db is None:
            return
        stack.callback(db.close)
        source = KafkaSource(
            settings.kafka.for_labels(),
            clock=now,
            max_records=POLL_RECORDS,
            until_idle=until_idle,
        )
        stack.callback(source.close)
        console.print(f"labels from {settings.kafka.labels_topic}", highlight=False)
        listener = Listener(
            db, source, known_values(settings.model.topics), clock=now, name=process_name()
        )
        keep_working(listener, stop, lambda _: None)


def _event(heard: Heard, text_hash: str) -> NewLabel:
    origin, said = heard.origin, heard.said
    identity = ["kafka", origin.topic, origin.partition, origin.offset, said.task]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    at = said.at or heard.record.timestamp
    return NewLabel(key, at, said.annotator, text_hash, said.task, said.value, "kafka")


def _refused(
    heard: Sequence[Heard], pinned: Sequence[LabelledText | StoreError]
) -> list[DeadLetter]:
    found: dict[Origin, DeadLetter] = {}
    for one, text in zip(heard, pinned, strict=True):
        if isinstance(text, TakenDown):
            log.warning("a label of a text that was taken down: dropped", offset=one.origin.offset)
        elif isinstance(text, StoreError):
            found[one.origin] = _no_label(one.origin, one.record, text)
    return list(found.values())


def _no_label(origin: Origin, record: Record, error: Exception) -> DeadLetter:
    detail = f"no label: {error}".encode("ascii", "backslashreplace").decode()[:300]
    return _dead(origin, record, Rejected(record.value, "schema", detail))


def _dead(origin: Origin, record: Record, rejected: Rejected) -> DeadLetter:
    return DeadLetter(origin, rejected, record.timestamp)
