"""The crossmodal transformer of MulT, which HCT-MG, LMF-MulT and (as an encoder) LMR-CBT take over.

Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov (2019), "Multimodal Transformer for Unaligned Multimodal Language
Sequences", ACL, section 3.2. Authors' code: yaohungt/Multimodal-Transformer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erclab.models.blocks import masked_softmax, split_heads


@dataclass(frozen=True)
class Dropouts:
    """Rates of a crossmodal transformer: on attention weights, inside and after the sublayers, on the input."""

    attention: float = 0.1
    relu: float = 0.1
    residual: float = 0.1
    embedding: float = 0.25


class CrossmodalTransformer(nn.Module):
    """`layers` blocks in which a target sequence attends to a source sequence (Eqs. 3 to 5), or to itself.

    Every layer attends to the **low-level** source, never to a transformed one. One normalisation serves queries,
    keys and values, as in the authors' code.

    Args:
        width: d, of both sequences.
        future_mask: step i sees source steps j <= i + |L_target - L_source| (lengths without padding). The
            authors' code does this unless a flag is given; the paper does not mention it.
        zeros_have_no_position: a step whose first channel is exactly 0 gets no position, which is how the
            authors' code tells padding. False: a step has a position if its mask says it exists.
    """

    def __init__(self, width: int, heads: int, layers: int, dropouts: Dropouts, *, future_mask: bool = False,
                 zeros_have_no_position: bool = False):
        super().__init__()
        self.width, self.future_mask, self.zeros_have_no_position = width, future_mask, zeros_have_no_position
        self.dropout = nn.Dropout(dropouts.embedding)
        self.layers = nn.ModuleList(CrossmodalLayer(width, heads, dropouts) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, target: Tensor, source: Tensor | None, target_mask: Tensor,
                source_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, Lt, d), (B, Ls, d) or None for the target itself, masks (B, L) -> (B, Lt, d) and the attention
        (B, layers, heads, Lt, Ls)."""
        x = self.embed(target, target_mask)
        memory = None if source is None else self.embed(source, source_mask)
        source_mask = target_mask if source is None else source_mask
        keep = source_mask[:, None, :].expand(-1, target.shape[1], -1)  # (B, Lt, Ls)
        if self.future_mask:
            keep = keep & not_future(target_mask, source_mask)
        weights = []
        for layer in self.layers:
            x, attended = layer(x, memory, keep)
            weights.append(attended)
        return self.norm(x), torch.stack(weights, dim=1)

    def embed(self, x: Tensor, mask: Tensor) -> Tensor:
        """Scale by the root of the width, add positions, drop out (Eq. 2)."""
        exists = x[..., 0] != 0 if self.zeros_have_no_position else mask
        position = positions(x.shape[1], self.width).to(x) * exists.unsqueeze(-1)
        return self.dropout(math.sqrt(self.width) * x + position)


class CrossmodalLayer(nn.Module):
    """Attention and feed-forward, both normalised first, both with a residual."""

    def __init__(self, width: int, heads: int, dropouts: Dropouts):
        super().__init__()
        self.attention = Attention(width, heads, dropouts.attention)
        self.norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.w1, self.w2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for linear in (self.w1, self.w2):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.relu_dropout, self.residual_dropout = nn.Dropout(dropouts.relu), nn.Dropout(dropouts.residual)

    def forward(self, x: Tensor, memory: Tensor | None, keep: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Lt, d), (B, Ls, d) or None for x itself, (B, Lt, Ls) -> the same as x, and (B, heads, Lt, Ls)."""
        query = self.norm(x)
        attended, weights = self.attention(query, query if memory is None else self.norm(memory), keep)
        x = x + self.residual_dropout(attended)
        inner = self.relu_dropout(torch.relu(self.w1(self.feed_forward_norm(x))))
        return x + self.residual_dropout(self.w2(inner)), weights


class Attention(nn.Module):
    """Scaled dot-product attention over several heads; the projections are initialised as one matrix (Xavier)."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)  # queries, keys, values
        self.out = nn.Linear(width, width)
        for linear in (self.project, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, memory: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Lt, d), (B, Ls, d), (B, Lt, Ls) -> (B, Lt, d) and (B, heads, Lt, Ls)."""
        (wq, wk, wv), (bq, bk, bv) = self.project.weight.chunk(3), self.project.bias.chunk(3)
        q, k, v = (split_heads(nn.functional.linear(x, w, b), self.heads)
                   for x, w, b in ((query, wq, bq), (memory, wk, bk), (memory, wv, bv)))
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
        weights = masked_softmax(scores, keep[:, None])
        context = self.dropout(weights) @ v
        return self.out(context.transpose(1, 2).flatten(2)), weights


def not_future(target_mask: Tensor, source_mask: Tensor) -> Tensor:
    """(B, Lt), (B, Ls) -> (B, Lt, Ls) bool: j <= i + |difference of the lengths|, each sequence's own."""
    ahead = (target_mask.sum(1) - source_mask.sum(1)).abs()
    i = torch.arange(target_mask.shape[1], device=target_mask.device)[None, :, None]
    j = torch.arange(source_mask.shape[1], device=source_mask.device)[None, None, :]
    return j <= i + ahead[:, None, None]


def positions(length: int, width: int) -> Tensor:
    """(length, width) table of positions from 1: a block of sines, a block of cosines, a 0 if the width is odd."""
    half = width // 2
    rate = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / max(half - 1, 1)))
    angle = torch.arange(1, length + 1, dtype=torch.float32)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos(), torch.zeros(length, width % 2)], dim=1)
