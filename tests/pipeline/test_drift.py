"""Drift: the same news never alarms; a shift of the mix is told apart from falling confidence."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from models.prediction import Prediction
from pipeline import drift
from pipeline.drift import LEAST_DAYS, REFERENCE_DAYS, Drift, Drifted, confidence_drop, mix_shift
from pipeline.step import Submit
from pipeline.store import drifting, events
from pipeline.store.database import Database
from pipeline.store.events import NewEvent
from pipeline.work_metrics import Task
from pipeline.worker import Worker
from tests.fakes import MONDAY, ListSource, ManualClock, link

Array = NDArray[np.float64]
LABELS = 20
SURE = np.linspace(0.9, 0.55, LABELS)
"""How sure the classifier is of each label, on average."""
DRAWS = 400
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def usual(draw: np.random.Generator) -> Array:
    return draw.dirichlet(np.full(LABELS, 2.0))


def day(draw: np.random.Generator, shares: Array, sure: Array, stories: int = 300) -> Array:
    """(3, labels): counts, sums and sums of squares of a day's probabilities."""
    counts = draw.multinomial(stories, shares)
    found = np.zeros((3, LABELS))
    for label, count in enumerate(counts):
        values = np.clip(draw.normal(sure[label], 0.15, count), 0.05, 1.0)
        found[:, label] = count, values.sum(), (values**2).sum()
    return found


def days(draw: np.random.Generator, shares: Array, sure: Array, *, restless: float = 0) -> Array:
    """A reference; ``restless``: each day has shares and confidence of its own."""
    return np.array(
        [
            day(draw, *(own(draw, shares, sure, restless) if restless else (shares, sure)))
            for _ in range(REFERENCE_DAYS)
        ]
    )


def own(
    draw: np.random.Generator, shares: Array, sure: Array, restless: float
) -> tuple[Array, Array]:
    return draw.dirichlet(shares * 400 / restless), sure + draw.normal(0, 0.01 * restless)


@pytest.mark.parametrize("restless", [0.0, 1.0, 5.0])
def test_news_of_the_same_kind_never_alarms(restless: float) -> None:
    draw = np.random.default_rng(3)
    alarms = 0
    for _ in range(DRAWS):
        shares = usual(draw)
        drawn = days(draw, shares, SURE, restless=restless)
        before, now = drawn[:-1], drawn[-1]
        for moved in (mix_shift(before[:, 0], now[0]), confidence_drop(before, now)):
            assert moved is not None
            alarms += moved.alarms
    assert alarms == 0


def test_the_very_same_day_has_not_moved() -> None:
    draw = np.random.default_rng(4)
    one = day(draw, usual(draw), SURE, 500)
    same = np.array([one] * LEAST_DAYS)
    mix, confidence = mix_shift(same[:, 0], one[0]), confidence_drop(same, one)
    assert mix is not None
    assert confidence is not None
    assert [mix.value, confidence.value] == pytest.approx([0.0, 0.0])


def both(draw: np.random.Generator, shares: Array, now: Array) -> tuple[bool, bool]:
    before = days(draw, shares, SURE, restless=1.0)
    mix, confidence = mix_shift(before[:, 0], now[0]), confidence_drop(before, now)
    assert mix is not None
    assert confidence is not None
    return mix.alarms, confidence.alarms


def test_a_shift_of_the_mix_raises_the_mix_alone() -> None:
    draw = np.random.default_rng(5)
    found = set()
    for _ in range(50):
        shares = usual(draw)
        # Half of the news is now of the labels that the classifier is least sure of.
        shifted = shares / 2 + np.append(np.zeros(LABELS - 4), np.full(4, 0.125))
        now = day(draw, shifted, SURE)
        assert now[1].sum() / now[0].sum() < (shares @ SURE) - 0.02  # the plain mean falls
        found.add(both(draw, shares, now))
    assert found == {(True, False)}


def test_falling_confidence_raises_confidence_alone() -> None:
    draw = np.random.default_rng(6)
    found = set()
    for _ in range(50):
        shares = usual(draw)
        found.add(both(draw, shares, day(draw, shares, SURE - 0.15)))
    assert found == {(False, True)}


def test_rising_confidence_is_no_alarm() -> None:
    draw = np.random.default_rng(7)
    shares = usual(draw)
    assert not both(draw, shares, day(draw, shares, SURE + 0.1))[1]


def test_what_is_too_small_to_matter_is_no_alarm_however_many_stories_show_it() -> None:
    before = np.array([[[5e6, 5e6], [4e6, 4e6], [3.3e6, 3.3e6]]] * 8)
    now = np.array([[5.4e6, 4.6e6], [4.25e6, 3.62e6], [3.5e6, 3.0e6]])
    mix, confidence = mix_shift(before[:, 0], now[0]), confidence_drop(before, now)
    assert mix is not None
    assert confidence is not None
    assert (mix.limit, confidence.limit) == (drift.LEAST_MIX, drift.LEAST_DROP)
    assert 0 < mix.value < mix.limit
    assert 0 < confidence.value < confidence.limit


def test_label_that_nobody_saw_before_shifts_the_mix() -> None:
    before = np.tile(np.array([60.0, 40.0, 0.0]), (8, 1))
    moved = mix_shift(before, np.array([30.0, 20.0, 50.0]))
    assert moved is not None
    assert moved.alarms
    assert mix_shift(np.full((8, 1), 100.0), np.array([100.0])) is None


def teller(topic: str, probability: float) -> Submit:
    """A classifier that says the same of everything."""
    from concurrent.futures import Future

    def classify(texts: object) -> Future[list[Prediction]]:
        assert isinstance(texts, list)
        answer: Future[list[Prediction]] = Future()
        one = Prediction(topic, probability, 0.1, 0.8, 0.1, "fake+0")
        other = Prediction("Macro", 0.9, 0.7, 0.2, 0.1, "fake+0")
        answer.set_result([one if text[-1] in "02468" else other for text in texts])
        return answer

    return classify


class Stream:
    """Six stories an hour, stored as a worker stores them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._number = 0

    def store(self, hours: range, classify: Submit) -> None:
        lines = []
        for hour in hours:
            for _ in range(6):
                at = MONDAY + hour * HOUR + (self._number % 6) * timedelta(minutes=9)
                fields = {
                    "source": "wire",
                    "id": f"{self._number}",
                    "title": f"Oil {self._number}",
                }
                lines.append(json.dumps(fields | {"published_at": at.isoformat()}).encode())
                self._number += 1
        clock = ManualClock(MONDAY + 60 * DAY)
        worker = Worker(
            self._db,
            ListSource({0: lines}, clock=clock, topic=f"t{hours.start}", max_records=2000),
            classify=classify,
            link=link,
            lateness=timedelta(minutes=10),
            clock=clock,
            name="w",
        )
        worker.start()
        while not worker.finished:
            worker.step(0.0)


def looked(found: Drift, at: timedelta) -> dict[Task, Drifted]:
    """Look until all is read."""
    for _ in range(200):
        answer = found.look(MONDAY + at)
        if answer is not None:
            return dict(answer)
    raise AssertionError("it never answers")


def swapped(db: Database, at: timedelta) -> None:
    value = {"request": 1, "version": "b", "at": (MONDAY + at).isoformat()}
    events.write(db, NewEvent(MONDAY, "swapped", "bearwatch", value))


def test_the_last_day_is_compared_with_the_days_after_the_last_swap(db: Database) -> None:
    stream, found = Stream(db), Drift(db, ("en",))
    assert found.look(MONDAY + DAY) is None  # nothing was ever counted
    swapped(db, timedelta(0))
    stream.store(range(24 * 9), teller("Energy", 0.9))
    assert looked(found, 7 * DAY)["topic"] == Drifted(None, None)  # six days before it
    same = looked(found, 9 * DAY)
    assert {task: (one.mix and one.mix.alarms) for task, one in same.items()} == {
        "topic": False,
        "sentiment": False,
    }
    stream.store(range(24 * 9, 24 * 10), teller("Energy", 0.6))
    answer = looked(found, 10 * DAY)
    topic, sentiment = answer["topic"], answer["sentiment"]
    assert topic.mix is not None
    assert topic.confidence is not None
    assert (topic.mix.alarms, topic.confidence.alarms) == (False, True)
    assert topic.confidence.value == pytest.approx(0.15)  # one half of the stories, 0.3 less sure
    assert sentiment.confidence is not None
    assert sentiment.confidence.value == pytest.approx(0)
    swapped(db, 9 * DAY)  # by the new version there is no week yet
    assert looked(found, 10 * DAY + HOUR)["topic"] == Drifted(None, None)


def test_an_hour_is_read_once_and_so_many_at_a_time(db: Database) -> None:
    Stream(db).store(range(30), teller("Energy", 0.9))
    swapped(db, timedelta(0))
    found = Drift(db, ())
    answers = [found.look(MONDAY + 30 * HOUR) for _ in range(7)]
    # 30 hours after the swap, six at a time; then there is nothing new to say.
    assert [answer is not None for answer in answers] == [False] * 4 + [True, False, False]
    assert found.look(MONDAY + 30 * HOUR + timedelta(minutes=59)) is None
    assert found.look(MONDAY + 31 * HOUR) is not None


def test_only_the_stories_of_the_hour_in_languages_that_are_counted_are_read(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stream(db).store(range(3), teller("Energy", 0.5))
    hour = (MONDAY + HOUR, MONDAY + 2 * HOUR)
    said = drifting.said(db, *hour, ())
    assert {label: list(n) for label, n in said.topic.items()} == {
        "Energy": [3.0, 1.5, 0.75],
        "Macro": pytest.approx([3.0, 2.7, 2.43]),
    }
    assert set(said.sentiment) == {"neutral", "negative"}
    assert said.sentiment["negative"] == pytest.approx([3.0, 2.1, 1.47])
    monkeypatch.setattr(drifting, "MOST", 4)
    assert sum(n[0] for n in drifting.said(db, *hour, ()).topic.values()) == 4


def test_labels_weigh_as_precisely_as_their_fall_is_known() -> None:
    # The second label was seen twice before: its fall of 0.4 is hardly known.
    before = np.array([[10.0, 2.0], [9.0, 1.8], [8.2, 1.64]])
    after = np.array([[10.0, 10.0], [8.0, 5.0], [6.5, 2.6]])
    found = drift._drop(before, after)
    assert found is not None
    assert found[0] == pytest.approx((5 * 0.1 + 10 / 6 * 0.4) / (5 + 10 / 6))
