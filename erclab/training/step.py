"""One step of training: the losses of a batch, and the update of the parameters."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from erclab.models.interface import Model, Output
from erclab.ops.dropout import keyed
from erclab.ops.recompute import recomputing
from erclab.training.optimisers import Schedule
from erclab.training.recipes import Recipe


def step_losses(model: Model, batch, recipe: Recipe, class_weight: Tensor | None, key: int | Tensor,
                teacher: Model | None = None):
    """The losses of one batch in training, with the dropout masks of this key and the recipe's precision.

    In bfloat16 only the forward and backward passes are in bfloat16; weights, losses and optimiser stay in float32.

    Args:
        teacher: a frozen model; the loss of `model` gets its logits of the batch.
    """
    low = recipe.precision == "bfloat16"
    with keyed(key):
        # With activations that are computed again, copies of the weights for the backward pass would be wasted.
        with recomputing(recipe.recompute), (
                torch.autocast(batch.rows.device.type, torch.bfloat16, cache_enabled=not recipe.recompute)
                if low else nullcontext()):
            output = model(batch)
            soft = None if teacher is None else _logits(teacher, batch)
        if low:
            output, soft = _float32(output), None if soft is None else soft.float()
        return model.loss(output, batch, class_weight, **({} if soft is None else {"teacher": soft}))


@torch.no_grad()
def _logits(teacher: Model, batch) -> Tensor:
    return teacher(batch).logits


def update(model: Model, optimiser: torch.optim.Optimizer, recipe: Recipe, schedule: Schedule | None) -> None:
    """Clip the gradients, take a step, reset the gradients, and update the schedule."""
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    if schedule is not None:
        schedule.after_step()


def _float32(output: Output) -> Output:
    return replace(output, logits=output.logits.float(),
                   aux={k: x.float() if x.is_floating_point() else x for k, x in output.aux.items()})
