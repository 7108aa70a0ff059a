"""Commands that run the pipeline in one process: run, replay, demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version as program_version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic

import structlog
from rich.console import Console
from rich.progress import Progress as Display
from rich.progress import TaskID

from ingest import language
from ingest.companies import Watchlist
from ingest.files import JsonlSource
from ingest.samples import outlets, sample_stream
from models.engine import Engine
from pipeline.app import App, Round, keys_of
from pipeline.beside import serve_pages
from pipeline.detect import Detection
from pipeline.display import Shown, progress, run_view
from pipeline.drift import Drift
from pipeline.health import Progress
from pipeline.metrics import Metrics
from pipeline.monitor import DEAD_SINK, DeadLetters
from pipeline.observe import Observer
from pipeline.post import Post
from pipeline.process import (
    dead_topic,
    now,
    opened,
    process_name,
    serve_health,
    stop_on_signals,
)
from pipeline.replaying import Facts, Review
from pipeline.results import run_result
from pipeline.settings import Settings, SourceSettings
from pipeline.sinks import log_sink, open_post
from pipeline.sources import FileSource, Source, open_inbox, open_kafka
from pipeline.store import inbox
from pipeline.store.database import Database
from pipeline.store.incidents import incidents
from pipeline.store.summary import stats
from pipeline.swapping import at_start, follow

ENGINE_CLOSES_IN_S = 2.0
"""What is queued is read again at the next start, so there is no reason to wait for it."""

log = structlog.get_logger()


@dataclass(slots=True)
class Ran:
    """A pipeline that ran: what it made of its database, and what this run did."""

    db: Database
    version: str
    articles: int = 0
    seconds: float = 0.0

    def shown(self) -> Shown:
        """The result, read from the database."""
        found = incidents(self.db)
        result = run_result(
            stats(self.db),
            found,
            articles=self.articles,
            seconds=self.seconds,
            version=self.version,
        )
        return Shown(result, run_view(result, found))


def run_file(settings: Settings, console: Console, path: Path, *, web: bool = True) -> None:
    """Read ``path`` and follow it until SIGTERM or Ctrl-C; ``web``: pages show it meanwhile."""
    with stop_on_signals() as stop, ExitStack() as stack:
        # A compressed file cannot grow: it is read to its end, and then waited at.
        file = JsonlSource(
            path,
            clock=now,
            follow=path.suffix != ".gz",
            max_records=settings.sources.poll_records,
        )
        db = stack.enter_context(opened(settings))
        if web:
            serve_pages(settings, db, console, stack)
        post = open_post(settings, db, now, stack)
        source = FileSource(file)
        ran = _run(settings, db, source, console, stop, stack, "reading", file, post=post)
        if not stop.is_set():
            console.print(f"{path} has ended: {ran.articles:,} articles. Ctrl-C stops.")
        stop.wait()


def run_live(settings: Settings, console: Console, *, web: bool = True) -> None:
    """Read Kafka, or without it feeds and what is pushed, until SIGTERM or Ctrl-C.

    With ``web`` pages show it meanwhile.
    """
    most = settings.sources.poll_records
    with stop_on_signals() as stop, ExitStack() as stack:
        db = stack.enter_context(opened(settings))
        if web:
            serve_pages(settings, db, console, stack)
        post = open_post(settings, db, now, stack)
        if settings.kafka.servers:
            source = open_kafka(settings.kafka, clock=now, until_idle=False, most=most)
            dead = dead_topic(settings, db, stack)
            what = "reading Kafka"
            _run(settings, db, source, console, stop, stack, what, dead=dead, post=post)
            return
        source = open_inbox(db, until_idle=False, most=most)
        check = _read_feeds(settings, db, stack)
        what = "waiting for news"
        _run(settings, db, source, console, stop, stack, what, check=check, post=post)


def _read_feeds(settings: Settings, db: Database, stack: ExitStack) -> Callable[[], None]:
    """Read the feeds into the inbox beside the pipeline; what is returned tells of errors."""
    if not settings.feeds.urls:
        return lambda: None
    from pipeline.feeding import FeedThread  # it brings httpx and feedparser

    feeds = FeedThread(settings.feeds, db, inbox.put)
    stack.callback(feeds.close)
    feeds.start()
    return feeds.check


def run_replay(
    settings: Settings, console: Console, path: Path, *, keep: bool, review: Review | None = None
) -> Shown:
    """Read ``path`` to its end in event time; without ``keep`` the database is thrown away."""
    with stop_on_signals() as stop, ExitStack() as stack:
        if review is not None:
            settings = review.first
        if not keep:
            settings = with_database(settings, stack.enter_context(_temporary("replay.db")))
        file = JsonlSource(path, clock=now, max_records=settings.sources.poll_records)
        source = FileSource(file)
        db = stack.enter_context(opened(settings))
        if review is None:
            return _run(settings, db, source, console, stop, stack, "replaying", file).shown()
        watch = review.watch
        ran = _run(settings, db, source, console, stop, stack, "replaying", file, watch=watch)
        return review.finish(db, Facts(path, ran.version, ran.articles, ran.seconds), now)


def read_whole(settings: Settings, console: Console, path: Path) -> None:
    """Read ``path`` to its end into the settings' database, and close it."""
    with stop_on_signals() as stop, ExitStack() as stack:
        file = JsonlSource(path, clock=now, max_records=settings.sources.poll_records)
        db = stack.enter_context(opened(settings))
        _run(settings, db, FileSource(file), console, stop, stack, "reading", file)


def run_demo(settings: Settings, console: Console, *, stay: bool, web: bool = True) -> Shown:
    """The sample stream through everything; ``stay`` up afterwards until Ctrl-C.

    With ``web`` pages show it meanwhile.
    """
    with stop_on_signals() as stop, ExitStack() as stack:
        path = stack.enter_context(_temporary("demo.db"))
        samples = path.parent / "samples.jsonl"
        samples.write_bytes(b"".join(line + b"\n" for line in sample_stream()))
        settings = with_database(settings, path)
        settings = settings.model_copy(update={"sources": SourceSettings(names=outlets())})
        file = JsonlSource(samples, clock=now, max_records=128)
        source = FileSource(file)
        db = stack.enter_context(opened(settings))
        if web:
            serve_pages(settings, db, console, stack)
        ran = _run(settings, db, source, console, stop, stack, "two weeks of news", file)
        shown = ran.shown()
        if stay and not stop.is_set():
            if shown.view is not None:
                console.print(shown.view)
            console.print("Pages and metrics stay up. Ctrl-C ends the demo.")
            stop.wait()
        return shown


def _run(
    settings: Settings,
    db: Database,
    source: Source,
    console: Console,
    stop: Event,
    stack: ExitStack,
    what: str,
    file: JsonlSource | None = None,
    check: Callable[[], None] = lambda: None,
    dead: DeadLetters | None = None,
    post: Post | None = None,
    watch: Callable[[Detection], None] = lambda _: None,
) -> Ran:
    """Put the parts together, run them to the end of the source or until ``stop``.

    ``file`` tells how much has been read, where there is one; ``check`` raises what went wrong
    beside the pipeline; ``watch`` is given the detector first. Without ``post`` the log alone is
    told of incidents. What is left running (the metrics' server) ends with ``stack``.
    """
    loaded = at_start(settings, db)
    watchlist = Watchlist.load(settings.companies.watchlist)
    language.load()
    log.info("version loaded", version=loaded.id)
    channels = log_sink()
    sinks = (*channels, *(post.sinks if post is not None else ()))
    metrics = Metrics(
        program_version=program_version("bearwatch"),
        topics=loaded.topics,
        keys=keys_of(settings, loaded.topics, watchlist).tested(),
        names=watchlist.names,
        sinks=sinks if dead is None else (*sinks, DEAD_SINK),
    )
    metrics.model(loaded.id)
    observer = Observer(metrics, db, now, Drift(db, settings.counting.languages))
    engine = Engine(loaded, settings.model.engine, observer.batch)
    stack.callback(engine.close, timeout_seconds=ENGINE_CLOSES_IN_S)
    follow(settings, db, engine, metrics, stack)
    health = Progress({"pipeline": settings.health.stalled_after_seconds}, monotonic())
    server = serve_health(settings, db, metrics, health, stack, lambda: source.trouble)
    console.print(f"metrics: {server.url}/metrics", highlight=False)
    stack.callback(source.close)
    app = App(
        settings,
        db,
        source,
        classify=engine.submit,
        watchlist=watchlist,
        topics=loaded.topics,
        channels=channels,
        clock=now,
        name=process_name(),
        stop=stop,
        dead=dead,
        post=post,
    )
    watch(app.monitor.detection)
    ran = Ran(db, loaded.id)
    begun = monotonic()
    with progress(console) as display:
        bar = display.add_task(what, total=None if file is None else 1.0, facts="")

        def observe(turn: Round) -> None:
            check()
            health.beat("pipeline", monotonic())
            observer.round(app, turn)
            ran.articles += len(turn.done.batch.scored) if turn.done.batch else 0
            ran.seconds = monotonic() - begun
            _show(display, bar, ran, turn, 0.0 if file is None else file.read_fraction())

        app.run(observe)
    health.finish("pipeline")
    return ran


def _show(display: Display, bar: TaskID, ran: Ran, turn: Round, fraction: float) -> None:
    rate = ran.articles / ran.seconds if ran.seconds else 0.0
    watermark = turn.tick.watermark.at
    reached = watermark.strftime("%a %d %b %H:%M") if watermark else ""
    facts = f"{ran.articles:,} articles, {rate:.0f}/s, {reached}"
    display.update(bar, completed=fraction, facts=facts)


@contextmanager
def _temporary(name: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="bearwatch-") as folder:
        yield Path(folder) / name


def with_database(settings: Settings, path: Path) -> Settings:
    """The same settings with the SQLite file ``path``."""
    url = type(settings.database.url)(f"sqlite:///{path}")
    return settings.model_copy(
        update={"database": settings.database.model_copy(update={"url": url})}
    )
