"""What the contracts look at: results per sample, losses, gradients, and whether two are the same."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from erclab.contracts.batches import Batch
from erclab.contracts.rows import Case
from erclab.core.batches import DialogueBatch


def outcome(model, batch: Batch) -> dict[str, Tensor]:
    """Evaluation outputs that belong to a sample or a turn: name -> (*batch.shape, ...)."""
    with torch.no_grad():
        output = model.eval()(batch)
    found = {"logits": output.logits, **output.aux}
    if isinstance(batch, DialogueBatch):
        return {name: x for name, x in found.items() if tuple(x.shape[:2]) == batch.shape}
    # What has more axes than these may be per step, padded as the input is.
    return {name: x for name, x in found.items() if x.shape[:1] == batch.shape and x.dim() <= 2}


def close(ours: Tensor, theirs: Tensor, what: str, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    """AssertionError unless the two are the same up to rounding; a NaN is not the same as anything."""
    assert ours.shape == theirs.shape, f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}"
    gap = (ours - theirs).abs()
    assert bool((gap <= atol + rtol * theirs.abs()).all()), f"{what}: off by {gap.max().item():.2g}"


def same_at(at: Tensor, ours: dict, theirs: dict, what: str) -> None:
    """The outcomes agree at these samples or turns."""
    assert ours.keys() == theirs.keys(), f"{what}: other outputs, {sorted(ours.keys() ^ theirs.keys())}"
    for name, x in theirs.items():
        close(ours[name][at], x[at], f"{what}, {name}")


def backward(model, batch: Batch):
    """One forward and one backward pass from empty gradients; the losses."""
    model.zero_grad(set_to_none=True)
    losses = model.loss(model(batch), batch, None)
    losses.total.backward()
    return losses


def step(case: Case, batch: Batch, training: bool) -> dict[str, Tensor]:
    """What one step of training would see: the loss, every gradient, and every buffer afterwards."""
    model = case.model().train(training)
    seen = {"the loss": backward(model, batch).total.detach()}
    seen |= {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return seen | {f"buffer {name}": x.double() for name, x in model.named_buffers()}


def descend(model, batch: Batch, rate: float) -> Iterator[float]:
    """The task's loss at each step of Adam, without end."""
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    while True:
        yield backward(model, batch).task.item()
        optimiser.step()


def not_finite(model, losses) -> list[str]:
    """Names of losses and gradients with a NaN or an infinity."""
    seen = {f"loss '{name}'": x for name, x in losses._asdict().items()}
    seen |= {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return [name for name, x in seen.items() if not x.isfinite().all()]
