"""Attributions of a prediction to steps and modalities (captum), and how well scores find the planted steps.

The baseline is 0 everywhere, the mean of standardised features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients, ShapleyValues
from torch import Tensor

from erclab.analysis import inside
from erclab.core.batches import SequenceBatch
from erclab.corpora import Corpus
from erclab.models.interface import Model, Output
from erclab.runs import Record

STEPS = 16  # of the integral; `integrated_gradients` returns the error of its sum


def integrated_gradients(model: Model, batch: SequenceBatch, *, steps: int = STEPS, target: Tensor | None = None
                         ) -> tuple[dict[str, Tensor], Tensor]:
    """How much each step adds to the highest logit (of a regression, to its output).

    Sundararajan, Taly, Yan 2017, "Axiomatic Attribution for Deep Networks", with captum.

    Args:
        target: (B,) the outputs that are explained, if they are not the highest.

    Returns:
        modality -> (B, L_m), summed over features, 0 at padding; and (B,) the convergence delta: the sum of all
        attributions, less the difference between the logit and the logit of the baseline.
    """
    names = list(dict(model.config.dims))
    features = tuple(batch.features[m] for m in names)
    masks = tuple(batch.masks[m] for m in names)

    def forward(*given: Tensor) -> Tensor:
        xs, there = given[: len(names)], given[len(names):]
        return model(replace(batch, features=dict(zip(names, xs, strict=True)),
                             masks=dict(zip(names, there, strict=True)))).logits

    found, delta = IntegratedGradients(forward).attribute(
        features, target=_first(model, batch) if target is None else target, additional_forward_args=masks,
        n_steps=steps, internal_batch_size=8 * len(batch.rows), return_convergence_delta=True)
    return {m: x.sum(-1).masked_fill(~mask, 0) for m, x, mask in zip(names, found, masks, strict=True)}, delta


def modality_shapley(model: Model, batch: SequenceBatch) -> dict[str, Tensor]:
    """Modality -> (B,), the exact Shapley value of the modality: what the modality adds to the highest logit, averaged
    over all orders in which modalities can join. The values sum to the difference between all modalities and none (the
    baseline)."""
    names = list(dict(model.config.dims))
    features = tuple(batch.features[m] for m in names)
    players = tuple(torch.full((1, 1, 1), i) for i in range(len(names)))

    def forward(*xs: Tensor) -> Tensor:
        return model(replace(batch, features=dict(zip(names, xs, strict=True)))).logits

    with torch.no_grad():
        found = ShapleyValues(forward).attribute(features, target=_first(model, batch), feature_mask=players)
    # captum gives the value of a player to each of its inputs
    return {m: x.flatten(1)[:, 0] for m, x in zip(names, found, strict=True)}


def attended(output: Output, batch: SequenceBatch) -> dict[str, Tensor]:
    """Stream -> (B, L_source): the attention that each step of the source gets, mean over layers, heads and the steps
    that attend. Streams such as "text_from_audio"; a stream that is not over the steps of an input is left out."""
    found = {}
    for name, weights in (output.attention or {}).items():
        target, _, source = name.partition("_from_")
        if not {target, source} <= set(batch.masks) or weights.shape[-1] != batch.masks[source].shape[1]:
            continue
        mean = weights.flatten(1, -3).mean(1) if weights.dim() > 3 else weights  # (B, L_target, L_source)
        asks = batch.masks[target]
        if asks.shape[1] != mean.shape[1]:  # the last query alone, as in the last layer of a memory
            asks = torch.ones(mean.shape[:2], dtype=torch.bool)
        found[name] = (mean * asks.unsqueeze(-1)).sum(1) / asks.sum(1, keepdim=True).clamp(min=1)
    return found


def planted_hits(scores: Tensor, truth: Tensor, mask: Tensor) -> pd.DataFrame:
    """How well scores find the planted steps, per sample.

    Args:
        scores, truth, mask: (B, L): the importance of each step, whether it was planted, whether it exists.

    Returns:
        Columns `hit`, whether the highest score is at a planted step (the pointing game, Zhang et al. 2018), the share
        if several are highest; `chance`, the planted share of the steps; `auroc`, the probability that a planted step
        scores above another, ties half. NaN where no step, or every step, is planted.
    """
    truth = truth & mask
    other = mask & ~truth
    x = scores.masked_fill(~mask, -torch.inf)
    top = (x == x.amax(1, keepdim=True)) & mask
    above = (scores.unsqueeze(2) > scores.unsqueeze(1)) + 0.5 * (scores.unsqueeze(2) == scores.unsqueeze(1))
    pairs = truth.unsqueeze(2) & other.unsqueeze(1)
    told = (truth.any(1) & other.any(1)).numpy()
    table = pd.DataFrame({"hit": ((top & truth).sum(1) / top.sum(1).clamp(min=1)).numpy(),
                          "chance": (truth.sum(1) / mask.sum(1).clamp(min=1)).numpy(),
                          "auroc": ((above * pairs).sum((1, 2)) / pairs.sum((1, 2)).clamp(min=1)).numpy()})
    table[~told] = np.nan
    return table


def batches(record: Record, corpus: Corpus, split: str = "test", most: int | None = None, size: int = 32
            ) -> Iterator[SequenceBatch]:
    """A split as the run's model reads it; of a long split, batches at even distances with about `most` utterances
    (neighbouring batches have similar lengths).

    Raises:
        RunError, UsageError: see `inside.split_view`.
    """
    view = inside.split_view(record, corpus, split)
    yield from (view.batch(items) for items in inside.groups(view, size, most))


def shows_emotion(corpus: Corpus, modality: str, rows: np.ndarray) -> np.ndarray:
    """(B,) bool: whether the modality of these utterances of a simulated corpus shows an emotion."""
    table = corpus.table.iloc[rows]
    return (table["text_kind"] == "plain" if modality == "text" else table[f"{modality}_shown"] != "masked").to_numpy()


def truth(corpus: Corpus, modality: str, batch: SequenceBatch) -> Tensor:
    """(B, L_m) bool: the steps that show the emotion, none where the modality shows nothing."""
    rows = batch.rows.numpy()
    there = inside.planted_steps(corpus, modality, rows, batch.masks[modality].shape[1])
    return torch.from_numpy(there & shows_emotion(corpus, modality, rows)[:, None])


def _first(model: Model, batch: SequenceBatch) -> Tensor:
    """(B,) index of the highest logit."""
    with torch.no_grad():
        return model(batch).logits.argmax(-1)
