"""What a model is given: padded batches that carry their masks.

Corpora make batches and models read them; neither knows the other, so their common ground lives here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from erclab import tasks


@dataclass(frozen=True)
class DialogueBatch:
    """B dialogues padded to T turns.

    Attributes:
        features: modality -> (B, T, D_m) float, 0 at padded turns.
        mask: (B, T) bool, True where there is an utterance. Every dialogue has at least one.
        speakers: (B, T) int64, index of the speaker, 0 at padded turns.
        labels: (B, T) int64, index of the emotion, -1 for an utterance that is only context; or (B, T, K) float of
            another task (`erclab.tasks`), NaN where there is none. 0 at padded turns.
        rows: (B, T) int64, the utterance's row in its corpus, -1 at padded turns.
        tokens: (B, T, W) int64, the words of each utterance as an encoder's token ids without special tokens, -1
            after the last; None where the model does not read words.
        places: (N,) int64, where in the B T turns, one dialogue after the other, the utterances are. Whoever makes
            the batch knows it without asking a GPU; None lets `pack` find out.
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
        return _only(self.labels, self.annotated)

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)."""
        return tuple(self.mask.shape)

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
        return tuple(self.rows.shape)

    @property
    def annotated(self) -> Tensor:
        """(B,) bool: the utterances that a loss or a score may count."""
        return tasks.annotated(self.labels)

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.rows)


def _only(labels: Tensor, there: Tensor) -> Tensor:
    if labels.is_floating_point():
        return torch.where(there.unsqueeze(-1), labels, torch.nan)
    return torch.where(there, labels, -1)


@dataclass(frozen=True)
class Flat:
    """N utterances of a split without their conversations, for the baselines that are fitted.

    Attributes:
        features: (N, D), all modalities side by side.
        labels: (N,) int64, -1 where there is none, or (N, K) float, NaN where there is none.
        previous: the same for the last annotated turn before, in the same dialogue.
    """

    features: np.ndarray
    labels: np.ndarray
    previous: np.ndarray

    def annotated(self) -> Flat:
        """The utterances that have a label, or some of its columns."""
        at = self.labels >= 0 if self.labels.ndim == 1 else ~np.isnan(self.labels).all(1)
        return Flat(self.features[at], self.labels[at], self.previous[at])
