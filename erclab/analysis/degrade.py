"""Batches in which a modality is missing or noisy, to measure the robustness of a trained model.

    degrade(batch, "audio", 0.3)                                          audio is missing in about 30 % of utterances
    degrade(batch, "visual", 0.5, "noise", deviation=deviation(train, "visual"))     noise of half a deviation

The change of an utterance depends only on the seed, the modality, the kind and the utterance's row in the corpus, not
on its batch, its place in the batch or the padding. A higher rate loses the same utterances and more, and scales the
same noise, so a curve over rates compares the same utterances and the same noise.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError, unknown

Batch = TypeVar("Batch", DialogueBatch, SequenceBatch)

KINDS = ("missing", "noise")


def degrade(batch: Batch, modality: str, rate: float, kind: str = "missing", *, seed: int = 0,
            deviation: Tensor | None = None) -> Batch:
    """A copy of the batch in which one modality is degraded; the batch itself does not change.

    To degrade several modalities, call it once per modality; the draws of different modalities are independent.

    Args:
        modality: the modality to degrade.
        rate: "missing": the probability, per utterance, that the modality is lost, in [0, 1]. "noise": the standard
            deviation of the noise, in units of each feature's standard deviation, 0 or more.
        kind: "missing" sets an utterance vector to 0 (the mean of standardised features), removes the utterance's
            tokens if the modality is "text", and removes all steps of a sequence. "noise" adds Gaussian noise to
            every utterance vector, or to every step that exists.
        seed: 0 or more.
        deviation: (D_m,) the standard deviation of each feature, for "noise"; `deviation` measures it, best on the
            training split.

    Raises:
        UsageError: an unknown modality or kind, a rate out of range, noise without the features' deviation, or
            noise for text that is read as words.
    """
    if modality not in batch.features:
        raise unknown("modality of the batch", modality, batch.features)
    if kind not in KINDS:
        raise unknown("kind of degradation", kind, KINDS)
    if not 0 <= rate <= (1 if kind == "missing" else float("inf")):
        raise UsageError(f"the rate {rate} of '{kind}' must be {'in [0, 1]' if kind == 'missing' else '0 or more'}")
    there = batch.mask if isinstance(batch, DialogueBatch) else torch.ones_like(batch.rows, dtype=torch.bool)
    rows = batch.rows[there].tolist()  # in the order of the mask
    draws = [np.random.default_rng([seed, zlib.crc32(modality.encode()), KINDS.index(kind), row]) for row in rows]
    if kind == "missing":
        lost = torch.zeros_like(there)
        lost[there] = torch.tensor([draw.random() < rate for draw in draws], dtype=torch.bool, device=lost.device)
        return without(batch, modality, lost)
    return _noisy(batch, modality, there, draws, rate, deviation)


def deviation(batches: Iterable[DialogueBatch | SequenceBatch], modality: str) -> Tensor:
    """(D_m,) float64: the standard deviation of each feature over all utterances, or over all steps that exist.

    Raises:
        UsageError: no batch has features of this modality.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        if modality not in batch.features:
            raise unknown("modality of the batch", modality, batch.features)
        x = batch.features[modality][_steps(batch, modality)].double()
        if not len(x):
            continue
        # The moments of two sets are merged (Chan, Golub, LeVeque 1983), so no batch stays in memory.
        total, shift = count + len(x), x.mean(0) - mean
        squares = squares + (x - x.mean(0)).square().sum(0) + shift.square() * count * len(x) / total
        count, mean = total, mean + shift * len(x) / total
    if not count:
        raise UsageError(f"there is no {modality} to measure a deviation of")
    return (squares / count).sqrt()


def _steps(batch: DialogueBatch | SequenceBatch, modality: str) -> Tensor:
    """(B, T) or (B, L_m) bool: the turns or steps that have features of the modality."""
    return batch.mask if isinstance(batch, DialogueBatch) else batch.masks[modality]


def without(batch: Batch, modality: str, lost: Tensor) -> Batch:
    """The batch in which the utterances in `lost`, (B, T) or (B,) bool, lack a modality: "missing" of `degrade`."""
    x = batch.features[modality]
    features = batch.features | {modality: x.masked_fill(lost.reshape(*lost.shape, *[1] * (x.dim() - lost.dim())), 0)}
    if isinstance(batch, SequenceBatch):
        return replace(batch, features=features, masks=batch.masks | {modality: batch.masks[modality] & ~lost[:, None]})
    if batch.tokens is None or modality != "text":
        return replace(batch, features=features)
    return replace(batch, features=features, tokens=batch.tokens.masked_fill(lost[..., None], -1))


def _noisy(batch: Batch, modality: str, there: Tensor, draws: list[np.random.Generator], rate: float,
           scale: Tensor | None) -> Batch:
    """The batch with noise, drawn utterance by utterance."""
    x = batch.features[modality]
    if modality == "text" and isinstance(batch, DialogueBatch) and batch.tokens is not None:
        raise UsageError("text that is read as words cannot be noisy", remedy="Use kind='missing'.")
    if scale is None or tuple(scale.shape) != x.shape[-1:]:
        raise UsageError(f"noise on {modality} needs the deviation of its {x.shape[-1]} features",
                         remedy="Give deviation=deviation(batches of the training split, modality).")
    steps = _steps(batch, modality)
    if isinstance(batch, DialogueBatch):
        drawn = [draw.standard_normal((1, x.shape[-1])) for draw in draws]
    else:
        drawn = [draw.standard_normal((n, x.shape[-1])) for draw, n in zip(draws, steps.sum(1).tolist(), strict=True)]
    noise = torch.from_numpy(np.concatenate(drawn)).to(x) * (rate * scale.to(x))
    noisy = x.clone()
    noisy[steps] += noise  # both are ordered by utterance, then by step
    return replace(batch, features=batch.features | {modality: noisy})
