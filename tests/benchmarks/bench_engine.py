"""Titles per second: the engine, transformers' own pipeline, and what the processor could do.

Run by ``make bench``, or ``python -m tests.benchmarks.bench_engine --data news.jsonl.gz``, where
each line is a JSON object with a ``title``. Without a file it makes up its titles. All are
measured in one run and in turns, as the machine may be shared; medians are quoted. The titles are
distinct and the engine's memory is off.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from torch.nn import functional

from models import backbone, versions
from models.engine import BatchFacts, Engine, EngineSettings
from models.text import prepare
from models.versions import Version

BATCH_SIZES = (1, 8, 16, 32, 64)
SEARCH_TITLES = 384
POLL_TITLES = 1_024
WARM_TITLES = 128
SECONDS = 3_600.0
FLAGS = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16")

MATMUL_TOKENS = {torch.float32: 2_048, torch.bfloat16: 512}
"""Rows of the matrices for the processor's bound; few where bfloat16 may be emulated."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: titles per second, and the share of computed or bounded tokens that pad."""

    rate: float
    padding: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    console = Console()
    titles = sample(options.data, options.titles, options.seed)
    version = versions.load(precision=options.precision)
    lengths = [len(row) for row in version.encode([prepare(title) for title in titles])]
    pipeline = reference_pipeline()
    run_engine(version, titles[:WARM_TITLES])
    run_pipeline(pipeline, titles[:WARM_TITLES], BATCH_SIZES[1])
    searched = {
        (order, size): run_pipeline(pipeline, arranged(titles[:SEARCH_TITLES], order), size)
        for order, size in product(("arrival", "sorted"), BATCH_SIZES)
    }
    best = {
        order: max(BATCH_SIZES, key=lambda size, order=order: searched[order, size].rate)  # type: ignore[misc]
        for order in ("arrival", "sorted")
    }
    contenders: dict[str, Callable[[], Run]] = {
        "engine": lambda: run_engine(version, titles),
        "pipeline": lambda: run_pipeline(pipeline, titles, best["arrival"]),
        "pipeline, sorted": lambda: run_pipeline(
            pipeline, arranged(titles, "sorted"), best["sorted"]
        ),
    }
    bounds: dict[str, list[float]] = {"bound fp32": [], "bound bf16": []}
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(options.repetitions):
        for name, contender in contenders.items():
            runs[name].append(contender())
        for name, dtype in zip(bounds, MATMUL_TOKENS, strict=True):
            bounds[name].append(matmul_rate(version, dtype) / flops_per_title(version, lengths))
    print_machine(console, version, lengths)
    print_search(console, searched)
    print_result(console, runs, bounds, best)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="JSON Lines, also .gz, with the field title")
    parser.add_argument("--titles", type=int, default=3_000, help="distinct titles to classify")
    parser.add_argument("--repetitions", type=int, default=3, help="turns; medians are quoted")
    parser.add_argument("--seed", type=int, default=7, help="of the sample")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    return parser.parse_args(arguments)


def sample(path: Path | None, count: int, seed: int) -> list[str]:
    """``count`` distinct titles in random order, from a file or made up."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    titles = sorted({title for title in (read(path) if path else invented()) if prepare(title)})
    return chance.sample(titles, min(count, len(titles)))


def read(path: Path) -> Iterator[str]:
    """The titles of a file."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield str(json.loads(line)["title"])


def invented() -> Iterator[str]:
    """Sentences about as long as a wire's titles."""
    who = "Orchard Bank|Nordwind Energy|Halvorsen Foods|Quill Software|Delta Rail|The central bank"
    what = "raises its forecast|cuts 900 jobs|sells a stake in its retail arm|names a new chief"
    what += "|misses estimates for the third quarter|agrees to buy a smaller rival for $3 billion"
    why = "after a strong spring|as costs rise|under pressure from shareholders, sources say"
    why += "|, shares fall 7 pct in early trade|despite weaker demand in Asia and higher rates"
    how = "UPDATE 1-||UPDATE 2-|EXCLUSIVE-|BRIEF-"
    when = "on Monday|on Tuesday|this week|for 2012|, filing shows|"
    for parts in product(*(choices.split("|") for choices in (how, who, what, why, when))):
        prefix, *words = parts
        yield prefix + " ".join(words).replace(" ,", ",").strip()


def arranged(titles: Sequence[str], order: str) -> list[str]:
    """The titles as they come, or by length, as a careful user of the pipeline would give them."""
    return sorted(titles, key=len) if order == "sorted" else list(titles)


def run_engine(version: Version, titles: Sequence[str]) -> Run:
    """All titles through a fresh engine, in submissions as large as a poll."""
    facts: list[BatchFacts] = []
    engine = Engine(version, EngineSettings(cache_rows=0), facts.append)
    started = time.perf_counter()
    replies = [
        engine.submit([prepare(title) for title in titles[start : start + POLL_TITLES]])
        for start in range(0, len(titles), POLL_TITLES)
    ]
    answered = sum(len(reply.result(SECONDS)) for reply in replies)
    seconds = time.perf_counter() - started
    engine.close()
    padded = sum(fact.padded_tokens for fact in facts)
    return Run(answered / seconds, 1 - sum(fact.tokens for fact in facts) / padded)


def reference_pipeline() -> Any:
    """The pipeline that anybody would write: the same weights, one head of twenty labels."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = backbone.find()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=20, dtype=torch.float32, local_files_only=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return transformers.pipeline(
        "text-classification", model=model.eval(), tokenizer=tokenizer, device=-1
    )


def run_pipeline(pipeline: Any, titles: Sequence[str], size: int) -> Run:
    """All titles through the pipeline, from a generator, in batches of ``size``."""
    started = time.perf_counter()
    answered = sum(1 for _ in pipeline((title for title in titles), batch_size=size))
    seconds = time.perf_counter() - started
    lengths = [len(ids) for ids in pipeline.tokenizer(list(titles))["input_ids"]]
    cut = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    padded = sum(len(batch) * max(batch) for batch in cut)
    return Run(answered / seconds, 1 - sum(lengths) / padded)


def flops_per_title(version: Version, lengths: Iterable[int]) -> float:
    """Multiplications and additions of the encoder for a title of average length, unpadded."""
    config: Any = version.classifier.encoder.config
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    weights: int = layers * (4 * width * width + 2 * width * inner)
    vectors = version.card.vectors
    each = [2 * n * weights + 4 * layers * width * n * (n + vectors) for n in lengths]
    return float(statistics.mean(each))


def matmul_rate(version: Version, dtype: torch.dtype) -> float:
    """Floating-point operations per second of the encoder's matrix products, at their best."""
    config: Any = version.classifier.encoder.config
    width, inner, tokens = config.hidden_size, config.intermediate_size, MATMUL_TOKENS[dtype]
    flops = seconds = 0.0
    for inputs, outputs in ((width, 3 * width), (width, width), (width, inner), (inner, width)):
        states, weight = (torch.randn(n, inputs).to(dtype) for n in (tokens, outputs))
        flops += 2 * tokens * inputs * outputs
        seconds += min(timed(states, weight) for _ in range(8))
    return flops / seconds


def timed(states: torch.Tensor, weight: torch.Tensor) -> float:
    """Seconds of one product."""
    started = time.perf_counter()
    functional.linear(states, weight)
    return time.perf_counter() - started


def print_machine(console: Console, version: Version, lengths: Sequence[int]) -> None:
    """What was measured on."""
    capabilities = torch.cpu.get_capabilities()
    flags = " ".join(flag for flag in FLAGS if capabilities.get(flag)) or "none"
    dtype = str(version.classifier.encoder.dtype).removeprefix("torch.")
    console.print(f"processor: {flags} (of {', '.join(FLAGS)}); {torch.get_num_threads()} threads")
    console.print(
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}; version {version.id}, {dtype}"
    )
    console.print(
        f"{len(lengths)} distinct titles, {statistics.mean(lengths):.2f} tokens each, "
        f"{flops_per_title(version, lengths) / 1e6:.0f} MFLOP each"
    )


def print_search(console: Console, searched: dict[tuple[str, int], Run]) -> None:
    """The pipeline's rate by order and batch size."""
    table = Table(title=f"pipeline, titles/s by batch size ({SEARCH_TITLES} titles)")
    table.add_column("order")
    for size in BATCH_SIZES:
        table.add_column(str(size), justify="right")
    for order in ("arrival", "sorted"):
        table.add_row(order, *(f"{searched[order, size].rate:.0f}" for size in BATCH_SIZES))
    console.print(table)


def print_result(
    console: Console,
    runs: dict[str, list[Run]],
    bounds: dict[str, list[float]],
    best: dict[str, int],
) -> None:
    """The table, and whether the bar is reached."""
    rates = {name: [run.rate for run in done] for name, done in runs.items()} | bounds
    medians = {name: statistics.median(values) for name, values in rates.items()}
    table = Table(title="titles/s over the turns")
    table.add_column("")
    for column in ("median", "least", "most", "x pipeline", "of fp32 bound"):
        table.add_column(column, justify="right")
    for name, values in rates.items():
        table.add_row(
            name,
            *(f"{value:.0f}" for value in (medians[name], min(values), max(values))),
            f"{medians[name] / medians['pipeline']:.2f}",
            f"{medians[name] / medians['bound fp32']:.0%}",
        )
    console.print(table)
    console.print(
        f"pipeline: batches of {best['arrival']} as the titles come, "
        f"{runs['pipeline'][0].padding:.0%} of its tokens padding; sorted by length beforehand: "
        f"batches of {best['sorted']}, {runs['pipeline, sorted'][0].padding:.0%}"
    )
    console.print(
        f"engine: {runs['engine'][0].padding:.0%} of the tokens that bound a batch are padding; "
        "on a processor they are not computed"
    )
    console.print("bounds: the encoder's matrix products alone, unpadded")
    bar = 5.0 if versions.native_bf16() else 2.5
    ratio = medians["engine"] / medians["pipeline"]
    verdict = "reached" if ratio >= bar else "NOT reached"
    console.print(f"engine / pipeline = {ratio:.2f}; bar on this processor {bar}: {verdict}")


if __name__ == "__main__":
    main()
