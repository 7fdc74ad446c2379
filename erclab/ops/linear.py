"""A linear map that, in bfloat16, keeps no second copy of its weight."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from erclab.ops.dropout import several_seeds


def lowered(x: Tensor) -> Tensor:
    """x as autocast will have it: for several maps that read the same, and would each keep a copy of their own."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if low_precision(kind) else x


def low_precision(kind: str) -> bool:
    """Whether autocast is on for this type of device ("cpu", "cuda", ...)."""
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


class Linear(nn.Linear):
    """`torch.nn.Linear`. Under autocast PyTorch keeps the weight in bfloat16 for the backward pass, which for a model
    of many weights and few utterances is as much as all it keeps of them. This one converts the weight again."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., H)."""
        kind = x.device.type
        if not low_precision(kind):
            return super().forward(x)
        low = torch.get_autocast_dtype(kind)
        if several_seeds():  # autocast does not see a map with a bias in `vmap`
            return F.linear(x.to(low), self.weight.to(low), None if self.bias is None else self.bias.to(low))
        return _Low.apply(x, self.weight, self.bias, low) if torch.is_grad_enabled() else super().forward(x)


class _Low(torch.autograd.Function):
    """x W^T + b in another precision; the gradients have that of what they are of."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
        ctx.dtype, ctx.given, ctx.biased = dtype, x.dtype, bias is not None
        x = x.to(dtype)
        ctx.save_for_backward(x, weight)
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x, weight.to(dtype), bias.to(dtype) if ctx.biased else None)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            dx = (grad @ weight.to(ctx.dtype)).to(ctx.given) if ctx.needs_input_grad[0] else None
            grad, x = grad.flatten(0, -2), x.flatten(0, -2)
            dw = (grad.mT @ x).to(weight.dtype) if ctx.needs_input_grad[1] else None
            db = grad.sum(0, dtype=weight.dtype) if ctx.biased else None
        return dx, dw, db, None
