"""The Transformer encoder with PyTorch's defaults, which also returns its attention weights.

Vaswani et al. (2017), NeurIPS. It computes the same as `torch.nn.TransformerEncoder` (post-norm, ReLU, four dropouts
of one rate, the same initialisation), and on request its last layer for one position only.
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

    def forward(self, x: Tensor, keep: Tensor, position: int | None = None) -> tuple[Tensor, Tensor]:
        """Every position, or a single one; then the last layer computes this position only.

        Args:
            x: (B, L, H).
            keep: (B, L or 1, L) bool, query by key. A query without keys receives zeros.
            position: the single position, from 0; it needs the same keys for every query, so `keep` is (B, 1, L).

        Returns:
            (B, L, H) and the weights (B, layers, heads, L, L); for a single position (B, H) and its weights
            (B, layers, heads, L).
        """
        seen, single = [], position is not None
        for layer in self.layers:
            last = layer is self.layers[-1]
            query = x[:, position:position + 1] if single and last else x
            x, weights = layer(query, x, keep)
            seen.append(weights[:, :, 0 if last else position] if single else weights)
        return x[:, 0] if single else x, torch.stack(seen, dim=1)


class PostNormLayer(nn.Module):
    """`torch.nn.TransformerEncoderLayer`."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.attention.out.reset_parameters()  # PyTorch draws the other three by Xavier
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
