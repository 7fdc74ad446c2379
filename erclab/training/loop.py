"""The one training loop: one seed, or several seeds in one pass, from the first epoch or from a checkpoint.

`erclab.training.trainer` has the training of one seed and the protocols; what other rooms use of it is here as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from erclab.core import metrics
from erclab.core.progress import bar
from erclab.corpora.views import View
from erclab.models.interface import Model
from erclab.training.checkpoint import Checkpoint
from erclab.training.recipes import Recipe
from erclab.training.together import Together
from erclab.training.trainer import (
    EVALUATION_BATCH,
    PROTOCOLS,
    Choice,
    Outcome,
    Trainer,
    inverse_shares,
    predictions,
    score,
    train_epoch,
)

__all__ = ["EVALUATION_BATCH", "PROTOCOLS", "Choice", "Outcome", "Trainer", "inverse_shares", "predictions", "score",
           "train", "train_epoch", "train_seeds"]


def train(model: Model, views: Mapping[str, View], recipe: Recipe, *, seed: int, progress: bool = True,
          title: str = "", checkpoint: Checkpoint | None = None, teacher: Model | None = None) -> Outcome:
    """Train a model. Call it inside `seeded`, with the model built inside as well.

    Args:
        views: train, valid and test, on the model's device.
        seed: of the order of the data and of the dropout masks.
        checkpoint: stores the training after each epoch; an interrupted training continues from it.
        teacher: a trained model that the model learns from, see `Trainer`.

    Raises:
        UsageError: see `Trainer`.
        RunError: the loss stops being finite.
    """
    outcome, = train_seeds([Trainer(model, views, recipe, seed, title, teacher)], progress=progress, title=title,
                           checkpoints=[checkpoint] if checkpoint else None)
    return outcome


def train_seeds(trainers: Sequence[Trainer], *, progress: bool = True, title: str = "",
                checkpoints: Sequence[Checkpoint] | None = None) -> list[Outcome]:
    """Train several seeds of a configuration in one pass (see `Together`). Each ends as it does alone.

    Args:
        checkpoints: one per trainer. Each also fits the training of its seed alone.

    Raises:
        RunError: the loss of a seed stops being finite.
    """
    for trainer, checkpoint in zip(trainers, checkpoints or (), strict=False):
        if (state := checkpoint.load()) is not None:
            trainer.load_state_dict(state)
    recipe, select = trainers[0].recipe, metrics.select(trainers[0].views["train"].task, trainers[0].recipe.choose)[0]
    done = sum(len(t.curve) for t in trainers)
    with bar(total=recipe.epochs * len(trainers), initial=done, desc=title, unit="epoch", leave=False,
             progress=progress) as epochs:
        learning: list[Trainer] = []
        together = None
        while unfinished := [t for t in trainers if not t.finished]:
            if learning != unfinished:  # a seed has stopped early, the others continue
                learning, together = unfinished, Together(unfinished) if len(unfinished) > 1 else None
            losses = together.train() if together else [t.train() for t in learning]
            for trainer, of in zip(learning, losses, strict=True):
                row = trainer.judge(of)
                epochs.update()
                epochs.set_postfix(loss=f"{row['train']['total']:.3f}", valid=f"{row['valid'][select] or 0:.3f}")
            for trainer, checkpoint in zip(trainers, checkpoints or (), strict=False):
                if trainer in learning and not trainer.finished:
                    checkpoint.save(trainer.state_dict)
    return [trainer.outcome() for trainer in trainers]
