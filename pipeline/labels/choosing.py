"""What to label next, and why.

The same annotator is asked the same until there is an answer: nothing is remembered of questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from pipeline.labels.drawing import place, reserved, share, story_key
from pipeline.labels.scoring import Candidate, Worth, choose, preselect, trust, words_of
from pipeline.labels.settings import LabelSettings
from pipeline.registry.folders import tuned_topics
from pipeline.store import asking
from pipeline.store.asking import Answered, Pool, Told, View
from pipeline.store.database import Database

PRESELECTED: Final = 150
"""Candidates whose headlines are compared."""

SPARE: Final = 5
"""More than are wanted: a few may turn out to be gone, or labelled under another name."""

LANES: Final = 4
"""An annotator is asked about every fourth text first, another one about another fourth: those
who work at the same time do not get the same questions."""

Why = Literal["worth", "random", "second"]
"""The most is learned from it; drawn at random; another annotator has labelled it."""


Picked = tuple[Answered, Why, Worth | None]


@dataclass(frozen=True, slots=True)
class Choice(Told):
    """An article to ask about: its text, what the classifier answered, and why it was chosen.

    ``worth`` is what it was chosen by, None where it was drawn.
    """

    why: Why
    worth: Worth | None

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.why == "random":
            return "drawn at random"
        if self.why == "second" or self.worth is None:
            return "another annotator has labelled it"
        w = self.worth
        told = "unsure" if w.trust == 1 else "new topic"
        return (
            f"{told} {w.uncertainty:.2f} x different {w.diversity:.2f} "
            f"x topic's share {w.quota:.2f} = {w.score:.2f}"
        )


class ChoosingSettings(Protocol):
    """Of the program's settings, what is read here."""

    @property
    def labels(self) -> LabelSettings:
        """How the next article is chosen."""

    @property
    def counting(self) -> CountedLanguages:
        """Which languages are counted: no others are asked about."""


class CountedLanguages(Protocol):
    """Of the settings of counting, what is read here."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes; empty: all."""


def next_articles(
    db: Database, *, annotator: str, settings: ChoosingSettings, now: datetime, limit: int
) -> list[Choice]:
    """Up to ``limit`` articles for ``annotator`` to label, in order.

    Stories of the last days, dated and of a counted language. Never a copy of a labelled story,
    what the annotator has labelled or skipped, or what was deleted. A share of the questions is
    random, among texts that are kept for that: see :func:`pipeline.labels.drawing.reserved`.
    """
    tuned = tuned_topics(db)
    with asking.view(db) as view:
        return _choose(view, tuned, annotator, settings, now, limit)


def _choose(
    view: View,
    tuned: frozenset[str],
    annotator: str,
    settings: ChoosingSettings,
    now: datetime,
    limit: int,
) -> list[Choice]:
    wanted, since = settings.labels, now - settings.labels.recent
    pool = view.pool(
        annotator,
        since=since,
        until=now,
        languages=settings.counting.languages,
        page=wanted.pool,
        least=limit + SPARE,
    )
    kinds = [_kind(f"{annotator}:{pool.asked + n}", wanted) for n in range(limit + SPARE)]
    at_random = [one for one in pool.fresh if reserved(one.text_hash)]
    queues: dict[Why, list[Picked]] = {
        "worth": _by_worth(view, pool, tuned, annotator, limit + SPARE),
        "random": [(one, "random", None) for one in _drawn(at_random, annotator)],
        "second": [],
    }
    if wanted.second_share and ("second" in kinds or len(pool.fresh) < len(kinds)):
        theirs = view.labelled_by_others(annotator, since)
        queues["second"] = [(one, "second", None) for one in _drawn(theirs, annotator)]
    picked = _pick(kinds, queues)
    told = view.told([(one.source, one.id) for one, _, _ in picked])
    found = [
        (told[one.source, one.id], why, worth)
        for one, why, worth in picked
        if (one.source, one.id) in told
    ]
    keys = {one.text_hash: story_key(one.title, one.body) for one, _, _ in found}
    known = view.labelled_stories(keys.values())
    return [
        _choice(one, why, worth)
        for one, why, worth in found
        if why == "second" or keys[one.text_hash] not in known
    ][:limit]


def _kind(name: str, settings: LabelSettings) -> Why:
    drawn = share(name)
    if drawn < settings.random_share:
        return "random"
    return "second" if drawn < settings.random_share + settings.second_share else "worth"


def _by_worth(
    view: View, pool: Pool, tuned: frozenset[str], annotator: str, number: int
) -> list[Picked]:
    untuned = {one.topic for one in pool.fresh} - tuned
    trusts = {name: trust(name, untuned, pool.topics) for name in untuned}
    free = {one.text_hash: one for one in pool.fresh if not reserved(one.text_hash)}
    lane = [one for one in free.values() if place(annotator, one.text_hash) % LANES == 0]
    ours = lane if len(lane) >= number else list(free.values())
    first = preselect([_candidate(one, trusts) for one in ours], pool.topics, PRESELECTED)
    titles = view.titles([one.text_hash for one in first])
    worded = [
        _candidate(free[one.text_hash], trusts, titles[one.text_hash])
        for one in first
        if one.text_hash in titles
    ]
    recent = [words_of(title) for title in pool.recent]
    chosen = choose(worded, pool.topics, recent, number)
    return [(free[one.text_hash], "worth", worth) for one, worth in chosen]


def _drawn(found: Sequence[Answered], annotator: str) -> list[Answered]:
    return sorted(found, key=lambda one: place(annotator, one.text_hash))


def _pick(kinds: Sequence[Why], queues: dict[Why, list[Picked]]) -> list[Picked]:
    """One question of each kind in turn; of another kind where there is none left of it."""
    picked: list[Picked] = []
    for kind in kinds:
        order: tuple[Why, ...] = (kind, "worth", "random", "second")
        if (queue := next((queues[one] for one in order if queues[one]), None)) is None:
            break
        picked.append(queue.pop(0))
    return picked


def _candidate(one: Answered, trusts: Mapping[str, float], title: str = "") -> Candidate:
    return Candidate(
        one.text_hash,
        one.topic,
        one.topic_probability,
        one.sentiment_probability,
        words_of(title),
        trusts.get(one.topic, 1.0),
    )


def _choice(told: Told, why: Why, worth: Worth | None) -> Choice:
    fields = {name: getattr(told, name) for name in Told.__slots__}
    return Choice(**fields, why=why, worth=worth)
