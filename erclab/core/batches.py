"""The input of a model: padded batches with their masks.

`erclab.corpora` makes batches and `erclab.models` reads them. Neither imports the other; both import this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from erclab.core import tasks
from erclab.core.targets import Task


@dataclass(frozen=True)
class DialogueBatch:
    """B dialogues padded to T turns.

    Attributes:
        features: modality -> (B, T, D_m) float, 0 at padded turns.
        mask: (B, T) bool, True where there is an utterance. Every dialogue has at least one.
        speakers: (B, T) int64, index of the speaker, 0 at padded turns.
        labels: (B, T) int64, index of the emotion, -1 for an utterance that is only context; or (B, T, K) float of
            another task (`erclab.core.tasks`), NaN where there is none. 0 at padded turns.
        rows: (B, T) int64, the utterance's row in its corpus, -1 at padded turns.
        tokens: (B, T, W) int64, the words of each utterance as an encoder's token ids without special tokens, -1
            after the last; None where the model does not read words.
        places: (N,) int64, indices of the utterances among the B T turns, one dialogue after the other. A view gives
            them, so that nothing waits for a GPU; with None, `pack` computes them from the mask.
    """

    features: dict[str, Tensor]
    mask: Tensor
    speakers: Tensor
    labels: Tensor
    rows: Tensor
    tokens: Tensor | None = None
    places: Tensor | None = None

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, ...) -> (N, ...): the utterances without the padding, in their order."""
        return x.flatten(0, 1)[self._places]

    def unpack(self, x: Tensor) -> Tensor:
        """(N, ...) -> (B, T, ...), 0 at padded turns."""
        grid = x.new_zeros(self.mask.numel(), *x.shape[1:])
        return grid.index_put((self._places,), x).unflatten(0, self.shape)

    @property
    def _places(self) -> Tensor:
        return self.mask.flatten().nonzero().squeeze(1) if self.places is None else self.places

    @property
    def targets(self) -> Tensor:
        """The labels, -1 or NaN wherever a loss must not count."""
        there = self.annotated
        return torch.where(there.unsqueeze(-1) if self.labels.dim() > 2 else there, self.labels, _nothing(self.labels))

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)."""
        B, T = self.mask.shape
        return B, T

    @property
    def annotated(self) -> Tensor:
        """(B, T) bool: the utterances that a loss or a score may count."""
        return self.mask & tasks.annotated(self.labels)

    def __len__(self) -> int:
        """The number of dialogues."""
        return len(self.mask)


@dataclass(frozen=True)
class SequenceBatch:
    """B utterances, each with a sequence of frames (or words) per modality, of its own length and rate.

    Attributes:
        features: modality -> (B, L_m, D_m) float, 0 at padded steps. L_m is at least 1.
        masks: modality -> (B, L_m) bool, True at steps that exist, which come first. All False for an utterance
            that lacks the modality.
        labels: (B,) int64, index of the emotion; or (B, K) float of another task, NaN where there is none.
        rows: (B,) int64, the utterance's row in its corpus.
    """

    features: dict[str, Tensor]
    masks: dict[str, Tensor]
    labels: Tensor
    rows: Tensor

    @property
    def targets(self) -> Tensor:
        """The labels; -1 or NaN wherever a loss must not count."""
        return self.labels

    @property
    def shape(self) -> tuple[int]:
        """(B,)."""
        return (len(self.rows),)

    @property
    def annotated(self) -> Tensor:
        """(B,) bool: the utterances that a loss or a score may count."""
        return tasks.annotated(self.labels)

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.rows)


@dataclass(frozen=True)
class Flat:
    """N utterances of a split without their conversations, for the baselines that are fitted.

    Attributes:
        features: (N, D), all modalities side by side.
        labels: (N,) int64, -1 where there is none, or (N, K) float, NaN where there is none.
        previous: the same for the last annotated turn before, in the same dialogue.
        texts: (N,) strings, what is said; None where no model reads it.
        texts_before: (N,) strings, what is said in the turn before, "" in the first turn of a dialogue.
        task: what the labels are, with names and scale; None: the task of the model that is fitted.
    """

    features: np.ndarray
    labels: np.ndarray
    previous: np.ndarray
    texts: np.ndarray | None = None
    texts_before: np.ndarray | None = None
    task: Task | None = None

    def annotated(self) -> Flat:
        """The utterances that have a label, or some of its columns."""
        at = self.labels >= 0 if self.labels.ndim == 1 else ~np.isnan(self.labels).all(1)
        texts, before = (None if x is None else x[at] for x in (self.texts, self.texts_before))
        return Flat(self.features[at], self.labels[at], self.previous[at], texts, before, self.task)


def stack(batches: Sequence[DialogueBatch] | Sequence[SequenceBatch]) -> DialogueBatch | SequenceBatch:
    """S batches as one whose tensors have an axis S before all others, padded to the largest.

    Items that a smaller batch lacks are filled in: each has one step of zeros (so that no model normalises over
    nothing) and no annotation.

    Raises:
        ValueError: the batches have words.
    """
    if isinstance(batches[0], SequenceBatch):
        return _stacked_sequences(cast("Sequence[SequenceBatch]", batches))
    return _stacked_dialogues(cast("Sequence[DialogueBatch]", batches))


def _stacked_sequences(batches: Sequence[SequenceBatch]) -> SequenceBatch:
    B = max(len(b) for b in batches)
    lengths = {m: max(b.masks[m].shape[1] for b in batches) for m in batches[0].masks}
    return SequenceBatch(
        {m: torch.stack([_padded(b.features[m], B, L) for b in batches]) for m, L in lengths.items()},
        {m: torch.stack([_begun(_padded(b.masks[m], B, L), len(b)) for b in batches]) for m, L in lengths.items()},
        torch.stack([_padded(b.targets, B, fill=_nothing(b.labels)) for b in batches]),
        torch.stack([_padded(b.rows, B, fill=-1) for b in batches]))


def _stacked_dialogues(batches: Sequence[DialogueBatch]) -> DialogueBatch:
    B, T = (max(b.shape[axis] for b in batches) for axis in (0, 1))
    T += 1  # the extra last turn holds the places of the utterances that a smaller batch lacks
    places = [_moved(b, B, T) for b in batches]
    N = max(len(p) for p in places)
    if batches[0].tokens is not None:
        raise ValueError("batches of words are not stacked")
    return DialogueBatch(
        features={m: torch.stack([_padded(b.features[m], B, T) for b in batches]) for m in batches[0].features},
        mask=torch.stack([_begun(_padded(b.mask, B, T), len(b)) for b in batches]),
        speakers=torch.stack([_padded(b.speakers, B, T) for b in batches]),
        labels=torch.stack([_padded(b.targets, B, T, fill=_nothing(b.labels)) for b in batches]),
        rows=torch.stack([_padded(b.rows, B, T, fill=-1) for b in batches]),
        places=torch.stack([_padded(p, N, fill=T - 1) for p in places]))


def _padded(x: Tensor, *sizes: int, fill: float = 0) -> Tensor:
    """x with its first axes filled up to these sizes."""
    out = x.new_full((*sizes, *x.shape[len(sizes):]), fill)
    out[tuple(slice(n) for n in x.shape[: len(sizes)])] = x
    return out


def _begun(mask: Tensor, items: int) -> Tensor:
    """The mask (B, L), changed in place: items from the given number on have one step."""
    mask[items:, 0] = True
    return mask


def _moved(batch: DialogueBatch, B: int, T: int) -> Tensor:
    """Places of a batch's utterances in a grid of B by T turns, then the first turns of the dialogues that it lacks."""
    old = batch._places
    return torch.cat([old // batch.shape[1] * T + old % batch.shape[1],
                      torch.arange(len(batch), B, device=old.device) * T])


def _nothing(labels: Tensor) -> float:
    """The value of an absent label."""
    return torch.nan if labels.is_floating_point() else -1
