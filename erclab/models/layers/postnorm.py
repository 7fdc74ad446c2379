"""The encoder of "Attention Is All You Need" as PyTorch has it by default, with its attention weights in view.

Vaswani et al. (2017), NeurIPS. It computes what `torch.nn.TransformerEncoder` computes (post-norm, ReLU, four
dropouts of one rate, the same initialisation), but returns the weights, and may compute its last layer for one
position only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from erclab.ops.attention import Attention
from erclab.ops.dropout import Dropout


class PostNormEncoder(nn.Module):
    """`layers` blocks of self-attention and feed-forward, each normalised after its residual.

    Args:
        width: of the sequence.
        inner: width of the feed-forward layers.
    """

    def __init__(self, width: int, heads: int, layers: int, inner: int, dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(PostNormLayer(width, heads, inner, dropout) for _ in range(layers))

    def forward(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Every position.

        Args:
            x: (B, L, H).
            keep: (B, L or 1, L) bool, query by key. A query that keeps nothing gets nothing.

        Returns:
            (B, L, H) and the weights (B, layers, heads, L, L).
        """
        seen = []
        for layer in self.layers:
            x, weights = layer(x, x, keep)
            seen.append(weights)
        return x, torch.stack(seen, dim=1)

    def at(self, position: int, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """One position, the only one that the last layer computes.

        Args:
            position: which one, not negative.
            x: (B, L, H).
            keep: (B, 1, L) bool, the same keys for every query.

        Returns:
            (B, H), and the weights that this position gives in every layer, (B, layers, heads, L).
        """
        seen, one = [], slice(position, position + 1)
        for layer in self.layers[:-1]:
            x, weights = layer(x, x, keep)
            seen.append(weights[:, :, position])
        x, weights = self.layers[-1](x[:, one], x, keep)
        seen.append(weights[:, :, 0])
        return x[:, 0], torch.stack(seen, dim=1)


class PostNormLayer(nn.Module):
    """`torch.nn.TransformerEncoderLayer`."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.attention.out.reset_parameters()  # PyTorch draws it as any linear map, the other three by Xavier
        nn.init.zeros_(self.attention.out.bias)
        self.norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.w1, self.w2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(self, query: Tensor, memory: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Lq, H), (B, L, H), (B, Lq or 1, L) -> (B, Lq, H) and the weights (B, heads, Lq, L)."""
        attended, weights = self.attention(query, memory, keep)
        x = self.norm(query + self.dropout(attended))
        inner = self.dropout(torch.relu(self.w1(x)))
        return self.feed_forward_norm(x + self.dropout(self.w2(inner))), weights
