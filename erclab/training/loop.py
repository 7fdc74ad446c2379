"""The one training loop, and the protocols that say which epoch is reported.

    sound      the epoch with the best validation score; the test split is touched once, after training.
    published  the epoch with the best **test** score, as many official codes report. It is here to be measured:
               a training under it also gives its sound score, and the difference is the inflation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from erclab.corpora.views import DialogueView
from erclab.errors import RunError
from erclab.metrics import classification_scores
from erclab.progress import bar
from erclab.training.recipes import Recipe

PROTOCOLS = ("sound", "published")
SELECT = "weighted_f1"


@dataclass(frozen=True)
class Choice:
    """What one protocol reports: its epoch (1-based; 0 for a fit), and per split the log-probabilities (N, C)."""

    epoch: int
    log_probabilities: dict[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """A finished training: the curve (a dictionary per epoch), a choice per protocol, and the chosen weights."""

    curve: list[dict]
    choices: dict[str, Choice]
    weights: dict[str, Tensor]


def train(model: nn.Module, views: Mapping[str, DialogueView], recipe: Recipe, *, protocol: str, seed: int,
          progress: bool = True, title: str = "") -> Outcome:
    """Train a model that has `forward(batch) -> Output` and `loss(output, batch, class_weight) -> named tuple`.

    Call it inside `seeded`, with the model built inside as well. The order of the data comes from `seed`.

    Args:
        views: train, valid and test, on the model's device.
        protocol: "sound" or "published".

    Raises:
        RunError: the loss stops being finite.
    """
    device = next(model.parameters()).device
    rng = np.random.default_rng(seed)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trainable, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    class_weight = None
    if recipe.class_weights:
        class_weight = inverse_shares(views["train"].labels.cpu().numpy(), model.config.outputs).to(device)

    # sound is always known; published only when the test split may be looked at after every epoch.
    leaders = {"sound": "valid"} | ({"published": "test"} if protocol == "published" else {})
    best: dict[str, float] = {}
    kept: dict[str, tuple[int, dict[str, Tensor]]] = {}
    curve: list[dict] = []
    epochs = bar(range(1, recipe.epochs + 1), desc=title, unit="epoch", leave=False, progress=progress)
    for epoch in epochs:
        row = {"epoch": epoch, "train": train_epoch(model, views["train"], optimiser, recipe, rng, class_weight)}
        seen = {split: log_probabilities(model, views[split]) for split in leaders.values()}
        # The last step may break the weights after its loss was computed, so that only predictions show it.
        if not np.isfinite(row["train"]["total"]) or any(np.isnan(x).any() for x in seen.values()):
            raise RunError(f"the loss is {row['train']['total']} after epoch {epoch}", where=title,
                           remedy="Lower learning_rate, or set clip.")
        row |= {split: score(views[split], x) for split, x in seen.items()}
        curve.append(row)
        for name, split in leaders.items():
            if row[split][SELECT] > best.get(name, -1.0):
                best[name] = row[split][SELECT]
                kept[name] = (epoch, {k: v.detach().clone() for k, v in model.state_dict().items()})
        epochs.set_postfix(loss=f"{row['train']['total']:.3f}", valid=f"{row['valid'][SELECT]:.3f}")
        if protocol == "sound" and recipe.patience and epoch - kept["sound"][0] >= recipe.patience:
            break
    epochs.close()

    choices = {}
    for name, (epoch, state) in kept.items():
        model.load_state_dict(state)
        choices[name] = Choice(epoch, {s: log_probabilities(model, views[s]) for s in ("valid", "test")})
    weights = {k: v.cpu().contiguous() for k, v in kept[protocol][1].items()}
    return Outcome(curve, choices, weights)


def train_epoch(model: nn.Module, view: DialogueView, optimiser: torch.optim.Optimizer, recipe: Recipe,
                rng: np.random.Generator, class_weight: Tensor | None) -> dict[str, float]:
    """One pass. Returns the means of the loss and its terms over utterances.

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
        utterances = batch.mask.sum()
        step = torch.stack([term.detach() for term in losses]) * utterances
        sums, count = (step, utterances) if sums is None else (sums + step, count + utterances)
    return dict(zip(losses._fields, (sums / count).tolist(), strict=True))


@torch.inference_mode()
def log_probabilities(model: nn.Module, view: DialogueView, batch_size: int = 64) -> np.ndarray:
    """(N, C) float32 log-probabilities of a split in row order, in evaluation mode."""
    model.eval()
    out = torch.empty(len(view.rows), model.config.outputs, device=view.rows.device)
    for batch in view.batches(batch_size):
        at = torch.searchsorted(view.rows, batch.rows[batch.mask])
        out[at] = model(batch).logits[batch.mask].float().log_softmax(-1)
    return out.cpu().numpy()


def score(view: DialogueView, log_probability: np.ndarray) -> dict[str, float]:
    """The headline scores of a split."""
    return classification_scores(view.labels.cpu().numpy(), log_probability.argmax(1), log_probability.shape[1])


def inverse_shares(labels: np.ndarray, classes: int) -> Tensor:
    """(C,) one over each label's share; 0 for a label that does not occur, which then has nothing to weigh."""
    counts = np.bincount(labels, minlength=classes)
    return torch.from_numpy(np.where(counts > 0, len(labels) / np.maximum(counts, 1), 0.0).astype(np.float32))
