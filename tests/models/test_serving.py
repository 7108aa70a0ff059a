"""The serving forward against its reference, the classifier."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import backbone, serving, versions
from models.backbone import Backbone
from models.classifier import Classifier
from models.engine import Engine, EngineSettings
from models.serving import PART_TOKENS, Serving, split
from models.versions import Version
from tests.models.tiny import tiny_encoder

TEXTS = [
    "",
    "Chip maker plunges after it cuts its forecast",
    "Bank holds rates",
    "Retailer raises dividend and extends its buyback, names a new finance director and sells "
    "its stake in a rival after months of talks about a merger that regulators opposed",
    "Oil slips",
    "Airline names new chief",
]


@pytest.fixture(scope="module")
def shipped() -> Version:
    return versions.load(precision="fp32")


def worst(
    found: tuple[torch.Tensor, torch.Tensor], known: tuple[torch.Tensor, torch.Tensor]
) -> float:
    return max(float((a - b).detach().abs().max()) for a, b in zip(found, known, strict=True))


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_serving_computes_what_the_classifier_computes(shipped: Version, lanes: int) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    rows = shipped.encode(TEXTS)
    rows += [[chance.randrange(1_000, 30_000) for _ in range(n)] for n in (1, 3, 40, 488)]
    chance.shuffle(rows)
    found = Serving(shipped.classifier, lanes=lanes).logits(rows)
    assert worst(found, versions.logits(shipped.classifier, rows, shipped.pad_id)) < 1e-4


def test_serving_sees_the_prompt(shipped: Version) -> None:
    classifier = shipped.classifier
    rows = shipped.encode(TEXTS)
    before = Serving(classifier, lanes=1).logits(rows)
    kept = classifier.prompt_values.data
    classifier.prompt_values.data = kept.flip(2)
    try:
        changed = Serving(classifier, lanes=1).logits(rows)
        known = versions.logits(classifier, rows, shipped.pad_id)
    finally:
        classifier.prompt_values.data = kept
    assert worst(changed, known) < 1e-4
    assert worst(changed, before) > 1e-2


def test_label_does_not_depend_on_its_neighbours_in_the_batch(shipped: Version) -> None:
    # One lane and more than one part: rows meet others of their length, of others, and none.
    rows = shipped.encode(TEXTS)
    together = shipped.predict_ids(rows * 20)
    for place, row in enumerate(rows):
        (alone,) = shipped.predict_ids([row])
        for near in together[place :: len(rows)]:
            assert near.topic == alone.topic
            assert near.negative == pytest.approx(alone.negative, abs=1e-5)
            assert near.topic_probability == pytest.approx(alone.topic_probability, abs=1e-5)


def test_engine_gives_what_the_version_gives(shipped: Version) -> None:
    engine = Engine(shipped, EngineSettings())
    try:
        replies = [engine.submit(TEXTS[:3]), engine.submit(TEXTS[3:])]
        found = [prediction for reply in replies for prediction in reply.result(60)]
    finally:
        engine.close()
    for one, other in zip(found, shipped.predict(TEXTS), strict=True):
        assert (one.topic, one.sentiment, one.version) == (
            other.topic,
            other.sentiment,
            shipped.id,
        )
        assert one.positive == pytest.approx(other.positive, abs=1e-5)


def test_no_rows_are_no_work(shipped: Version) -> None:
    assert shipped.predict_ids([]) == []


def test_serving_leaves_torchs_threads_as_they_were(shipped: Version) -> None:
    before = torch.get_num_threads()
    Serving(shipped.classifier, lanes=2)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("family", ["roberta", "electra"])
def test_other_families_keep_to_the_reference(
    family: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = backbone.load(tiny_encoder(tmp_path_factory.mktemp(family), family))
    assert not serving.applies(untrained(other))


def test_tiny_bert_in_bfloat16_stays_near_the_reference(tiny: Backbone) -> None:
    classifier = untrained(tiny)
    classifier.encoder.to(torch.bfloat16)
    rows = [[2, 5, 9, 3], [2, 7, 3], [2, 4, 8, 11, 3]]
    found = Serving(classifier, lanes=2).logits(rows)
    assert found[0].dtype is torch.float32
    assert worst(found, versions.logits(classifier, rows, tiny.pad_id)) < 0.5


def untrained(encoder: Backbone) -> Classifier:
    shape = encoder.prompt_shape(4)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return Classifier(encoder, (torch.randn(shape), torch.randn(shape)), 5, 3).eval()


def test_long_work_is_cut_into_equal_parts_for_the_lanes() -> None:
    assert split([16] * 160, lanes=2) == [
        (0, 27),
        (27, 54),
        (54, 80),
        (80, 107),
        (107, 134),
        (134, 160),
    ]


@given(st.lists(st.integers(1, 488), max_size=200), st.integers(1, 8))
def test_parts_cover_every_row_once_in_order(lengths: list[int], lanes: int) -> None:
    parts = split(sorted(lengths), lanes)
    assert [place for start, end in parts for place in range(start, end)] == list(
        range(len(lengths))
    )
    assert all(end > start for start, end in parts)
    for start, end in parts:
        assert sum(sorted(lengths)[start:end]) < PART_TOKENS + 488
