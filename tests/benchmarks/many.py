"""Many deep prompts tuned at once on one encoder: a GPU's time for one tunes dozens.

The encoder is frozen, so the batches of all runs go through it together, each row with the prompt
of its run; prompts and heads have a dimension more, the runs'. Steps, loss, schedule, clipping and
averaging are those of models.loop, run by run (test_many.py compares). A plan's format is that of
tests.benchmarks.methods.

    python -m tests.benchmarks.many PLAN.json --data DIR --out DIR --device cuda

Jobs of a plan that have the same recipe but for the seed run together, and so do different jobs with
the same ``together``; those must agree in epochs, batch_tokens, max_tokens, vectors, consistency > 0
and averaging > 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from models import augmentation, dataset, evaluation, taxonomy, training, versions
from models import backbone as backbones
from models.backbone import Backbone
from models.classifier import SHARPNESS, Classifier
from models.groups import near_groups
from models.examples import IGNORED, batches, class_weights, examples, names_of, token_ids
from models.recipe import Recipe
from tests.benchmarks import methods

TASKS = ("topic", "sentiment")

KNOWN: dict[str, Any] = {}
"""Rows, cut and tokenised, of runs that have the same."""


class Many(nn.Module):
    """Runs' prompts and heads over one encoder. ``pooling`` is mean or attention."""

    def __init__(self, backbone: Backbone, singles: list[Classifier], pooling: str) -> None:
        super().__init__()
        self.encoder = backbone.encoder
        self.prompt_keys = nn.Parameter(torch.stack([s.prompt_keys.detach() for s in singles]))
        self.prompt_values = nn.Parameter(torch.stack([s.prompt_values.detach() for s in singles]))
        heads = {"topic": "topic_head", "sentiment": "sentiment_head"}
        self.weights = nn.ParameterDict(
            {
                t: nn.Parameter(torch.stack([getattr(s, h).weight.detach() for s in singles]))
                for t, h in heads.items()
            }
        )
        self.biases = nn.ParameterDict(
            {
                t: nn.Parameter(torch.stack([getattr(s, h).bias.detach() for s in singles]))
                for t, h in heads.items()
            }
        )
        self.queries = nn.Parameter(torch.zeros(len(singles), backbone.width))
        self.pooling = pooling

    def features(self, ids: Tensor, mask: Tensor, dropout: float) -> Tensor:
        """(runs, rows, tokens) -> (runs, rows, width)."""
        runs, rows, tokens = ids.shape
        vectors = self.prompt_keys.shape[3]
        e = self.encoder
        config = e.config
        heads = config.num_attention_heads
        flat = ids.view(runs * rows, tokens)
        emb = e.embeddings
        x = emb.word_embeddings(flat) + emb.position_embeddings.weight[:tokens]
        x = emb.LayerNorm(x + emb.token_type_embeddings.weight[0])
        x = functional.dropout(x, dropout, dropout > 0)
        seen = functional.pad(mask.view(runs * rows, tokens).bool(), (vectors, 0), value=True)
        seen = seen[:, None, None, :]
        for number, layer in enumerate(e.encoder.layer):
            own, mix, narrow = layer.attention.self, layer.attention.output, layer.output
            q, k, v = (
                p(x).view(runs * rows, tokens, heads, -1).transpose(1, 2)
                for p in (own.query, own.key, own.value)
            )
            pk, pv = (
                p[:, number]
                .unsqueeze(1)
                .expand(-1, rows, -1, -1, -1)
                .reshape(runs * rows, heads, vectors, -1)
                for p in (self.prompt_keys, self.prompt_values)
            )
            mixed = functional.scaled_dot_product_attention(
                q, torch.cat([pk, k], 2), torch.cat([pv, v], 2), attn_mask=seen
            )
            mixed = mix.dense(mixed.transpose(1, 2).reshape(runs * rows, tokens, -1))
            x = mix.LayerNorm(functional.dropout(mixed, dropout, dropout > 0) + x)
            wide = narrow.dense(functional.gelu(layer.intermediate.dense(x)))
            x = narrow.LayerNorm(functional.dropout(wide, dropout, dropout > 0) + x)
        x = x.view(runs, rows, tokens, -1)
        weights = mask.to(x.dtype)
        if self.pooling == "attention":
            scores = torch.einsum("rbtd,rd->rbt", x, self.queries)
            scores = scores.masked_fill(mask == 0, -1e4)
            weights = scores.softmax(-1)
        mean = torch.einsum("rbt,rbtd->rbd", weights, x)
        return SHARPNESS * functional.normalize(mean, dim=-1)

    def head(self, task: str, features: Tensor) -> Tensor:
        """(runs, rows, classes)."""
        return torch.baddbmm(
            self.biases[task].unsqueeze(1), features, self.weights[task].transpose(1, 2)
        )

    def tuned(self) -> list[nn.Parameter]:
        """Every parameter whose first dimension is the run."""
        found = [self.prompt_keys, self.prompt_values, *self.weights.values()]
        found += [*self.biases.values()]
        return found + ([self.queries] if self.pooling == "attention" else [])


class One:
    """One run: its rows, plan and what becomes of it."""

    def __init__(self, task: dict[str, Any], recipe: Recipe, backbone: Backbone) -> None:
        self.task, self.recipe = task, recipe
        labels = taxonomy.load()
        data = Path(task["data"])
        rows, self.test = _rows_of(task, data, labels)
        self.kept: dict[str, Tensor] = {}
        self.best, self.now = -1.0, 0.0
        self.labels = labels  # all topics have a row; what has no example is masked
        given = [task.get(n) for n in ("file", "fold", "files", "extra", "without")]
        key = json.dumps([*given, recipe.inner_share, recipe.seed, recipe.max_tokens])
        if key not in KNOWN:
            split = dataset.split(rows, inner_share=recipe.inner_share, seed=recipe.seed)
            training_ = examples(split.training, labels, backbone, recipe.max_tokens)
            inner = examples(split.inner, labels, backbone, recipe.max_tokens)
            KNOWN[key] = split, training_, inner
        self.split, self.training, self.inner = KNOWN[key]
        self.known = {
            t: torch.tensor([(self.training.labels[t] == k).any().item() for k in range(len(n))])
            for t, n in names_of(labels).items()
        }
        self.plan = []
        for epoch in range(recipe.epochs):
            cut = batches(
                self.training.rows,
                recipe.batch_tokens,
                recipe.seed,
                epoch,
                self.training.domains,
                recipe.mixing,
            )
            self.plan.append(sorted(cut, key=lambda b: len(self.training.rows[b[-1]])))
        self.rows = self.training.rows

    def vary(self, backbone: Backbone, epoch: int) -> None:
        """The token ids of an epoch, as models.training varies them."""
        self.rows = training._varied(
            self.split.training,
            self.training,
            backbone,
            self.recipe,
            tuple(self.task.get("names", ())),
            epoch,
        )


def _rows_of(
    task: dict[str, Any], data: Path, labels: taxonomy.Taxonomy
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    files = [data / n for n in (*task.get("files", ()), *task.get("extra", ()))]
    test = None
    frames = [dataset.read(files, labels)] if files else []
    if task["kind"] == "folds":
        whole = dataset.read([data / task["file"]], labels)
        fold = whole["id"].map(task["folds_by_id"])
        test = whole[fold == task["fold"]]
        frames.insert(0, whole[fold != task["fold"]])
    rows = pd.concat(frames, ignore_index=True)
    if test is not None:  # near-duplicates of test rows in other files are held out
        judged = test.assign(split="test")
        rows = pd.concat([rows, judged], ignore_index=True)
    without = set(task.get("without", ()))
    hidden = rows["topic"].isin(without)
    rows.loc[hidden, "topic"] = None
    return rows, test


def table_of(ones: list[One], pad_id: int, device: str) -> tuple[Tensor, list[Any]]:
    """(runs, rows, tokens) ids of all rows of an epoch, on the device, and their lengths here."""
    rows = max(len(o.rows) for o in ones)
    longest = max(len(row) for o in ones for row in o.rows)
    table = np.full((len(ones), rows, longest), pad_id, dtype=np.int32)
    for r, one in enumerate(ones):
        for i, row in enumerate(one.rows):
            table[r, i, : len(row)] = row
    return torch.from_numpy(table).to(device), [np.array([*map(len, o.rows)]) for o in ones]


def batch_of(
    table: Tensor, lengths: list[Any], step: list[list[int]], device: str
) -> tuple[Tensor, Tensor, Tensor]:
    """(runs, rows, tokens) ids and mask, and (runs, rows) places; -1, and one token, for none."""
    rows = max(map(len, step))
    places = np.full((len(step), rows), -1, dtype=np.int64)
    sizes = np.ones((len(step), rows), dtype=np.int64)
    for r, own in enumerate(step):
        places[r, : len(own)] = own
        sizes[r, : len(own)] = lengths[r][own]
    longest = int(sizes.max())
    chosen, long = torch.from_numpy(places).to(device), torch.from_numpy(sizes).to(device)
    runs = torch.arange(len(step), device=device).unsqueeze(1)
    ids = table[runs, chosen.clamp(min=0), :longest].long()
    mask = (torch.arange(longest, device=device) < long.unsqueeze(2)).long()
    return ids, mask, chosen


def tune(
    ones: list[One], backbone: Backbone, device: str, pooling: str, out: Path | None = None
) -> list[Classifier]:
    """Tune all; give each run's classifier of its best epoch.

    The best so far lie in ``out`` after every epoch: a machine's time may end.
    """
    recipe = ones[0].recipe
    singles = [_single(one, backbone) for one in ones]
    many = Many(backbone, singles, pooling).to(device)
    runs = len(ones)
    dropout = float(backbone.encoder.config.hidden_dropout_prob)
    parameters = many.tuned()
    rate = {
        id(many.prompt_keys): "prompt_rate",
        id(many.prompt_values): "prompt_rate",
    }
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    peaks = [
        torch.tensor(
            [getattr(o.recipe, rate.get(id(p), "head_rate")) for o in ones], device=device
        )
        for p in parameters
    ]
    decays = [0.0 if id(p) in rate else 0.01 for p in parameters]
    steps_in = [min(len(o.plan[e]) for o in ones) for e in range(recipe.epochs)]
    total = sum(steps_in)
    # The very schedule of the loop, of a rate of 1.
    dummy = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        dummy, max_lr=1.0, total_steps=total + 1, pct_start=recipe.warm_up, cycle_momentum=False
    )
    # AdamW's beta1 cycles with the rate there: 0.95 down to 0.85 and back.
    beta = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=1.0),
        max_lr=1.0,
        total_steps=total + 1,
        pct_start=recipe.warm_up,
    )
    labels = {
        t: torch.stack(
            [
                functional.pad(
                    o.training.labels[t],
                    (0, max(len(x.training.rows) for x in ones) - len(o.training.rows)),
                    value=IGNORED,
                )
                for o in ones
            ]
        ).to(device)
        for t in TASKS
    }
    weights = {
        t: torch.stack(
            [
                class_weights(o.training.labels[t], len(names_of(o.labels)[t]), o.recipe.balance)
                for o in ones
            ]
        ).to(device)
        for t in TASKS
    }
    hidden = {t: torch.stack([~o.known[t] for o in ones]).to(device).unsqueeze(1) for t in TASKS}
    any_known = {t: torch.stack([o.known[t].any() for o in ones]).to(device) for t in TASKS}
    shares = {
        "topic": torch.ones(runs, device=device),
        "sentiment": torch.tensor([o.recipe.sentiment_weight for o in ones], device=device),
    }
    knob = {
        name: torch.tensor([getattr(o.recipe, name) for o in ones], device=device)
        for name in ("dropout", "smoothing", "consistency")
    }
    means = [torch.zeros_like(p) for p in parameters]
    averaged, step, begun = 0, 0, time.monotonic()
    for epoch in range(recipe.epochs):
        for one in ones:
            one.vary(backbone, epoch + 1)
        if epoch == 0 or any(one.recipe.variations for one in ones):
            table, lengths = table_of(ones, backbone.pad_id, device)
        order = np.random.default_rng(recipe.seed * 100 + epoch).permutation(steps_in[epoch])
        for place in order.tolist():
            own = [o.plan[epoch][place * len(o.plan[epoch]) // steps_in[epoch]] for o in ones]
            ids, mask, chosen = batch_of(table, lengths, own, device)
            rows = ids.shape[1]
            sizes = (chosen >= 0).sum(1)
            loss = torch.zeros((), device=device)
            passes = 2 if recipe.consistency else 1
            if passes == 2:
                both = many.features(torch.cat([ids, ids], 1), torch.cat([mask, mask], 1), dropout)
                each = both.split(rows, dim=1)
            else:
                each = (many.features(ids, mask, dropout),)
            for t in TASKS:
                if not any_known[t].any():
                    continue
                truth = labels[t].gather(1, chosen.clamp(min=0))
                truth = torch.where(chosen >= 0, truth, IGNORED)
                logs = []
                for f in each:
                    keep = torch.rand_like(f) >= knob["dropout"].view(-1, 1, 1)
                    f = f * keep / (1 - knob["dropout"].view(-1, 1, 1))
                    logit = many.head(t, f).masked_fill(hidden[t], -1e4)
                    logs.append(functional.log_softmax(logit, -1))
                known = truth != IGNORED
                safe = truth.clamp(min=0)
                classes = (~hidden[t]).sum(-1).clamp(min=1)
                for logp in logs:
                    w = weights[t].gather(1, safe)
                    hard = -logp.gather(2, safe.unsqueeze(2)).squeeze(2) * w
                    soft = -(logp * weights[t].unsqueeze(1)).masked_fill(hidden[t], 0).sum(2)
                    smooth = knob["smoothing"].view(-1, 1)
                    each_row = (1 - smooth) * hard + smooth * soft / classes
                    summed = (each_row * known).sum(1)
                    loss = loss + (shares[t] * summed / sizes / passes).sum()
                if passes == 2:
                    p, q = (x.masked_fill(hidden[t], 0) for x in logs)
                    apart = ((p.exp() - q.exp()) * (p - q)).masked_fill(hidden[t], 0).sum(2) / 2
                    loss = (
                        loss
                        + (shares[t] * knob["consistency"] * (apart * known).sum(1) / sizes).sum()
                    )
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            gradients = [
                torch.zeros_like(p) if g is None else g
                for p, g in zip(parameters, gradients, strict=True)
            ]
            with torch.no_grad():
                norms = sum(g.flatten(1).pow(2).sum(1) for g in gradients).sqrt()
                scale = (1.0 / (norms + 1e-6)).clamp(max=1.0)
                now = schedule.get_last_lr()[0]
                beta1 = beta.optimizer.param_groups[0]["betas"][0]
                for p, g, (m, s), peak, decay in zip(
                    parameters, gradients, moments, peaks, decays, strict=True
                ):
                    shape = (-1, *[1] * (p.ndim - 1))
                    g = g * scale.view(shape)
                    lr = (peak * now).view(shape)
                    p.mul_(1 - lr * decay)
                    m.mul_(beta1).add_(g, alpha=1 - beta1)
                    s.mul_(0.999).addcmul_(g, g, value=1 - 0.999)
                    at = step + 1
                    bias1, bias2 = 1 - beta1**at, 1 - 0.999**at
                    p.sub_(lr / bias1 * m / (s.sqrt() / bias2**0.5 + 1e-8))
                dummy.step()
                beta.optimizer.step()
                schedule.step()
                beta.step()
                step += 1
                if step > total * (1 - recipe.averaging):
                    averaged += 1
                    for mean, p in zip(means, parameters, strict=True):
                        mean.lerp_(p, 1 / averaged)
        wandering = [p.detach().clone() for p in parameters]
        if averaged:
            with torch.no_grad():
                for p, mean in zip(parameters, means, strict=True):
                    p.copy_(mean)
        judge(many, ones, backbone, device)
        with torch.no_grad():
            for p, value in zip(parameters, wandering, strict=True):
                p.copy_(value)
        if out is not None:
            for one in ones:
                name = methods.key_of(one.task).replace("/", ".")
                save_file(one.kept, out / f"{name}.kept.safetensors")
        quality = " ".join(f"{o.now:.3f}" for o in ones[:20])
        print(f"epoch {epoch + 1} {time.monotonic() - begun:.0f}s {quality}", file=sys.stderr)
    return [_filled(one, single) for one, single in zip(ones, singles, strict=True)]


@torch.no_grad()
def answers(
    many: Many, ones: list[One], rows: list[list[list[int]]], backbone: Backbone, device: str
) -> list[dict[str, Tensor]]:
    """Each run's logits of its rows."""
    most = max(map(len, rows))
    found = [
        {t: torch.zeros(len(own), len(names_of(o.labels)[t])) for t in TASKS}
        for o, own in zip(ones, rows, strict=True)
    ]
    orders = [sorted(range(len(own)), key=lambda i: len(own[i])) for own in rows]
    for start in range(0, most, 64):
        places = [o[start : start + 64] for o in orders]
        n = max(map(len, places))
        longest = max((len(own[i]) for own, p in zip(rows, places, strict=True) for i in p))
        ids = torch.full((len(ones), n, longest), backbone.pad_id)
        mask = torch.zeros_like(ids)
        for r, (own, p) in enumerate(zip(rows, places, strict=True)):
            for b, i in enumerate(p):
                ids[r, b, : len(own[i])] = torch.tensor(own[i])
                mask[r, b, : len(own[i])] = 1
        mask[:, :, 0] = 1
        features = many.features(ids.to(device), mask.to(device), 0.0)
        for t in TASKS:
            out = many.head(t, features).float().cpu()
            for r, p in enumerate(places):
                found[r][t][p] = out[r, : len(p)]
    return found


def judge(many: Many, ones: list[One], backbone: Backbone, device: str) -> None:
    """Remember each run's weights where its inner rows are answered best so far."""
    found = answers(many, ones, [o.inner.rows for o in ones], backbone, device)
    for r, (one, got) in enumerate(zip(ones, found, strict=True)):
        scores = []
        for t in TASKS:
            truth = one.inner.labels[t]
            held = (truth != IGNORED) & one.known[t][truth.clamp(min=0)]
            if not held.any():
                continue
            logit = got[t].masked_fill(~one.known[t], -1e4)[held]
            probabilities = logit.double().softmax(-1).numpy()
            names = names_of(one.labels)[t]
            scores.append(evaluation.score(truth[held].numpy(), probabilities, names).macro_f1)
        one.now = float(np.mean(scores)) if scores else 0.0
        if one.now >= one.best:
            one.best = one.now
            one.kept = {
                "prompt_keys": many.prompt_keys[r].detach().cpu().clone(),
                "prompt_values": many.prompt_values[r].detach().cpu().clone(),
                "queries": many.queries[r].detach().cpu().clone(),
            } | {
                f"{t}_head.{part}": source[t][r].detach().cpu().clone()
                for t in TASKS
                for part, source in (("weight", many.weights), ("bias", many.biases))
            }


def _single(one: One, backbone: Backbone) -> Classifier:
    from models import prompts
    from models.card import read_card

    if start := one.task.get("start"):
        base = versions.load(Path(start), precision="fp32", encoder=one.task.get("encoder_path"))
        assert read_card(Path(start)).vectors == one.recipe.vectors
        return base.classifier
    _, classifier = versions.untuned(backbone, prompts.load(), one.labels, one.recipe.vectors)
    if one.task.get("random"):
        torch.manual_seed(one.recipe.seed)
        for vectors in (classifier.prompt_keys, classifier.prompt_values):
            vectors.data = torch.randn_like(vectors) * vectors.std()
    return classifier


def _filled(one: One, single: Classifier) -> Classifier:
    kept = {name: value for name, value in one.kept.items() if name != "queries"}
    single.load_state_dict(kept, strict=False)
    return single.eval()


def finish(one: One, classifier: Classifier, backbone: Backbone, out: Path) -> dict[str, Any]:
    """Save as a version, and score what the job wants scored through it."""
    task = one.task
    topics = (
        tuple(
            label
            for label, known in zip(one.labels.topics, one.known["topic"].tolist(), strict=True)
            if known
        )
        or one.labels.topics
    )
    labels = replace(one.labels, topics=topics)
    card, small = versions.untuned(backbone, _prompt(), labels, one.recipe.vectors)
    rows = [one.labels.topics.index(topic) for topic in topics]
    with torch.no_grad():
        small.prompt_keys.copy_(classifier.prompt_keys)
        small.prompt_values.copy_(classifier.prompt_values)
        small.topic_head.weight.copy_(classifier.topic_head.weight[rows])
        small.topic_head.bias.copy_(classifier.topic_head.bias[rows])
        small.sentiment_head.load_state_dict(classifier.sentiment_head.state_dict())
    inner = examples(one.split.inner, labels, backbone, one.recipe.max_tokens)
    temperatures = training._temperatures(small, inner, backbone.pad_id)
    card = replace(card, temperatures=temperatures)
    folder = out / "versions" / methods.key_of(task).replace("/", ".")
    versions.save(folder, card, small, backbone)
    version = versions.load(
        folder, precision="fp32", encoder=Path(task["encoder"]) if task["encoder"] else None
    )
    scores: dict[str, Any] = {"inner": _score(version, one.split.inner)}
    if one.test is not None and task.get("pooling") == "attention":
        many = Many(backbone, [classifier], "attention")
        many.queries.data = one.kept["queries"].unsqueeze(0)
        test = examples(one.test, one.labels, backbone, 256)
        logit = answers(many, [one], [test.rows], backbone, "cpu")[0]["sentiment"]
        truth = test.labels["sentiment"].numpy()
        probabilities = logit.double().softmax(-1).numpy()
        found = evaluation.score(truth, probabilities, names_of(one.labels)["sentiment"])
        scores["test"] = methods._brief({"sentiment": methods.vars_of(found)})
    elif one.test is not None:
        scores["test"] = _score(version, one.test)
        sure = {
            r["id"]
            for r in methods.rows_of(Path(task["data"]) / task["file"])
            if str(r.get("agreement")) == "100"
        }
        held = one.test[one.test["id"].isin(sure)]
        scores["test"]["sure"] = _score(version, held)["sentiment"]["accuracy"]
    for name, split in task.get("judge", ()):
        rows = dataset.read([Path(task["data"]) / name], taxonomy.load())
        scores[f"{name[:9]}:{split}"] = _score(version, rows[rows["split"] == split])
    return scores


def _prompt() -> Any:
    from models import prompts

    return prompts.load()


def _score(version: versions.Version, rows: pd.DataFrame) -> dict[str, Any]:
    found = evaluation.judged(version, rows)
    return methods._brief(
        {
            t: methods.vars_of(evaluation.score(one.labels, one.probabilities, one.names))
            for t, one in found.items()
        }
    )


def main() -> None:
    """Tune group after group until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--folds-file", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(4)
    near = cache(lambda texts: near_groups(list(texts)))
    dataset.near_groups = lambda texts: near(tuple(texts))
    torch.set_float32_matmul_precision("high")
    given.out.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in methods.tasks_of(json.loads(given.plan.read_text())):
        groups[task.get("together", task["name"])].append(task)
    until = time.monotonic() + given.seconds
    results = []
    for tasks in groups.values():
        begun = time.monotonic()
        if begun > until:
            break
        ones = []
        backbone = backbones.load(given.encoder)
        for task in tasks:
            task |= {"data": str(given.data), "encoder": str(given.encoder or "")}
            task["encoder_path"] = given.encoder
            if task["kind"] == "folds":
                task["folds_by_id"] = json.loads(given.folds_file.read_text())
            recipe = Recipe(seed=task["seed"])
            kinds = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
            changes = {n: kinds[n](v) for n, v in task.get("recipe", {}).items()}
            ones.append(One(task, replace(recipe, **changes), backbone))
        ready = time.monotonic() - begun
        tuned = tune(ones, backbone, given.device, tasks[0].get("pooling", "mean"), given.out)
        trained = time.monotonic() - begun
        backbone = backbones.load(given.encoder)
        lines = []
        torch.set_num_threads(8)
        for one, classifier in zip(ones, tuned, strict=True):
            classifier.encoder = backbone.encoder
            classifier.cpu()
            named = {k: one.task[k] for k in ("name", "seed", "fold")}
            scores = finish(one, classifier, backbone, given.out)
            lines.append(named | {"scores": scores, "seconds": {"trained": trained, "all": ready}})
        results += lines
        with (given.out / "results.jsonl").open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        print(methods.table(lines), time.monotonic() - begun, file=sys.stderr, flush=True)
    print(methods.table(results))


_ = augmentation, token_ids

if __name__ == "__main__":
    main()
