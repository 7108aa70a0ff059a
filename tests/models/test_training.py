"""Training: a smoke run that learns, and what it must not do on the way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from models import backbone, checkpoint, dataset, evaluation, loop, text, training, versions
from models.backbone import Backbone
from models.card import CARD, LOW_RANK, WEIGHTS
from models.checkpoint import CheckpointError
from models.classifier import logits, trained
from models.dataset import Leak
from models.examples import IGNORED, batches, class_weights, drawn, examples
from models.prompts import Prompt
from models.recipe import METHODS
from models.taxonomy import Taxonomy
from models.training import Progress, Recipe

FALL = ("falls", "drops", "sinks", "slides", "plunges")
RISE = ("rises", "jumps", "rallies", "soars", "surges")
PLAIN = ("publishes a report on", "answers questions on", "will present", "explains", "describes")
SUBJECTS = {
    "Energy | Oil": (
        "crude output",
        "the price of oil",
        "gas storage",
        "refinery use",
        "OPEC supply",
    ),
    "Dividend": ("its dividend", "the payout", "the yearly distribution", "its dividend policy"),
    "Personnel Change": ("the new chief executive", "its chairman", "the finance director"),
}
PROMPT = Prompt(task="report the outlook of a company")
QUICK = Recipe(
    vectors=8,
    epochs=6,
    batch_tokens=400,
    max_tokens=32,
    inner_share=0.15,
    consistency=0.0,
    mixing=0.0,
    averaging=0.0,
)


def headlines() -> list[dict[str, str]]:
    """270 short texts written for this test: three topics, three sentiments, one of them rare."""
    verbs = {"negative": FALL, "positive": RISE, "neutral": PLAIN}
    rows = []
    for topic, subjects in SUBJECTS.items():
        for subject in subjects:
            for sentiment, words in verbs.items():
                for number, word in enumerate(words):
                    words_of = (
                        f"Firm {word} {subject}" if sentiment == "neutral" else f"{subject} {word}"
                    )
                    row = {"text": words_of, "split": "train" if number else "valid"}
                    rows.append(row | {"topic": topic, "sentiment": sentiment})
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "headlines.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in headlines()))
    return path


@pytest.fixture(scope="module")
def smoke(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    out = tmp_path_factory.mktemp("out") / "smoke"
    seen: list[Progress] = []
    training.train([data], out, QUICK, seen.append)
    return out, seen


def test_smoke_training_beats_the_majority_class(
    smoke: tuple[Path, list[Progress]], data: Path, labels: Taxonomy
) -> None:
    out, _ = smoke
    rows = dataset.read([data], labels)
    judged = rows[rows["split"] == "valid"]
    three = replace(labels, topics=tuple(t for t in labels.topics if t.name in SUBJECTS))
    report = evaluation.evaluate(versions.load(out, precision="fp32", labels=three), judged)
    for task in dataset.TASKS:
        majority = Counter(judged[task]).most_common(1)[0][1] / len(judged)
        found = getattr(report, task)
        assert found.accuracy > majority + 0.3
        assert found.n == len(judged)


# The seed above is the fifth.
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_smoke_training_beats_the_majority_class_with_other_seeds(
    seed: int, data: Path, tmp_path: Path, labels: Taxonomy
) -> None:
    training.train([data], tmp_path / "out", replace(QUICK, seed=seed), lambda _: None)
    rows = dataset.read([data], labels)
    judged = rows[rows["split"] == "valid"]
    three = replace(labels, topics=tuple(t for t in labels.topics if t.name in SUBJECTS))
    version = versions.load(tmp_path / "out", precision="fp32", labels=three)
    report = evaluation.evaluate(version, judged)
    for task in dataset.TASKS:
        majority = Counter(judged[task]).most_common(1)[0][1] / len(judged)
        assert getattr(report, task).accuracy > majority


def test_report_has_the_stable_keys(
    smoke: tuple[Path, list[Progress]], data: Path, labels: Taxonomy
) -> None:
    version = versions.load(smoke[0], precision="fp32")
    rows = dataset.read([data], labels).assign(topic=None)
    found: dict[str, Any] = evaluation.evaluate(version, rows).as_json()
    assert set(found) == {"version", "sentiment"}  # a task without labels is left out
    assert set(found["sentiment"]) == {"n", "accuracy", "macro_f1", "ece", "per_class"}
    assert set(found["sentiment"]["per_class"]["negative"]) == {
        "precision",
        "recall",
        "f1",
        "support",
    }
    assert json.loads(json.dumps(found)) == found


def test_card_tells_what_it_was_made_of(smoke: tuple[Path, list[Progress]], data: Path) -> None:
    card = versions.load(smoke[0], precision="fp32").card
    assert card.data == [
        {
            "name": "headlines.jsonl",
            "licence": "not stated",
            "sha256": backbone.file_sha256(data),
        }
    ]
    assert card.recipe["seed"] == QUICK.seed
    assert card.recipe["training_rows"] + card.recipe["inner_rows"] == 4 * 3 * 12
    assert set(card.scores["inner"]) == {"topic", "sentiment"}
    assert card.limits


def test_finished_folder_holds_weights_and_card_alone(
    smoke: tuple[Path, list[Progress]],
) -> None:
    assert {file.name for file in smoke[0].iterdir()} == {CARD, WEIGHTS}


def test_progress_moves_forward_and_ends_with_scores(smoke: tuple[Path, list[Progress]]) -> None:
    _, seen = smoke
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert [p.epoch for p in seen if p.scores] == [1, 2, 3, 4, 5, 6]
    assert (seen[-1].step, seen[-1].epoch) == (seen[-1].steps, QUICK.epochs)


def test_averaged_weights_are_the_mean_of_the_last_half_of_the_steps(
    tiny: Backbone, data: Path, labels: Taxonomy
) -> None:
    _, classifier = versions.untuned(tiny, PROMPT, labels, 4)
    rows = examples(dataset.read([data], labels), labels, tiny, 32)
    run = loop.start(classifier, rows, replace(QUICK, epochs=1, averaging=0.5))
    every: list[dict[str, torch.Tensor]] = []
    for batch in run.plan[0]:
        loop.step(run, batch, tiny.pad_id)
        every.append({name: value.clone() for name, value in trained(classifier).items()})
    last = every[-(len(every) // 2) :]
    assert len(last) > 1
    for name, mean in run.mean.items():
        assert torch.allclose(mean, torch.stack([each[name] for each in last]).mean(0), atol=1e-5)
        # All rows are news here: what posts are answered by stays as it was.
        same = torch.allclose(mean, last[-1][name], atol=1e-5)
        assert same is name.startswith(loop.SHIFTS)


def test_what_is_averaged_is_what_is_saved(data: Path, tmp_path: Path) -> None:
    saved = []
    for name, averaging in (("last", 0.0), ("one", 1e-9), ("mean", 0.5)):
        recipe = replace(QUICK, epochs=1, averaging=averaging)
        training.train([data], tmp_path / name, recipe, lambda _: None)
        saved.append(load_file(tmp_path / name / WEIGHTS)["prompt_keys"])
    last, one, mean = saved
    assert torch.equal(last, one)  # the mean of the last step alone
    assert not torch.equal(last, mean)


def test_what_is_kept_of_the_version_it_went_on_from_is_in_the_weights(
    smoke: tuple[Path, list[Progress]], data: Path, tmp_path: Path
) -> None:
    for name, kept in (("tuned", 0.0), ("mixed", 0.25)):
        recipe = replace(QUICK, epochs=1, kept=kept)
        training.train([data], tmp_path / name, recipe, lambda _: None, start=smoke[0])
    folders = (smoke[0], tmp_path / "tuned", tmp_path / "mixed")
    first, tuned, mixed = (load_file(folder / WEIGHTS) for folder in folders)
    for name, value in mixed.items():
        assert torch.allclose(value, 0.75 * tuned[name] + 0.25 * first[name], atol=1e-6)
    assert not torch.allclose(mixed["prompt_keys"], tuned["prompt_keys"])


def test_topics_without_a_row_are_not_listed_as_tuned_but_still_known(
    smoke: tuple[Path, list[Progress]], labels: Taxonomy
) -> None:
    version = versions.load(smoke[0], precision="fp32")
    assert set(version.card.topics) == set(SUBJECTS)
    assert set(version.topics) == {label.name for label in labels.topics}


def test_finished_version_is_not_overwritten(
    smoke: tuple[Path, list[Progress]], data: Path
) -> None:
    with pytest.raises(FileExistsError):
        training.train([data], smoke[0], QUICK, lambda _: None)


def test_kept_weights_are_those_of_the_best_epoch(
    smoke: tuple[Path, list[Progress]],
) -> None:
    out, seen = smoke
    epochs = [p.scores for p in seen if p.scores]
    quality = [sum(r.macro_f1 for r in scores.values()) / len(scores) for scores in epochs]
    best = epochs[max(range(len(epochs)), key=lambda i: (quality[i], i))]
    kept = versions.load(out, precision="fp32").card.scores["inner"]
    assert {t: r["macro_f1"] for t, r in kept.items()} == {t: r.macro_f1 for t, r in best.items()}


class TestOnATinyEncoder:
    """What does not need an encoder that knows any language."""

    RECIPE = Recipe(vectors=4, epochs=2, batch_tokens=200, max_tokens=16)

    @pytest.fixture
    def train(self, data: Path, tiny_folder: Path) -> Any:
        def _train(out: Path, **more: Any) -> versions.Version:
            progress = more.pop("progress", lambda _: None)
            recipe, files = more.pop("recipe", self.RECIPE), [data, *more.pop("more", [])]
            training.train(
                files, out, recipe, progress, prompt=PROMPT, encoder=tiny_folder, **more
            )
            return versions.load(out, precision="fp32", encoder=tiny_folder)

        return _train

    def test_same_seed_same_version(self, train: Any, tmp_path: Path) -> None:
        one, two = train(tmp_path / "one"), train(tmp_path / "two")
        assert one.id == two.id
        assert (tmp_path / "one" / WEIGHTS).read_bytes() == (
            tmp_path / "two" / WEIGHTS
        ).read_bytes()

    def test_training_goes_on_from_a_version_and_learns_topics_it_did_not_know(
        self, train: Any, tmp_path: Path
    ) -> None:
        first = train(tmp_path / "first")
        more = tmp_path / "more.jsonl"
        rows = [{"text": f"bank beats forecast {i}", "topic": "Earnings"} for i in range(20)]
        more.write_text("".join(json.dumps(row) + "\n" for row in rows))
        still = replace(
            self.RECIPE,
            prompt_rate=0.0,
            head_rate=0.0,
            bias_rate=0.0,
            pooling_rate=0.0,
            rank_rate=0.0,
            weight_decay=0.0,
        )
        second = train(tmp_path / "second", start=tmp_path / "first", more=[more], recipe=still)
        assert list(second.card.topics) == [*first.card.topics, "Earnings"]
        assert second.card.recipe["start"] == first.card.id
        assert second.card.data == [*first.card.data, second.card.data[-1]]
        known = len(first.card.topics)
        texts = ["shares fall", "oil rises"]
        before, after = first.logits(texts)[0], second.logits(texts)[0]
        assert torch.allclose(before[:, :known], after[:, :known], atol=1e-4)

    def test_interrupted_training_leaves_no_version(self, train: Any, tmp_path: Path) -> None:
        def stop(progress: Progress) -> None:
            if progress.scores:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "out", progress=stop)
        assert not {CARD, WEIGHTS} & {file.name for file in (tmp_path / "out").iterdir()}
        assert train(tmp_path / "out").topics  # the folder can be used again

    @pytest.mark.parametrize("averaging", [0.0, 0.5])
    @pytest.mark.parametrize("epoch", [1, 2, 3])
    def test_interrupted_training_goes_on_and_ends_as_if_nothing_had_happened(
        self, train: Any, tmp_path: Path, epoch: int, averaging: float
    ) -> None:
        steps: list[int] = []

        def stop(progress: Progress) -> None:
            if progress.epoch == epoch and progress.scores:
                raise KeyboardInterrupt

        recipe = replace(self.RECIPE, epochs=3, averaging=averaging)
        whole = train(tmp_path / "whole", recipe=recipe)
        out = tmp_path / "out"
        with pytest.raises(KeyboardInterrupt):
            train(out, recipe=recipe, progress=stop)
        again = train(out, recipe=recipe, progress=lambda at: steps.append(at.epoch))
        assert again.id == whole.id
        assert (out / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
        assert {file.name for file in out.iterdir()} == {CARD, WEIGHTS}
        assert set(steps) == set(range(epoch + 1, 4))  # what was done is not done again

    def test_unfinished_training_of_something_else_is_refused(
        self, train: Any, tmp_path: Path
    ) -> None:
        def stop(progress: Progress) -> None:
            if progress.scores:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "out", progress=stop)
        with pytest.raises(CheckpointError, match="another folder"):
            train(tmp_path / "out", recipe=replace(self.RECIPE, seed=8))
        file = tmp_path / "out" / checkpoint.CHECKPOINT
        file.write_bytes(file.read_bytes()[:-8])
        with pytest.raises(CheckpointError, match="damaged"):
            train(tmp_path / "out")

    def test_leak_stops_before_the_first_step(self, train: Any, tmp_path: Path) -> None:
        judged = tmp_path / "judged.jsonl"
        judged.write_text(json.dumps({"text": "FIRM explains its dividend!", "topic": "Dividend"}))
        seen: list[Progress] = []
        with pytest.raises(Leak, match=r"training rows .*headlines\.jsonl:88"):
            train(tmp_path / "out", progress=seen.append, judged=[judged])
        assert not seen
        judged.write_text(json.dumps({"text": "Firm hides its dividend", "topic": "Dividend"}))
        assert train(tmp_path / "out", judged=[judged]).topics

    @pytest.mark.parametrize("method", METHODS)
    def test_methods_tune_what_they_say_and_load_as_they_were(
        self, train: Any, tmp_path: Path, method: str, tiny_folder: Path
    ) -> None:
        recipe = replace(self.RECIPE, epochs=1, method=method, encoder_rate=1e-3, bias_rate=1e-3)
        version = train(tmp_path / method, recipe=recipe)
        plain = backbone.load(tiny_folder)
        _, untuned = versions.untuned(plain, PROMPT, version.labels, 4)
        stored = load_file(tmp_path / method / WEIGHTS)
        moved = {
            name
            for name, value in untuned.state_dict().items()
            if name in stored and not torch.equal(stored[name], value)
        }
        heads = {name for name in stored if name.startswith(loop.HEADS)}
        assert len(heads) == 4
        assert heads <= moved
        shifts = [value for name, value in stored.items() if name.startswith(loop.SHIFTS)]
        assert len(shifts) == 6
        assert not any(value.any() for value in shifts)  # there are no posts among the rows
        pooling = {"layer_mix", "query"}
        assert pooling & moved == (set() if method == "heads" else pooling)
        changes = {name for name in stored if name.startswith(LOW_RANK)}
        assert len(changes) == (12 if method == "deep" else 0)
        assert all(bool(stored[name].any()) for name in changes)
        encoder = {name for name in stored if name.startswith("encoder.")}
        small = {name for name in encoder if stored[name].ndim == 1}
        if method == "full":
            assert len(encoder & moved) > len(encoder) / 2
            assert version.card.vectors == 0
        else:
            assert encoder == (small if method == "deep" else set())
            assert len(encoder & moved) >= len(encoder) / 2
            first = stored["prompt_keys"] != untuned.prompt_keys
            changed = [bool(layer.any()) for layer in first]
            assert changed == {"deep": [True, True], "shallow": [True, False]}.get(
                method, [False, False]
            )
        texts = ["shares fall", "oil rises on opec supply"]
        reference = logits(version.classifier, version.encode(texts), version.pad_id)
        for here, there in zip(version.logits(texts), reference, strict=True):
            assert torch.allclose(here, there, atol=1e-4)

    @pytest.mark.parametrize("rows", [1, 2, 9, 10])
    def test_few_rows_are_enough(self, rows: int, tiny: Backbone, labels: Taxonomy) -> None:
        words = ("oil", "gold", "fed", "bank", "deal", "fund", "bond", "fine", "ceo", "index")
        frame = pd.DataFrame({"text": words[:rows], "topic": None, "sentiment": "neutral"})
        _, classifier = versions.untuned(tiny, PROMPT, labels, 4)
        recipe = replace(self.RECIPE, epochs=1, batch_tokens=1)
        run = loop.start(classifier, examples(frame, labels, tiny, 16), recipe)
        for batch in run.plan[0]:
            loop.step(run, batch, tiny.pad_id)
        assert run.step == rows == run.steps

    def test_nothing_to_train_on_is_told(self, train: Any, tmp_path: Path) -> None:
        recipe = replace(self.RECIPE, inner_share=1.0)
        with pytest.raises(dataset.DatasetError, match="no row is left to train on"):
            train(tmp_path / "out", recipe=recipe)

    def test_an_unknown_method_or_variation_is_refused(self) -> None:
        with pytest.raises(ValueError, match="deep, shallow, heads, full"):
            replace(self.RECIPE, method="lora")
        with pytest.raises(ValueError, match="unknown variation"):
            replace(self.RECIPE, variations="noise")
        with pytest.raises(ValueError, match="fp32, bf16"):
            replace(self.RECIPE, precision="half")

    def test_precision_rounds_what_the_encoder_computes_and_nothing_that_is_stored(
        self, train: Any, tmp_path: Path
    ) -> None:
        vectors = {}
        for precision in ("fp32", "bf16"):
            recipe = replace(self.RECIPE, precision=precision)
            tuned = train(tmp_path / precision, recipe=recipe).classifier
            assert {value.dtype for value in trained(tuned).values()} == {torch.float32}
            vectors[precision] = tuned.prompt_keys
        assert not torch.equal(vectors["fp32"], vectors["bf16"])
        assert torch.allclose(vectors["fp32"], vectors["bf16"], atol=0.2)

    def test_variations_and_consistency_change_what_is_learned_and_repeat_to_the_bit(
        self, train: Any, tmp_path: Path
    ) -> None:
        ids = {}
        kinds: dict[str, dict[str, Any]] = {
            "plain": {"consistency": 0.0},
            "varied": {"consistency": 0.0, "variations": "words,synonyms", "varied": 1.0},
            "consistent": {"consistency": 2.0},
        }
        for name, changes in kinds.items():
            recipe = replace(self.RECIPE, epochs=1, **changes)
            one, two = (train(tmp_path / f"{name}{i}", recipe=recipe) for i in range(2))
            assert one.id == two.id
            ids[name] = load_file(tmp_path / f"{name}0" / WEIGHTS)["prompt_values"]
        assert not torch.equal(ids["plain"], ids["varied"])
        assert not torch.equal(ids["plain"], ids["consistent"])


def test_training_on_posts_and_news_learns_to_tell_them_apart(
    data: Path, tmp_path: Path, labels: Taxonomy
) -> None:
    posts = tmp_path / "posts.jsonl"
    rows = [
        row | {"text": f"$ABC {row['text']} https://t.co/x"}
        for row in headlines()
        if row["split"] == "train"
    ]
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for files, told in (([data, posts], True), ([posts], False)):
        out = tmp_path / f"out{len(files)}"
        training.train(files, out, QUICK, lambda _: None)
        classifier = versions.load(out, precision="fp32", labels=labels).classifier
        for head in (classifier.posts_head, classifier.topic_shift, classifier.sentiment_shift):
            assert bool(head.weight.any()) is told
    both = versions.load(tmp_path / "out2", precision="fp32", labels=labels)
    for file, like_a_post in ((data, False), (posts, True)):
        ids = both.encode(dataset.read([file], labels)["text"].tolist()[:40])
        with torch.inference_mode():
            read = [both.classifier.features(torch.tensor([row])) for row in ids]
            degrees = torch.sigmoid(both.classifier.posts_head(torch.cat(read)))
        assert float(degrees.mean()) == pytest.approx(float(like_a_post), abs=0.2)


def test_mixing_draws_more_from_the_smaller_file() -> None:
    domains = ["posts"] * 900 + ["wire"] * 100
    counts = {}
    for mixing in (0.0, 0.5, 1.0):
        order = drawn(domains, mixing, Random(3))  # noqa: S311 - no secret
        assert abs(len(order) - 1_000) <= 1
        counts[mixing] = sum(place >= 900 for place in order)
        repeats = Counter(place for place in order if place >= 900)
        assert max(repeats.values()) - min(repeats.values()) <= 1  # evenly
    assert counts == {0.0: 100, 0.5: 250, 1.0: 500}
    assert sorted(drawn(domains, 0.0, Random(3))) == list(range(1_000))  # noqa: S311 - no secret


def test_divergence_is_nothing_between_equal_answers_and_grows() -> None:
    one = torch.tensor([[2.0, 0.0, -1.0]])
    near, far = torch.tensor([[1.5, 0.0, -1.0]]), torch.tensor([[-1.0, 0.0, 2.0]])
    assert loop._divergence(one, one).item() == pytest.approx(0.0, abs=1e-7)
    assert 0 < loop._divergence(one, near) < loop._divergence(one, far)
    assert loop._divergence(one, far).item() == pytest.approx(
        loop._divergence(far, one).item(), rel=1e-6
    )


def test_batches_hold_every_row_once_within_the_token_budget() -> None:
    rows = [[0] * (3 + i % 40) for i in range(500)] + [[0] * 120]
    cut = batches(rows, 100, seed=7, epoch=1)
    assert sorted(i for batch in cut for i in batch) == list(range(501))
    padded = [len(batch) * max(len(rows[i]) for i in batch) for batch in cut]
    assert sorted(padded)[-1] == 120  # longer than the budget: alone
    assert sorted(padded)[-2] <= 100
    assert sum(padded) < 1.15 * sum(map(len, rows))  # like lengths together
    assert cut == batches(rows, 100, seed=7, epoch=1) != batches(rows, 100, seed=7, epoch=2)


def test_class_weights_favour_rare_classes_and_average_to_one_a_row() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10 + [IGNORED] * 50)
    even, half, full = (class_weights(labels, 3, balance) for balance in (0.0, 0.5, 1.0))
    assert even.tolist() == [1.0, 1.0, 1.0]
    assert half[1] / half[0] == pytest.approx(3.0)
    assert full[1] / full[0] == pytest.approx(9.0)
    for weights in (even, half, full):
        assert 90 * weights[0] + 10 * weights[1] == pytest.approx(100)


# Trap: training texts cut into other tokens than served ones.
def test_training_sees_the_tokens_that_serving_sees(
    tmp_path: Path, tiny: Backbone, labels: Taxonomy
) -> None:
    raw = "Profit &amp; sales\n fall https://t.co/AbC1"
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"text": raw, "sentiment": "negative"}))
    rows = dataset.read([path], labels)
    found = examples(rows, labels, tiny, max_tokens=64)
    card, classifier = versions.untuned(tiny, Prompt(task="report"), labels, 4)
    version = versions.Version(card, classifier, tiny, labels)
    assert found.rows == version.encode([text.prepare(raw)])


def test_missing_labels_are_ignored_not_guessed(tiny: Backbone, labels: Taxonomy) -> None:
    frame = pd.DataFrame(
        {
            "text": ["profit " * 20, "sales"],
            "topic": ["Earnings", None],
            "sentiment": [None, "positive"],
        }
    )
    found = examples(frame, labels, tiny, max_tokens=8)
    assert found.labels["sentiment"].tolist() == [IGNORED, 2]
    assert found.labels["topic"].tolist() == [5, IGNORED]
    assert max(map(len, found.rows)) <= 8
