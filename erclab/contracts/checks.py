"""The contracts. Each takes a case and raises `ContractBroken` where the model breaks the contract.

A contract that does not apply to a case returns the reason. Contracts compute in float64 without dropout, unless they
are about precision or dropout, so that two results are "the same" if they agree to 1e-9. Weights are moved off their
initial values, because gains of 1 and biases of 0 hide mistakes.
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
from erclab.contracts.broken import ContractBroken, model_code, require
from erclab.contracts.compare import (
    backward,
    buffers_kept,
    build,
    close,
    descend,
    not_finite,
    outcome,
    predict,
    same_at,
    step,
)
from erclab.contracts.rows import LABELS, SPEAKERS, Case
from erclab.core import settings, tasks
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError

ZERO = 1e-12  # a gradient below this, in float64, is rounding


def sample_independence(case: Case) -> None:
    """The result of a sample depends neither on features, speakers and labels of other samples nor on its own label."""
    model = build(case)
    batch = case.batch((4, 4, 4) if case.view == "dialogue" else None)
    base, at = outcome(model, batch), valid(batch)
    for j in range(3):
        found = outcome(model, with_sample_changed(batch, j, LABELS["emotion"], SPEAKERS))
        require(not torch.equal(found["logits"][j], base["logits"][j]), "the model does not read its features")
        others = at & (torch.arange(3) != j).view(-1, *(1,) * (at.dim() - 1))
        same_at(others, found, base, f"sample {j} changed the others")


def batch_order_invariance(case: Case) -> None:
    """The order of the samples changes neither the results nor the loss."""
    order = [2, 0, 1]
    model, batch = build(case), case.batch()
    moved = take(batch, order)
    want = {name: x[order] for name, x in outcome(model, batch).items()}
    same_at(valid(moved), outcome(model, moved), want, "the order of samples")
    for training in (False, True):
        close(step(model, moved, training)["the loss"], step(model, batch, training)["the loss"],
              "the order of samples, the loss")


def padding_invariance(case: Case) -> None:
    """Length and content of the padding change neither results nor loss, gradients and running statistics.

    Checked in evaluation, and in training without dropout, where a normalisation over the batch could count padding.
    """
    batch, junk = case.batch(), (LABELS["emotion"], SPEAKERS)
    others = {"garbage in the padding": with_garbage(batch, *junk),
              "more padding, garbage in it": with_garbage(widen(batch, 3), *junk)}
    if case.view == "sequence" and len(case.subset) > 1:
        others |= {f"more padding of {m}": with_garbage(widen(batch, 2, [m]), *junk) for m in case.subset}
    model, at = build(case), valid(batch)
    base = outcome(model, batch)
    trained = {training: step(model, batch, training) for training in (False, True)}
    for what, other in others.items():
        found = outcome(model, other)
        if isinstance(batch, DialogueBatch):
            found = {name: x[:, :batch.shape[1]] for name, x in found.items()}
        same_at(at, found, base, what)
        for training, want in trained.items() if " of " not in what else ():  # for one modality the results suffice
            have, mode = step(model, other, training), " in training" if training else ""
            require(have.keys() == want.keys(), f"{what}{mode}: other gradients, {sorted(have.keys() ^ want.keys())}")
            for name, x in want.items():
                close(have[name], x, f"{what}{mode}: {name}", rtol=1e-7)


def alone_equals_in_batch(case: Case) -> None:
    """A sample alone, without padding, has the same result as in a batch."""
    model, batch = build(case), case.batch()
    base = outcome(model, batch)
    for i in range(len(batch)):
        single = alone(batch, i)
        want = {name: x[[i]] for name, x in base.items()}
        if isinstance(batch, DialogueBatch):
            want = {name: x[:, :single.shape[1]] for name, x in want.items()}
        same_at(valid(single), outcome(model, single), want, f"sample {i} alone")


def causality(case: Case) -> str | None:
    """A model that claims to be causal reads no later turn or step.

    Dialogues: changing or removing the turns from t on changes no result before t. A sequence has one result, at its
    end; here the contract is about attention: step i of Lt target steps attends to source steps j <= i + |Lt - Ls|.
    """
    if not case.row.causal:
        return "not claimed"
    model, batch = build(case), case.batch()
    if case.view == "sequence":
        with torch.no_grad():
            asked = predict(model.eval(), batch, attention=True)
        for name, x in asked.attention.items():
            target, source = ends(name, x, batch, asked.aux)
            ahead = (target.sum(1) - source.sum(1)).abs()
            later = (torch.arange(x.shape[-1]) - torch.arange(x.shape[-2])[:, None]) > ahead[:, None, None]
            require(not x.flatten(1, -3).transpose(0, 1)[:, later & target[..., None]].any(), f"{name} looks ahead")
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
    """Losses and gradients have no NaN: on padded batches, on samples of one turn or step, with and without dropout."""
    if case.view == "dialogue":
        batches = {"padded": (5, 3, 1), "two of length 1": (1, 1), "one of length 1": (1,)}
    else:
        batches = {"padded": None, "two of length 1": dict.fromkeys(case.subset, (1, 1)),
                   "one of length 1": dict.fromkeys(case.subset, (1,))}
    for dropout in (0.0, 0.5):
        model = build(case, dropout=dropout, dtype=torch.float32).train()
        for what, lengths in batches.items():
            with buffers_kept(model):
                bad = not_finite(model, backward(model, case.batch(lengths, dtype=torch.float32)))
            require(not bad, f"{what}, dropout {dropout}: not finite: {', '.join(bad)}")


def no_dead_parameter(case: Case) -> None:
    """Every trainable parameter gets a gradient within three batches, except for those that the row declares dead."""
    model, explained = build(case).train(), case.row.dead
    largest = {name: 0.0 for name, p in model.named_parameters() if p.requires_grad}
    for seed in range(3):
        backward(model, case.batch(seed=seed))
        for name, p in model.named_parameters():
            if p.grad is not None:
                largest[name] = max(largest[name], p.grad.abs().max().item())
    dead = {name for name, size in largest.items() if size < ZERO}
    excused = {name for name in largest if any(re.fullmatch(pattern, name) for pattern in explained)}
    require(not dead - excused, f"dead: {', '.join(sorted(dead - excused))}")
    require(not excused - dead, f"declared dead, but learning: {', '.join(sorted(excused - dead))}")


def same_seed_same_result(case: Case) -> None:
    """The seed decides weights and dropout masks; another seed gives others. Evaluation draws no random numbers."""
    batch, results = case.batch(), []
    for seed in (0, 0, 1):
        model = build(case, seed=seed, dropout=0.5, shaken=False).train()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            results.append(backward(model, batch).total.item())
    require(results[0] == results[1], f"one seed, two results: {results[:2]}")
    require(results[0] != results[2], "the seed does nothing")
    require(torch.equal(outcome(model, batch)["logits"], outcome(model, batch)["logits"]), "evaluation draws numbers")


def two_trainings_agree(case: Case) -> str | None:
    """Two trainings of a run give the same record and the same files; another seed gives other files."""
    from erclab import runs
    from erclab.corpora import simulated

    if not case.trains:
        return "cannot be trained by name"
    corpus = simulated.generate("tiny", frames=case.view == "sequence", dialogues=(6, 3, 3))
    with tempfile.TemporaryDirectory() as folder:
        with model_code():
            first, again, other = (
                runs.run(case.row.model, corpus, folder=Path(folder) / name, progress=False, device="cpu", epochs=2,
                         seeds=[seed], variant=case.row.preset or case.row.variant, modalities=case.subset,
                         **case.small)[0] for name, seed in (("first", 0), ("again", 0), ("other", 1)))
        left, right = (r.data | {"wall_time_s": None} for r in (first, again))
        require(left == right, f"two records: {[key for key in left if left[key] != right.get(key)]}")
        require(first.data["curve"] != other.data["curve"], "the seed does nothing")
        for kind in ("weights", "predictions"):
            files = [r.path.with_suffix(f".{kind}.safetensors").read_bytes() for r in (first, again)]
            require(files[0] == files[1], f"two files of {kind}")
    return None


def learns_a_tiny_batch(case: Case) -> None:
    """Adam fits two samples almost perfectly, so the gradients point in a useful direction."""
    steps, rate = case.row.overfit
    model, batch = build(case, dtype=torch.float32, shaken=False).train(), case.batch(dtype=torch.float32)
    batch = take(batch, [0, 1])
    curve = []
    for task in itertools.islice(descend(model, batch, rate), steps):
        curve.append(task)
        if task < 0.02:
            return
    raise ContractBroken(f"the task's loss is still {min(curve[-10:]):.3f} after {steps} steps")


def any_modality_subset(case: Case) -> None:
    """Every subset of modalities works, or building the model refuses it with a UsageError that the row declares."""
    modalities = case.modalities
    for size in range(1, len(modalities) + 1):
        for subset in itertools.combinations(modalities, size):
            name = "+".join(subset)
            try:
                with model_code(UsageError):
                    model = case.model(subset=subset)
            except UsageError as error:
                require(name in case.row.refuses, f"{name} is refused: {error}")
                continue
            require(name not in case.row.refuses, f"{name} is declared refused, but works")
            batch = case.batch(subset=subset)
            bad = not_finite(model, backward(model, batch))
            require(not bad, f"{name}: not finite: {', '.join(bad)}")
            shape = (*batch.shape, LABELS["emotion"])
            found = tuple(predict(model, batch).logits.shape)
            require(found == shape, f"{name}: logits {found}, not {shape}")


def half_precision(case: Case) -> None:
    """Under bfloat16 autocast all values stay finite, and logits stay near those of float32."""
    model, batch = build(case, dtype=torch.float32), case.batch(dtype=torch.float32)
    exact = outcome(model, batch)["logits"][valid(batch)]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = outcome(model, batch)["logits"][valid(batch)].float()
    # A block of its own: PyTorch 2.6 keeps the weights that were cast above, which have no gradient.
    with torch.autocast("cpu", torch.bfloat16):
        losses = backward(model.train(), batch)
    require(coarse.isfinite().all(), "logits: not finite")
    bad = not_finite(model, losses)
    require(not bad, f"not finite: {', '.join(bad)}")
    gap = (coarse - exact).abs().max().item()
    require(gap < 0.05 * (1 + exact.abs().max().item()), f"bfloat16 moves the logits by {gap:.3f}")


def attention_only_looked_at(case: Case) -> None:
    """`attention=True` changes no logits. Weights of a valid query sum to one and are zero at padded keys."""
    model, batch = build(case).eval(), case.batch()
    with torch.no_grad():
        plain, asked = predict(model, batch), predict(model, batch, attention=True)
    require(torch.equal(plain.logits, asked.logits), "attention=True changes the logits")
    require(plain.attention is None, "attention weights without attention=True")
    require(case.row.attends in (None, bool(asked.attention)), "weights" if asked.attention else "no weights")
    for name, weights in (asked.attention or {}).items():
        target, source = ends(name, weights, batch, asked.aux)
        shape = (len(batch), target.shape[1], source.shape[1])
        require((len(weights), *weights.shape[-2:]) == shape, f"{name}: {tuple(weights.shape)}")
        weights = weights.reshape(len(batch), -1, *shape[1:])
        require(weights.min() >= 0, f"{name}: negative")
        rows = weights.sum(-1).transpose(1, 2)[target]
        idle = [pattern for pattern in case.row.idle if re.fullmatch(pattern, name)]
        close(rows[rows != 0] if idle else rows, torch.ones_like(rows[rows != 0] if idle else rows),
              f"{name}: rows do not sum to 1")
        beyond = target[:, None, :, None] & ~source[:, None, None, :]
        require(not (weights * beyond).any(), f"{name}: weight at padded keys")


def ends(name: str, weights: Tensor, batch: Batch, aux: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The masks (B, L) of queries and of keys for attention weights named `<target>_from_<source>`.

    Target and source are modalities, or sequences that the model made; then `aux["<name>_steps"]` (B,) has their
    lengths.
    """
    if isinstance(batch, DialogueBatch):
        return batch.mask, batch.mask
    masks = []
    for end, length in zip(name.partition("_from_")[::2], weights.shape[-2:], strict=True):
        made = f"{end}_steps" in aux
        require(made or end in batch.masks, f"attention '{name}' is not TARGET_from_SOURCE")
        masks.append(torch.arange(length) < aux[f"{end}_steps"][:, None] if made else batch.masks[end])
    return masks[0], masks[1]


def absent_modality(case: Case) -> None:
    """A sample that lacks one modality or all of them has a finite result and changes no other sample.

    A sequence then has no step of the modality, whatever its padding contains; the vectors of a dialogue are 0.
    """
    batch = case.batch()
    lacking = {m: without(batch, 1, m) for m in case.subset}
    nothing = batch
    for m in case.subset:
        nothing = without(nothing, 1, m)
    model, others = build(case), valid(batch).clone()
    base = outcome(model, batch)
    others[1] = False
    for m, changed in {**lacking, "every modality": nothing}.items():
        with buffers_kept(model):
            bad = not_finite(model, backward(model.train(), changed))
        require(not bad, f"without {m}, in training: not finite: {', '.join(bad)}")
        found = outcome(model, changed)
        require(all(x[valid(batch)].isfinite().all() for x in found.values()), f"without {m}: not finite")
        same_at(others, found, base, f"without {m}, the others")
        if case.view == "sequence":
            fouled = outcome(model, with_garbage(changed))
            same_at(valid(batch), fouled, found, f"without {m}, garbage in the padding")
            single = outcome(model, alone(changed, 1))
            same_at(valid(batch)[:1], single, {k: x[[1]] for k, x in found.items()}, f"without {m}, alone")


def export_and_reload(case: Case) -> None:
    """Configuration through JSON and weights through safetensors give the same model."""
    model, batch = build(case).eval(), case.batch()
    text = json.dumps(dataclasses.asdict(model.config))
    weights = safetensors.torch.save({name: x.contiguous() for name, x in model.state_dict().items()})
    with torch.random.fork_rng(), model_code():
        torch.manual_seed(1)
        again = case.cls(settings.from_dict(case.cls.Config, json.loads(text))).double()
    require(again.config == model.config, "the configuration changes on its way through JSON")
    with model_code():
        again.load_state_dict(safetensors.torch.load(weights))
    with torch.no_grad():
        ours, theirs = predict(model, batch).logits, predict(again.eval(), batch).logits
    require(torch.equal(theirs, ours), "the reloaded model computes otherwise")


def every_task(case: Case) -> None:
    """For each task the logits have the right shape and a finite loss falls; without labels all values stay finite."""
    for task in case.tasks:
        model, batch = build(case, task=task, shaken=False).train(), case.batch(task=task)
        shape = (*batch.shape, tasks.outputs(task, LABELS[task]))
        found = tuple(predict(model, batch).logits.shape)
        require(found == shape, f"{task}: logits {found}, not {shape}")
        descent = descend(model, batch, 0.001)
        first = next(descent)
        require(math.isfinite(first), f"{task}: the loss is not finite")
        require(any(loss < first for loss in itertools.islice(descent, 12)), f"{task}: the loss does not fall")
        bad = not_finite(model, backward(model, unannotated(batch)))
        require(not bad, f"{task}, nothing annotated: not finite: {', '.join(bad)}")


CONTRACTS = {f.__name__: f for f in (
    sample_independence, batch_order_invariance, padding_invariance, alone_equals_in_batch, causality,
    finite_gradients, no_dead_parameter, same_seed_same_result, two_trainings_agree, learns_a_tiny_batch,
    any_modality_subset, half_precision, attention_only_looked_at, absent_modality, export_and_reload, every_task)}
SLOW = ("two_trainings_agree",)  # trains whole runs
# Checked for the first subset of modalities of each row.
ONCE = ("two_trainings_agree", "learns_a_tiny_batch", "any_modality_subset", "every_task")
