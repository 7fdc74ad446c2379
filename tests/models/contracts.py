"""What every model of dialogues must keep, whatever it computes. A model joins by a row in `test_contracts.CASES`.

Each contract takes a case and raises AssertionError. They run in float64 with dropout off unless they are about
something else, so that "the same" can mean 1e-9.
"""

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from random_batches import random_batch, take, widen, with_features, with_garbage

from erclab import runs
from erclab.corpora import simulated

SAME = {"rtol": 1e-9, "atol": 1e-9}
ZERO = 1e-12  # a gradient below this, in float64, is rounding


@dataclass(frozen=True)
class Case:
    """A model to be held to the contracts.

    Attributes:
        name: for the test's id.
        build: (dropout) -> model in float32; drawn under a fixed seed.
        dims: modality -> width of what the model reads.
        classes, speakers: of the random batches.
        dead: pattern of parameter names -> why their gradient is zero or missing. Exactly these, no more, no less.
        attends: whether `attention=True` gives weights.
        question: for `erclab.runs.plan`, to train the model; None leaves that contract out.
        overfit: steps and learning rate that must be enough for a tiny batch.
    """

    name: str
    build: Callable[[float], torch.nn.Module]
    dims: Mapping[str, int]
    classes: int
    speakers: int
    dead: Mapping[str, str] = field(default_factory=dict)
    attends: bool = True
    question: Mapping[str, Any] | None = None
    overfit: tuple[int, float] = (150, 0.01)

    def model(self, *, dropout=0.0, seed=0, dtype=torch.float64):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.build(dropout).to(dtype)

    def batch(self, lengths=(5, 3, 1), *, seed=0, dtype=torch.float64):
        return random_batch(self.dims, self.classes, self.speakers, lengths, seed, dtype)


def per_turn(model, batch):
    """Evaluation outputs that belong to an utterance: name -> (B, T, ...)."""
    with torch.no_grad():
        output = model.eval()(batch)
    found = {"logits": output.logits, **output.aux}
    return {name: x for name, x in found.items() if tuple(x.shape[:2]) == batch.shape}


def same_at(mask, ours, theirs, what):
    for name, x in ours.items():
        torch.testing.assert_close(x[mask], theirs[name][mask], **SAME, msg=lambda m, name=name: f"{what}, {name}: {m}")


def total(model, batch):
    with torch.no_grad():
        return model.loss(model.eval()(batch), batch, None).total


def backward(model, batch):
    model.zero_grad(set_to_none=True)
    losses = model.loss(model(batch), batch, None)
    losses.total.backward()
    return losses


# The contracts


def sample_independence(case):
    """A dialogue's result does not depend on what the others say, nor who says it, nor what the labels are."""
    model, batch = case.model(), case.batch((4, 4, 4))
    base = per_turn(model, batch)
    for j in range(3):
        other = torch.arange(3) == j
        changed = with_features(batch, lambda x, other=other: torch.where(other[:, None, None], 5 - 3 * x, x))
        changed = replace(changed, speakers=torch.where(other[:, None], (batch.speakers + 1) % case.speakers,
                                                        batch.speakers),
                          labels=(batch.labels + 1) % case.classes)
        found = per_turn(model, changed)
        assert not torch.equal(found["logits"][j], base["logits"][j]), "the model does not read its features"
        same_at(~other, found, base, f"dialogue {j} changed the others")


def batch_order_invariance(case):
    model, batch, order = case.model(), case.batch((5, 3, 1, 4)), [2, 0, 3, 1]
    moved = take(batch, order)
    want = {name: x[order] for name, x in per_turn(model, batch).items()}
    same_at(moved.mask, per_turn(model, moved), want, "the order of dialogues")
    torch.testing.assert_close(total(model, moved), total(model, batch), **SAME)


def padding_invariance(case):
    """Neither more padding nor what stands there matters: to outputs, to the loss, to gradients."""
    model, batch = case.model(), case.batch()
    fouled = with_garbage(batch, case.classes, case.speakers)
    wider = with_garbage(widen(batch, 3), case.classes, case.speakers)
    base, turns = per_turn(model, batch), batch.shape[1]
    for what, other in (("garbage at padded turns", fouled), ("more padding, garbage in it", wider)):
        found = {name: x[:, :turns] for name, x in per_turn(model, other).items()}
        same_at(batch.mask, found, base, what)
        torch.testing.assert_close(total(model, other), total(model, batch), **SAME, msg=f"{what}: the loss")
        backward(model, batch)
        before = {name: p.grad for name, p in model.named_parameters()}
        backward(model, other)
        for name, p in model.named_parameters():
            assert (p.grad is None) == (before[name] is None), f"{what}: {name}"
            if p.grad is not None:
                torch.testing.assert_close(p.grad, before[name], rtol=1e-7, atol=1e-9,
                                           msg=f"{what}: gradient of {name}")


def alone_equals_in_batch(case):
    model, batch = case.model(), case.batch((5, 3, 1))
    base = per_turn(model, batch)
    for i, length in enumerate((5, 3, 1)):
        alone = take(batch, [i], length)
        same_at(alone.mask, per_turn(model, alone), {name: x[[i], :length] for name, x in base.items()},
                f"dialogue {i} alone")


def finite_gradients(case):
    """On padded batches, on dialogues of one turn, with dropout: no NaN anywhere, in loss nor gradient."""
    for dropout in (0.0, 0.5):
        model = case.model(dropout=dropout, dtype=torch.float32).train()
        for lengths in ((5, 3, 1), (1, 1), (1,)):
            losses = backward(model, case.batch(lengths, dtype=torch.float32))
            assert torch.stack(list(losses)).isfinite().all(), f"loss on lengths {lengths}: {losses}"
            bad = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
            assert not bad, f"lengths {lengths}: no finite gradient for {bad}"


def no_dead_parameter(case):
    """Every trainable parameter gets a gradient within a few batches, but for those that the case explains."""
    model = case.model().train()
    largest = {name: 0.0 for name, p in model.named_parameters() if p.requires_grad}
    for seed in range(3):
        backward(model, case.batch((5, 4, 3), seed=seed))
        for name, p in model.named_parameters():
            if p.grad is not None:
                largest[name] = max(largest[name], p.grad.abs().max().item())
    dead = {name for name, size in largest.items() if size < ZERO}
    explained = {name for name in largest if any(re.fullmatch(pattern, name) for pattern in case.dead)}
    assert not dead - explained, f"dead: {sorted(dead - explained)}"
    assert not explained - dead, f"said to be dead, but learning: {sorted(explained - dead)}"
    unused = [pattern for pattern in case.dead if not any(re.fullmatch(pattern, name) for name in largest)]
    assert not unused, f"no parameter is called {unused}"


def same_seed_same_result(case):
    """Same seed: same weights, same dropout. Another seed: others. In evaluation nothing is drawn."""
    batch = case.batch()
    results = []
    for seed in (0, 0, 1):
        model = case.model(dropout=0.5, seed=seed).train()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            results.append(backward(model, batch).total.item())
    assert results[0] == results[1], f"one seed, two results: {results[:2]}"
    assert results[0] != results[2], "the seed does nothing"
    assert torch.equal(per_turn(model, batch)["logits"], per_turn(model, batch)["logits"]), "evaluation draws numbers"


def two_trainings_agree(case):
    """Two trainings of a run give the same record and the same files; another seed gives other ones."""
    if case.question is None:
        return
    corpus = simulated.generate("tiny")
    with tempfile.TemporaryDirectory() as folder:
        first, again, other = (
            runs.run(corpus=corpus, folder=Path(folder) / name, progress=False, device="cpu", epochs=2, seeds=[seed],
                     **case.question)[0] for name, seed in (("first", 0), ("again", 0), ("other", 1)))
        records = [r.data | {"wall_time_s": None} for r in (first, again)]
        assert records[0] == records[1]
        assert first.data["curve"] != other.data["curve"], "the seed does nothing"
        for kind in ("weights", "predictions"):
            left, right = (r.path.with_suffix(f".{kind}.safetensors").read_bytes() for r in (first, again))
            assert left and left == right, kind


def overfits_a_tiny_batch(case):
    """The gradient leads somewhere: two dialogues are learnt by heart."""
    model, batch = case.model(dtype=torch.float32).train(), case.batch((3, 2), dtype=torch.float32)
    steps, rate = case.overfit
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    task = float("inf")
    for _ in range(steps):
        task = backward(model, batch).task.item()
        if task < 0.02:
            return
        optimiser.step()
    raise AssertionError(f"the task loss is still {task:.3f} after {steps} steps")


def half_precision(case):
    """Under bfloat16 autocast everything stays finite, and near what float32 gives."""
    model, batch = case.model(dtype=torch.float32), case.batch(dtype=torch.float32)
    exact = per_turn(model, batch)["logits"][batch.mask]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = per_turn(model, batch)["logits"][batch.mask].float()
        losses = backward(model.train(), batch)
    assert coarse.isfinite().all() and torch.stack([x.float() for x in losses]).isfinite().all(), "not finite"
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None), "gradient not finite"
    gap = (coarse - exact).abs().max().item()
    assert gap < 0.05 * (1 + exact.abs().max().item()), f"bfloat16 moves the logits by {gap:.3f}"


def attention_is_only_looked_at(case):
    """Asking for the weights changes nothing; they sum to one and give nothing to padded keys."""
    model, batch = case.model().eval(), case.batch()
    with torch.no_grad():
        plain, asked = model(batch), model(batch, attention=True)
    assert torch.equal(plain.logits, asked.logits), "asking changes the logits"
    assert plain.attention is None, "weights that nobody asked for"
    assert bool(asked.attention) == case.attends
    for name, weights in (asked.attention or {}).items():
        B, T = batch.shape
        assert (len(weights), *weights.shape[-2:]) == (B, T, T), f"{name}: {tuple(weights.shape)}"
        weights = weights.reshape(B, -1, T, T)
        assert weights.min() >= 0, name
        rows = weights.sum(-1).transpose(1, 2)[batch.mask]
        torch.testing.assert_close(rows, torch.ones_like(rows), **SAME, msg=f"{name}: rows do not sum to 1")
        assert not weights.masked_fill(batch.mask[:, None, None, :], 0).any(), f"{name}: weight at padded keys"


CONTRACTS = {f.__name__: f for f in (
    sample_independence, batch_order_invariance, padding_invariance, alone_equals_in_batch, finite_gradients,
    no_dead_parameter, same_seed_same_result, two_trainings_agree, overfits_a_tiny_batch, half_precision,
    attention_is_only_looked_at)}
