"""Optimisers and learning-rate schedules, from PyTorch, as a recipe names them."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from erclab.models.interface import Model
from erclab.training.recipes import Recipe


def optimiser_for(model: Model, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam or AdamW over all trainable parameters; those that came trained may have a learning rate of their own."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    trained = {id(p) for p in model.pretrained_parameters()} if recipe.pretrained_learning_rate else set()
    groups = [{"params": [p for p in trainable if id(p) not in trained], "lr": recipe.learning_rate},
              {"params": [p for p in trainable if id(p) in trained], "lr": recipe.pretrained_learning_rate}]
    cls = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    # Fused: one pass over weights, gradients and moments instead of a dozen.
    return cls([g for g in groups if g["params"]], weight_decay=recipe.weight_decay, fused=True)


class Schedule:
    """The learning rate over time. Tell it of every step and of every epoch."""

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
        """Where the schedule is."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
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
