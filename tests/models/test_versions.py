"""The format: what is saved comes back to the bit; what is broken is refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import backbone, taxonomy, versions
from models.backbone import BackboneError, file_sha256
from models.card import CARD, WEIGHTS, Card
from models.prompts import Prompt
from models.taxonomy import Label, Taxonomy
from models.versions import VersionError
from tests.models.tiny import tiny_encoder

LABELS = Taxonomy(
    topics=(
        Label("Earnings", "company earnings profit sales report"),
        Label("Oil", "oil price"),
        Label("Rates", "fed bank rate policy inflation"),
    ),
    sentiments=(
        Label("negative", "profit falls shares sink loss"),
        Label("neutral", "company report"),
        Label("positive", "profit rises shares rally growth"),
    ),
)
PROMPT = Prompt(task="the outlook of a company")
TEXTS = ["shares fall after loss", "oil rises", "the fed raises the rate as inflation jumps up"]


@pytest.fixture
def saved(tiny_folder: Path, tmp_path: Path) -> Path:
    """A version on the tiny encoder whose weights are as far from any start as tuned ones are."""
    loaded = backbone.load(tiny_folder)
    card, classifier = versions.untuned(loaded, PROMPT, LABELS, 4, rank=2)
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for part in (p for p in classifier.parameters() if p.requires_grad):
            part.add_(torch.randn(part.shape, generator=generator) / 4)
    card = replace(card, temperatures={"topic": 1.5, "sentiment": 0.8})
    versions.save(tmp_path / "version", card, classifier, loaded)
    return tmp_path / "version"


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a card as someone would who also puts its id right."""
    content = json.loads((folder / CARD).read_text())
    change(content)
    card = Card(**content)
    (folder / CARD).write_text(json.dumps(asdict(replace(card, id=card.digest()))))


def reload(
    folder: Path, encoder: Path, labels: Taxonomy = LABELS, *, folded: bool = True
) -> versions.Version:
    return versions.load(folder, precision="fp32", labels=labels, encoder=encoder, folded=folded)


def test_saved_and_loaded_gives_the_same_outputs_to_the_bit(
    saved: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    first = reload(saved, tiny_folder)
    loaded = backbone.load(tiny_folder)
    whole = reload(saved, tiny_folder, folded=False)
    versions.save(tmp_path / "copy", whole.card, whole.classifier, loaded)
    second = reload(tmp_path / "copy", tiny_folder)
    for one, two in zip(first.logits(TEXTS), second.logits(TEXTS), strict=True):
        assert torch.equal(one, two)
    assert first.predict(TEXTS) == second.predict(TEXTS)
    assert first.id == second.id


def test_what_was_folded_into_the_encoder_cannot_be_saved_without_it(
    saved: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    served = reload(saved, tiny_folder)
    with pytest.raises(ValueError, match="folded=False"):
        versions.save(tmp_path / "copy", served.card, served.classifier, served.backbone)
    assert not (tmp_path / "copy").exists()


def test_row_version_is_the_cards_id_and_the_hash_of_the_topics(
    saved: Path, tiny_folder: Path
) -> None:
    version = reload(saved, tiny_folder)
    assert version.id == f"{version.card.id}+{LABELS.digest}"
    assert {p.version for p in version.predict(TEXTS)} == {version.id}


def test_temperatures_divide_the_logits(saved: Path, tiny_folder: Path) -> None:
    version = reload(saved, tiny_folder)
    logits, found = version.logits(TEXTS), version.probabilities(TEXTS)
    for values, probabilities, temperature in zip(logits, found, (1.5, 0.8), strict=True):
        expected = (values.double() / temperature).softmax(dim=1)
        assert torch.allclose(torch.from_numpy(probabilities), expected)


def test_prediction_names_the_likeliest_topic_and_all_sentiments(
    saved: Path, tiny_folder: Path
) -> None:
    version = reload(saved, tiny_folder)
    topic, sentiment = version.probabilities(TEXTS)
    for i, prediction in enumerate(version.predict(TEXTS)):
        assert prediction.topic == version.topics[topic[i].argmax()]
        assert prediction.topic_probability == topic[i].max()
        found = (prediction.negative, prediction.neutral, prediction.positive)
        assert found == tuple(sentiment[i])


def test_no_texts_give_no_predictions(saved: Path, tiny_folder: Path) -> None:
    assert reload(saved, tiny_folder).predict([]) == []


def test_a_name_is_used_once(saved: Path, tiny_folder: Path) -> None:
    version = reload(saved, tiny_folder, folded=False)
    with pytest.raises(FileExistsError):
        versions.save(saved, version.card, version.classifier, backbone.load(tiny_folder))


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_missing_file_is_refused(saved: Path, tiny_folder: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(VersionError, match=f"lacks {name}") as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "incomplete"


@pytest.mark.parametrize("place", [0, 9, 0.5, -1])
@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_flipped_byte_anywhere_is_refused(
    saved: Path, tiny_folder: Path, name: str, place: float
) -> None:
    content = bytearray((saved / name).read_bytes())
    at = len(content) // 2 if place == 0.5 else int(place)
    content[at] ^= 0x01
    (saved / name).write_bytes(content)
    if name == CARD and place == -1:
        return  # the newline at the end means nothing
    with pytest.raises(VersionError) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "damaged"


def swapped(content: dict[str, Any]) -> None:
    names = list(content["topics"])
    names[0], names[1] = names[1], names[0]
    content["topics"] = {name: content["topics"][name] for name in names}


def too_few(content: dict[str, Any]) -> None:
    content["topics"].popitem()


def another_format(content: dict[str, Any]) -> None:
    content["format"] = 2


def another_encoder(content: dict[str, Any]) -> None:
    content["backbone_sha256"] = "0" * 64


def no_golden_outputs(content: dict[str, Any]) -> None:
    content["golden"] = []


def golden_without_text(content: dict[str, Any]) -> None:
    del content["golden"][0]["text"]


def labels_without_names(content: dict[str, Any]) -> None:
    content["topics"] = list(content["topics"].values())


def no_temperature(content: dict[str, Any]) -> None:
    del content["temperatures"]["sentiment"]


def temperature_of_nothing(content: dict[str, Any]) -> None:
    content["temperatures"]["topic"] = 0


def another_label(content: dict[str, Any]) -> None:
    content["golden"][0]["topic"] = {"Cheese": 1.0}


def more_vectors(content: dict[str, Any]) -> None:
    content["vectors"] = 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (swapped, "outputs_differ"),
        (too_few, "damaged"),
        (another_format, "damaged"),
        (another_encoder, "backbone_differs"),
        (more_vectors, "damaged"),
        (no_golden_outputs, "damaged"),
        (golden_without_text, "damaged"),
        (labels_without_names, "damaged"),
        (no_temperature, "damaged"),
        (temperature_of_nothing, "damaged"),
        (another_label, "outputs_differ"),
    ],
)
def test_card_that_tells_something_else_is_refused_even_with_its_id_put_right(
    saved: Path, tiny_folder: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(VersionError) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == reason


def test_edited_card_is_refused_by_its_id(saved: Path, tiny_folder: Path) -> None:
    content = (saved / CARD).read_text()
    (saved / CARD).write_text(content.replace('"topic": 1.5', '"topic": 1.4'))
    with pytest.raises(VersionError, match="was changed after it was written"):
        reload(saved, tiny_folder)


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "not finite in prompt_keys"), (float("inf"), "not finite")]
)
def test_weights_that_are_not_numbers_are_refused_even_with_a_right_checksum(
    saved: Path, tiny_folder: Path, value: float, said: str
) -> None:
    weights = load_file(saved / WEIGHTS)
    weights["prompt_keys"][1, 2, 3, 4] = value
    save_file(weights, saved / WEIGHTS)
    rewrite(saved, lambda content: content.update(weights_sha256=file_sha256(saved / WEIGHTS)))
    with pytest.raises(VersionError, match=said) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "damaged"


def test_other_weights_with_a_right_checksum_are_refused_by_their_outputs(
    saved: Path, tiny_folder: Path
) -> None:
    weights = load_file(saved / WEIGHTS)
    weights["prompt_values"][1] *= 1.5
    save_file(weights, saved / WEIGHTS)
    rewrite(saved, lambda content: content.update(weights_sha256=file_sha256(saved / WEIGHTS)))
    with pytest.raises(VersionError) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "outputs_differ"


@pytest.mark.parametrize("damage", ["drop", "rename", "shape"])
def test_tensors_that_do_not_fit_are_refused(saved: Path, tiny_folder: Path, damage: str) -> None:
    weights = load_file(saved / WEIGHTS)
    bias = weights.pop("topic_head.bias")
    if damage == "rename":
        weights["encoder.embeddings.word_embeddings.weight"] = bias
    if damage == "shape":
        weights["topic_head.bias"] = bias[:2].clone()
    save_file(weights, saved / WEIGHTS)
    rewrite(saved, lambda content: content.update(weights_sha256=file_sha256(saved / WEIGHTS)))
    with pytest.raises(VersionError) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "damaged"


def test_interrupted_save_is_no_version(saved: Path, tiny_folder: Path) -> None:
    (saved / CARD).rename(saved / f"{CARD}.part")
    with pytest.raises(VersionError) as refused:
        reload(saved, tiny_folder)
    assert refused.value.reason == "incomplete"


def test_another_encoder_is_refused(saved: Path, tmp_path: Path) -> None:
    other = tiny_encoder(tmp_path / "other", "electra")
    with pytest.raises(VersionError) as refused:
        reload(saved, other)
    assert refused.value.reason == "backbone_differs"


def test_missing_encoder_is_the_encoders_error(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError):
        reload(saved, tmp_path)


def test_tuned_topic_whose_meaning_changed_or_vanished_is_refused(
    saved: Path, tiny_folder: Path
) -> None:
    changed = (replace(LABELS.topics[0], description="company sales"), *LABELS.topics[1:])
    for topics, said in (
        (changed, "another description of 'Earnings'"),
        (LABELS.topics[:2], "lacks"),
    ):
        with pytest.raises(VersionError, match=said) as refused:
            reload(saved, tiny_folder, replace(LABELS, topics=topics))
        assert refused.value.reason == "labels_differ"


def test_tuned_sentiment_whose_meaning_changed_is_refused(saved: Path, tiny_folder: Path) -> None:
    sentiments = (replace(LABELS.sentiments[0], description="loss"), *LABELS.sentiments[1:])
    with pytest.raises(VersionError, match="another description of 'negative'"):
        reload(saved, tiny_folder, replace(LABELS, sentiments=sentiments))


def test_order_of_the_label_file_does_not_matter_to_the_predictions(
    saved: Path, tiny_folder: Path
) -> None:
    turned = replace(LABELS, topics=LABELS.topics[::-1])
    one, two = reload(saved, tiny_folder), reload(saved, tiny_folder, turned)
    assert [p.topic for p in one.predict(TEXTS)] == [p.topic for p in two.predict(TEXTS)]


def test_added_topic_gets_a_row_and_leaves_the_others_logits_alone(
    saved: Path, tiny_folder: Path
) -> None:
    added = replace(LABELS, topics=(Label("Bonds", "bond yield"), *LABELS.topics))
    before, after = reload(saved, tiny_folder), reload(saved, tiny_folder, added)
    assert after.topics == (*before.topics, "Bonds")  # the heads' rows keep their places
    assert torch.allclose(after.logits(TEXTS)[0][:, :3], before.logits(TEXTS)[0], atol=1e-5)
    assert before.id != after.id
    assert before.card.id == after.card.id


def test_added_topic_means_its_name_its_sentence_and_the_parts_of_this(
    saved: Path, tiny_folder: Path
) -> None:
    def row(name: str, sentence: str) -> torch.Tensor:
        topics = (*LABELS.topics, Label(name, sentence))
        version = reload(saved, tiny_folder, replace(LABELS, topics=topics))
        return version.classifier.topic_head.weight[-1]

    plain = row("fund", "bond yield")
    for name, sentence in (("court", "bond yield"), ("fund", "bond or yield"), ("fund", ",")):
        other = row(name, sentence)
        assert torch.isfinite(other).all()
        assert not torch.allclose(other, plain, atol=1e-3)


def test_half_precision_stays_close(saved: Path, tiny_folder: Path) -> None:
    full = reload(saved, tiny_folder)
    half = versions.load(saved, precision="bf16", labels=LABELS, encoder=tiny_folder)
    assert half.classifier.prompt_keys.dtype is torch.bfloat16
    assert half.classifier.topic_head.weight.dtype is torch.float32
    for one, two in zip(full.probabilities(TEXTS), half.probabilities(TEXTS), strict=True):
        assert abs(one - two).max() < 0.1
    auto = versions.load(saved, precision="auto", labels=LABELS, encoder=tiny_folder)
    expected = torch.bfloat16 if versions.native_bf16() else torch.float32
    assert auto.classifier.prompt_keys.dtype is expected


@pytest.fixture(scope="module")
def shipped() -> versions.Version:
    return versions.load(precision="fp32")


def test_shipped_version_is_small_and_its_card_states_what_it_must(
    shipped: versions.Version,
) -> None:
    size = sum(file.stat().st_size for file in versions.SHIPPED.iterdir())
    assert size < 1_000_000
    card = shipped.card
    assert card.backbone_sha256 == backbone.DEFAULT_SHA256
    assert {source["licence"] for source in card.data} == {"MIT", "Apache-2.0"}
    assert card.limits
    assert card.recipe["seed"] is not None
    assert set(card.scores) >= {"inner"}
    assert len(card.golden) == len(versions.GOLDEN_TEXTS)


def test_shipped_version_reads_plain_headlines_as_anyone_would(shipped: versions.Version) -> None:
    expected = {
        "Acme shares plunge 20% after profit warning": ("Stock Movement", "negative"),
        "Acme raises quarterly dividend to $0.55 per share": ("Dividend", "positive"),
        "Oil jumps 4% as producers agree to cut output": ("Energy | Oil", "positive"),
        "Acme to host earnings call on 3 May": ("Earnings", "neutral"),
    }
    found = shipped.predict(list(expected))
    assert [(p.topic, p.sentiment) for p in found] == list(expected.values())


@pytest.mark.parametrize(
    ("topic", "texts"),
    [
        (
            Label("Space", "Rockets, satellites, launches into orbit and missions to the Moon."),
            [
                "Rocket carrying six satellites reaches orbit",
                "Mission to the Moon delayed after rocket engine fault",
                "Satellite launch scrubbed minutes before lift-off",
            ],
        ),
        (
            Label("Agriculture", "Wheat, corn, soybeans, cattle, harvests and their prices."),
            [
                "Wheat futures jump on drought in the plains",
                "Soybean harvest to hit record, ministry says",
                "Cattle herd smallest in decades",
            ],
        ),
    ],
)
def test_new_topic_works_from_its_description_alone(topic: Label, texts: list[str]) -> None:
    labels = taxonomy.load()
    version = versions.load(
        precision="fp32", labels=replace(labels, topics=(*labels.topics, topic))
    )
    elsewhere = [*versions.GOLDEN_TEXTS, "Acme raises quarterly dividend", "Stocks open higher"]
    assert [p.topic for p in version.predict(texts)].count(topic.name) >= 2
    assert topic.name not in [p.topic for p in version.predict(elsewhere)]
