"""Sequences of frames or words, packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        side: "left", "right" or "both", where the source has its padding.
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

    @property
    def longest(self) -> int:
        """The steps of the longest sequence, or as many as the source fills every sequence to."""
        return max(int(self.lengths.max(initial=1)), self.length, 1)

    def take(self, rows: np.ndarray) -> Frames:
        """The same for these utterances, in this order."""
        parts = [self[i] for i in rows]
        values = np.concatenate(parts) if parts else self.values[:0]
        return replace(self, values=values, starts=np.concatenate([[0], np.cumsum(self.lengths[rows])]))

    @classmethod
    def pack(cls, sequences: Sequence[np.ndarray], **layout) -> Frames:
        """From one (L_i, D) array per utterance, at least one; some may have no frame."""
        starts = np.concatenate([[0], np.cumsum([len(s) for s in sequences])]).astype(np.int64)
        values = np.empty((starts[-1], sequences[0].shape[1]), dtype=np.float32)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a corpus refuses
            for s, a, b in zip(sequences, starts[:-1], starts[1:], strict=True):
                values[a:b] = s
        return cls(values, starts, **layout)

    @classmethod
    def join(cls, parts: Sequence[Frames]) -> Frames:
        """The utterances of several, one after the other; they need the same layout."""
        lengths = np.concatenate([f.lengths for f in parts])
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return replace(parts[0], values=np.concatenate([f.values for f in parts]), starts=starts)

    @classmethod
    def unpad(cls, padded: np.ndarray, side: str, **layout) -> Frames:
        """From (N, L, D) with rows of zeros as padding on one side, or on "both"; zeros in between stay.

        An utterance of zeros alone has no frames. NaN and infinite values count as something.
        """
        return cls.unpad_aligned({"it": padded}, side, **layout)["it"]

    @classmethod
    def unpad_aligned(cls, padded: Mapping[str, np.ndarray], side: str, **layout) -> dict[str, Frames]:
        """The same for modalities (N, L, D_m) that share their steps, such as words.

        A step is padding when it is zero in all modalities. Of an utterance, a modality has either all the steps or, if
        it is zero in all of them, none.
        """
        steps = {m: (x != 0).any(-1) for m, x in padded.items()}
        there = np.logical_or.reduce(list(steps.values()))  # (N, L)
        length, some = there.shape[1], there.any(1)
        first = np.where(some & (side != "right"), there.argmax(1), 0)
        last = np.where(some & (side != "left"), length - there[:, ::-1].argmax(1), length)
        parts = {m: [x[i, first[i]:last[i] if s[i].any() else first[i]] for i in range(len(x))]
                 for (m, x), s in zip(padded.items(), steps.values(), strict=True)}
        return {m: cls.pack(p, length=length, side=side, **layout) for m, p in parts.items()}
