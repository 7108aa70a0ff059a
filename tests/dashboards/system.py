"""A whole Bearwatch on the demo's stream, whose clock is that of the news: a fortnight in seconds.

All is real, the engine and its batches too, but for the model: it knows what the stream's authors
meant. Two partitions take turns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from types import TracebackType

from alerts.channels import Notification
from ingest.companies import Watchlist
from ingest.samples import Sample, outlets, samples
from models import taxonomy
from models.engine import Engine
from models.prediction import Prediction
from models.settings import EngineSettings
from models.text import clean
from pipeline.app import keys_of, linker
from pipeline.count import Keys
from pipeline.detect import Detection
from pipeline.drift import Drift
from pipeline.health import Health, serve
from pipeline.metrics import Metrics
from pipeline.monitor import Monitor
from pipeline.observe import Observer
from pipeline.retraining.metrics import NUMBERS, RetrainingMetrics
from pipeline.settings import Settings, SourceSettings
from pipeline.store import lease
from pipeline.store.database import Database, open_database
from pipeline.worker import Worker
from tests.fakes import ListSource, ManualClock

MINUTE = timedelta(minutes=1)
LEASE = timedelta(days=365)
"""It is alone, and its clock leaps."""

PARTITIONS = (0, 1)
VERSION = "3f9c01d2ab+51c7"


class Author:
    """A model for the engine: it knows the stream by heart, and how sure it is varies."""

    id = VERSION

    def __init__(self, stream: Sequence[Sample]) -> None:
        self.topics = tuple(label.name for label in taxonomy.load().topics)
        self._known = {clean(sample.title): sample for sample in stream if sample.reason is None}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """A token per character, from which the text is read again."""
        return [[ord(letter) for letter in text][:488] for text in texts]

    def predict_ids(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        return [self._predict("".join(map(chr, row))) for row in rows]

    def _predict(self, text: str) -> Prediction:
        draw = hashlib.sha256(text.encode()).digest()
        known = next((s for t, s in self._known.items() if text.startswith(t)), None)
        topic = (known and known.topic) or "Company | Product News"
        mood = (known and known.sentiment) or ("neutral", "positive")[draw[0] % 2]
        sure = 0.98 - 0.6 * (draw[1] / 255) ** 3
        rest = (1 - sure) / 2
        shares = {name: sure if name == mood else rest for name in ("negative", "neutral")}
        return Prediction(
            topic,
            0.99 - 0.6 * (draw[2] / 255) ** 3,
            shares["negative"],
            shares["neutral"],
            1 - shares["negative"] - shares["neutral"],
            VERSION,
        )


class System:
    """Worker, monitor and metrics over a database in ``folder``; one thread drives them.

    ``days`` of the stream are there, and of them those articles that have arrived by the clock.
    """

    def __init__(self, folder: Path, *, begin: datetime, days: int = 14) -> None:
        self._stack = ExitStack()
        self.clock = ManualClock(begin)
        stream = samples(days=days)
        self._coming = [sample for sample in stream if sample.arrived_at >= begin]
        self._turn = cycle(PARTITIONS)
        db = open_database(f"sqlite:///{folder}/system.db")
        self._stack.callback(db.close)
        settings = Settings(sources=SourceSettings(names=outlets()))
        watchlist = Watchlist.load()
        author = Author(stream)
        keys = keys_of(settings, author.topics, watchlist)
        self.metrics = Metrics(
            program_version="0.1.0",
            topics=author.topics,
            keys=keys.tested(),
            names=watchlist.names,
            partitions=[str(number) for number in PARTITIONS],
        )
        self.metrics.model(author.id)
        retrained(RetrainingMetrics(self.metrics.registry), begin)
        drift = Drift(db, settings.counting.languages)
        self._observer = Observer(self.metrics, db, self.clock, drift)
        engine = Engine(author, EngineSettings(max_wait_seconds=0.002), self._observer.batch)
        self._stack.callback(engine.close)
        self._source = ListSource(
            {number: [] for number in PARTITIONS}, clock=self.clock, max_records=64, ends=False
        )
        self._worker = Worker(
            db,
            self._source,
            classify=engine.submit,
            link=linker(watchlist),
            lateness=settings.counting.lateness,
            clock=self.clock,
            name="system",
        )
        self._worker.start()
        self._monitor = monitor(db, settings, keys, watchlist, self.clock)

    def __enter__(self) -> System:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def advance(self, until: datetime, step: timedelta) -> None:
        """Move the clock to ``until``, step by step, doing all there is to do at each."""
        while self.clock.at < until:
            self.clock.at = min(until, self.clock.at + step)
            self._arrive()
            for _ in range(2):  # one poll is in flight while the one before is stored
                self._observer.worked(self._worker, self._worker.step(0.0))
            while any(waiting for waiting, _ in self._worker.behind().values()):
                self._observer.worked(self._worker, self._worker.step(0.0))
            self._observer.ticked(self._monitor, self._monitor.tick(self.clock.at))

    def value(self, name: str) -> float:
        """A series without labels, as it is exported."""
        found = self.metrics.registry.get_sample_value(name)
        assert found is not None, f"{name} is not exported"
        return found

    def serve(self) -> int:
        """Answer /metrics on this machine; the port."""
        good = Health(ok=True, reason="ok")
        server = serve(
            self.metrics.exposition,
            health=lambda: good,
            ready=lambda: good,
            host="127.0.0.1",
            port=0,
        )
        self._stack.callback(server.close)
        return server.port

    def _arrive(self) -> None:
        here = [sample for sample in self._coming if sample.arrived_at <= self.clock.at]
        del self._coming[: len(here)]
        for sample in here:
            self._source.values["news", next(self._turn)].append(sample.raw)


def retrained(metrics: RetrainingMetrics, at: datetime) -> None:
    """What `bearwatch retrain --serve` would show: a promotion, then a refusal, labels waiting."""
    numbers = [
        {"name": name, "champion": 0.74, "candidate": 0.79, "rows": 504} for name in NUMBERS
    ]
    metrics.found("promoted", at, {"seconds": 110.0, "numbers": numbers})
    metrics.found("refused", at + timedelta(days=1), {"seconds": 105.0, "numbers": numbers})
    metrics.champion(VERSION.partition("+")[0], at)
    metrics.waiting(64)


def monitor(
    db: Database, settings: Settings, keys: Keys, watchlist: Watchlist, clock: ManualClock
) -> Monitor:
    """The active monitor of ``db``, which tells nobody."""
    channels = {"log": Silent()}
    return Monitor(
        db,
        keys=keys,
        detection=Detection(
            db, keys.tested(), settings, names=watchlist.names, sinks=tuple(channels)
        ),
        channels=channels,
        lateness=settings.counting.lateness,
        fresh_for=settings.counting.report_fresh_within,
        epoch=lease.take(db, "system", now=clock.at, keep_for=LEASE),
        keep_for=LEASE,
        clock=clock,
    )


class Silent:
    """A channel that delivers to nobody."""

    def send(self, notification: Notification) -> None:
        """Nothing."""
