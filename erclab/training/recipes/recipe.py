"""The fields of a recipe, and an entry of the recipes' tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from erclab.core import settings
from erclab.core.errors import UsageError, unknown

PROFILES = ("smoke", "full")
VARIANTS = ("paper", "official")
OPTIMISERS = ("adam", "adamw")
SCHEDULES = ("constant", "plateau", "linear")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """Attributes:
    epochs: passes over the training split.
    batch_size: dialogues, or utterances of a model of sequences, per step.
    learning_rate, weight_decay: of the optimiser.
    optimiser: "adam", whose decay is an L2 term in the gradient, or "adamw", whose decay is decoupled from it.
    pretrained_learning_rate: of pretrained weights (`pretrained_parameters` of the model); None: the same.
    schedule: "constant"; "plateau": times `plateau_factor` after `plateau_patience` epochs without a better
        validation score; "linear": up over `warmup_steps` steps, then down to 0 at the last epoch's end.
    class_weights: weigh the cross-entropies by the inverse share of each label in the training split. Tasks other
        than emotion have no such labels and are not weighed.
    clip: largest norm of the gradient, None for no clipping.
    choose: the score that chooses the epoch, such as "macro_f1" or "happy.weighted_f1"; None for the task's own
        (`erclab.core.metrics.select`). The schedule "plateau" and `patience` follow it as well.
    patience: stop after this many epochs without a better validation score; None trains all epochs.
    standardise: shift and scale features by the training split's mean and deviation.
    recompute: keep the activations of large parts of a model no longer than its forward pass, and compute them again in
        the backward pass (`erclab.ops.recompute`): less memory, about a quarter more time, the same
        numbers (of SDT in bfloat16 but for rounding, as its layers then run one after the other).
    precision: "float32", or "bfloat16" for the model's passes in training (autocast); weights, losses, the optimiser
        and predictions stay in float32. Faster on processors with bfloat16 instructions, with other rounding.
    """

    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    optimiser: str = "adam"
    pretrained_learning_rate: float | None = None
    schedule: str = "constant"
    warmup_steps: int = 0
    plateau_factor: float = 0.1
    plateau_patience: int = 10
    class_weights: bool = False
    clip: float | None = None
    patience: int | None = None
    standardise: bool = True
    recompute: bool = False
    precision: str = "float32"
    choose: str | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise UsageError(f"epochs {self.epochs}, batch_size {self.batch_size} and learning_rate "
                             f"{self.learning_rate} must be positive, weight_decay {self.weight_decay} not negative")
        if self.optimiser not in OPTIMISERS:
            raise unknown("optimiser", self.optimiser, OPTIMISERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.warmup_steps < 0 or self.plateau_patience < 0 or not 0 < self.plateau_factor < 1:
            raise UsageError(f"warmup_steps {self.warmup_steps} and plateau_patience {self.plateau_patience} must not "
                             f"be negative, plateau_factor {self.plateau_factor} must be between 0 and 1")
        if self.pretrained_learning_rate is not None and not self.pretrained_learning_rate > 0:
            raise UsageError(f"pretrained_learning_rate {self.pretrained_learning_rate} must be positive, or None")
        if (self.clip is not None and not self.clip > 0) or (self.patience is not None and self.patience < 1):
            raise UsageError(f"clip {self.clip} and patience {self.patience} must be positive, or None for neither")


@dataclass(frozen=True)
class Entry:
    """A recipe with the settings of its model and the source of its numbers.

    Attributes:
        recipe: how to train.
        settings: of the model, where they differ from its variant's.
        source: where the numbers come from.
        variant: the default variant of a run, "paper" or "official".
    """

    recipe: Recipe = field(default_factory=Recipe)
    settings: dict[str, Any] = field(default_factory=dict)
    source: str = "our choice"
    variant: str = "paper"


Rows = dict[tuple[str, str], Entry]  # (corpus or "*", profile) -> entry: what each file of this folder lists


def split_changes(changes: dict[str, Any], config_cls: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort changes into settings of the model, by dotted names (`erclab.core.settings`), and fields of the recipe.

    Raises:
        UsageError: a name of neither.
    """
    recipe_names = {f.name for f in dataclasses.fields(Recipe)}
    model_names = {*settings.setting_types(config_cls)}
    changes = settings.dotted(config_cls, changes)
    for name in changes:
        if name not in recipe_names | model_names:
            raise unknown("setting", name, sorted(recipe_names | model_names))
    return ({k: v for k, v in changes.items() if k in model_names},
            {k: v for k, v in changes.items() if k in recipe_names})
