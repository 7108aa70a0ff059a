"""A running worker follows the champion: it looks, loads aside, and lets the engine swap.

The old version goes on classifying until the new one has been loaded, verified and warmed up, and
for good where that fails. A folder that was given explicitly (``[model] folder``, ``--model``) is
not followed away from.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, cast

import structlog

from models import taxonomy
from pipeline.metrics import Metrics
from pipeline.registry.registry import Registry, RegistryError, course, open_registry
from pipeline.settings import Settings
from pipeline.store import versions
from pipeline.store.database import Database, DatabaseAway
from pipeline.version_metrics import RELOAD_FAILURES, ReloadFailure

if TYPE_CHECKING:
    from models.engine import Engine, Scorer
    from models.versions import Version

LONGEST_REST_S: Final = 300.0
"""Between attempts to take a champion that does not work here."""
CLOSES_IN_S: Final = 2.0

Load = Callable[[Path], "Scorer"]
"""Load, verify and warm up the version of a folder."""

log = structlog.get_logger()


class Swaps(Protocol):
    """What is needed of the engine."""

    @property
    def version(self) -> str:
        """What classifies now: a card's id, a plus, and the topics."""

    def swap(self, version: Scorer) -> None:
        """Let another version classify."""


class Follower:
    """Keeps one engine at the champion, from a thread of its own.

    ``look`` is what the thread does every few seconds; a champion that could not be taken is tried
    again after growing rests. ``within_s`` bounds the loading: one that takes longer is given up,
    and while it still hangs no other is begun.
    """

    def __init__(
        self,
        db: Database,
        registry: Registry,
        engine: Swaps,
        load: Load,
        metrics: Metrics,
        *,
        every_s: float,
        within_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._db = db
        self._registry = registry
        self._engine = engine
        self._load = load
        self._metrics = metrics
        self._every_s = every_s
        self._within_s = within_s
        self._clock = clock
        self._stop = Event()
        self._failed: tuple[int, int, float] = (0, 0, 0.0)
        """The promotion that could not be taken, how often, and when to try again."""
        self._hanging: Thread | None = None
        self._thread = Thread(target=self._run, name="versions", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; what is being loaded is left behind."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSES_IN_S)

    def look(self) -> bool:
        """Take the champion if it is not what classifies; whether it was taken just now."""
        try:
            champion = versions.champion(self._db)
        except DatabaseAway as error:
            log.debug("cannot ask for the champion", reason=str(error))
            return False
        if champion is None or self._engine.version.partition("+")[0] == champion.version:
            return False
        seq, times, again_at = self._failed
        if seq == champion.seq and self._clock() < again_at:
            return False
        if self._hanging is not None and self._hanging.is_alive():
            return False
        before, begun = self._engine.version, self._clock()
        try:
            found = self._loaded(champion.version)
        except Exception as error:  # noqa: BLE001 - whatever it is, the old version goes on
            times = times + 1 if seq == champion.seq else 1
            rest = min(LONGEST_REST_S, self._every_s * 2.0**times)
            self._failed = (champion.seq, times, self._clock() + rest)
            reason = reason_of(error)
            self._metrics.versions.failed(reason)
            log.error(
                "the champion cannot be taken: the old version goes on",
                champion=champion.version,
                version=before,
                reason=reason,
                error=str(error),
                again_in_s=rest,
            )
            return False
        self._engine.swap(found)
        self._metrics.versions.swapped(found.id)
        log.info(
            "version swapped",
            before=before,
            version=found.id,
            seconds=round(self._clock() - begun, 2),
        )
        return True

    def _loaded(self, version: str) -> Scorer:
        """The version, loaded in a thread that may be left behind.

        Raises:
            TooSlow: it takes too long.
        """
        answer: Future[Scorer] = Future()

        def load() -> None:
            try:
                answer.set_result(self._load(self._registry.folder_of(version)))
            except BaseException as error:  # noqa: BLE001 - handed to who waits for it
                answer.set_exception(error)

        self._hanging = Thread(target=load, name="loading", daemon=True)
        self._hanging.start()
        try:
            return answer.result(self._within_s)
        except TimeoutError:
            if answer.done():
                raise
            message = f"{version} was not loaded within {self._within_s:g} s"
            raise TooSlow(message) from None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - this thread outlives whatever happens
                log.error("cannot follow the champion", error=repr(error))
            self._stop.wait(self._every_s)


class TooSlow(Exception):
    """Loading took longer than it may."""

    reason: ClassVar[str] = "timeout"


def reason_of(error: BaseException) -> ReloadFailure:
    """Why a version could not be taken, as the metric names it."""
    if type(error).__name__ == "BackboneError":  # its module brings torch
        return "no_encoder"
    reason = getattr(error, "reason", "error")
    return cast("ReloadFailure", reason) if reason in RELOAD_FAILURES else "error"


def ready(settings: Settings) -> Callable[[Path | None], Version]:
    """How a program loads versions: verified, and warmed up so that the first batch is quick."""
    from models import versions as loading  # it brings torch

    def load(folder: Path | None) -> Version:
        labels = taxonomy.load(settings.model.topics)
        version = loading.load(folder, precision=settings.model.precision, labels=labels)
        version.predict(loading.GOLDEN_TEXTS)
        return version

    return load


def at_start(settings: Settings, db: Database) -> Version:
    """The version that a program begins with: the one that is set, else the champion.

    Where the champion does not work here, the one before it, and at last the version that ships:
    news is classified by an older version rather than by none. :class:`Follower` goes on trying.

    Raises:
        VersionError: the folder that is set has no version that works.
    """
    load = ready(settings)
    if settings.model.folder is not None:
        return load(settings.model.folder)
    from models.backbone import BackboneError
    from models.card import VersionError

    registry = open_registry(settings, db)
    for version in reversed(course(versions.history(db))):
        try:
            return load(registry.folder_of(version))
        except (VersionError, BackboneError, RegistryError) as error:
            log.error("a champion cannot be loaded", version=version, reason=str(error))
    return load(None)


def follow(
    settings: Settings, db: Database, engine: Engine, metrics: Metrics, stack: ExitStack
) -> None:
    """Keep the engine at the champion until ``stack`` ends; not where a folder is set."""
    if settings.model.folder is not None:
        return
    follower = Follower(
        db,
        open_registry(settings, db),
        engine,
        ready(settings),
        metrics,
        every_s=settings.registry.look_every_seconds,
        within_s=settings.registry.load_within_seconds,
    )
    stack.callback(follower.close)
    follower.start()
