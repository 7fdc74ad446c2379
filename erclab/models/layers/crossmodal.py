"""The crossmodal transformer of MulT. HCT-MG and LMF-MulT use it too; LMR-CBT uses it as an encoder.

Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov (2019), "Multimodal Transformer for Unaligned Multimodal Language
Sequences", ACL, section 3.2. Authors' code: yaohungt/Multimodal-Transformer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from erclab.ops.attention import Attention
from erclab.ops.dropout import Dropout
from erclab.ops.values import lasting

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Dropouts:
    """Rates of a crossmodal transformer: on attention weights, inside and after the sublayers, on the input."""

    attention: float = 0.1
    relu: float = 0.1
    residual: float = 0.1
    embedding: float = 0.25


class CrossmodalTransformer(nn.Module):
    """`layers` blocks in which a target sequence attends to a source sequence (Eqs. 3 to 5), or to itself.

    Every layer attends to the **low-level** source, never to a transformed one. One LayerNorm normalises queries, keys
    and values, as in the authors' code.

    Args:
        width: d, the width of both sequences.
        future_mask: step i sees source steps j <= i + |L_target - L_source| (lengths without padding). The
            authors' code does this unless a flag is given; the paper does not mention it.
        zeros_have_no_position: a step whose first channel is exactly 0 gets no position; so the authors' code
            recognises padding. False: a step has a position if its mask is True.
    """

    def __init__(self, width: int, heads: int, layers: int, dropouts: Dropouts, *, future_mask: bool = False,
                 zeros_have_no_position: bool = False):
        super().__init__()
        self.width, self.future_mask, self.zeros_have_no_position = width, future_mask, zeros_have_no_position
        self.dropout = Dropout(dropouts.embedding)
        self.layers = nn.ModuleList(CrossmodalLayer(width, heads, dropouts) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, target: Tensor, source: Tensor | None, target_mask: Tensor, source_mask: Tensor | None = None,
                *, attention: bool = True, last: bool = False) -> tuple[Tensor, Tensor | None]:
        """Attend from a target to a source.

        Args:
            target: (B, Lt, d).
            source: (B, Ls, d); None is the target itself.
            target_mask, source_mask: (B, Lt) and (B, Ls).
            attention: also return the weights; without them, they are not computed.
            last: return the last step of each target only, 0 for a target without steps. The last layer then computes
                no other step.

        Returns:
            (B, Lt, d), or (B, d) with `last`; and the weights (B, layers, heads, Lt, Ls), None without `attention`.
        """
        x = self.dropout(self.embed(target, target_mask))
        keys, values, seen = None, None, target_mask
        if source is not None:
            memory, seen = self.embed(source, source_mask), source_mask
            keys, values = self.dropout(memory), self.dropout(memory)  # two masks, as in the authors' code
        keep = seen[:, None, :].expand(-1, target.shape[1], -1)  # (B, Lt, Ls)
        if self.future_mask:
            keep = keep & not_future(target_mask, seen)
        weights = []
        for layer in self.layers[:-1] if last else self.layers:
            x, attended = layer(x, keep, keys, values, attention=attention)
            weights.append(attended)
        if last:
            layer, step = self.layers[-1], (target_mask.sum(1) - 1).clamp(min=0)[:, None, None]
            if attention:
                weights.append(layer.attend(x, keep, keys, values)[1])
            keys = x if keys is None else keys
            x, _ = layer(x.take_along_dim(step, dim=1), keep.take_along_dim(step, dim=1), keys, values, attention=False)
        x = self.norm(x)
        x = x[:, 0] * target_mask.any(1, keepdim=True) if last else x
        return x, torch.stack(weights, dim=1) if attention else None

    def embed(self, x: Tensor, mask: Tensor) -> Tensor:
        """Scale by the root of the width and add positions (Eq. 2)."""
        exists = x[..., 0] != 0 if self.zeros_have_no_position else mask
        position = positions(x.shape[1], self.width, x.device).to(x.dtype) * exists.unsqueeze(-1)
        return math.sqrt(self.width) * x + position


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
        self.relu_dropout, self.residual_dropout = Dropout(dropouts.relu), Dropout(dropouts.residual)

    def forward(self, x: Tensor, keep: Tensor, keys: Tensor | None = None, values: Tensor | None = None, *,
                attention: bool = True) -> tuple[Tensor, Tensor | None]:
        """One block (Eqs. 3 to 5).

        Args:
            x: (B, Lt, d), the target.
            keep: (B, Lt, Ls), which step of the target sees which step of the source.
            keys, values: (B, Ls, d), the source. By default, keys are x and values are the keys.
            attention: also return the weights.

        Returns:
            (B, Lt, d), and the weights (B, heads, Lt, Ls) or None.
        """
        attended, weights = self.attend(x, keep, keys, values, attention=attention)
        x = x + self.residual_dropout(attended)
        inner = self.relu_dropout(torch.relu(self.w1(self.feed_forward_norm(x))))
        return x + self.residual_dropout(self.w2(inner)), weights

    def attend(self, x: Tensor, keep: Tensor, keys: Tensor | None = None, values: Tensor | None = None, *,
               attention: bool = True) -> tuple[Tensor, Tensor | None]:
        """The attention of the block alone, (B, Lt, d) and the weights; see `forward`."""
        query = self.norm(x)
        keys = query if keys is None else self.norm(keys)
        values = keys if values is None else self.norm(values)
        return self.attention(query, keys, keep, values, attention=attention)


def not_future(target_mask: Tensor, source_mask: Tensor) -> Tensor:
    """(B, Lt), (B, Ls) -> (B, Lt, Ls) bool: j <= i + |difference of the lengths|, without padding."""
    ahead = (target_mask.sum(1) - source_mask.sum(1)).abs()
    i = torch.arange(target_mask.shape[1], device=target_mask.device)[None, :, None]
    j = torch.arange(source_mask.shape[1], device=source_mask.device)[None, None, :]
    return j <= i + ahead[:, None, None]


def positions(length: int, width: int, device: torch.device = CPU) -> Tensor:
    """(length, width) table of positions from 1: sines, then cosines, then a column of zeros if the width is odd.

    The table of every device is that of the CPU: the sines of a GPU differ from it in the last digit of float32.
    """
    return _kept(length, width, device) if device.type != "cpu" and lasting() else _table(length, width).to(device)


@lru_cache(maxsize=64)
def _kept(length: int, width: int, device: torch.device) -> Tensor:
    """A copy to a GPU may make the host wait, so it is made once."""
    with torch.inference_mode(False):
        return _table(length, width).to(device)


def _table(length: int, width: int) -> Tensor:
    half = width // 2
    rate = torch.exp(torch.arange(half, dtype=torch.float32, device=CPU) * -(math.log(10000.0) / max(half - 1, 1)))
    angle = torch.arange(1, length + 1, dtype=torch.float32, device=CPU)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos(), torch.zeros(length, width % 2, device=CPU)], dim=1)
