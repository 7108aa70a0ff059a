"""Who tells what, when bad news is due, and by which outlet: the stories of the sample stream."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from ingest.samples.phrases import Phrases, read

Sentiment = Literal["negative", "neutral", "positive"]
Fate = Literal["sound", "bad", "undated", "future", "late", "copied", "copy"]
"""What becomes of a story on its way: ``copied`` is the original, ``copy`` its republication."""

WITH_BODY: Final = 1 / 3
NEGATIVE_GAP: Final = timedelta(hours=3.5)  # between two bad stories of one topic
UNDISTURBED: Final = timedelta(hours=8)  # around a burst its company makes no other news


@dataclass(frozen=True, slots=True)
class Burst:
    """An event that raises the volume of one key in [start, end)."""

    kind: Literal["negative", "volume"]
    key_kind: Literal["topic", "company"]
    key: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """One story by one outlet at its event time, before it is a record.

    ``topic`` is "" for the stories of a company's burst, ``sentiment`` None for those of a volume
    burst.
    """

    at: datetime
    title: str
    body: str
    topic: str
    sentiment: Sentiment | None
    outlet: str
    fate: Fate


class Newsroom:
    """Writes the stories: what is told, in which mood, by whom."""

    def __init__(self, rng: random.Random, bursts: Collection[Burst]) -> None:
        self._rng = rng
        self._bursts = bursts
        self._phrases = Phrases(rng)
        self._patterns: Mapping[str, Any] = read("patterns")
        self._events: Mapping[str, Any] = read("bursts")
        self._families: Mapping[str, Any] = read("bodies")["families"]
        self.outlets: Mapping[str, Any] = read("words")["outlets"]
        self._moods: list[Sentiment] = []
        self._told = {title for event in self._events.values() for title in _rows(event["titles"])}
        self._gloomy: dict[str, datetime] = {}

    def story(self, at: datetime, fate: Fate) -> Story:
        """A new story of an ordinary day; no title is told twice. ``at`` must not go back."""
        mood = self._mood()
        topic = self._topic(at, mood)
        busy = [burst.key for burst in self._bursts if abs(at - burst.start) < UNDISTURBED]
        patterns = _rows(self._patterns[topic][mood])
        title, chosen = "", dict[str, str]()
        while not title or title in self._told:
            pattern = self._phrases.draw(f"{topic} {mood}", patterns)
            chosen = self._phrases.begin(pattern, busy)
            title = self._phrases.fill(pattern, chosen, at)
        self._told.add(title)
        family = next(name for name, texts in self._families.items() if topic in texts["topics"])
        body = self._body(family, mood, chosen, at)
        return Story(at, title, body, topic, mood, self._outlet(), fate)

    def copy(self, story: Story) -> Story:
        """The same story from another source, up to three hours later."""
        outlet = self._outlet()
        while outlet == story.outlet:
            outlet = self._outlet()
        later = story.at + timedelta(minutes=self._rng.triangular(3, 178, 25))
        return replace(story, at=later, outlet=outlet, fate="copy")

    def event(self, burst: Burst) -> list[Story]:
        """The stories of a burst, in the order they are written down in, and their copies."""
        event = self._events[burst.key]
        titles = _rows(event["titles"])
        step = (burst.end - burst.start) / len(titles)
        mood: Sentiment | None = "negative" if burst.kind == "negative" else None
        topic = burst.key if burst.key_kind == "topic" else ""
        stories = []
        for i, title in enumerate(titles):
            at = burst.start + step * (i + self._rng.random())
            body = self._body(event["family"], event["sentiment"], {}, at)
            stories.append(Story(at, title, body, topic, mood, self._outlet(), "sound"))
        copied = self._rng.sample(stories, event["copies"])
        return stories + [self.copy(story) for story in copied]

    def _mood(self) -> Sentiment:
        # One bad story in every five, anywhere among them, but for one five in twenty.
        if not self._moods:
            others: list[Sentiment] = ["neutral", "neutral", "positive", "positive"]
            fifth: Sentiment = "negative" if self._rng.random() < 0.95 else "neutral"
            self._moods = [*others, fifth]
            self._rng.shuffle(self._moods)
        return self._moods.pop()

    def _topic(self, at: datetime, mood: Sentiment) -> str:
        weights = [texts["weights"][at.weekday() >= 5] for texts in self._patterns.values()]
        while True:
            (topic,) = self._rng.choices(list(self._patterns), weights)
            if mood != "negative":
                return topic
            if topic not in self._gloomy or at - self._gloomy[topic] > NEGATIVE_GAP:
                self._gloomy[topic] = at
                return topic

    def _body(self, family: str, mood: str, chosen: dict[str, str], at: datetime) -> str:
        if self._rng.random() >= WITH_BODY:
            return ""
        texts = self._families[family]
        lead = self._phrases.draw(f"{family} {mood}", _rows(texts[mood]))
        context = {
            self._phrases.draw(f"{family} context", _rows(texts["context"]))
            for _ in range(self._rng.randint(1, 3))
        }
        sentences = [lead, *sorted(context)]
        return " ".join(self._phrases.fill(sentence, chosen, at) for sentence in sentences)

    def _outlet(self) -> str:
        return self._phrases.draw("outlets", list(self.outlets))


def _rows(text: str) -> list[str]:
    return text.splitlines()
