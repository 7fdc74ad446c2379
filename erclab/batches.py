"""What a model is given: padded batches that carry their masks.

Corpora make batches and models read them; neither knows the other, so their common ground lives here.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class DialogueBatch:
    """B dialogues padded to T turns.

    Attributes:
        features: modality -> (B, T, D_m) float, 0 at padded turns.
        mask: (B, T) bool, True where there is an utterance. Every dialogue has at least one.
        speakers: (B, T) int64, index of the speaker, 0 at padded turns.
        labels: (B, T) int64, index of the emotion, 0 at padded turns.
        rows: (B, T) int64, the utterance's row in its corpus, -1 at padded turns.
    """

    features: dict[str, Tensor]
    mask: Tensor
    speakers: Tensor
    labels: Tensor
    rows: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)."""
        return tuple(self.mask.shape)

    def __len__(self) -> int:
        """The number of dialogues."""
        return len(self.mask)
