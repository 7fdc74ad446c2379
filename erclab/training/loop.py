"""The one training loop, and the protocols that say which epoch is reported.

    sound      the epoch with the best validation score. Its choice does not look at the test split.
    published  the epoch with the best **test** score, as many official codes report. It is here to be measured.

One training gives both: after each epoch both splits are predicted, and each protocol keeps the predictions of its own
epoch. So the inflation, the difference of the two scores, is in every record and costs nothing to know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from erclab.core import metrics, tasks
from erclab.core.errors import RunError
from erclab.core.progress import bar
from erclab.corpora.views import View
from erclab.models.interface import Model
from erclab.ops.dropout import step_key
from erclab.training.checkpoint import Checkpoint
from erclab.training.gate import gate_freezing
from erclab.training.optimisers import Schedule, in_backward, optimiser_for
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses, update
from erclab.training.together import Together

PROTOCOLS = {"sound": "valid", "published": "test"}  # name -> the split that chooses its epoch


@dataclass(frozen=True)
class Choice:
    """What one protocol reports: its epoch (1-based; 0 for a fit), and per split the predictions (N, C)."""

    epoch: int
    predictions: dict[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """A finished training: the curve (a dictionary per epoch), a choice per protocol, the weights of the sound one."""

    curve: list[dict]
    choices: dict[str, Choice]
    weights: dict[str, Tensor]


class Trainer:
    """One seed's training, an epoch at a time. Make it inside `seeded`, with the model made inside as well.

    Args:
        model: on the device where it is trained.
        views: train, valid and test, on the same device.
        seed: of the order of the data and of the dropout masks.
        title: what errors call it.

    Attributes:
        step: how many batches have been learnt from.
        curve: a row per epoch.
    """

    def __init__(self, model: Model, views: Mapping[str, View], recipe: Recipe, seed: int, title: str = ""):
        self.model, self.views, self.recipe, self.seed, self.title = model, views, recipe, seed, title
        self.rng = np.random.default_rng(seed)
        self.optimiser = optimiser_for(model, recipe)
        steps = recipe.epochs * math.ceil(len(views["train"]) / recipe.batch_size)
        self.schedule = Schedule(self.optimiser, recipe, steps)
        self.class_weight = class_weight(recipe, views["train"], model)
        self.gate = gate_freezing(model)
        self.step, self.curve = 0, []
        self._best: dict[str, float] = {}
        self._choices: dict[str, Choice] = {}
        self._weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """All epochs are trained, or `patience` is exhausted."""
        done, patience = len(self.curve), self.recipe.patience
        waited = done - self._choices["sound"].epoch if self._choices else 0
        return done >= self.recipe.epochs or bool(patience and waited >= patience)

    def train(self) -> dict[str, float]:
        """Learn from each batch once."""
        losses = train_epoch(self.model, self.views["train"], self.optimiser, self.recipe, self.rng, self.class_weight,
                             self.schedule, seed=self.seed, step=self.step)
        self.step += math.ceil(len(self.views["train"]) / self.recipe.batch_size)
        return losses

    def judge(self, losses: dict[str, float]) -> dict[str, Any]:
        """End an epoch: predict, score, keep what is best. Returns the epoch's row of the curve.

        Raises:
            RunError: the loss, or a prediction, is not finite.
        """
        epoch = len(self.curve) + 1
        seen = {split: predictions(self.model, self.views[split]) for split in PROTOCOLS.values()}
        # The last step may break the weights after its loss was computed, so that only predictions show it.
        if not np.isfinite(losses["total"]) or any(np.isnan(x).any() for x in seen.values()):
            raise RunError(f"the loss is {losses['total']} after epoch {epoch}", where=self.title,
                           remedy="Lower learning_rate, or set clip.")
        row = {"epoch": epoch, "train": losses} | {split: score(self.views[split], x) for split, x in seen.items()}
        if self.gate is not None:
            row["model"] = self.gate.after_epoch()
        self.curve.append(row)
        select, sign = metrics.SELECT[self.views["train"].task]
        for name, split in PROTOCOLS.items():
            value = row[split][select]
            rank = -math.inf if value is None else sign * value
            if name not in self._best or rank > self._best[name]:
                self._best[name], self._choices[name] = rank, Choice(epoch, seen)
                if name == "sound":
                    self._weights = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.schedule.after_epoch(row["valid"][select], sign)
        return row

    def outcome(self) -> Outcome:
        """What came of it. The model is left with the sound choice's weights."""
        self.model.load_state_dict(self._weights)
        return Outcome(self.curve, self._choices, {k: v.cpu().contiguous() for k, v in self._weights.items()})

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the training depends on: tensors, numbers, text, and lists and dictionaries of them."""
        return {
            "step": self.step, "curve": self.curve, "rng": self.rng.bit_generator.state, "best": self._best,
            "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(), "gate": self.gate.state_dict() if self.gate else {},
            "weights": self._weights,
            "choices": {name: {"epoch": c.epoch, "predictions": {s: torch.from_numpy(x)
                                                                 for s, x in c.predictions.items()}}
                        for name, c in self._choices.items()},
            # For parts that are not ours, such as a BERT's dropout.
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self.views["train"].labels.is_cuda else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another trainer of the same model, views, recipe and seed was."""
        self.step, self.curve, self._best, self._weights = (state[k] for k in ("step", "curve", "best", "weights"))
        self.rng.bit_generator.state = state["rng"]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        if self.gate is not None:
            self.gate.load_state_dict(state["gate"])
        self._choices = {name: Choice(c["epoch"], {s: x.numpy() for s, x in c["predictions"].items()})
                         for name, c in state["choices"].items()}
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"])


def train(model: Model, views: Mapping[str, View], recipe: Recipe, *, seed: int, progress: bool = True,
          title: str = "", checkpoint: Checkpoint | None = None) -> Outcome:
    """Train a model. Call it inside `seeded`, with the model built inside as well.

    Args:
        views: train, valid and test, on the model's device.
        seed: of the order of the data and of the dropout masks.
        checkpoint: where the training is kept after each epoch, and goes on from if it was interrupted.

    Raises:
        RunError: the loss stops being finite.
    """
    outcome, = train_seeds([Trainer(model, views, recipe, seed, title)], progress=progress, title=title,
                           checkpoints=[checkpoint] if checkpoint else None)
    return outcome


def train_seeds(trainers: Sequence[Trainer], *, progress: bool = True, title: str = "",
                checkpoints: Sequence[Checkpoint] | None = None) -> list[Outcome]:
    """Train several seeds of a configuration, all in one pass (see `Together`), each to the end that it has alone.

    Args:
        checkpoints: one per trainer. What one of them holds also fits the seed's training alone.

    Raises:
        RunError: the loss of a seed stops being finite.
    """
    for trainer, checkpoint in zip(trainers, checkpoints or (), strict=False):
        if (state := checkpoint.load()) is not None:
            trainer.load_state_dict(state)
    recipe, select = trainers[0].recipe, metrics.SELECT[trainers[0].views["train"].task][0]
    done = sum(len(t.curve) for t in trainers)
    with bar(total=recipe.epochs * len(trainers), initial=done, desc=title, unit="epoch", leave=False,
             progress=progress) as epochs:
        learning, together = [], None
        while unfinished := [t for t in trainers if not t.finished]:
            if learning != unfinished:  # one has stopped early: the others go on without it
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


def train_epoch(model: Model, view: View, optimiser: torch.optim.Optimizer, recipe: Recipe, rng: np.random.Generator,
                class_weight: Tensor | None = None, schedule: Schedule | None = None, *, seed: int = 0, step: int = 0
                ) -> dict[str, float]:
    """One pass. Returns the means of the loss and its terms over annotated utterances.

    They are summed on the device and read once at the end: reading each step would make a GPU wait.

    Args:
        seed, step: of the dropout masks, and how many steps were taken before.
    """
    model.train()
    sums, count = None, 0
    optimiser.zero_grad(set_to_none=True)
    with in_backward(optimiser, recipe):
        for i, batch in enumerate(view.batches(recipe.batch_size, rng, alike=not model.packs)):
            losses = step_losses(model, batch, recipe, class_weight, step_key(seed, step + i))
            losses.total.backward()
            update(model, optimiser, recipe, schedule)
            utterances = batch.annotated.sum()
            terms = torch.stack([term.detach() for term in losses]) * utterances
            sums, count = (terms, utterances) if sums is None else (sums + terms, count + utterances)
    return dict(zip(losses._fields, (sums / count).tolist(), strict=True))


@torch.inference_mode()
def predictions(model: Model, view: View, batch_size: int = 64) -> np.ndarray:
    """(N, C) float32 predictions of a split in row order (`erclab.core.tasks.predictions`), in evaluation mode."""
    model.eval()
    out = torch.empty(len(view.rows), model.config.outputs, device=view.rows.device)
    for batch in view.batches(batch_size):
        there = batch.rows >= 0
        at = torch.searchsorted(view.rows, batch.rows[there])
        out[at] = tasks.predictions(view.task, model(batch).logits[there])
    return out.cpu().numpy()


def score(view: View, prediction: np.ndarray) -> dict[str, float | None]:
    """The scores of a split."""
    return metrics.scores(view.task, view.labels.cpu().numpy(), prediction)


def class_weight(recipe: Recipe, view: View, model: Model) -> Tensor | None:
    """(C,) weights of the cross-entropies, where the recipe asks for them and the task is emotion."""
    if not recipe.class_weights or view.task != "emotion":
        return None
    labels = view.labels
    return inverse_shares(labels[labels >= 0].cpu().numpy(), model.config.outputs).to(labels.device)


def inverse_shares(labels: np.ndarray, classes: int) -> Tensor:
    """(C,) one over each label's share; 0 for a label that does not occur, which then has nothing to weigh."""
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy(np.where(counts > 0, len(labels) / np.maximum(counts, 1), 0.0).astype(np.float32))
