"""The labelling page: one article at a time, its answer stored as events, undone by events.

It works as a plain form; the page's script only moves it to the keyboard.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from models.taxonomy import Label
from pipeline.store import labels, questions
from pipeline.store.bulk import Name
from pipeline.store.database import Database, DatabaseAway, StoreError
from pipeline.store.labels import Task
from pipeline.store.questions import Desk, Question
from pipeline.web import asking
from pipeline.web.access import Access
from pipeline.web.answers import Problem, answer, page
from pipeline.web.asking import Answer, NoAnswer
from pipeline.web.ledger import Ledger, Ledgers
from pipeline.web.saying import label_of, taken_back

AHEAD: Final = 50
"""Articles that are chosen at a time: choosing reads much, showing the next one little."""

SCRIPT: Final = "label.js"


class Chosen(Protocol):
    """An article to ask about."""

    @property
    def source(self) -> str:
        """With ``id`` its name."""

    @property
    def id(self) -> str:
        """See ``source``."""

    @property
    def text_hash(self) -> str:
        """Its text when it was chosen."""


Choose = Callable[[Database, str, int], Sequence[Chosen]]
"""Articles for an annotator, the best first, at most so many."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lists:
    """What the page knows beside the database: the topics, and companies' names by symbol."""

    topics: Sequence[Label]
    companies: Mapping[str, str]


@dataclass(slots=True)
class _Ahead:
    waiting: deque[Chosen] = field(default_factory=deque)
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
        wanted = request.query_params
        entered = Answer()
        with questions.desk(self._opened(), person.name) as desk:
            ledger = self._ledgers.of(desk)
            if "id" in wanted:  # one that was undone, or a link to an article
                found = desk.question(*_name(wanted))
                if found is None:
                    raise _gone()
                entered = asking.last_said(desk.heard_of(found.text_hash)[1], person.name)
            else:
                found = self._next(desk, ledger)
            said = _said(desk, ledger, wanted.get("said", ""))
        return self._page(request, ledger, found, entered, said=said)

    def _next(self, desk: Desk, ledger: Ledger) -> Question | None:
        """The first of those chosen that is still to be answered; chooses more when none is."""
        with self._lock:
            ahead = self._ahead.setdefault(desk.annotator, _Ahead())
        with ahead.lock:
            for refill in (False, True):
                if refill:
                    ahead.waiting.extend(self._choose(self._opened(), desk.annotator, AHEAD))
                while ahead.waiting:
                    one = ahead.waiting[0]
                    if not ledger.said(one.text_hash):
                        found = desk.question(one.source, one.id)
                        if found and not found.skipped and not ledger.said(found.text_hash):
                            return found
                    ahead.waiting.popleft()
        return None

    def _page(
        self,
        request: Request,
        ledger: Ledger,
        found: Question | None,
        entered: Answer,
        *,
        said: asking.Said | None = None,
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
            said=said,
            progress=progress,
            tallies=asking.tallies(self._lists.topics, progress),
            topics=self._lists.topics,
            once=secrets.token_hex(16),
        )

    def _save(self, request: Request) -> Response:
        person = self._access.need(request, "annotator")
        fields = self._access.form(request, person)
        db = self._opened()
        try:
            said = asking.read_answer(fields, self._lists.topics)
        except NoAnswer as error:
            with questions.desk(db, person.name) as desk:
                found, ledger = _meant(desk, fields), self._ledgers.of(desk)
            entered = Answer(fields.get("sentiment", ""), fields.get("topic", ""))
            return self._page(request, ledger, found, entered, wrong=str(error))
        values: dict[Task, str] = {"sentiment": said.sentiment, "topic": said.topic}
        once, now = fields.get("once") or secrets.token_hex(16), self._clock()
        try:
            with db.write() as connection:
                text = labels.pin_article(connection, *_name(fields), now)
                # Read after it is pinned, which keeps the article as it is until the end.
                found = _meant(Desk(person.name, connection), fields)
                new = [
                    label_of(person.name, found, task, value, once, now)
                    for task, value in values.items()
                    if value
                ]
                labels.add(connection, [text], new)
        except DatabaseAway:
            raise
        except StoreError as error:
            raise _gone() from error
        return RedirectResponse(f"/label?said={found.text_hash}", 303)

    def _skip(self, request: Request) -> Response:
        person = self._access.need(request, "annotator")
        fields = self._access.form(request, person)
        with questions.desk(self._opened(), person.name) as desk:
            found = _meant(desk, fields)
        with self._opened().write() as connection:
            labels.skip(connection, person.name, found.text_hash, self._clock())
        return RedirectResponse("/label", 303)

    def _undo(self, request: Request) -> Response:
        """Take back what was done last: labels by events that say so, a skip by forgetting it."""
        person = self._access.need(request, "annotator")
        self._access.form(request, person)
        db = self._opened()
        with questions.desk(db, person.name) as desk:
            ledger = self._ledgers.of(desk)
            last, skipped = ledger.last(), desk.last_skip()
            is_skip = skipped is not None and (last is None or skipped[1] > last[1])
            newest = skipped if is_skip else last
            if newest is None:
                return RedirectResponse("/label", 303)
            text_hash = newest[0]
            back = [taken_back(one, self._clock()) for one in ledger.said(text_hash).values()]
            name = desk.article_with(text_hash)
        with db.write() as connection:
            if is_skip:
                labels.unskip(connection, person.name, text_hash)
            else:
                labels.add(connection, [], back)
        again = urlencode({"source": name[0], "id": name[1]}) if name else ""
        return RedirectResponse(f"/label?{again}" if again else "/label", 303)


def _meant(desk: Desk, fields: Mapping[str, str]) -> Question:
    """The article that a form is about, if it still says what was shown."""
    found = desk.question(*_name(fields))
    if found is None or found.text_hash != fields.get("text_hash"):
        raise _gone()
    return found


def _name(fields: Mapping[str, str]) -> Name:
    source, of_id = fields.get("source", ""), fields.get("id", "")
    if "\0" in source + of_id:  # PostgreSQL takes no such text
        raise _gone()
    return source, of_id


def _said(desk: Desk, ledger: Ledger, text_hash: str) -> asking.Said | None:
    if not ledger.said(text_hash):
        return None
    title, events = desk.heard_of(text_hash)
    return asking.said(title, desk.annotator, events, text_hash) if events else None


def _gone() -> Problem:
    told = (
        "The article was taken down or changed after it was shown, so that nothing was stored. "
        "Go on with the next one: /label."
    )
    return Problem(409, "This article is not there any more", told)
