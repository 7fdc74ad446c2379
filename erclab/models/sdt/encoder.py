"""The layer of SDT in which a modality attends to another one, or to itself."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from erclab.ops.dropout import Dropout
from erclab.ops.linear import Linear
from erclab.ops.turns import TurnAttention, Turns


class CrossModalEncoder(nn.Module):
    """One transformer layer: the utterances of one modality attend to those of another, within each dialogue.

    The residual of the attention is the query stream before its normalisation. The feed-forward layer normalises its
    input. The layer does not normalise its result, which the unimodal gate takes next.

    Args:
        width: H, of both streams and of the feed-forward layer.
        normalise: whether the streams are normalised before the attention. The layer `norm` exists in any case: the
            authors' code has it and never uses it.
    """

    def __init__(self, width: int, heads: int, dropout: float, *, normalise: bool = True):
        super().__init__()
        self.normalise = normalise
        self.q, self.k, self.v, self.out = (Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-6)
        self.w1, self.w2 = Linear(width, width), Linear(width, width)
        self.dropout = Dropout(dropout)
        self.attend = TurnAttention(heads, self.dropout)

    def forward(self, query: Tensor, key: Tensor, turns: Turns, *, attention: bool = False
                ) -> tuple[Tensor, Tensor | None]:
        """Two streams (N, H) of the utterances -> (N, H) and, with `attention`, the weights (B, heads, T, T).

        A stream that attends to itself is dropped out once, as in the authors' code; of two streams, each.
        """
        # x = dropout(H_m), y = dropout(H_n)                                                                     (N, H)
        x = self.dropout(query)
        y = x if key is query else self.dropout(key)

        # Q = W_q LN(x), K = W_k LN(y), V = W_v LN(y);  x + dropout(W_o Attention(Q, K, V))
        a, b = (self.norm(x), self.norm(y)) if self.normalise else (x, y)
        attended, weights = self.attend(self.q(a), self.k(b), self.v(b), turns, attention=attention)
        x = x + self.dropout(self.out(attended))

        # x + dropout(W_2 dropout(gelu(W_1 LN(x))))
        inner = self.dropout(F.gelu(self.w1(self.feed_forward_norm(x)), approximate="tanh"))
        return x + self.dropout(self.w2(inner)), weights
