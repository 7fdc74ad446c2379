"""Mean-pooling of padded sequences to other lengths."""

from __future__ import annotations

import torch
from torch import Tensor


def resample(x: Tensor, mask: Tensor, steps: Tensor, length: int) -> Tensor:
    """Mean-pool each sequence to a number of steps of its own.

    Step i of n is the mean of frames floor(i L / n) to ceil((i + 1) L / n) - 1 of the sequence's L valid ones: every
    frame counts, a sequence of n frames stays as it is, a shorter one repeats frames.

    Args:
        x, mask: (B, L, D), (B, L); frames that exist come first.
        steps: (B,) n.
        length: of the result, at least the largest n.

    Returns:
        (B, length, D), 0 from step n on and for a sequence without frames.
    """
    frames, n = mask.sum(1)[:, None, None], steps.clamp(min=1)[:, None, None]
    i = torch.arange(length, device=x.device)[None, :, None]
    j = torch.arange(x.shape[1], device=x.device)[None, None, :]
    first, end = i * frames // n, -(-(i + 1) * frames // n)
    window = (j >= first) & (j < end) & mask.unsqueeze(1) & (i < steps[:, None, None])  # (B, length, L)
    weights = window.to(x.dtype) / window.sum(-1, keepdim=True).clamp(min=1)
    return weights @ x.masked_fill(~mask.unsqueeze(-1), 0)
