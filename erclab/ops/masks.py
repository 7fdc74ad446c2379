"""Masks of padded batches, and the few functions that read them."""

from __future__ import annotations

import torch
from torch import Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, H) -> (B, heads, T, H / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def wide(x: Tensor) -> Tensor:
    """In float32, unless it has as many bits or more."""
    return x.float() if x.element_size() < 4 else x


def masked_softmax(scores: Tensor, keep: Tensor) -> Tensor:
    """Softmax over the last axis where `keep` (broadcast to the scores), 0 elsewhere.

    A row that keeps nothing gets zeros, not NaN: attention to an absent modality gives zeros.
    """
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~keep, lowest).softmax(dim=-1) * keep


def attend_dialogue(scores: Tensor, values: Tensor, mask: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    """Attention of every turn to the turns of its dialogue.

    Args:
        scores, values, mask: (B, T, T), (B, T, H), (B, T).
        causal: a turn attends to no later turn.

    Returns:
        (B, T, H) the results and (B, 1, T, T) the weights.
    """
    keep = mask[:, None, :].expand_as(scores)
    weights = masked_softmax(scores, keep.tril() if causal else keep)
    return weights @ values, weights.unsqueeze(1)


def last_step(x: Tensor, mask: Tensor) -> Tensor:
    """(B, L, H), (B, L) -> (B, H): each sequence at its last valid step, 0 where there is none."""
    last = (mask.sum(1) - 1).clamp(min=0)
    return x[torch.arange(len(x), device=x.device), last] * mask.any(1).unsqueeze(-1)


def rotate(x: Tensor, by: Tensor) -> Tensor:
    """(B, L, ...), (B,) -> the same, where step i is step (i + by) mod L of x, for each sequence by its own number."""
    step = torch.arange(x.shape[1], device=x.device) + by.unsqueeze(1)
    return x[torch.arange(len(x), device=x.device).unsqueeze(1), step % x.shape[1]]
