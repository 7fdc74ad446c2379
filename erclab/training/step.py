"""One step of training: the losses of a batch, and what is done with their gradients."""

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


def step_losses(model: Model, batch, recipe: Recipe, class_weight: Tensor | None, key: int | Tensor):
    """The losses of one batch in training, with the dropout masks of this key and the recipe's precision.

    In bfloat16 it is the model that computes so; weights, losses and optimiser stay in float32.
    """
    low = recipe.precision == "bfloat16"
    with keyed(key):
        # What is computed again needs no copies of weights that wait for the backward pass.
        with recomputing(recipe.recompute), (
                torch.autocast(batch.rows.device.type, torch.bfloat16, cache_enabled=not recipe.recompute)
                if low else nullcontext()):
            output = model(batch)
        return model.loss(_float32(output) if low else output, batch, class_weight)


def update(model: Model, optimiser: torch.optim.Optimizer, recipe: Recipe, schedule: Schedule | None) -> None:
    """Clip the gradients, take a step, forget them, and tell the schedule."""
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    if schedule is not None:
        schedule.after_step()


def _float32(output: Output) -> Output:
    return replace(output, logits=output.logits.float(),
                   aux={k: x.float() if x.is_floating_point() else x for k, x in output.aux.items()})
