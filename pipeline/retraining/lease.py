"""The lease of the one that trains: kept while it works, and what it may write under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from pipeline.store import retraining as store
from pipeline.store.database import Database, DatabaseAway
from pipeline.store.retraining import Outcome

log = structlog.get_logger()


class Lease:
    """Of run ``seq``, held by ``holder``. Every method but two raises :class:`store.TakenOver`
    once another process has taken the work over."""

    def __init__(
        self,
        db: Database,
        seq: int,
        holder: str,
        lasts: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self.seq = seq
        self._db = db
        self._holder = holder
        self._lasts = lasts
        self._clock = clock
        self._renewed = clock()

    def renew(self) -> None:
        """Keep it from now on."""
        now = self._clock()
        store.renew(self._db, self.seq, self._holder, until=now + self._lasts)
        self._renewed = now

    def keep(self) -> None:
        """Renew it if a third of it has gone by. A database that is away does not stop a training:
        unless another process takes over meanwhile, it goes on."""
        if self._clock() - self._renewed < self._lasts / 3:
            return
        try:
            self.renew()
        except DatabaseAway as error:
            log.warning("the lease was not renewed: the training goes on", reason=str(error))
            self._renewed = self._clock()

    def let_go(self) -> None:
        """End it now, where it is still ours: whoever trains next goes on."""
        with suppress(store.TakenOver, DatabaseAway):
            store.renew(self._db, self.seq, self._holder, until=self._clock())

    def propose(self, candidate: str, decision: Mapping[str, Any]) -> None:
        """Note what is about to be promoted."""
        self.renew()
        store.propose(self._db, self.seq, self._holder, candidate, decision)

    def end(self, outcome: Outcome, decision: Mapping[str, Any], candidate: str | None) -> None:
        """Store what became of the run."""
        store.end(
            self._db,
            self.seq,
            self._holder,
            outcome,
            now=self._clock(),
            decision=decision,
            candidate=candidate,
        )
