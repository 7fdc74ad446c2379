"""One seed's training, an epoch at a time, and the protocols that say which epoch is reported.

    sound      the epoch with the best validation score. Its choice does not look at the test split.
    published  the epoch with the best **test** score, as many official codes report. It is here to be measured.

One training gives both: after each epoch both splits are predicted, and each protocol keeps the predictions of its own
epoch. So every record has the inflation, which is the difference of the two scores.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from erclab.core import metrics, tasks
from erclab.core.errors import RunError, UsageError
from erclab.corpora.views import View
from erclab.models.interface import Model
from erclab.ops.dropout import step_key
from erclab.training.device import repeatable
from erclab.training.gate import gate_freezing
from erclab.training.optimisers import Schedule, in_backward, optimiser_for
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses, update

EVALUATION_BATCH = 64  # items, the longest first; it matters to a model whose result depends on the batch
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
        title: the name of the training in errors.
        teacher: a trained model whose logits the model learns from (`Model.needs_teacher`). The trainer works with a
            frozen copy, which is no part of the checkpoint.

    Attributes:
        step: how many batches have been learnt from.
        curve: a row per epoch.

    Raises:
        UsageError: a teacher is missing, or does not fit the model.
    """

    def __init__(self, model: Model, views: Mapping[str, View], recipe: Recipe, seed: int, title: str = "",
                 teacher: Model | None = None):
        self.model, self.views, self.recipe, self.seed, self.title = model, views, recipe, seed, title
        self.teacher = frozen_teacher(model, teacher)
        self.rng = np.random.default_rng(seed)
        self.optimiser = optimiser_for(model, recipe)
        steps = recipe.epochs * math.ceil(len(views["train"]) / recipe.batch_size)
        self.schedule = Schedule(self.optimiser, recipe, steps)
        self.class_weight = class_weight(recipe, views["train"], model)
        self.gate = gate_freezing(model)
        self.step = 0
        self.curve: list[dict[str, Any]] = []
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
                             self.schedule, seed=self.seed, step=self.step, teacher=self.teacher)
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
        row: dict[str, Any] = {"epoch": epoch, "train": losses}
        row |= {split: score(self.views[split], x) for split, x in seen.items()}
        if self.gate is not None:
            row["model"] = self.gate.after_epoch()
        self.curve.append(row)
        select, sign = metrics.select(self.views["train"].task, self.recipe.choose)
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
        """The result. Afterwards the model has the weights of the sound choice."""
        self.model.load_state_dict(self._weights)
        return Outcome(self.curve, self._choices, {k: v.cpu().contiguous() for k, v in self._weights.items()})

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on, as tensors, numbers, text, lists and dictionaries."""
        return {
            "step": self.step, "curve": self.curve, "rng": self.rng.bit_generator.state, "best": self._best,
            "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(), "gate": self.gate.state_dict() if self.gate else {},
            "weights": self._weights,
            "choices": {name: {"epoch": c.epoch, "predictions": {s: torch.from_numpy(x)
                                                                 for s, x in c.predictions.items()}}
                        for name, c in self._choices.items()},
            # For parts of other libraries, such as a BERT's dropout.
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


def train_epoch(model: Model, view: View, optimiser: torch.optim.Optimizer, recipe: Recipe, rng: np.random.Generator,
                class_weight: Tensor | None = None, schedule: Schedule | None = None, *, seed: int = 0, step: int = 0,
                teacher: Model | None = None) -> dict[str, float]:
    """One pass. Returns the means of the loss and its terms over annotated utterances.

    The sums stay on the device until the end: reading them after each step would make a GPU wait.

    Args:
        seed, step: of the dropout masks, and how many steps were taken before.
        teacher: see `step_losses`.
    """
    model.train()
    sums: Any = None
    count: Any = 0
    optimiser.zero_grad(set_to_none=True)
    with in_backward(optimiser, recipe):
        for i, batch in enumerate(view.batches(recipe.batch_size, rng, alike=not model.packs)):
            losses = step_losses(model, batch, recipe, class_weight, step_key(seed, step + i), teacher)
            losses.total.backward()
            update(model, optimiser, recipe, schedule)
            utterances = batch.annotated.sum()
            terms = torch.stack([term.detach() for term in losses]) * utterances
            sums, count = (terms, utterances) if sums is None else (sums + terms, count + utterances)
    return dict(zip(losses._fields, (sums / count).tolist(), strict=True))


def frozen_teacher(model: Model, teacher: Model | None) -> Model | None:
    """A copy of a trained model, in evaluation mode, without gradients, with the model's device and type of numbers.

    Raises:
        UsageError: the model needs a teacher and gets none, or the reverse; the teacher predicts something else.
    """
    if model.needs_teacher != (teacher is not None):
        raise UsageError(f"this {type(model).__name__} " + (
            "learns from a trained teacher, and there is none" if model.needs_teacher else "takes no teacher"))
    if teacher is None:
        return None
    ours, theirs = ((c.task, c.outputs) for c in (model.config, teacher.config))
    if ours != theirs:
        raise UsageError(f"the teacher predicts {theirs[0]} with {theirs[1]} outputs, this {type(model).__name__} "
                         f"{ours[0]} with {ours[1]}")
    return copy.deepcopy(teacher).requires_grad_(False).eval().to(next(model.parameters()))


@torch.inference_mode()
def predictions(model: Model, view: View, batch_size: int = EVALUATION_BATCH) -> np.ndarray:
    """(N, C) float32 predictions of a split in row order (`erclab.core.tasks.predictions`), in evaluation mode."""
    model.eval()
    out = torch.empty(len(view.rows), model.config.outputs, device=view.rows.device)
    with repeatable(view.rows.device):
        for batch in view.batches(batch_size):
            there = batch.rows >= 0
            at = torch.searchsorted(view.rows, batch.rows[there])
            out[at] = tasks.predictions(view.task, model(batch).logits[there])
    return out.cpu().numpy()


def score(view: View, prediction: np.ndarray) -> dict[str, float | None]:
    """The scores of a split."""
    return metrics.scores(view.task, view.truth, prediction)


def class_weight(recipe: Recipe, view: View, model: Model) -> Tensor | None:
    """(C,) weights of the cross-entropies if the recipe has `class_weights` and the task has classes, else None."""
    if not recipe.class_weights or view.task.kind != "classes":
        return None
    labels = view.labels
    return inverse_shares(labels[labels >= 0].cpu().numpy(), model.config.outputs).to(labels.device)


def inverse_shares(labels: np.ndarray, classes: int) -> Tensor:
    """(C,) one over each label's share; 0 for a label that does not occur."""
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy(np.where(counts > 0, len(labels) / np.maximum(counts, 1), 0.0).astype(np.float32))
