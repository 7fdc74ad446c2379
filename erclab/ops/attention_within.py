"""Attention within dialogues whose utterances stand one after the other, without padding.

What `erclab.ops.attention.attend` computes from the padded dialogues, one dialogue at a time: weights of turns that
do not exist are never made. Only on a CPU; on a GPU a padded batch takes less time than a product per dialogue.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from erclab.core.batches import DialogueBatch
from erclab.ops.attention import parts_pay
from erclab.ops.dropout import Dropout, coordinates, dropped, next_key
from erclab.ops.masks import wide


def bounds(batch: DialogueBatch, heads: int) -> list[int] | None:
    """`ends` of the batch; None where padding costs less: on another device, in a pass over several seeds, or with few
    scores."""
    B, T = batch.shape
    return ends(batch) if parts_pay(batch.mask.device, B * heads * T * T) else None


def ends(batch: DialogueBatch) -> list[int]:
    """Where each dialogue begins in the packed batch, and where the last ends."""
    return [0, *batch.mask.sum(1).cumsum(0).tolist()]


def attend_within(q: Tensor, k: Tensor, v: Tensor, batch: DialogueBatch, ends: list[int], heads: int, dropout: Dropout
                  ) -> Tensor:
    """(N, H) of a batch's utterances, three times -> (N, H): each attends to those of its dialogue.

    Args:
        ends: the batch's `bounds`.
    """
    rate = dropout.p if dropout.training else 0.0
    rows = masks_within(batch, heads, next_key()) if rate else ()
    q, k, v = (x.unflatten(-1, (heads, -1)) for x in (q, k, v))
    return heads_within(q, k, v, ends, rate, rows)


def heads_within(q: Tensor, k: Tensor, v: Tensor, ends: list[int], rate: float, rows: tuple[Tensor, ...]) -> Tensor:
    """(N, heads, d) three times -> (N, heads d). `rows` is what masks of dropout are made of, see `masks_within`."""
    return _Within.apply(q, k, v, ends, rate, rows).flatten(1)


def masks_within(batch: DialogueBatch, heads: int, key: int) -> tuple[Tensor, Tensor, Tensor]:
    """`coordinates` of the padded batch's mask (B, heads, T, T): (heads, N, 1) twice and (T,)."""
    B, T = batch.shape
    a, b, columns = coordinates((B, heads, T, T), key)
    return *(batch.pack(x.squeeze(-1).transpose(1, 2)).T.unsqueeze(-1) for x in (a, b)), columns


class _Within(torch.autograd.Function):
    """softmax(q k^T / sqrt(d)) dropout v of each dialogue. What comes in bfloat16 is kept so; the rest is float32."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, ends: list[int], rate: float, rows: tuple[Tensor, ...]) -> Tensor:
        """(N, heads, d) three times -> (N, heads, d)."""
        out, kept, scale = torch.empty_like(v), [], 1 / math.sqrt(q.shape[-1])
        Q, K, V = map(_by_head, (q, k, v))
        for at in _dialogues(ends):
            weights = torch.bmm(Q[:, at], K[:, at].mT).mul_(scale).softmax(-1)
            kept.append(weights)
            out[at] = torch.bmm(_dropped(weights, at, rate, rows), V[:, at]).transpose(0, 1)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.rest = ends, rate, rows
        return out

    @staticmethod
    @once_differentiable
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        (q, k, v, *kept), (ends, rate, rows) = ctx.saved_tensors, ctx.rest
        dq, dk, dv, scale = *(torch.empty_like(x) for x in (q, k, v)), 1 / math.sqrt(q.shape[-1])
        Q, K, V, G = map(_by_head, (q, k, v, grad))
        for at, weights in zip(_dialogues(ends), kept, strict=True):
            dv[at] = torch.bmm(_dropped(weights, at, rate, rows).mT, G[:, at]).transpose(0, 1)
            slopes = _dropped(torch.bmm(G[:, at], V[:, at].mT), at, rate, rows)
            slopes = torch.ops.aten._softmax_backward_data(slopes, weights, -1, weights.dtype).mul_(scale)
            dq[at] = torch.bmm(slopes, K[:, at]).transpose(0, 1)
            dk[at] = torch.bmm(slopes.mT, Q[:, at]).transpose(0, 1)
        return dq, dk, dv, None, None, None


def _dialogues(ends: list[int]) -> list[slice]:
    return [slice(*pair) for pair in pairwise(ends)]


def _by_head(x: Tensor) -> Tensor:
    """(N, heads, d) -> (heads, N, d), in float32 or more."""
    return wide(x).transpose(0, 1)


def _dropped(x: Tensor, at: slice, rate: float, rows: tuple[Tensor, ...]) -> Tensor:
    """(heads, T, T) of the dialogue that is there."""
    if not rate:
        return x
    a, b, columns = rows
    return dropped(x, a[:, at], b[:, at], columns[: x.shape[-1]], rate)
