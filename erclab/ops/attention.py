"""Scaled dot-product attention over several heads.

    softmax(Q K^T / sqrt(d)) V          (Vaswani et al. 2017, Eq. 1)

`attend` chooses among three ways, which give the same result within rounding and use the same dropout masks:

- `attention_blocks.Blockwise` on a CPU, for `LEAST` scores or more: no matrix of weights is in memory;
- PyTorch's fused kernel without dropout;
- the explicit weights otherwise: with dropout, for callers that request the weights, for hooks of the dropout, and
  inside a transform of `torch.func`. There the CPU's fused kernel has no rule, and the backward pass of a GPU's raises
  "LSE is not correctly aligned" (torch 2.11).
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from erclab.ops import private
from erclab.ops.attention_blocks import Block, Blockwise, blocks_of
from erclab.ops.dropout import Dropout, next_key
from erclab.ops.masks import split_heads
from erclab.ops.plain import untouched

LEAST = 1 << 18  # with fewer scores, blocks gain nothing


class Projections(nn.Linear):
    """The linear maps of queries, keys and values, stacked into one weight (3 d, d)."""

    def __init__(self, width: int):
        super().__init__(width, 3 * width)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, Lt, d) and (B, Ls, d) twice -> the same shapes, projected. A sequence that attends to itself needs one
        matrix product."""
        if query is keys is values:
            return super().forward(query).chunk(3, dim=-1)
        (wq, wk, wv), (bq, bk, bv) = self.weight.chunk(3), self.bias.chunk(3)
        return F.linear(query, wq, bq), F.linear(keys, wk, bk), F.linear(values, wv, bv)


class Attention(nn.Module):
    """Scaled dot-product attention over several heads, with projections before and after it. Both projections are
    initialised as Xavier has it, the stacked one as one matrix."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.project = Projections(width)
        self.out = nn.Linear(width, width)
        for linear in (self.project, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.dropout = Dropout(dropout)

    def forward(self, query: Tensor, keys: Tensor, keep: Tensor, values: Tensor | None = None, *,
                attention: bool = True) -> tuple[Tensor, Tensor | None]:
        """Attend from queries to keys.

        Args:
            query: (B, Lt, d).
            keys: (B, Ls, d).
            keep: which query sees which key, broadcasts to (B, Lt, Ls). A query that sees no key gets nothing.
            values: (B, Ls, d), the keys by default.
            attention: also return the weights.

        Returns:
            (B, Lt, d) and the weights (B, heads, Lt, Ls), None without `attention`.
        """
        projected = self.project(query, keys, keys if values is None else values)
        q, k, v = (split_heads(x, self.heads) for x in projected)
        context, weights = attend(q, k, v, keep, self.dropout, attention=attention, blocks=cut(q, k, keep))
        return self.out(context.transpose(1, 2).flatten(2)), weights


def cut(q: Tensor, k: Tensor, keep: Tensor) -> list[Block] | None:
    """The blocks for queries (B, heads, Lt, d), keys (B, heads, Ls, d) and a mask that broadcasts to (B, Lt, Ls).

    None where attention computes all scores at once: on a GPU, for fewer than `LEAST` scores, and inside a transform of
    `torch.func`, for which `Blockwise` has no rule.
    """
    (B, heads, queries, _), keys = q.shape, k.shape[2]
    if q.device.type != "cpu" or B * heads * queries * keys < LEAST or private.inside_torch_func():
        return None
    return blocks_of(keep.expand(B, -1, keys), queries, heads)


def attend(q: Tensor, k: Tensor, v: Tensor, keep: Tensor, dropout: Dropout, *, attention: bool = True,
           blocks: list[Block] | None = None) -> tuple[Tensor, Tensor | None]:
    """Attend from queries to keys, over heads of d features.

    Args:
        q, k, v: (B, heads, Lt, d), (B, heads, Ls, d) and (B, heads, Ls, d).
        keep: broadcasts to (B, Lt, Ls). A query that sees no key gets 0.
        dropout: of the weights.
        attention: also return the weights.
        blocks: `blocks_of` the batch; None computes all scores at once.

    Returns:
        (B, heads, Lt, d) and the weights before `dropout` (B, heads, Lt, Ls), None without `attention`.
    """
    plain = untouched(dropout, Dropout)  # a module with a hook, or another module, receives the weights themselves
    rate, weights, blocks = dropout.p if plain and dropout.training else 0.0, None, blocks if plain else None
    if attention or blocks is None:
        some = keep.any(-1, keepdim=True)[:, None]
        seen = keep[:, None] | ~some  # a query without keys sees all of them, and its result is multiplied by 0
        explicit = rate or not plain or private.inside_torch_func()
        if attention or explicit:
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
            weights = scores.masked_fill_(~seen, -math.inf).softmax(dim=-1)  # (B, heads, Lt, Ls)
    if blocks is not None and not (attention and rate):
        context = Blockwise.apply(q, k, v, blocks, rate, next_key() if rate else 0)
    elif explicit:
        context = dropout(weights) @ v * some
    else:
        seen = seen.expand(-1, -1, -1, k.shape[2]).contiguous() if seen.shape[-1] == 1 else seen  # as GPUs need it
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=seen) * some
    return context, weights * some if attention else None
