"""Another version in a running engine: every caller is answered, and by exactly one version."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from models.engine import Engine, EngineSettings
from models.prediction import Prediction
from tests.models.test_engine import PROMPT, SECONDS, Gate, Toy, lengths, running

CACHED = PROMPT.model_copy(update={"cache_rows": 100})


class Short(Toy):
    """A version that reads two characters and no more, as one with a longer prompt would."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [row[:2] for row in super().encode(texts)]

    def answer(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        assert all(len(row) <= 2 for row in rows), "rows of another version's tokenizer"
        return super().answer(rows)


def told_by(reply: Future[list[Prediction]]) -> set[str]:
    return {prediction.version for prediction in reply.result(SECONDS)}


def test_batch_in_hand_is_the_old_versions_and_what_waits_is_the_new_ones() -> None:
    gate = Gate()
    with running(gate) as engine:
        in_hand = engine.submit(["xxxx"])
        assert gate.reached.wait(SECONDS)
        waiting = engine.submit(["xxx", "x"])
        new = Short("new")
        engine.swap(new)
        later = engine.submit(["xxxxx"])
        assert engine.version == "new"
        gate.opened.set()
        assert [told_by(each) for each in (in_hand, waiting, later)] == [{"toy"}, {"new"}, {"new"}]
        assert [lengths(each) for each in (in_hand, waiting, later)] == [[4], [2, 1], [2]]
    assert gate.ran == [[4]]


def test_round_of_several_batches_ends_by_the_version_it_began_with() -> None:
    gate = Gate()
    settings = EngineSettings(max_wait_seconds=0, max_rows=1, cache_rows=0)
    with running(gate, settings) as engine:
        whole = engine.submit(["x", "xx", "xxx"])
        assert gate.reached.wait(SECONDS)
        engine.swap(Toy("new"))
        gate.opened.set()
        assert told_by(whole) == {"toy"}
        assert told_by(engine.submit(["x"])) == {"new"}


def test_what_the_old_version_is_remembered_for_answers_nobody_after_the_swap() -> None:
    gate = Gate()
    gate.opened.set()
    with running(gate, CACHED) as engine:
        assert told_by(engine.submit(["known"])) == {"toy"}
        gate.opened.clear()
        gate.reached.clear()
        first = engine.submit(["in hand"])
        assert gate.reached.wait(SECONDS)
        # Half of it is answered from memory, half waits; then the version is replaced.
        mixed = engine.submit(["known", "unknown", "known"])
        engine.swap(Toy("new"))
        gate.opened.set()
        assert (told_by(first), told_by(mixed)) == ({"toy"}, {"new"})
        assert lengths(mixed) == [5, 7, 5]
        assert told_by(engine.submit(["known"])) == {"new"}
        engine.swap(gate)
        assert told_by(engine.submit(["known"])) == {"toy"}


def test_caller_whose_text_the_new_version_cannot_read_is_answered_with_the_error() -> None:
    class Picky(Toy):
        def encode(self, texts: Sequence[str]) -> list[list[int]]:
            if "bad" in texts:
                raise ValueError("cannot read")
            return super().encode(texts)

    gate = Gate()
    with running(gate) as engine:
        engine.submit(["x"])
        assert gate.reached.wait(SECONDS)
        bad, good = engine.submit(["bad", "x"]), engine.submit(["good"])
        engine.swap(Picky("new"))
        gate.opened.set()
        with pytest.raises(ValueError, match="cannot read"):
            bad.result(SECONDS)
        assert lengths(good) == [4]


@pytest.mark.parametrize("remembered", [0, 1])
def test_room_for_waiting_texts_is_the_same_after_many_swaps(remembered: int) -> None:
    settings = EngineSettings(
        max_wait_seconds=0, max_waiting_rows=4, max_hold_seconds=SECONDS, cache_rows=remembered
    )
    gate = Gate()
    gate.opened.set()
    with running(gate, settings) as engine:
        for number in range(20):
            engine.submit(["known"]).result(SECONDS)
            gate.opened.clear()
            gate.reached.clear()
            first = engine.submit([f"first {number}"])
            assert gate.reached.wait(SECONDS)
            second = engine.submit(["known", f"second {number}"])
            engine.swap(Toy(f"version {number}"))
            gate.opened.set()
            assert len(first.result(SECONDS)) + len(second.result(SECONDS)) == 3
            engine.swap(gate)
        engine.submit(["a", "b", "c", "d"]).result(SECONDS)
        assert engine._waiting._unanswered_rows == 0


def test_callers_racing_many_swaps_are_all_answered_each_by_one_version() -> None:
    versions = [Toy("a"), Short("b"), Toy("c")]
    settings = EngineSettings(max_wait_seconds=0, max_rows=4, cache_rows=50)
    engine = Engine(versions[0], settings)
    stop = threading.Event()

    def swap() -> None:
        draw = random.Random(1)  # noqa: S311 - a fixed sequence, not a secret
        while not stop.is_set():
            engine.swap(draw.choice(versions))

    def ask(seed: int) -> int:
        draw = random.Random(seed)  # noqa: S311 - a fixed sequence, not a secret
        mixed = 0
        for _ in range(150):
            texts = ["x" * draw.randint(1, 30) for _ in range(draw.randint(1, 6))]
            found = engine.submit(texts).result(SECONDS)
            (by,) = {prediction.version for prediction in found}
            read = [min(2, len(text)) if by == "b" else len(text) for text in texts]
            assert [int(prediction.neutral) for prediction in found] == read
            mixed += 1
        return mixed

    swapping = threading.Thread(target=swap)
    swapping.start()
    with ThreadPoolExecutor(6) as callers:
        assert sum(callers.map(ask, range(6))) == 900
    stop.set()
    swapping.join(SECONDS)
    engine.close(timeout_seconds=SECONDS)
