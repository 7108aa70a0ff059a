"""The labelling page: one article at a time, its answer stored as events, undone by events.

It works as a plain form; the page's script only moves it to the keyboard.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from models.taxonomy import Label
from pipeline.store import labels, questions
from pipeline.store.bulk import Name
from pipeline.store.database import Database, DatabaseAway, StoreError
from pipeline.store.labels import NewLabel, StoredLabel, Task
from pipeline.store.questions import Question
from pipeline.web import asking
from pipeline.web.access import Access
from pipeline.web.accounts import Person
from pipeline.web.answers import Problem, answer, page
from pipeline.web.asking import Answer, NoAnswer
from pipeline.web.ledger import Ledger, Ledgers

AHEAD: Final = 50
"""Articles that are chosen at a time: choosing reads much, showing the next one little."""

SCRIPT: Final = "label.js"

Choose = Callable[[Database, str, int], Sequence[Name]]
"""Articles for an annotator, the best first, at most so many."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lists:
    """What the page knows beside the database: the topics, and companies' names by symbol."""

    topics: Sequence[Label]
    companies: Mapping[str, str]


@dataclass(slots=True)
class _Ahead:
    waiting: deque[Name] = field(default_factory=deque)
    lock: Lock = field(default_factory=Lock)


class Labelling:
    """The pages below ``/label``; for threads. ``clock`` stamps the events."""

    def __init__(
        self,
        opened: Callable[[], Database],
        access: Access,
        ledgers: Ledgers,
        choose: Choose,
        lists: Lists,
        clock: Callable[[], datetime],
        *,
        show_suggestion: bool,
    ) -> None:
        self._opened = opened
        self._access = access
        self._ledgers = ledgers
        self._choose = choose
        self._lists = lists
        self._clock = clock
        self._show_suggestion = show_suggestion
        self._ahead: dict[str, _Ahead] = {}
        self._lock = Lock()

    def add_to(self, app: FastAPI) -> None:
        """Route them."""

        @app.api_route("/label", methods=["GET", "HEAD"], include_in_schema=False)
        def ask(request: Request) -> Response:
            return answer(request, lambda: self._ask(request))

        @app.post("/label", include_in_schema=False)
        def save(request: Request) -> Response:
            return answer(request, lambda: self._save(request))

        @app.post("/label/skip", include_in_schema=False)
        def skip(request: Request) -> Response:
            return answer(request, lambda: self._skip(request))

        @app.post("/label/undo", include_in_schema=False)
        def undo(request: Request) -> Response:
            return answer(request, lambda: self._undo(request))

    def _ask(self, request: Request) -> Response:
        person = self._access.need(request, "annotator")
        db, ledger = self._opened(), self._ledgers.of(person.name)
        wanted = request.query_params
        entered = Answer()
        if "id" in wanted:  # one that was undone, or a link to an article
            found = questions.question(
                db, person.name, wanted.get("source", ""), wanted.get("id", "")
            )
            if found is None:
                raise _gone()
            entered = asking.last_said(labels.events_of(db, found.text_hash), person.name)
        else:
            found = self._next(db, person, ledger)
        return self._page(request, person, ledger, found, entered, said=wanted.get("said", ""))

    def _next(self, db: Database, person: Person, ledger: Ledger) -> Question | None:
        """The first of those chosen that is still to be answered; chooses more when none is."""
        with self._lock:
            ahead = self._ahead.setdefault(person.name, _Ahead())
        with ahead.lock:
            for refill in (False, True):
                if refill:
                    ahead.waiting.extend(self._choose(db, person.name, AHEAD))
                while ahead.waiting:
                    found = questions.question(db, person.name, *ahead.waiting[0])
                    if found and not found.skipped and not ledger.said(found.text_hash):
                        return found
                    ahead.waiting.popleft()
        return None

    def _page(
        self,
        request: Request,
        person: Person,
        ledger: Ledger,
        found: Question | None,
        entered: Answer,
        *,
        said: str = "",
        wrong: str = "",
    ) -> Response:
        progress = ledger.progress(self._clock())
        show = self._show_suggestion
        return page(
            "label.html",
            422 if wrong else 200,
            script=SCRIPT,
            **self._access.shown(request),
            asked=asking.asked(found, self._lists.companies, suggestion=show) if found else None,
            entered=entered,
            wrong=wrong,
            said=self._said(person, ledger, said),
            progress=progress,
            tallies=asking.tallies(self._lists.topics, progress),
            topics=self._lists.topics,
            once=secrets.token_hex(16),
        )

    def _said(self, person: Person, ledger: Ledger, text_hash: str) -> asking.Said | None:
        if not ledger.said(text_hash):
            return None
        db = self._opened()
        pinned = questions.labelled_as(db, text_hash)
        events = labels.events_of(db, text_hash)
        return asking.said(pinned[0], person.name, events, text_hash) if pinned else None

    def _save(self, request: Request) -> Response:
        person = self._access.need(request, "annotator")
        fields = self._access.form(request, person)
        db = self._opened()
        found = _meant(db, person, fields)
        try:
            said = asking.read_answer(fields, self._lists.topics)
        except NoAnswer as error:
            entered = Answer(fields.get("sentiment", ""), fields.get("topic", ""))
            ledger = self._ledgers.of(person.name)
            return self._page(request, person, ledger, found, entered, wrong=str(error))
        once = fields.get("once") or secrets.token_hex(16)
        now = self._clock()
        values: dict[Task, str] = {"sentiment": said.sentiment, "topic": said.topic}
        new = [
            _label(person, found, task, value, once, now)
            for task, value in values.items()
            if value
        ]
        try:
            with db.write() as connection:
                text = labels.pin_article(connection, found.source, found.id, now)
                if text.hash != found.text_hash:
                    raise _gone()
                labels.add(connection, [text], new)
        except DatabaseAway:
            raise
        except StoreError as error:
            raise _gone() from error
        return RedirectResponse(f"/label?said={found.text_hash}", 303)

    def _skip(self, request: Request) -> Response:
        person = self._access.need(request, "annotator")
        found = _meant(self._opened(), person, self._access.form(request, person))
        with self._opened().write() as connection:
            labels.skip(connection, person.name, found.text_hash, self._clock())
        return RedirectResponse("/label", 303)

    def _undo(self, request: Request) -> Response:
        """Take back what was done last: labels by events that say so, a skip by forgetting it."""
        person = self._access.need(request, "annotator")
        self._access.form(request, person)
        db, ledger = self._opened(), self._ledgers.of(person.name)
        last, skipped = ledger.last(), questions.last_skip(db, person.name)
        if skipped is not None and (last is None or skipped[1] > last[1]):
            text_hash = skipped[0]
            with db.write() as connection:
                labels.unskip(connection, person.name, text_hash)
        elif last is not None:
            text_hash = last[0]
            back = [_back(one, self._clock()) for one in ledger.said(text_hash).values()]
            with db.write() as connection:
                labels.add(connection, [], back)
        else:
            return RedirectResponse("/label", 303)
        name = questions.article_with(db, text_hash)
        again = urlencode({"source": name[0], "id": name[1]}) if name else ""
        return RedirectResponse(f"/label?{again}" if again else "/label", 303)


def _meant(db: Database, person: Person, fields: Mapping[str, str]) -> Question:
    """The article that a form is about, if it still says what was shown."""
    found = questions.question(db, person.name, fields.get("source", ""), fields.get("id", ""))
    if found is None or found.text_hash != fields.get("text_hash"):
        raise _gone()
    return found


def _gone() -> Problem:
    told = (
        "The article was taken down or changed after it was shown, so that nothing was stored. "
        "Go on with the next one: /label."
    )
    return Problem(409, "This article is not there any more", told)


def _label(
    person: Person, found: Question, task: Task, value: str, once: str, now: datetime
) -> NewLabel:
    suggestion, probability = (
        (found.sentiment, found.sentiment_probability)
        if task == "sentiment"
        else (found.topic, found.topic_probability)
    )
    return NewLabel(
        key=_key("page", person.name, found.text_hash, task, once),
        at=now,
        annotator=person.name,
        text_hash=found.text_hash,
        task=task,
        value=value,
        origin="page",
        suggestion=suggestion,
        probability=probability,
        version=found.version,
    )


def _back(one: StoredLabel, now: datetime) -> NewLabel:
    return NewLabel(
        key=_key("back", one.annotator, str(one.seq)),
        at=now,
        annotator=one.annotator,
        text_hash=one.text_hash,
        task=one.task,
        value=None,
        origin="page",
    )


def _key(*parts: str) -> str:
    """Equal for a form that is sent twice, different for every other event."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
