"""The contracts. Each takes a case and raises AssertionError where the model breaks it.

One that does not apply to a case returns the reason. They run in float64 with dropout off unless they are about
something else, so that "the same" can mean 1e-9; weights are moved off their initial values, whose gains of 1 and
biases of 0 would hide mistakes.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import tempfile
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from erclab.contracts.batches import (
    Batch,
    alone,
    take,
    unannotated,
    valid,
    widen,
    with_garbage,
    with_sample_changed,
    with_turns_changed,
    without,
)
from erclab.contracts.compare import backward, close, descend, not_finite, outcome, same_at, step
from erclab.contracts.rows import LABELS, SPEAKERS, Case
from erclab.core import settings, tasks
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError

ZERO = 1e-12  # a gradient below this, in float64, is rounding
MODALITIES = ("text", "audio", "visual")


def sample_independence(case: Case) -> None:
    """A sample's result does not depend on what the others contain, who speaks in them, nor on any label."""
    model = case.model()
    batch = case.batch((4, 4, 4) if case.view == "dialogue" else None)
    base, at = outcome(model, batch), valid(batch)
    for j in range(3):
        found = outcome(model, with_sample_changed(batch, j, LABELS["emotion"], SPEAKERS))
        assert not torch.equal(found["logits"][j], base["logits"][j]), "the model does not read its features"
        others = at & (torch.arange(3) != j).view(-1, *(1,) * (at.dim() - 1))
        same_at(others, found, base, f"sample {j} changed the others")


def batch_order_invariance(case: Case) -> None:
    """The order of the samples changes neither results nor the loss."""
    order = [2, 0, 1]
    model, batch = case.model(), case.batch()
    moved = take(batch, order)
    want = {name: x[order] for name, x in outcome(model, batch).items()}
    same_at(valid(moved), outcome(model, moved), want, "the order of samples")
    for training in (False, True):
        close(step(case, moved, training)["the loss"], step(case, batch, training)["the loss"],
              "the order of samples, the loss")


def padding_invariance(case: Case) -> None:
    """Neither more padding nor what stands there matters: to results, loss, gradients and running statistics.

    In evaluation, and in training without dropout, where a normalisation over the batch could count padding.
    """
    batch, junk = case.batch(), (LABELS["emotion"], SPEAKERS)
    others = {"garbage in the padding": with_garbage(batch, *junk),
              "more padding, garbage in it": with_garbage(widen(batch, 3), *junk)}
    if case.view == "sequence" and len(case.subset) > 1:
        others |= {f"more padding of {m}": with_garbage(widen(batch, 2, [m]), *junk) for m in case.subset}
    base, at = outcome(case.model(), batch), valid(batch)
    trained = {training: step(case, batch, training) for training in (False, True)}
    for what, other in others.items():
        found = outcome(case.model(), other)
        if isinstance(batch, DialogueBatch):
            found = {name: x[:, :batch.shape[1]] for name, x in found.items()}
        same_at(at, found, base, what)
        for training, want in trained.items() if " of " not in what else ():  # results tell enough of one modality
            have, mode = step(case, other, training), " in training" if training else ""
            assert have.keys() == want.keys(), f"{what}{mode}: other gradients, {sorted(have.keys() ^ want.keys())}"
            for name, x in want.items():
                close(have[name], x, f"{what}{mode}: {name}", rtol=1e-7)


def alone_equals_in_batch(case: Case) -> None:
    """A sample alone, without any padding, has the result that it has in a batch."""
    model, batch = case.model(), case.batch()
    base = outcome(model, batch)
    for i in range(len(batch)):
        single = alone(batch, i)
        want = {name: x[[i]] for name, x in base.items()}
        if isinstance(batch, DialogueBatch):
            want = {name: x[:, :single.shape[1]] for name, x in want.items()}
        same_at(valid(single), outcome(model, single), want, f"sample {i} alone")


def causality(case: Case) -> str | None:
    """Where it is claimed: what comes later does not reach back.

    In dialogues neither changing nor leaving out the turns from t on changes a result before t. A sequence has one
    result, at its end; there it is the attention that may not look ahead: step i of Lt sees j <= i + |Lt - Ls|.
    """
    if not case.row.causal:
        return "not claimed"
    model, batch = case.model(), case.batch()
    if case.view == "sequence":
        with torch.no_grad():
            asked = model.eval()(batch, attention=True)
        for name, x in asked.attention.items():
            target, source = ends(name, x, batch, asked.aux)
            ahead = (target.sum(1) - source.sum(1)).abs()
            later = (torch.arange(x.shape[-1]) - torch.arange(x.shape[-2])[:, None]) > ahead[:, None, None]
            assert not x.flatten(1, -3).transpose(0, 1)[:, later & target[..., None]].any(), f"{name} looks ahead"
        return None
    base = outcome(model, batch)
    for t in range(1, batch.shape[1]):
        before = batch.mask & (torch.arange(batch.shape[1]) < t)
        changed = with_turns_changed(batch, t, SPEAKERS)
        same_at(before, outcome(model, changed), base, f"turns from {t} on changed those before")
        first = {name: x[:, :t] for name, x in base.items()}
        short = take(batch, range(len(batch)), t)
        same_at(short.mask, outcome(model, short), first, f"turns from {t} on, left out, changed those before")
    return None


def finite_gradients(case: Case) -> None:
    """On padded batches, on samples of one turn or step, with dropout: no NaN, neither in losses nor in gradients."""
    if case.view == "dialogue":
        batches = {"padded": (5, 3, 1), "two of length 1": (1, 1), "one of length 1": (1,)}
    else:
        batches = {"padded": None, "two of length 1": dict.fromkeys(MODALITIES, (1, 1)),
                   "one of length 1": dict.fromkeys(MODALITIES, (1,))}
    for dropout, (what, lengths) in itertools.product((0.0, 0.5), batches.items()):
        model = case.model(dropout=dropout, dtype=torch.float32).train()
        bad = not_finite(model, backward(model, case.batch(lengths, dtype=torch.float32)))
        assert not bad, f"{what}, dropout {dropout}: not finite: {', '.join(bad)}"


def no_dead_parameter(case: Case) -> None:
    """Every trainable parameter gets a gradient within a few batches, but for those that the row explains."""
    model, explained = case.model().train(), case.row.dead
    largest = {name: 0.0 for name, p in model.named_parameters() if p.requires_grad}
    for seed in range(3):
        backward(model, case.batch(seed=seed))
        for name, p in model.named_parameters():
            if p.grad is not None:
                largest[name] = max(largest[name], p.grad.abs().max().item())
    dead = {name for name, size in largest.items() if size < ZERO}
    excused = {name for name in largest if any(re.fullmatch(pattern, name) for pattern in explained)}
    assert not dead - excused, f"dead: {', '.join(sorted(dead - excused))}"
    assert not excused - dead, f"said to be dead, but learning: {', '.join(sorted(excused - dead))}"


def same_seed_same_result(case: Case) -> None:
    """Same seed: same weights, same dropout. Another seed: others. In evaluation nothing is drawn."""
    batch, results = case.batch(), []
    for seed in (0, 0, 1):
        model = case.model(seed=seed, dropout=0.5, shaken=False).train()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            results.append(backward(model, batch).total.item())
    assert results[0] == results[1], f"one seed, two results: {results[:2]}"
    assert results[0] != results[2], "the seed does nothing"
    assert torch.equal(outcome(model, batch)["logits"], outcome(model, batch)["logits"]), "evaluation draws numbers"


def two_trainings_agree(case: Case) -> str | None:
    """Two trainings of a run give the same record and the same files; another seed gives other ones."""
    from erclab import runs
    from erclab.corpora import simulated

    if not case.trains:
        return "cannot be trained by name"
    corpus = simulated.generate("tiny", frames=case.view == "sequence")
    with tempfile.TemporaryDirectory() as folder:
        first, again, other = (
            runs.run(case.row.model, corpus, folder=Path(folder) / name, progress=False, device="cpu", epochs=2,
                     seeds=[seed], variant=case.row.preset or case.row.variant, modalities=case.subset,
                     **case.small)[0] for name, seed in (("first", 0), ("again", 0), ("other", 1)))
        left, right = (r.data | {"wall_time_s": None} for r in (first, again))
        assert left == right, f"two records: {[key for key in left if left[key] != right.get(key)]}"
        assert first.data["curve"] != other.data["curve"], "the seed does nothing"
        for kind in ("weights", "predictions"):
            files = [r.path.with_suffix(f".{kind}.safetensors").read_bytes() for r in (first, again)]
            assert files[0] == files[1], f"two files of {kind}"
    return None


def learns_a_tiny_batch(case: Case) -> None:
    """The gradient leads somewhere: a few samples are learnt by heart."""
    steps, rate = case.row.overfit
    model, batch = case.model(dtype=torch.float32, shaken=False).train(), case.batch(dtype=torch.float32)
    batch = take(batch, [0, 1])
    curve = []
    for task in itertools.islice(descend(model, batch, rate), steps):
        curve.append(task)
        if task < 0.02:
            return
    raise AssertionError(f"the task's loss is still {min(curve[-10:]):.3f} after {steps} steps")


def any_modality_subset(case: Case) -> None:
    """Every subset of modalities works, or is refused by the configuration with a clear error and for a reason."""
    for size in (1, 2, 3):
        for subset in itertools.combinations(MODALITIES, size):
            name = "+".join(subset)
            try:
                model = case.model(subset=subset)
            except UsageError as error:
                assert name in case.row.refuses, f"{name} is refused: {error}"
                continue
            assert name not in case.row.refuses, f"{name} is said to be refused, but is not"
            batch = case.batch(subset=subset)
            bad = not_finite(model, backward(model, batch))
            assert not bad, f"{name}: not finite: {', '.join(bad)}"
            shape = (*batch.shape, LABELS["emotion"])
            assert model(batch).logits.shape == shape, f"{name}: logits {tuple(model(batch).logits.shape)}"


def half_precision(case: Case) -> None:
    """Under bfloat16 autocast everything stays finite, and near what float32 gives."""
    model, batch = case.model(dtype=torch.float32), case.batch(dtype=torch.float32)
    exact = outcome(model, batch)["logits"][valid(batch)]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = outcome(model, batch)["logits"][valid(batch)].float()
        losses = backward(model.train(), batch)
    assert coarse.isfinite().all(), "logits: not finite"
    bad = not_finite(model, losses)
    assert not bad, f"not finite: {', '.join(bad)}"
    gap = (coarse - exact).abs().max().item()
    assert gap < 0.05 * (1 + exact.abs().max().item()), f"bfloat16 moves the logits by {gap:.3f}"


def attention_only_looked_at(case: Case) -> None:
    """Asking for the weights changes nothing; those of a valid query sum to one and give nothing to padded keys."""
    model, batch = case.model().eval(), case.batch()
    with torch.no_grad():
        plain, asked = model(batch), model(batch, attention=True)
    assert torch.equal(plain.logits, asked.logits), "asking changes the logits"
    assert plain.attention is None, "weights that nobody asked for"
    assert bool(asked.attention) == case.row.attends, "weights" if asked.attention else "no weights"
    for name, weights in (asked.attention or {}).items():
        target, source = ends(name, weights, batch, asked.aux)
        shape = (len(batch), target.shape[1], source.shape[1])
        assert (len(weights), *weights.shape[-2:]) == shape, f"{name}: {tuple(weights.shape)}"
        weights = weights.reshape(len(batch), -1, *shape[1:])
        assert weights.min() >= 0, f"{name}: negative"
        rows = weights.sum(-1).transpose(1, 2)[target]
        idle = [pattern for pattern in case.row.idle if re.fullmatch(pattern, name)]
        close(rows[rows != 0] if idle else rows, torch.ones_like(rows[rows != 0] if idle else rows),
              f"{name}: rows do not sum to 1")
        beyond = target[:, None, :, None] & ~source[:, None, None, :]
        assert not (weights * beyond).any(), f"{name}: weight at padded keys"


def ends(name: str, weights: Tensor, batch: Batch, aux: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The masks (B, L) of the queries and keys of weights that are called `<target>_from_<source>`.

    Either is a modality, or a sequence that the model itself made and of which `aux` has `<name>_steps` (B,).
    """
    if isinstance(batch, DialogueBatch):
        return batch.mask, batch.mask
    masks = []
    for end, length in zip(name.partition("_from_")[::2], weights.shape[-2:], strict=True):
        made = f"{end}_steps" in aux
        assert made or end in batch.masks, f"attention '{name}' is not TARGET_from_SOURCE"
        masks.append(torch.arange(length) < aux[f"{end}_steps"][:, None] if made else batch.masks[end])
    return masks[0], masks[1]


def absent_modality(case: Case) -> None:
    """A sample that lacks a modality, or all of them, has a finite result and disturbs nobody.

    A sequence has no step of it then, whatever stands in its padding; the vectors of a dialogue are 0.
    """
    batch = case.batch()
    lacking = {m: without(batch, 1, m) for m in case.subset}
    nothing = batch
    for m in case.subset:
        nothing = without(nothing, 1, m)
    base, others = outcome(case.model(), batch), valid(batch).clone()
    others[1] = False
    for m, changed in {**lacking, "every modality": nothing}.items():
        model = case.model().train()
        bad = not_finite(model, backward(model, changed))
        assert not bad, f"without {m}, in training: not finite: {', '.join(bad)}"
        found = outcome(case.model(), changed)
        assert all(x[valid(batch)].isfinite().all() for x in found.values()), f"without {m}: not finite"
        same_at(others, found, base, f"without {m}, the others")
        if case.view == "sequence":
            fouled = outcome(case.model(), with_garbage(changed))
            same_at(valid(batch), fouled, found, f"without {m}, garbage in the padding")
            single = outcome(case.model(), alone(changed, 1))
            same_at(valid(batch)[:1], single, {k: x[[1]] for k, x in found.items()}, f"without {m}, alone")


def export_and_reload(case: Case) -> None:
    """Configuration through JSON and weights through safetensors give the same model."""
    model, batch = case.model().eval(), case.batch()
    text = json.dumps(dataclasses.asdict(model.config))
    weights = safetensors.torch.save({name: x.contiguous() for name, x in model.state_dict().items()})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        again = case.cls(settings.from_dict(case.cls.Config, json.loads(text))).double()
    assert again.config == model.config, "the configuration changes on its way through JSON"
    again.load_state_dict(safetensors.torch.load(weights))
    with torch.no_grad():
        assert torch.equal(again.eval()(batch).logits, model(batch).logits), "the reloaded model computes otherwise"


def every_task(case: Case) -> None:
    """Each task: outputs of the right shape, a finite loss that falls; finite too where nothing is annotated."""
    for task in case.tasks:
        model, batch = case.model(task=task, shaken=False).train(), case.batch(task=task)
        shape = (*batch.shape, tasks.outputs(task, LABELS[task]))
        assert model(batch).logits.shape == shape, f"{task}: logits {tuple(model(batch).logits.shape)}, not {shape}"
        descent = descend(model, batch, 0.001)
        first = next(descent)
        assert math.isfinite(first), f"{task}: the loss is not finite"
        assert any(loss < first for loss in itertools.islice(descent, 12)), f"{task}: the loss does not fall"
        bad = not_finite(model, backward(model, unannotated(batch)))
        assert not bad, f"{task}, nothing annotated: not finite: {', '.join(bad)}"


CONTRACTS = {f.__name__: f for f in (
    sample_independence, batch_order_invariance, padding_invariance, alone_equals_in_batch, causality,
    finite_gradients, no_dead_parameter, same_seed_same_result, two_trainings_agree, learns_a_tiny_batch,
    any_modality_subset, half_precision, attention_only_looked_at, absent_modality, export_and_reload, every_task)}
SLOW = ("two_trainings_agree",)  # trains whole runs
# Those for which one subset of modalities tells all.
ONCE = ("two_trainings_agree", "learns_a_tiny_batch", "any_modality_subset", "every_task")
