"""Optimisers and learning-rate schedules, from PyTorch, as a recipe names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from erclab.models.interface import Model
from erclab.training.recipes import Recipe

AT_ONCE = 4_000_000  # weights that are updated at a time within a backward pass


def optimiser_for(model: Model, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam or AdamW over all trainable parameters; those that came trained may have a learning rate of their own."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    trained = {id(p) for p in model.pretrained_parameters()} if recipe.pretrained_learning_rate else set()
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trainable if id(p) not in trained], "lr": recipe.learning_rate},
        {"params": [p for p in trainable if id(p) in trained], "lr": recipe.pretrained_learning_rate}]
    cls = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    # Fused: one pass over weights, gradients and moments instead of a dozen.
    optimiser = cls([g for g in groups if g["params"]], weight_decay=recipe.weight_decay, fused=True)
    # The moments now rather than in the first step: among activations they would leave holes in the memory for good.
    for p in trainable:
        optimiser.state[p] = {"step": torch.zeros((), device=p.device), "exp_avg": torch.zeros_like(p),
                              "exp_avg_sq": torch.zeros_like(p)}
    return optimiser


@contextmanager
def in_backward(optimiser: torch.optim.Optimizer, recipe: Recipe) -> Iterator[None]:
    """In the block, the weights of a large model are updated while its backward pass goes on.

    A gradient is used as soon as it is complete, and then freed: the gradients of all weights never exist together, and
    a gradient that is used is still in the cache. The numbers are the same, because the update of a weight needs the
    gradient of that weight alone. The block has no effect with `clip`, which needs all gradients first, and none for a
    model of few parameters, which would gain nothing.
    """
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    if recipe.clip is not None or sum(p.numel() for p in weights) < 4 * AT_ONCE:
        yield
        return
    pending = 0

    def complete(p: torch.nn.Parameter) -> None:
        nonlocal pending
        pending += p.numel()
        if pending >= AT_ONCE:
            optimiser.step()  # of the weights that have a gradient
            optimiser.zero_grad(set_to_none=True)
            pending = 0

    hooks = [p.register_post_accumulate_grad_hook(complete) for p in weights]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Schedule:
    """The learning rate over time. Call `after_step` after every step, and `after_epoch` after every epoch."""

    def __init__(self, optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int):
        self.linear = self.plateau = None
        if recipe.schedule == "linear":
            def factor(step: int) -> float:
                if step < recipe.warmup_steps:
                    return (step + 1) / (recipe.warmup_steps + 1)
                return max(0.0, (steps - step) / max(steps - recipe.warmup_steps, 1))
            self.linear = LambdaLR(optimiser, factor)
        elif recipe.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(optimiser, mode="max", factor=recipe.plateau_factor,
                                             patience=recipe.plateau_patience, threshold=0.0)

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {name: part for name, part in (("linear", self.linear), ("plateau", self.plateau)) if part is not None}

    def after_step(self) -> None:
        """After each step of the optimiser."""
        if self.linear is not None:
            self.linear.step()

    def after_epoch(self, score: float | None, sign: int) -> None:
        """After each epoch: the validation score that chooses, and 1 if large is good or -1 if small is."""
        if self.plateau is not None:
            self.plateau.step(-float("inf") if score is None else sign * score)
