"""Recipes: how a model is trained on a corpus, and where each number comes from.

Two profiles: `smoke` fits a CPU and a minute, its numbers are our choice; `full` is the authors' scale.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from erclab.errors import UsageError, unknown

PROFILES = ("smoke", "full")
VARIANTS = ("paper", "official")


@dataclass(frozen=True)
class Recipe:
    """Attributes:
    epochs: passes over the training split.
    batch_size: dialogues per step.
    learning_rate, weight_decay: of Adam, whose decay is an L2 term in the gradient as in the authors' code.
    class_weights: weigh the cross-entropies by the inverse share of each label in the training split.
    clip: largest norm of the gradient, None for no clipping.
    patience: stop after this many epochs without a better validation score; None trains all epochs. Protocols
        that look at the test set never stop early, as their authors did not.
    standardise: shift and scale features by the training split's mean and deviation.
    """

    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    class_weights: bool = False
    clip: float | None = None
    patience: int | None = None
    standardise: bool = True

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise UsageError(f"epochs {self.epochs}, batch_size {self.batch_size} and learning_rate "
                             f"{self.learning_rate} must be positive, weight_decay {self.weight_decay} not negative")
        if (self.clip is not None and not self.clip > 0) or (self.patience is not None and self.patience < 1):
            raise UsageError(f"clip {self.clip} and patience {self.patience} must be positive, or None for neither")


@dataclass(frozen=True)
class Entry:
    """A recipe with what goes with it.

    Attributes:
        recipe: how to train.
        settings: of the model, where they differ from its variant's.
        source: where the numbers come from.
        variant: which fidelity a run has unless it asks for one.
    """

    recipe: Recipe = field(default_factory=Recipe)
    settings: dict[str, Any] = field(default_factory=dict)
    source: str = "our choice"
    variant: str = "paper"


# (model, corpus or "*", profile). A missing row falls back to the model's "*", then to the default Entry.
RECIPES = {
    ("sdt", "*", "smoke"): Entry(
        Recipe(epochs=15, batch_size=16, learning_rate=2e-3, weight_decay=1e-5),
        {"hidden": 64, "heads": 4, "dropout": 0.5}, "our choice, on the validation split of the simulated corpus"),
    ("sdt", "meld", "smoke"): Entry(
        Recipe(epochs=20, batch_size=16, learning_rate=3e-4, weight_decay=1e-5),
        {"hidden": 256, "heads": 4, "dropout": 0.5},
        "our choice: a width that fits a CPU; the best mean validation score of 17 configurations tried with MiniLM "
        "text vectors, among them paper and official variants", variant="official"),
    ("sdt", "*", "full"): Entry(
        Recipe(epochs=150, batch_size=16, learning_rate=1e-4, weight_decay=1e-5, class_weights=True,
               standardise=False),
        {"temperature": 1.0}, "butterfliesss/SDT, its IEMOCAP script"),
    ("sdt", "meld", "full"): Entry(
        Recipe(epochs=50, batch_size=8, learning_rate=5e-6, weight_decay=1e-5, standardise=False),
        {"temperature": 8.0}, "butterfliesss/SDT, its MELD script"),
}


def recipe_for(model: str, corpus: str, profile: str = "smoke") -> Entry:
    """The most specific entry there is.

    Raises:
        UsageError: an unknown profile.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    for key in ((model, corpus, profile), (model, "*", profile)):
        if key in RECIPES:
            return RECIPES[key]
    return Entry()


def split_changes(changes: dict[str, Any], config_cls: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort changes by whom they belong to: (model settings, recipe fields).

    Raises:
        UsageError: a name that neither has.
    """
    recipe_names = {f.name for f in dataclasses.fields(Recipe)}
    model_names = {f.name for f in dataclasses.fields(config_cls)}
    for name in changes:
        if name not in recipe_names | model_names:
            raise unknown("setting", name, sorted(recipe_names | model_names))
    return ({k: v for k, v in changes.items() if k in model_names},
            {k: v for k, v in changes.items() if k in recipe_names})
