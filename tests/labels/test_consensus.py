"""What annotators say together, and kappa against published numbers and against scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline.labels.consensus import Vote, agreement, consensus


def votes(*values: str) -> list[Vote]:
    return [Vote(f"annotator {number}", value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "value", "disputed"),
    [
        ([], None, False),  # nobody said anything
        (["a"], "a", False),
        (["a", "a"], "a", False),
        (["a", "b"], None, True),
        (["a", "a", "b"], "a", False),
        (["a", "a", "b", "b"], None, True),
        (["a", "a", "b", "c"], None, True),  # the most, and yet only half
    ],
)
def test_more_than_half_decide_and_all_else_is_disputed(
    values: list[str], value: str | None, disputed: bool
) -> None:
    found = consensus(votes(*values))
    assert (found.value, found.disputed, found.votes) == (value, disputed, len(values))


def test_an_annotator_has_one_vote_and_the_last_counts() -> None:
    again = [Vote("ann", "a"), Vote("bob", "b"), Vote("ann", "b")]
    found = consensus(again)
    assert (found.value, found.votes) == ("b", 2)


@settings(deadline=None)
@given(st.permutations(votes("a", "b", "b", "c", "b", "a")))
def test_order_of_annotators_does_not_matter(said: list[Vote]) -> None:
    assert consensus(said) == consensus(votes("a", "b", "b", "c", "b", "a"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=2))
def test_two_annotators_kappa_is_cohens(pairs: list[tuple[str, str]]) -> None:
    one, other = zip(*pairs, strict=True)
    found = agreement({str(n): votes(*pair) for n, pair in enumerate(pairs)})
    assert (found.measure, found.texts) == ("kappa", len(pairs))
    if len({*one, *other}) == 1:
        assert found.value is None  # chance alone would agree
        return
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(cohen_kappa_score(one, other), abs=1e-9)
    assert found.low <= found.high <= 1


def test_alpha_of_several_annotators_is_krippendorffs_example() -> None:
    # The nominal example with missing values of Krippendorff (2011): 12 units, alpha 0.743.
    columns = {
        "a": ["1", "2", "3", "3", "2", "1", "4", "1", "2", None, None, None],
        "b": ["1", "2", "3", "3", "2", "2", "4", "1", "2", "5", None, "3"],
        "c": [None, "3", "3", "3", "2", "3", "4", "2", "2", "5", "1", None],
        "d": ["1", "2", "3", "3", "2", "4", "4", "1", "2", "5", "1", None],
    }
    texts = {
        str(n): [Vote(name, said[n] or "") for name, said in columns.items() if said[n]]
        for n in range(12)
    }
    found = agreement(texts)
    assert (found.measure, found.annotators, found.texts) == ("alpha", 4, 11)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.743 < found.high


def test_without_a_text_that_two_have_labelled_there_is_no_kappa() -> None:
    found = agreement({"1": votes("a"), "2": votes("b")})
    assert (found.texts, found.value) == (0, None)
