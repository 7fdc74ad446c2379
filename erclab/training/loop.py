"""The one training loop, and the protocols that say which epoch is reported.

    sound      the epoch with the best validation score; the test split is touched once, after training.
    published  the epoch with the best **test** score, as many official codes report. It is here to be measured:
               a training under it also gives its sound score, and the difference is the inflation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from erclab import metrics, tasks
from erclab.corpora.views import View
from erclab.errors import RunError
from erclab.models.interface import Model
from erclab.progress import bar
from erclab.training.optimisers import Schedule, optimiser_for
from erclab.training.recipes import Recipe

PROTOCOLS = ("sound", "published")


@dataclass(frozen=True)
class Choice:
    """What one protocol reports: its epoch (1-based; 0 for a fit), and per split the predictions (N, C)."""

    epoch: int
    predictions: dict[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """A finished training: the curve (a dictionary per epoch), a choice per protocol, and the chosen weights."""

    curve: list[dict]
    choices: dict[str, Choice]
    weights: dict[str, Tensor]


def train(model: Model, views: Mapping[str, View], recipe: Recipe, *, protocol: str, seed: int,
          progress: bool = True, title: str = "") -> Outcome:
    """Train a model.

    Call it inside `seeded`, with the model built inside as well. The order of the data comes from `seed`.

    Args:
        views: train, valid and test, on the model's device.
        protocol: "sound" or "published".

    Raises:
        RunError: the loss stops being finite.
    """
    device, task = next(model.parameters()).device, views["train"].task
    rng = np.random.default_rng(seed)
    optimiser = optimiser_for(model, recipe)
    steps = recipe.epochs * math.ceil(len(views["train"]) / recipe.batch_size)
    schedule = Schedule(optimiser, recipe, steps)
    class_weight = None
    if recipe.class_weights and task == "emotion":
        labels = views["train"].labels
        class_weight = inverse_shares(labels[labels >= 0].cpu().numpy(), model.config.outputs).to(device)

    # sound is always known; published only when the test split may be looked at after every epoch.
    select, sign = metrics.SELECT[task]
    leaders = {"sound": "valid"} | ({"published": "test"} if protocol == "published" else {})
    best: dict[str, float] = {}
    kept: dict[str, tuple[int, dict[str, Tensor]]] = {}
    curve: list[dict] = []
    epochs = bar(range(1, recipe.epochs + 1), desc=title, unit="epoch", leave=False, progress=progress)
    for epoch in epochs:
        row = {"epoch": epoch,
               "train": train_epoch(model, views["train"], optimiser, recipe, rng, class_weight, schedule)}
        seen = {split: predictions(model, views[split]) for split in leaders.values()}
        # The last step may break the weights after its loss was computed, so that only predictions show it.
        if not np.isfinite(row["train"]["total"]) or any(np.isnan(x).any() for x in seen.values()):
            raise RunError(f"the loss is {row['train']['total']} after epoch {epoch}", where=title,
                           remedy="Lower learning_rate, or set clip.")
        row |= {split: score(views[split], x) for split, x in seen.items()}
        if said := model.after_epoch():
            row["model"] = said
        curve.append(row)
        for name, split in leaders.items():
            value = row[split][select]
            rank = -math.inf if value is None else sign * value
            if name not in best or rank > best[name]:
                best[name] = rank
                kept[name] = (epoch, {k: v.detach().clone() for k, v in model.state_dict().items()})
        schedule.after_epoch(row["valid"][select], sign)
        epochs.set_postfix(loss=f"{row['train']['total']:.3f}", valid=f"{row['valid'][select] or 0:.3f}")
        if protocol == "sound" and recipe.patience and epoch - kept["sound"][0] >= recipe.patience:
            break
    epochs.close()

    choices = {}
    for name, (epoch, state) in kept.items():
        model.load_state_dict(state)
        choices[name] = Choice(epoch, {s: predictions(model, views[s]) for s in ("valid", "test")})
    weights = {k: v.cpu().contiguous() for k, v in kept[protocol][1].items()}
    return Outcome(curve, choices, weights)


def train_epoch(model: Model, view: View, optimiser: torch.optim.Optimizer, recipe: Recipe, rng: np.random.Generator,
                class_weight: Tensor | None = None, schedule: Schedule | None = None) -> dict[str, float]:
    """One pass. Returns the means of the loss and its terms over annotated utterances.

    They are summed on the device and read once at the end: reading each step would make a GPU wait.
    """
    model.train()
    sums, count = None, 0
    for batch in view.batches(recipe.batch_size, rng):
        losses = model.loss(model(batch), batch, class_weight)
        optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        if recipe.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        if schedule is not None:
            schedule.after_step()
        utterances = batch.annotated.sum()
        step = torch.stack([term.detach() for term in losses]) * utterances
        sums, count = (step, utterances) if sums is None else (sums + step, count + utterances)
    return dict(zip(losses._fields, (sums / count).tolist(), strict=True))


@torch.inference_mode()
def predictions(model: Model, view: View, batch_size: int = 64) -> np.ndarray:
    """(N, C) float32 predictions of a split in row order (`erclab.tasks.predictions`), in evaluation mode."""
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


def inverse_shares(labels: np.ndarray, classes: int) -> Tensor:
    """(C,) one over each label's share; 0 for a label that does not occur, which then has nothing to weigh."""
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy(np.where(counts > 0, len(labels) / np.maximum(counts, 1), 0.0).astype(np.float32))
