"""Sequences of frames or words, packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Frames:
    """Sequences of one modality, packed without padding.

    Attributes:
        values: (sum of L, D) float32; utterance i is `values[starts[i]:starts[i + 1]]`.
        starts: (N + 1,) int64. An utterance of no frames lacks the modality.
        rate: frames per second, 0 where it is unknown or (words) has no meaning.
        length: frames that the source pads or cuts to, 0 if it does not.
        side: "left" or "right", where the source has its padding.
    """

    values: np.ndarray
    starts: np.ndarray
    rate: float = 0.0
    length: int = 0
    side: str = ""

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        """(L_i, D), the frames of utterance i."""
        return self.values[self.starts[i] : self.starts[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) frames per utterance."""
        return np.diff(self.starts)

    def take(self, rows: np.ndarray) -> Frames:
        """The same for these utterances, in this order."""
        parts = [self[i] for i in rows]
        values = np.concatenate(parts) if parts else self.values[:0]
        return replace(self, values=values, starts=np.concatenate([[0], np.cumsum(self.lengths[rows])]))

    @classmethod
    def pack(cls, sequences: Sequence[np.ndarray], **layout) -> Frames:
        """From one (L_i, D) array per utterance."""
        starts = np.concatenate([[0], np.cumsum([len(s) for s in sequences])]).astype(np.int64)
        return cls(np.concatenate(list(sequences)).astype(np.float32), starts, **layout)

    @classmethod
    def unpad(cls, padded: np.ndarray, side: str, **layout) -> Frames:
        """From (N, L, D) with rows of zeros as padding on one side, or on "both"; zeros in between stay."""
        there = (padded != 0).any(-1)
        first = np.where(there.any(1) & (side != "right"), there.argmax(1), 0)
        last = np.where(there.any(1), padded.shape[1] - there[:, ::-1].argmax(1), 0)
        if side == "left":
            last = np.where(there.any(1), padded.shape[1], 0)
        parts = [x[a:b] for x, a, b in zip(padded, first, last, strict=True)]
        return cls.pack(parts, length=padded.shape[1], side=side, **layout)
