"""PyTorch's operations without a promise: names that start with an underscore, which another version may lack.

Every kernel calls them through this module. Where PyTorch lacks one, the function here computes the same with public
operations, or gives the answer that leads to the plain path. Tests set the names below to None to take that path.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import torch
import torch.nn.functional as F
from torch import Tensor


def _find(name: str) -> Callable | None:
    """The operation `torch.NAME`, or None."""
    try:
        return attrgetter(name)(torch)
    except (AttributeError, RuntimeError):
        return None


_transforms_active = _find("_C._are_functorch_transforms_active")
_bfloat16_supported = _find("ops.mkldnn._is_mkldnn_bf16_supported")
_pack_weight = _find("ops.mkldnn._reorder_linear_weight")
_packed_linear = _find("ops.mkldnn._linear_pointwise")
_softmax_backward = _find("ops.aten._softmax_backward_data")
_sigmoid_backward = _find("ops.aten.sigmoid_backward.grad_input")
_tanh_backward = _find("ops.aten.tanh_backward.grad_input")


def inside_torch_func() -> bool:
    """Whether a transform of `torch.func` is active (`vmap`, `grad`, ...): it must see every operation. True where
    PyTorch does not tell."""
    return _transforms_active is None or _transforms_active()


def bfloat16_instructions(unknown: bool = True) -> bool:
    """Whether oneDNN has bfloat16 kernels for this processor; `unknown` where PyTorch does not tell."""
    try:
        return unknown if _bfloat16_supported is None else _bfloat16_supported()
    except RuntimeError:  # a PyTorch without oneDNN
        return unknown


def packable(weight: Tensor) -> bool:
    """Whether oneDNN can bring this weight into a layout of its own."""
    if _pack_weight is None or _packed_linear is None:
        return False
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and bfloat16_instructions(unknown=False))


def packed_linear(weight: Tensor, rows: int) -> Callable[..., Tensor]:
    """A function (x, bias=None) -> x weight^T + bias for many calls with x of up to so many rows. The weight, (K, H),
    is packed once where it is `packable`."""
    if not packable(weight):
        return lambda x, bias=None: F.linear(x, weight, bias)
    packed = _pack_weight(weight.contiguous(), rows)
    return lambda x, bias=None: _packed_linear(x, packed, bias, "none", [], "")


def softmax_backward(gradient: Tensor, weights: Tensor, dtype: torch.dtype) -> Tensor:
    """The gradient of the scores, from that of the softmax over the last axis and its result `weights`.

    Args:
        dtype: of the scores.
    """
    if _softmax_backward is not None:
        return _softmax_backward(gradient, weights, -1, dtype)
    inner = gradient * weights
    return (inner - weights * inner.sum(-1, keepdim=True)).to(dtype)


def sigmoid_backward(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """Write the gradient of a sigmoid's argument to `out`, from that of its result."""
    if _sigmoid_backward is not None:
        _sigmoid_backward(gradient, result, grad_input=out)
    else:
        torch.mul(gradient, result * (1 - result), out=out)


def tanh_backward(gradient: Tensor, result: Tensor, out: Tensor) -> None:
    """Write the gradient of a tanh's argument to `out`, from that of its result."""
    if _tanh_backward is not None:
        _tanh_backward(gradient, result, grad_input=out)
    else:
        torch.mul(gradient, 1 - result * result, out=out)
