"""The program behind `bearwatch web`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from importlib.metadata import version as program_version
from time import monotonic

from rich.console import Console

from ingest import watchlists
from models import taxonomy
from pipeline.health import Health, Progress
from pipeline.labels.choosing import next_articles
from pipeline.metrics import Metrics
from pipeline.process import now, stop_on_signals
from pipeline.settings import Settings
from pipeline.store.database import Database
from pipeline.web.access import NO_ACCOUNTS, Access
from pipeline.web.accounts import Accounts
from pipeline.web.answers import Opened
from pipeline.web.app import Routed, make_app
from pipeline.web.feedback import Feedback
from pipeline.web.labelling import Chosen, Labelling, Lists
from pipeline.web.ledger import Ledgers
from pipeline.web.login import Login
from pipeline.web.overview import overview
from pipeline.web.pages import Pages
from pipeline.web.publisher import Publisher
from pipeline.web.push import Push
from pipeline.web.server import WebServer
from pipeline.web.sessions import Sessions
from pipeline.web.stores import open_store
from pipeline.web.tokens import Tokens, load

LOOK_AGAIN_S = 1.0
PUBLISHER_ENDS_IN_S = 2.0

PAGES_ONLY = (
    "no token in the settings: pages only, articles are refused; `bearwatch token NAME --source "
    "SOURCE` makes one"
)


class ServerEnded(Exception):
    """The server ended by itself; its log says why."""


def run_web(settings: Settings, console: Console) -> None:
    """Answer until SIGTERM or Ctrl-C; what is in hand then is finished, within seconds.

    Raises:
        InvalidSettings: tokens that cannot be.
        StoreError, BrokerError: there is nothing to store in, and waiting will not help.
        CannotListen: the port is taken.
    """
    with stop_on_signals() as stop, ExitStack() as stack:
        server = start(settings, stack)
        console.print(f"listening: {server.url}, live page at {server.url}/", highlight=False)
        if not settings.web.tokens:
            console.print(PAGES_ONLY, highlight=False)
        if not settings.web.users:
            console.print(NO_ACCOUNTS, highlight=False)
        while not stop.wait(LOOK_AGAIN_S):
            if not server.alive:
                raise ServerEnded("the web server ended by itself")


def start(settings: Settings, stack: ExitStack) -> WebServer:
    """Put the parts together and serve until ``stack`` ends, which ends them in order."""
    pages = _pages(settings, stack)
    tokens = load(settings.web) if settings.web.tokens else Tokens({})
    metrics = Metrics(program_version=program_version("bearwatch"), topics=(), keys=(), sinks=())
    metrics.watching(False)
    store = open_store(settings, now)
    health = Progress({"publisher": settings.health.stalled_after_seconds}, monotonic())
    publisher = Publisher(
        store,
        most=settings.web.concurrent_requests,
        beat=lambda: health.beat("publisher", monotonic()),
    )
    stack.callback(publisher.close, PUBLISHER_ENDS_IN_S)
    push = Push(settings.web, tokens, publisher, metrics, now)
    app = make_app(push, pages, health=lambda: health.health(monotonic()), ready=store.ready)
    server = WebServer(app, settings.web)
    stack.callback(server.close)
    return server


def start_beside(settings: Settings, ready: Callable[[], Health], stack: ExitStack) -> WebServer:
    """The same pages from within a pipeline's process; articles are not taken.

    Raises:
        CannotListen: the port is taken.
    """
    app = make_app(None, _pages(settings, stack), health=lambda: Health(True, "ok"), ready=ready)
    server = WebServer(app, settings.web)
    stack.callback(server.close)
    return server


def _pages(settings: Settings, stack: ExitStack) -> list[Routed]:
    """Everything for people, behind the same log-in; the database is opened by the first page."""
    opened = Opened(settings.database.url.get_secret_value())
    stack.callback(opened.close)
    web = settings.web
    accounts = Accounts(web.users)
    sessions = Sessions(
        accounts,
        opened,
        now,
        lasts=timedelta(hours=web.session_hours),
        secure=(web.base_url or "").startswith("https:"),
    )
    access = Access(accounts, sessions, web.base_url)
    login = Login(access, accounts, sessions, web.base_url, monotonic)
    lists = Lists(
        taxonomy.load(settings.model.topics).topics,
        {one.symbol: one.name for one in watchlists.read(settings.companies.watchlist)},
    )

    def choose(db: Database, annotator: str, most: int) -> Sequence[Chosen]:
        return next_articles(db, annotator=annotator, settings=settings, now=now(), limit=most)

    labelling = Labelling(
        opened,
        access,
        Ledgers(monotonic),
        choose,
        lists,
        now,
        show_suggestion=settings.labelling.show_suggestion,
    )
    pages: list[Routed] = [Pages(opened, access), Feedback(opened, access, now), labelling]
    return [login, *overview(settings, opened, access, stack), *pages]
