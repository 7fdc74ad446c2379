"""What the contracts compare: results per sample, losses and gradients; and whether two results are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from erclab.contracts.batches import Batch
from erclab.contracts.broken import model_code, require
from erclab.contracts.rows import Case
from erclab.core.batches import DialogueBatch
from erclab.models.interface import Output


def build(case: Case, **options):
    """`case.model(**options)`.

    Raises:
        ContractBroken: the model cannot be built.
    """
    with model_code():
        return case.model(**options)


def predict(model, batch: Batch, *, attention: bool = False) -> Output:
    """One forward pass.

    Raises:
        ContractBroken: the model raises an exception, or `forward` returns something else than an `Output`.
    """
    with model_code():
        output = model(batch, attention=True) if attention else model(batch)
    require(isinstance(output, Output), f"forward returns {type(output).__name__}, not Output")
    return output


def outcome(model, batch: Batch) -> dict[str, Tensor]:
    """Outputs in evaluation mode that belong to a sample or a turn: name -> (*batch.shape, ...)."""
    with torch.no_grad():
        output = predict(model.eval(), batch)
    found = {"logits": output.logits, **output.aux}
    if isinstance(batch, DialogueBatch):
        return {name: x for name, x in found.items() if tuple(x.shape[:2]) == batch.shape}
    # A tensor with more axes may be per step, and then it is padded like the input.
    return {name: x for name, x in found.items() if x.shape[:1] == batch.shape and x.dim() <= 2}


def close(ours: Tensor, theirs: Tensor, what: str, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    """Two tensors are equal up to rounding. A NaN equals nothing.

    Raises:
        ContractBroken: the shapes or the values differ.
    """
    require(ours.shape == theirs.shape, f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}")
    gap = (ours - theirs).abs()
    if not (gap <= atol + rtol * theirs.abs()).all():
        require(False, f"{what}: off by {gap.max().item():.2g}")


def same_at(at: Tensor, ours: dict, theirs: dict, what: str) -> None:
    """Two outcomes agree at these samples or turns.

    Raises:
        ContractBroken: the names, shapes or values differ.
    """
    require(ours.keys() == theirs.keys(), f"{what}: other outputs, {sorted(ours.keys() ^ theirs.keys())}")
    for name, x in theirs.items():
        close(ours[name][at], x[at], f"{what}, {name}")


def backward(model, batch: Batch):
    """One forward and one backward pass from empty gradients; returns the losses.

    Raises:
        ContractBroken: the model raises an exception.
    """
    model.zero_grad(set_to_none=True)
    output = predict(model, batch)
    with model_code():
        losses = model.loss(output, batch, None)
        losses.total.backward()
    return losses


@contextmanager
def buffers_kept(model) -> Iterator[None]:
    """Afterwards the buffers (running statistics) have their values of before: a step in it leaves no trace."""
    before = {name: x.clone() for name, x in model.named_buffers()}
    yield
    with torch.no_grad():
        for name, x in model.named_buffers():
            x.copy_(before[name])


def step(model, batch: Batch, training: bool) -> dict[str, Tensor]:
    """What one step of training depends on: the loss, every gradient, and every buffer afterwards."""
    with buffers_kept(model):
        seen = {"the loss": backward(model.train(training), batch).total.detach()}
        seen |= {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
        return seen | {f"buffer {name}": x.to(torch.float64, copy=True) for name, x in model.named_buffers()}


def descend(model, batch: Batch, rate: float) -> Iterator[float]:
    """The task's loss at each step of Adam; endless."""
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    while True:
        yield backward(model, batch).task.item()
        optimiser.step()


def not_finite(model, losses) -> list[str]:
    """Names of losses and gradients with a NaN or an infinity."""
    seen = {f"loss '{name}'": x for name, x in losses._asdict().items()}
    seen |= {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return [name for name, x in seen.items() if not x.isfinite().all()]
