"""Small pictures: what they say of the newest moment, and what they leave out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pages.charts import LEAST_STORIES
from pipeline.pages.spark import EDGE, HEIGHT, WIDTH, Seen, counts, shares

COUNTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=99)


def seen(negative: list[int], *, high: float = 3.0) -> Seen:
    count = len(negative)
    return Seen(
        negative=negative,
        stories=[n + 2 for n in negative],
        usual=[1.0] * count,
        low=[0.0] * count,
        high=[high] * count,
        share=[0.25] * count,
    )


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_counts_run_from_edge_to_edge_and_the_most_is_at_the_top() -> None:
    spark = counts(seen([0, 10, 5]))
    (line,) = spark.seen
    (x0, y0), (x1, y1), (x2, y2) = points(line)
    assert (x0, x2) == (EDGE, WIDTH - EDGE)
    assert x1 == pytest.approx(WIDTH / 2)
    assert (y0, y1) == (HEIGHT - EDGE, EDGE)
    assert y1 < y2 < y0
    assert spark.newest == (x2, y2)
    assert spark.told == "5 negative in the last hour, at most 10; usual 0 to 3"


def test_newest_moment_is_loud_only_above_the_band() -> None:
    assert counts(seen([0, 4])).loud
    assert not counts(seen([9, 3])).loud
    unknown = Seen(negative=[0, 40], stories=[1, 50])
    assert not counts(unknown).loud
    assert (counts(unknown).band, counts(unknown).usual) == ("", "")


def test_band_goes_along_its_upper_end_and_back_along_its_lower() -> None:
    band = points(counts(seen([1, 1])).band)
    assert [x for x, _ in band] == [EDGE, WIDTH - EDGE, WIDTH - EDGE, EDGE]
    assert band[0][1] == band[1][1] < band[2][1] == band[3][1] == HEIGHT - EDGE


def test_share_has_gaps_where_stories_are_few_and_a_dot_where_a_moment_stands_alone() -> None:
    enough, few = LEAST_STORIES, LEAST_STORIES - 1
    stories = [enough, few, enough, enough, few]
    spark = shares(Seen(negative=[enough, 1, 0, enough, few], stories=stories))
    assert spark.dots == [(EDGE, EDGE)]
    assert [len(points(piece)) for piece in spark.seen] == [2]
    assert spark.newest is None
    assert "at most 100%" in spark.told
    assert "too few" in shares(Seen(negative=[0], stories=[few])).told


@given(hours=COUNTS)
def test_every_point_lies_inside_whatever_was_counted(hours: list[tuple[int, int]]) -> None:
    found = Seen(
        negative=[min(pair) for pair in hours],
        stories=[max(pair) for pair in hours],
        usual=[1.0] * len(hours),
        low=[0.0] * len(hours),
        high=[float(pair[0]) for pair in hours],
        share=[0.5] * len(hours),
    )
    for spark in (counts(found), shares(found)):
        for piece in (spark.band, spark.usual, *spark.seen):
            for x, y in points(piece):
                assert EDGE <= x <= WIDTH - EDGE
                assert EDGE <= y <= HEIGHT - EDGE
