"""What stands in front of every model of sequences: each modality comes to one common width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.ops.masks import rotate


class Front(nn.ModuleDict):
    """Modality -> the module that brings its frames (B, L, D_m) with their mask (B, L) to width d."""

    def forward(self, batch: SequenceBatch, text_dropout: nn.Module | None = None
                ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Project the sequences of a batch.

        Args:
            text_dropout: applied to the text's features, before the projection.

        Returns:
            Modality -> (B, L_m, d), and modality -> its mask (B, L_m).
        """
        x, masks = {}, {}
        for m, project in self.items():
            mask = batch.masks[m]
            frames = batch.features[m].masked_fill(~mask.unsqueeze(-1), 0)
            if m == "text" and text_dropout is not None:
                frames = text_dropout(frames)
            x[m], masks[m] = project(frames, mask)
        return x, masks


class Convolution(nn.Conv1d):
    """A convolution over time, without a bias, that keeps the length (Tsai et al. 2019, section 3.2).

    Args:
        kernel: steps that it sees, odd.
    """

    def __init__(self, features: int, width: int, kernel: int = 1):
        super().__init__(features, width, kernel, padding=kernel // 2, bias=False)

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D), (B, L) -> (B, L, d) and the mask as it is."""
        return super().forward(frames.transpose(1, 2)).transpose(1, 2), mask


def check_lengths(model: str, config: Any) -> None:
    """Refuse `lengths` that do not give each modality of a model that attends to padding its number of steps.

    Raises:
        UsageError: names the field.
    """
    if not config.lengths:
        return
    if not config.attend_padding:
        raise UsageError(f"{model}'s lengths are about attend_padding, which is off", remedy="Leave lengths out.")
    if sorted(m for m, _ in config.lengths) != sorted(config.modalities) or min(n for _, n in config.lengths) < 1:
        raise UsageError(f"{model}'s lengths {config.lengths} must give each of {', '.join(config.modalities)} one "
                         "positive number of steps")


def padding_first(batch: SequenceBatch, lengths: Mapping[str, int] = MappingProxyType({})) -> SequenceBatch:
    """The batch as the authors of MulT have it: padding comes first, is 0, and counts as frames (all masks are True).
    Undo it for attention weights with `at_frames`.

    Args:
        lengths: modality -> the number of steps to which its sequences are filled; by default as many as the batch has.
    """
    features, masks = {}, {}
    for m, x in batch.features.items():
        more = lengths.get(m, x.shape[1]) - x.shape[1]  # below 0: only padding is cut (`Model.require`)
        x = F.pad(x.masked_fill(~batch.masks[m].unsqueeze(-1), 0), (0, 0, 0, more))
        features[m] = rotate(x, batch.masks[m].sum(1))
        masks[m] = torch.ones_like(F.pad(batch.masks[m], (0, more)))
    return replace(batch, features=features, masks=masks)


def at_frames(weights: dict[str, Tensor], batch: SequenceBatch, lengths: Mapping[str, int] = MappingProxyType({})
              ) -> dict[str, Tensor]:
    """Attention weights over a batch that was brought to `padding_first`, moved to where the frames stand in `batch`.
    Weights of padding that `batch` does not have are left out.

    Args:
        weights: `<m>_from_<n>` -> (B, ..., L_m, L_n).
        lengths: as for `padding_first`.
    """
    more = {m: lengths.get(m, mask.shape[1]) - mask.shape[1] for m, mask in batch.masks.items()}
    padding, moved = {m: (~mask).sum(1) + more[m] for m, mask in batch.masks.items()}, {}
    for pair, w in weights.items():
        for axis, m in zip((-2, -1), pair.split("_from_"), strict=True):
            w = rotate(w.movedim(axis, 1), padding[m]).movedim(1, -1)
            w = F.pad(w, (0, -min(more[m], w.shape[-1] - 1))).movedim(-1, axis)
        moved[pair] = w
    return moved
