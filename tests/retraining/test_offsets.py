"""By how much a version shifts the news of late."""

from __future__ import annotations

from math import log

import pytest

from pipeline.retraining.job import Told
from pipeline.retraining.offsets import LEAST_ARTICLES, offsets


def told(topic: str, negative: int, rest: int) -> list[Told]:
    return [Told(topic, "negative")] * negative + [Told(topic, "neutral")] * rest


def test_the_same_answers_shift_nothing() -> None:
    same = told("Earnings", 10, 30)
    found = offsets([()] * 40, same, same)
    assert {key: (one.count, one.share) for key, one in found.items()} == {
        "all:all": (0.0, 0.0),
        "topic:Earnings": (0.0, 0.0),
    }


def test_a_topic_that_gets_more_articles_has_a_positive_count() -> None:
    found = offsets(
        [()] * 60, told("Earnings", 0, 60), told("Earnings", 0, 30) + told("Shipping", 0, 30)
    )
    assert found["topic:Shipping"].count == pytest.approx(log(30.5 / 0.5))
    assert found["topic:Earnings"].count == pytest.approx(log(30.5 / 60.5))
    assert found["all:all"].count == 0.0


def test_more_negative_news_is_a_positive_share_on_the_logit() -> None:
    found = offsets([("ACME",)] * 40, told("Earnings", 10, 30), told("Earnings", 20, 20))
    assert found["company:ACME"].share == pytest.approx(log(20.5 / 20.5) - log(10.5 / 30.5))
    assert found["company:ACME"].count == 0.0
    assert found["company:ACME"].articles == 40


def test_keys_with_few_articles_are_left_out() -> None:
    few, enough = LEAST_ARTICLES - 1, LEAST_ARTICLES
    answers = told("Few", 0, few) + told("Enough", 0, enough)
    found = offsets([()] * (few + enough), answers, answers)
    assert set(found) == {"all:all", "topic:Enough"}


def test_without_articles_there_are_no_offsets() -> None:
    assert offsets([], [], []) == {}
