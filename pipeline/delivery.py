"""From the outbox to one sink, at least once: in order, once too many rather than never.

Two kinds of sinks. *Records* (the log, Kafka) get every message in order; what is old news by then
is marked late. *Pagers* (Alertmanager, chats, mail) call people, so they are told of each incident
as it is now: of what piled up while one was away only the newest message, nothing of what came and
went meanwhile, and nothing of old news.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import structlog

from alerts.channels import Channel, Notification, NotifyError
from alerts.routing import is_pager
from alerts.rules import SEVERITIES, Severity
from pipeline.retrying import LONGEST_RETRY, Outcome, backoff
from pipeline.store import incidents, lease, outbox
from pipeline.store.database import Database, StoreError
from pipeline.store.lease import LeaseLost
from pipeline.store.outbox import Heard, Pending
from pipeline.telling import from_json

log = structlog.get_logger()

AT_ONCE: Final = 100
"""Messages of one turn."""

LOOK_AGAIN: Final = timedelta(minutes=5)
"""After this old news is asked again whether a newer story has come."""


AHEAD: Final = timedelta(minutes=10)
"""Publishers' clocks are ahead by less."""


@runtime_checkable
class Keeper(Protocol):
    """A channel that forgets: what is firing is told again and again, what has ended for a while.

    ``every`` is how often, ``lasts`` how long it remembers.
    """

    every: timedelta
    lasts: timedelta

    def keep(self, notifications: Sequence[Notification]) -> None:
        """Tell all of it again, or raise ``NotifyError``."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How messages are delivered. ``link`` is the address of incidents' pages, if there are any.

    ``languages`` are those that are counted, ``sure`` the least probability of a sentiment that is
    counted as what it is: see :class:`pipeline.count.Keys`.
    """

    old_after: timedelta = timedelta(hours=6)
    give_up_after: timedelta = timedelta(hours=24)
    link: str | None = None
    languages: tuple[str, ...] = ()
    sure: float = 0.0


class Delivery:
    """Tells one sink what its rows in the outbox say, while ``epoch`` lasts. For one thread.

    Failures are counted per message, and in a row for the sink, so that one which does not answer
    is asked less and less often. Nothing in memory matters to a next one.

    Args:
        jitter: gives numbers in [0, 1): the part of the longest rest that is rested.
    """

    def __init__(
        self,
        db: Database,
        sink: str,
        channel: Channel,
        policy: Policy,
        *,
        epoch: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._db = db
        self._sink = sink
        self._channel = channel
        self._policy = policy
        self._epoch = epoch
        self._jitter = jitter
        self._longest = channel.every if isinstance(channel, Keeper) else LONGEST_RETRY
        self._failed = 0
        self._rests_until: datetime | None = None
        self._kept_at: datetime | None = None

    def turn(self, now: datetime) -> list[Outcome]:
        """Tell what is due, up to the first message that does not get through.

        Raises:
            LeaseLost: another monitor has taken over.
        """
        if self._rests_until is not None and now < self._rests_until:
            return []
        pager = is_pager(self._sink)
        due = self._due(now, pager=pager)
        heard: dict[str, Heard] = {}
        if pager and due:
            heard = outbox.heard(self._db, self._sink, {row.incident for row in due})
            due = self._worth_a_call(due, heard, now)
        outcomes: list[Outcome] = []
        for row in due:
            outcome = self._tell(row, heard.get(row.incident), now, pager=pager)
            outcomes.append(outcome)
            if outcome == "retried":
                return outcomes
        self._keep(now)
        return outcomes

    def _due(self, now: datetime, *, pager: bool) -> list[Pending]:
        def read() -> list[Pending]:
            return outbox.pending(
                self._db, self._epoch, self._sink, now, failed_last=pager, limit=AT_ONCE
            )

        found = read()
        if pager and found and outbox.supersede(self._db, self._epoch, self._sink):
            found = read()
        return found

    def _worth_a_call(
        self, due: list[Pending], heard: dict[str, Heard], now: datetime
    ) -> list[Pending]:
        """Those that somebody is called about; the others are dropped, or looked at later."""
        calls: list[Pending] = []
        over: list[int] = []
        old: list[int] = []
        for row in due:
            note = from_json(row.payload)
            known = row.incident in heard
            if note.over:
                calls += [row] if known else []
                over += [] if known else [row.seq]
            elif row.resolved:
                over.append(row.seq)
            elif self._is_old(row, note, now):
                old.append(row.seq)
            else:
                calls.append(row)
        if over:
            outbox.drop(self._db, self._epoch, over, "over before anybody was told")
        if old:
            outbox.postpone(self._db, self._epoch, old, now + LOOK_AGAIN)
        return calls

    def _is_old(self, row: Pending, note: Notification, now: datetime) -> bool:
        """Whether the incident is over, or its newest story older than is worth a call."""
        by_itself = now - note.at > self._policy.old_after
        if note.over or not row.known:
            return by_itself
        if row.resolved:
            return True
        if by_itself:
            # It may have gone on since; who is still evaluating a backlog cannot know.
            cursor = lease.progress(self._db).cursor
            if cursor is None or now - cursor > self._policy.old_after:
                return True
        newest = incidents.newest_story(
            self._db,
            note.kind,
            note.key,
            now - self._policy.old_after,
            now + AHEAD,
            negative=note.rule != "volume_burst",
            languages=self._policy.languages,
            sure=self._policy.sure,
        )
        return newest is None

    def _tell(self, row: Pending, heard: Heard | None, now: datetime, *, pager: bool) -> Outcome:
        note = self._worded(from_json(row.payload), heard)
        if not pager:
            note = replace(note, late=self._is_old(row, note, now))
        elif heard is None:
            # Whoever was not told while it was less grave need not hear that it has grown.
            note = replace(note, change="opened")
        error = self._attempt(lambda: self._channel.send(note), now)
        if error is None:
            outbox.sent(self._db, self._epoch, row.seq, now)
            return "delivered"
        age = now - row.created_at
        if not error.retryable or age > self._policy.give_up_after:
            log.error(
                "a message was given up",
                sink=self._sink,
                incident=row.incident,
                revision=note.revision,
                attempts=row.attempts + 1,
                age_seconds=round(age.total_seconds()),
                reason=str(error),
            )
            outbox.failed(self._db, self._epoch, row.seq, str(error), None)
            return "gave_up"
        rest = min(self._longest, backoff(row.attempts)) * self._jitter()
        outbox.failed(self._db, self._epoch, row.seq, str(error), now + rest)
        return "retried"

    def _keep(self, now: datetime) -> None:
        """Tell a sink that forgets what it was told before, when it is time."""
        channel = self._channel
        if not isinstance(channel, Keeper):
            return
        if self._kept_at is not None and now < self._kept_at + channel.every:
            return
        ids = outbox.alive(self._db, self._sink, now - channel.lasts)
        known = outbox.heard(self._db, self._sink, ids)
        notes = [self._worded(from_json(one.payloads[-1]), one) for one in known.values()]
        error = self._attempt(lambda: channel.keep(notes), now)
        if error is None or not error.retryable:
            self._kept_at = now
        if error is not None and not error.retryable:
            log.error("what is firing was refused", sink=self._sink, reason=str(error))

    def _attempt(self, send: Callable[[], None], now: datetime) -> NotifyError | None:
        """None if it went well; else why not, and the sink is left alone for a while."""
        try:
            send()
        except (LeaseLost, StoreError):
            raise
        except NotifyError as error:
            found = error
        except Exception as error:
            log.exception("a sink failed in an unforeseen way", sink=self._sink)
            found = _Unforeseen(f"unforeseen: {type(error).__name__}")
        else:
            self._failed, self._rests_until = 0, None
            return None
        if found.retryable:
            self._rest(found, now)
        return found

    def _rest(self, error: NotifyError, now: datetime) -> None:
        rest = min(self._longest, backoff(self._failed)) * self._jitter()
        self._failed += 1
        self._rests_until = now + rest
        log.warning(
            "a sink is not told",
            sink=self._sink,
            reason=str(error),
            failed=self._failed,
            seconds=round(rest.total_seconds(), 1),
        )

    def _worded(self, note: Notification, heard: Heard | None) -> Notification:
        """With the link to its page, and the severities under which the sink knows it."""
        told: set[Severity] = set()
        if heard is not None:
            earlier = [from_json(payload) for payload in heard.payloads]
            told = {one.severity for one in earlier if not one.over}
        link = self._policy.link and f"{self._policy.link}/incidents/{note.incident}"
        return replace(note, link=link, told=tuple(one for one in SEVERITIES if one in told))


class _Unforeseen(NotifyError):
    retryable = True
