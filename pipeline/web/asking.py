"""What the labelling page shows: a question without its answer, and afterwards who said what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.channels import plain
from models.prediction import SENTIMENTS
from models.taxonomy import Label
from pipeline.pages.view import NAME_LIMIT, Link, link
from pipeline.store.labels import StoredLabel, Task
from pipeline.store.questions import Question
from pipeline.web.ledger import Ledger, Progress

HEADLINE_LIMIT: Final = 1_000
LEAD_LIMIT: Final = 700
MODEL: Final = "the classifier"


@dataclass(frozen=True, slots=True)
class Asked:
    """An article to be labelled; all texts are one line each and hold no controls."""

    source: str
    id: str
    text_hash: str
    headline: str
    lead: str
    publisher: str
    link: Link | None
    published_at: datetime | None
    companies: Sequence[str]
    suggestion: str
    """What the classifier says; empty while that is hidden."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a form says, or said; empty: nothing."""

    sentiment: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody says of a text that one has answered oneself; empty: nothing on that.

    ``*_agrees`` is None where there is nothing to compare.
    """

    who: str
    sentiment: str
    topic: str
    sentiment_agrees: bool | None = None
    topic_agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """The text that was answered last: one's own opinion first, then the others'."""

    headline: str
    opinions: Sequence[Opinion]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many texts have a topic; ``width`` is its bar's, in percent of the largest."""

    name: str
    told: str
    number: int
    width: int


class NoAnswer(ValueError):
    """A form that says nothing, or something that is no label; the message says what to do."""


def asked(found: Question, names: Mapping[str, str], *, suggestion: bool) -> Asked:
    """A question as it is shown; ``names`` are companies' by symbol."""
    return Asked(
        source=found.source,
        id=found.id,
        text_hash=found.text_hash,
        headline=plain(found.title, HEADLINE_LIMIT) or "(no headline)",
        lead=plain(found.body[: 4 * LEAD_LIMIT], LEAD_LIMIT),
        publisher=plain(found.source, NAME_LIMIT),
        link=link(found.url),
        published_at=found.published_at,
        companies=[_company(symbol, names) for symbol in found.companies],
        suggestion=_suggestion(found) if suggestion else "",
    )


def read_answer(fields: Mapping[str, str], topics: Sequence[Label]) -> Answer:
    """What a form says, in the labels' own writing.

    Raises:
        NoAnswer: neither is given, or one of them is no label.
    """
    sentiment = fields.get("sentiment", "").strip()
    written = fields.get("topic", "").strip()
    if not sentiment and not written:
        raise NoAnswer("Say at least one: press 1, 2 or 3, or type a topic.")
    if sentiment and sentiment not in SENTIMENTS:
        raise NoAnswer(f"No such sentiment; there are {', '.join(SENTIMENTS)}.")
    topic = next((one.name for one in topics if one.name.lower() == written.lower()), "")
    if written and not topic:
        shown = plain(written, NAME_LIMIT)
        raise NoAnswer(
            f"No topic is called “{shown}”: choose one from the list, or leave it empty."
        )
    return Answer(sentiment, topic)


def said(
    headline: str, annotator: str, events: Sequence[StoredLabel], text_hash: str
) -> Said | None:
    """Who says what of a text; None while ``annotator`` says nothing, who is not to be led."""
    people: dict[str, Ledger] = {}
    for event in events:
        people.setdefault(event.annotator, Ledger()).apply([event])
    current = {name: ledger.said(text_hash) for name, ledger in people.items()}
    mine = current.pop(annotator, {})
    if not mine:
        return None
    own = _values(mine)
    opinions = [Opinion("you", own.sentiment, own.topic)]
    opinions += [
        _opinion(name, _values(theirs), own) for name, theirs in sorted(current.items()) if theirs
    ]
    model = _suggested(mine)
    if model != Answer():
        opinions.append(_opinion(MODEL, model, own, _sureness(mine)))
    return Said(plain(headline, HEADLINE_LIMIT), opinions)


def last_said(events: Sequence[StoredLabel], annotator: str) -> Answer:
    """What ``annotator`` says of a text, or said before taking it back: to be mended."""
    values: dict[Task, str] = {}
    for one in sorted(events, key=lambda event: (event.at, event.seq)):
        if one.annotator == annotator and one.value is not None:
            values[one.task] = one.value
    return Answer(values.get("sentiment", ""), values.get("topic", ""))


def tallies(topics: Sequence[Label], progress: Progress) -> list[Tally]:
    """Every topic with one's own labels, as they stand in the list of topics."""
    most = max([1, *progress.topics.values()])
    return [
        Tally(
            one.name,
            one.description,
            progress.topics.get(one.name, 0),
            -(-100 * progress.topics.get(one.name, 0) // most),
        )
        for one in topics
    ]


def _company(symbol: str, names: Mapping[str, str]) -> str:
    name = names.get(symbol)
    return plain(f"{name} ({symbol})" if name else symbol, NAME_LIMIT)


def _suggestion(found: Question) -> str:
    parts = [
        _sure(found.sentiment, found.sentiment_probability),
        _sure(found.topic, found.topic_probability),
    ]
    return ", ".join(filter(None, parts))


def _sure(value: str | None, probability: float | None) -> str:
    if value is None:
        return ""
    return value if probability is None else f"{value} ({probability:.0%})"


def _values(current: Mapping[Task, StoredLabel]) -> Answer:
    values = {task: one.value or "" for task, one in current.items()}
    return Answer(values.get("sentiment", ""), values.get("topic", ""))


def _suggested(mine: Mapping[Task, StoredLabel]) -> Answer:
    values = {task: one.suggestion or "" for task, one in mine.items()}
    return Answer(values.get("sentiment", ""), values.get("topic", ""))


def _sureness(mine: Mapping[Task, StoredLabel]) -> dict[Task, float | None]:
    return {task: one.probability for task, one in mine.items()}


def _opinion(
    who: str, theirs: Answer, own: Answer, sure: Mapping[Task, float | None] | None = None
) -> Opinion:
    sure = sure or {}
    return Opinion(
        plain(who, NAME_LIMIT),
        _sure(theirs.sentiment or None, sure.get("sentiment")),
        _sure(theirs.topic or None, sure.get("topic")),
        _agrees(theirs.sentiment, own.sentiment),
        _agrees(theirs.topic, own.topic),
    )


def _agrees(theirs: str, own: str) -> bool | None:
    return theirs == own if theirs and own else None
