"""The engine on a toy version: no weights, a text's prediction is its length."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.batching import Answers, Row, Submission, attempt, batches, merged
from models.engine import BatchFacts, Engine, EngineBusy, EngineClosed, EngineSettings
from models.prediction import Prediction

SECONDS = 10.0
PROMPT = EngineSettings(max_wait_seconds=0, cache_rows=0)


class Toy:
    """A version whose answer for a text is its number of characters; ``run`` may be replaced."""

    topics = ("only",)

    def __init__(self, name: str = "toy") -> None:
        self.id = name
        self.ran: list[list[int]] = []
        self.run: Callable[[Sequence[Sequence[int]]], list[Prediction]] = self.answer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(character) for character in text] for text in texts]

    def predict_ids(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        self.ran.append([len(row) for row in rows])
        return self.run(rows)

    def answer(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        return [Prediction("only", 1.0, 0.0, float(len(row)), 0.0, self.id) for row in rows]


class Gate(Toy):
    """A toy whose every batch waits until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened, self.reached = threading.Event(), threading.Event()
        self.run = self.wait

    def wait(self, rows: Sequence[Sequence[int]]) -> list[Prediction]:
        self.reached.set()
        assert self.opened.wait(SECONDS)
        return self.answer(rows)


@contextmanager
def running(
    version: Toy,
    settings: EngineSettings = PROMPT,
    on_batch: Callable[[BatchFacts], None] | None = None,
) -> Iterator[Engine]:
    engine = Engine(version, settings, on_batch)
    try:
        yield engine
    finally:
        engine.close(timeout_seconds=SECONDS)


def lengths(reply: Future[list[Prediction]]) -> list[int]:
    return [int(prediction.neutral) for prediction in reply.result(SECONDS)]


def rows_of(*sizes: int) -> list[Row]:
    return [Row(str(place), [0] * size, []) for place, size in enumerate(sizes)]


def sizes_of(cut: Sequence[Sequence[Row]]) -> list[list[int]]:
    return [[len(row.token_ids) for row in batch] for batch in cut]


def test_each_caller_gets_its_own_answers_in_its_own_order() -> None:
    with running(Toy()) as engine:
        replies = [engine.submit(["xxx", "x"]), engine.submit([]), engine.submit(["xx"])]
        assert [lengths(reply) for reply in replies] == [[3, 1], [], [2]]


def test_one_text_in_place_of_a_sequence_is_refused() -> None:
    with running(Toy()) as engine, pytest.raises(TypeError, match="sequence"):
        engine.submit("a text")


def test_engine_names_its_version_and_topics() -> None:
    with running(Toy()) as engine:
        assert (engine.version, engine.topics) == ("toy", ("only",))


def test_submissions_share_a_batch() -> None:
    gate = Gate()
    with running(gate) as engine:
        first = engine.submit(["x"])
        assert gate.reached.wait(SECONDS)
        others = [engine.submit(["xxx"]), engine.submit(["xx"])]
        gate.opened.set()
        assert [lengths(reply) for reply in (first, *others)] == [[1], [3], [2]]
    assert gate.ran == [[1], [2, 3]]


def test_text_waits_for_company_no_longer_than_the_maximum_wait() -> None:
    toy = Toy()
    with running(toy, PROMPT.model_copy(update={"max_wait_seconds": 0.3})) as engine:
        started = time.monotonic()
        lone, friend = engine.submit(["x"]), engine.submit(["xx"])
        assert (lengths(lone), lengths(friend)) == ([1], [2])
        assert 0.25 < time.monotonic() - started < SECONDS
    assert toy.ran == [[1, 2]]


@pytest.mark.parametrize("full", [{"max_rows": 2}, {"max_padded_tokens": 512}])
def test_full_batch_waits_for_nothing(full: dict[str, int]) -> None:
    settings = EngineSettings(max_wait_seconds=SECONDS, cache_rows=0, **full)
    with running(Toy(), settings) as engine:
        started = time.monotonic()
        assert lengths(engine.submit(["x" * 256, "x" * 256])) == [256, 256]
        assert time.monotonic() - started < SECONDS / 2


def test_closing_waits_for_no_company() -> None:
    engine = Engine(Toy(), EngineSettings(max_wait_seconds=SECONDS))
    reply = engine.submit(["x"])
    started = time.monotonic()
    engine.close()
    assert lengths(reply) == [1]
    assert time.monotonic() - started < SECONDS / 2


def test_failure_reaches_every_caller_of_the_batch_and_the_engine_lives_on() -> None:
    toy, gate = Toy(), threading.Event()

    def fail(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        assert gate.wait(SECONDS)
        raise ValueError("broken")

    toy.run = fail
    with running(toy) as engine:
        replies = [engine.submit(["x"]) for _ in range(3)]
        gate.set()
        for reply in replies:
            with pytest.raises(ValueError, match="broken"):
                reply.result(SECONDS)
        toy.run = toy.answer
        assert lengths(engine.submit(["xx"])) == [2]


def test_failing_batch_spares_the_callers_of_other_batches() -> None:
    toy = Toy()

    def fail_on_long(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        if len(rows[0]) > 300:
            raise ValueError("broken")
        return toy.answer(rows)

    toy.run = fail_on_long
    settings = EngineSettings(max_padded_tokens=512, cache_rows=0)
    with running(toy, settings) as engine:
        good, bad, mixed = (
            engine.submit(["x"]),
            engine.submit(["x" * 400]),
            engine.submit(["x", "x" * 400, "xx"]),
        )
        assert lengths(good) == [1]
        for reply in (bad, mixed):
            with pytest.raises(ValueError, match="broken"):
                reply.result(SECONDS)


def test_missing_prediction_is_an_error_not_a_wait() -> None:
    toy = Toy()
    toy.run = lambda rows: toy.answer(rows)[1:]
    with running(toy) as engine, pytest.raises(RuntimeError, match="1 predictions for 2 texts"):
        engine.submit(["x", "xx"]).result(SECONDS)


def test_tokenizer_error_reaches_its_caller_alone() -> None:
    class Picky(Toy):
        def encode(self, texts: Sequence[str]) -> list[list[int]]:
            if "bad" in texts:
                raise ValueError("cannot read")
            return super().encode(texts)

    with running(Picky()) as engine:
        bad, good = engine.submit(["bad"]), engine.submit(["good"])
        assert lengths(good) == [4]
        with pytest.raises(ValueError, match="cannot read"):
            bad.result(SECONDS)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
@pytest.mark.parametrize("fits", [1, 2, 3, 7, 16])
def test_out_of_memory_halves_until_it_fits_and_changes_no_answer(
    fits: int, error: Exception
) -> None:
    toy = Toy()

    def limited(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        if len(rows) > fits:
            raise error
        return toy.answer(rows)

    given_rows = [[0] * size for size in range(1, 17)]
    outcomes, halvings = attempt(given_rows, limited)
    assert outcomes == toy.answer(given_rows)
    assert (halvings == 0) == (fits == 16)


def test_row_too_large_for_the_memory_fails_alone() -> None:
    toy = Toy()

    def limited(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        if any(len(row) > 3 for row in rows):
            raise MemoryError
        return toy.answer(rows)

    toy.run = limited
    with running(toy) as engine:
        replies = [engine.submit(["x" * size]) for size in (1, 2, 3, 4)]
        assert [lengths(reply) for reply in replies[:3]] == [[1], [2], [3]]
        with pytest.raises(MemoryError):
            replies[3].result(SECONDS)


def test_other_errors_are_not_tried_again() -> None:
    calls = []

    def fail(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        calls.append(len(rows))
        raise RuntimeError("shapes differ")

    outcomes, halvings = attempt([[1], [2]], fail)
    assert (calls, halvings, len(outcomes)) == ([2], 0, 2)


def test_batches_keep_to_padded_tokens_and_rows() -> None:
    settings = EngineSettings(max_padded_tokens=512, max_rows=3)
    cut = list(batches(rows_of(300, 1, 256, 256, 2, 3, 900), settings))
    #            one row over the bound is alone ──────────────┐
    assert sizes_of(cut) == [[1, 2, 3], [256, 256], [300], [900]]


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(512, 2048), st.integers(1, 9))
def test_batches_lose_nothing_and_stay_in_bounds(
    sizes: list[int], max_padded_tokens: int, max_rows: int
) -> None:
    settings = EngineSettings(max_padded_tokens=max_padded_tokens, max_rows=max_rows)
    cut = sizes_of(list(batches(rows_of(*sizes), settings)))
    assert sorted(sizes) == [size for batch in cut for size in batch]
    for batch in cut:
        assert len(batch) <= max_rows
        assert len(batch) == 1 or len(batch) * max(batch) <= max_padded_tokens


def test_cancelled_submission_is_not_run() -> None:
    gate = Gate()
    with running(gate) as engine:
        first = engine.submit(["x"])
        assert gate.reached.wait(SECONDS)
        gone, kept = engine.submit(["xx"]), engine.submit(["xxx"])
        assert gone.cancel()
        gate.opened.set()
        assert (lengths(first), lengths(kept)) == ([1], [3])
    assert gate.ran == [[1], [3]]


def test_submission_is_refused_after_close() -> None:
    engine = Engine(Toy(), PROMPT)
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.submit(["x"])


def test_close_that_takes_too_long_answers_the_rest_with_the_refusal() -> None:
    gate = Gate()
    engine = Engine(gate, PROMPT)
    running_now = engine.submit(["x"])
    assert gate.reached.wait(SECONDS)
    waiting = engine.submit(["xx"])
    opener = threading.Timer(0.3, gate.opened.set)
    opener.start()
    engine.close(timeout_seconds=0.05)
    opener.join(SECONDS)
    assert lengths(running_now) == [1]
    with pytest.raises(EngineClosed):
        waiting.result(SECONDS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_model_thread_that_dies_leaves_nobody_waiting() -> None:
    toy = Toy()

    def die(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        raise SystemExit

    toy.run = die
    with running(toy, PROMPT.model_copy(update={"max_wait_seconds": 0.3})) as engine:
        cancelled, reply = engine.submit(["x"]), engine.submit(["xx"])
        assert cancelled.cancel()
        with pytest.raises(EngineClosed):
            reply.result(SECONDS)
        with pytest.raises(EngineClosed):
            engine.submit(["x"])


def test_full_queue_holds_callers_back_and_then_refuses() -> None:
    gate = Gate()
    settings = PROMPT.model_copy(update={"max_waiting_rows": 2, "max_hold_seconds": 0.1})
    with running(gate, settings) as engine:
        larger_than_the_bound = engine.submit(["x", "xx", "xxx"])
        with pytest.raises(EngineBusy, match="3 texts wait"):
            engine.submit(["xxxx"])
        gate.opened.set()
        assert lengths(larger_than_the_bound) == [1, 2, 3]
        assert lengths(engine.submit(["xxxx"])) == [4]


def test_caller_held_back_goes_on_when_there_is_room() -> None:
    gate = Gate()
    settings = PROMPT.model_copy(update={"max_waiting_rows": 1, "max_hold_seconds": SECONDS})
    with running(gate, settings) as engine:
        first = engine.submit(["x"])
        opener = threading.Timer(0.1, gate.opened.set)
        opener.start()
        assert lengths(engine.submit(["xx"])) == [2]
        assert lengths(first) == [1]
        opener.join(SECONDS)


def test_room_is_given_back_for_cancelled_failed_and_repeated_texts() -> None:
    toy = Toy()
    settings = EngineSettings(max_wait_seconds=0, max_waiting_rows=2, max_hold_seconds=SECONDS)
    toy.run = lambda rows: [][0]
    with running(toy, settings) as engine:
        with pytest.raises(IndexError):
            engine.submit(["x", "x"]).result(SECONDS)
        engine.submit(["x", "xx"]).cancel()
        toy.run = toy.answer
        for _ in range(5):
            assert lengths(engine.submit(["x", "x"])) == [1, 1]


def test_repeated_text_is_answered_from_memory() -> None:
    toy = Toy()
    facts: list[BatchFacts] = []
    with running(toy, EngineSettings(max_wait_seconds=0), facts.append) as engine:
        assert lengths(engine.submit(["x", "x", "xx"])) == [1, 1, 2]
        assert lengths(engine.submit(["xx", "xxx", "x"])) == [2, 3, 1]
    assert toy.ran == [[1, 2], [3]]
    assert [(fact.rows, fact.cached) for fact in facts] == [(2, 0), (1, 2)]


def test_without_a_cache_every_text_is_run() -> None:
    toy = Toy()
    with running(toy) as engine:
        assert lengths(engine.submit(["x", "x"])) == [1, 1]
        assert lengths(engine.submit(["x"])) == [1]
    assert toy.ran == [[1, 1], [1]]


def test_text_submitted_twice_before_its_turn_is_run_once() -> None:
    gate = Gate()
    with running(gate, EngineSettings(max_wait_seconds=0)) as engine:
        first = engine.submit(["x"])
        assert gate.reached.wait(SECONDS)
        again, twice = engine.submit(["x", "xx"]), engine.submit(["xx"])
        gate.opened.set()
        assert [lengths(reply) for reply in (first, again, twice)] == [[1], [1, 2], [2]]
    assert gate.ran == [[1], [2]]


def test_memory_forgets_the_text_unused_for_longest() -> None:
    answers, toy = Answers(2), Toy()
    for text in ("a", "b"):
        answers.put(text, toy.answer([[0]])[0])
    assert answers.get("a", "toy") is not None
    answers.put("c", toy.answer([[0]])[0])
    kept = [text for text in "abc" if answers.get(text, "toy") is not None]
    assert kept == ["a", "c"]


def test_memory_knows_nothing_of_another_version() -> None:
    answers = Answers(2)
    answers.put("a", Toy("old").answer([[0]])[0])
    assert answers.get("a", "new") is None


def test_merged_rows_answer_every_place() -> None:
    one = Submission(["x", "y"], "toy", [None, None], missing=2, arrived=0.0)
    two = Submission(["x"], "toy", [None], missing=1, arrived=0.0)
    rows = [Row("a", [1], [(one, 0)]), Row("b", [1], [(one, 1)]), Row("a", [1], [(two, 0)])]
    first, second = merged(rows)
    assert (first.places, second.places) == ([(one, 0), (two, 0)], [(one, 1)])


def test_facts_say_what_the_batch_was() -> None:
    facts: list[BatchFacts] = []
    with running(Toy(), PROMPT, facts.append) as engine:
        engine.submit(["x", "xxx"]).result(SECONDS)
    (fact,) = facts
    assert (fact.rows, fact.tokens, fact.padded_tokens) == (2, 4, 6)
    assert fact.padding == pytest.approx(1 / 3)
    assert (fact.failed, fact.halvings, fact.cached) == (0, 0, 0)
    assert min(fact.waited_seconds, fact.tokenize_seconds, fact.predict_seconds) >= 0


def test_facts_count_failures_and_halvings() -> None:
    toy = Toy()

    def limited(rows: Sequence[Sequence[int]]) -> list[Prediction]:
        if any(len(row) == 2 for row in rows):
            raise MemoryError
        return toy.answer(rows)

    toy.run = limited
    facts: list[BatchFacts] = []
    with running(toy, PROMPT, facts.append) as engine, pytest.raises(MemoryError):
        engine.submit(["x", "xx"]).result(SECONDS)
    assert [(fact.failed, fact.halvings) for fact in facts] == [(1, 1)]


def test_failing_metric_costs_no_prediction() -> None:
    def fail(_: BatchFacts) -> None:
        raise ValueError("broken metric")

    with running(Toy(), PROMPT, fail) as engine:
        assert lengths(engine.submit(["x"])) == [1]
        assert lengths(engine.submit(["xx"])) == [2]


def test_every_submission_racing_a_close_is_answered_or_refused() -> None:
    chance = random.Random(5)  # noqa: S311 - no secret
    answered = 0
    for trial in range(100):
        settings = EngineSettings(
            max_wait_seconds=chance.choice([0.0, 0.001]), cache_rows=trial % 3 * 5
        )
        engine = Engine(Toy(), settings)
        with ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(submit_until_refused, engine, seed) for seed in range(4)]
            time.sleep(chance.random() * 0.01)
            engine.close(timeout_seconds=SECONDS)
            replies = [reply for caller in callers for reply in caller.result(SECONDS)]
        answered += len(replies)
        for texts, reply in replies:
            assert lengths(reply) == [len(text) for text in texts]
    assert answered > 2_000


def submit_until_refused(
    engine: Engine, seed: int
) -> list[tuple[list[str], Future[list[Prediction]]]]:
    chance = random.Random(seed)  # noqa: S311 - no secret
    replies: list[tuple[list[str], Future[list[Prediction]]]] = []
    while True:
        texts = ["x" * chance.randint(1, 30) for _ in range(chance.randint(0, 8))]
        try:
            replies.append((texts, engine.submit(texts)))
        except EngineClosed:
            return replies
        if chance.random() < 0.5:  # lets the closing thread in
            wait([replies[-1][1]], SECONDS)
