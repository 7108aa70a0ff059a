"""What an article adds to the buckets: pure functions from rows to numbers.

A contribution depends on the article's row and on whether it is a copy, on nothing else. Buckets
are sums of contributions, so they depend on the set of articles, whatever their order of arrival.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.windows import BUCKET
from models.prediction import SENTIMENTS

NEUTRAL = "neutral"

OTHER = "other"
"""The key of everything outside a closed set: labels stay bounded whatever the news brings."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BucketKey = tuple[str, str, datetime]
"""kind, key, start of the bucket."""

Delta = tuple[int, int, int, int, int, int]
"""articles; stories; negative, neutral and positive stories; sum of polarity over articles."""


def bucket_start(at: datetime) -> datetime:
    """Start of the bucket [start, start + 5 min) that holds ``at``; buckets align to the epoch."""
    return at - (at - _EPOCH) % BUCKET


@dataclass(frozen=True, slots=True)
class Keys:
    """What is counted, from settings: the closed sets of keys (the kind ``all`` has the one key
    ``all``), languages, and how sure of a sentiment one must be."""

    topics: frozenset[str]
    companies: frozenset[str]
    sources: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    """An article of a known language that is not here counts nowhere; empty: all are counted."""
    sure: float = 0.0
    """Least probability, 0 to 1, of a sentiment that is counted as what it is: see
    :meth:`Opinion.counted`."""

    def tested(self) -> list[tuple[str, str]]:
        """The (kind, key) that are watched for spikes, in a fixed order; sources are not."""
        topics = [("topic", name) for name in sorted(self.topics)]
        companies = [("company", symbol) for symbol in sorted(self.companies)]
        return [("all", "all"), *topics, *companies]

    def counted(self, language: str | None) -> bool:
        """Whether articles of this language are counted; None, an uncertain one, always."""
        return language is None or not self.languages or language in self.languages


@dataclass(frozen=True, slots=True)
class Opinion:
    """A sentiment about something: its label and round(10,000 x (p(positive) - p(negative))).

    ``probability`` of the label is 1 where it is not known, and of what has been counted.
    """

    sentiment: str
    polarity: int
    probability: float = 1.0

    def counted(self, sure: float) -> Opinion:
        """The opinion as buckets know it: neutral where the label is less probable than ``sure``.

        Of what is half negative, dozens at a time are no bad news: notices that a classifier
        cannot read come in bursts, and it doubts them all alike.
        """
        label = self.sentiment if self.probability >= sure else NEUTRAL
        return Opinion(label, self.polarity)


@dataclass(frozen=True, slots=True)
class Countable:
    """What counting reads of an article: its own opinion, and one per company mentioned."""

    source: str
    published_at: datetime
    topic: str
    opinion: Opinion
    companies: tuple[tuple[str, Opinion], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One (kind, key) that an article is counted under, with the opinion counted there."""

    kind: str
    key: str
    opinion: Opinion


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one article adds to the buckets that start at ``bucket``."""

    bucket: datetime
    story: bool
    marks: tuple[Mark, ...]

    def encode(self) -> str:
        """JSON for the table ``contribution``; :func:`decode` is its inverse."""
        marks = [[m.kind, m.key, m.opinion.sentiment, m.opinion.polarity] for m in self.marks]
        return json.dumps([self.bucket.isoformat(), self.story, marks], separators=(",", ":"))


def decode(value: str) -> Contribution:
    """Read what :meth:`Contribution.encode` wrote."""
    bucket, story, marks = json.loads(value)
    return Contribution(
        datetime.fromisoformat(bucket),
        story,
        tuple(Mark(kind, key, Opinion(label, polarity)) for kind, key, label, polarity in marks),
    )


def contribution(article: Countable, *, is_copy: bool, keys: Keys) -> Contribution:
    """What ``article`` adds. Deleted and undated articles, and those of a language
    that is not counted, add nothing and never come here."""
    topic = article.topic if article.topic in keys.topics else OTHER
    source = article.source if article.source in keys.sources else OTHER
    opinion = article.opinion.counted(keys.sure)
    marks = [
        Mark("all", "all", opinion),
        Mark("topic", topic, opinion),
        Mark("source", source, opinion),
    ]
    listed = [(s, o.counted(keys.sure)) for s, o in article.companies if s in keys.companies]
    marks += [Mark("company", symbol, opinion) for symbol, opinion in sorted(listed, key=_symbol)]
    return Contribution(bucket_start(article.published_at), not is_copy, tuple(marks))


def deltas(
    changes: Sequence[tuple[Contribution | None, Contribution | None]],
) -> Mapping[BucketKey, Delta]:
    """Sum of (after - before) per bucket over ``changes``; unmoved buckets are left out."""
    sums: defaultdict[BucketKey, list[int]] = defaultdict(lambda: [0] * 6)
    for before, after in changes:
        if before == after:
            continue
        for sign, part in ((-1, before), (1, after)):
            if part is None:
                continue
            for mark in part.marks:
                total = sums[mark.kind, mark.key, part.bucket]
                total[0] += sign
                total[5] += sign * mark.opinion.polarity
                if part.story:
                    total[1] += sign
                    total[2 + SENTIMENTS.index(mark.opinion.sentiment)] += sign
    return {key: (a, b, c, d, e, f) for key, (a, b, c, d, e, f) in sums.items() if any(sums[key])}


def _symbol(pair: tuple[str, Opinion]) -> str:
    return pair[0]
