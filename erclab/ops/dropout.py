"""Dropout whose masks are a function of a key and of the coordinates of an element.

    keep[i, ..., j] = a C_j + b >= p 2^32   (mod 2^32, signed)     a, b: hashes of (key, call, i, ...), C_j: of j

The masks of `torch.nn.Dropout` depend on all numbers that were drawn before. These masks do not, so that

- the mask of a sample depends neither on the padding of its batch nor on the device;
- several seeds trained in one pass have the masks that each has alone (`torch.vmap` over keys);
- a run that continues after an interruption needs no state of a generator;
- the backward pass, or a layer that computes its activations again, makes a mask again instead of keeping it.

These properties are the reason for this file, not speed: with `torch.nn.Dropout`, a training step of SDT takes 1.03
times as long on batches of MELD and 1.06 times on batches of IEMOCAP, with 1.05 times the memory (AMD EPYC, one thread,
torch 2.13, float32).

Within a row the masks are a multiply-shift hash (Dietzfelbinger et al. 1997, J. Algorithms 25): pairs of elements are
independent. Rows, calls and steps have hashes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

_current: ContextVar[tuple[int | Tensor, Iterator[int]] | None] = ContextVar("dropout", default=None)


class Dropout(nn.Dropout):
    """In training, sets elements to 0 with probability `p` and divides the others by 1 - p.

    Inside `keyed` the mask follows from the key and from the number of masks drawn before in the block. Outside, the
    key of the mask is drawn from torch's generator.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return dropout(x, self.p) if self.training and self.p else x


def dropout(x: Tensor, p: float) -> Tensor:
    """Drop elements of any shape; see `Dropout`."""
    return _Drop.apply(x, *coordinates(x.shape, next_key(), x.device), p)


@contextmanager
def keyed(key: int | Tensor) -> Iterator[None]:
    """Masks drawn in the block follow from this key: a signed 32-bit number, or an int32 tensor without axes."""
    token = _current.set((key, count(1)))
    try:
        yield
    finally:
        _current.reset(token)


def several_seeds() -> bool:
    """Whether this is a pass over several seeds (`torch.vmap`). The key is then a tensor."""
    current = _current.get()
    return current is not None and isinstance(current[0], Tensor)


def step_key(seed: int, step: int) -> int:
    """The key of a training step: a signed 32-bit number."""
    return _mix_int(_mix_int(seed) + step)


def next_key() -> int | Tensor:
    """The key of the next mask."""
    current = _current.get()
    if current is None:
        return int(torch.randint(-(1 << 31), 1 << 31, ()))
    key, calls = current
    call = _mix_int(next(calls))
    return mix(key + call) if isinstance(key, Tensor) else _mix_int(key + call)


def keep(shape: tuple[int, ...], p: float, key: int | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """A mask of this shape, True with probability 1 - p."""
    mask = _mask(*coordinates(shape, key, device), p, several=isinstance(key, Tensor))
    return mask if mask.dtype == torch.bool else mask.view(torch.bool)


def dropped(x: Tensor, a: Tensor, b: Tensor, columns: Tensor, p: float, *, several: bool = False) -> Tensor:
    """x * keep / (1 - p), without a gradient. On a CPU a large x is computed some rows at a time, so that the mask
    stays in the cache.

    Args:
        a, b, columns: `coordinates` of x, or of its rows in a larger tensor.
        several: this is inside a pass over several seeds (`torch.vmap`).
    """
    if several or x.device.type != "cpu" or x.numel() <= PART:
        return (x * _mask(a, b, columns, p, several)).mul_(1 / (1 - p))
    out, width = torch.empty(x.shape, dtype=x.dtype), x.shape[-1]
    parts = (t.reshape(-1, n).split(max(PART // width, 1)) for t, n in ((x, width), (a, 1), (b, 1), (out, width)))
    for some, a_, b_, to in zip(*parts, strict=True):
        torch.mul(some, _mask(a_, b_, columns, p, several), out=to).mul_(1 / (1 - p))
    return out


def coordinates(shape: tuple[int, ...], key: int | Tensor, device: torch.device | str = "cpu"
                ) -> tuple[Tensor, Tensor, Tensor]:
    """The hash coordinates of a mask, for callers that build it in blocks: a C + b >= `threshold` keeps an element.

    Returns:
        int32 a and b, (*shape[:-1], 1), and C, (shape[-1],).
    """
    if isinstance(key, int) and torch.device(device).type == "cpu":  # for small arrays NumPy takes a tenth of the time
        like = {"dtype": np.int32}
        rows, count = np.array(key, **like), np.arange
    else:
        like = {"dtype": torch.int32, "device": device}
        # `as_tensor` would copy a number to a GPU and wait.
        rows, count = key if isinstance(key, Tensor) else torch.full((), key, **like), torch.arange
    for size in shape[:-1]:
        rows = mix(rows[..., None] + mix(count(1, size + 1, **like)))
    a = rows[..., None]
    found = a, mix(a + 1), mix(count(shape[-1], **like) + COLUMN)
    return found if isinstance(a, Tensor) else tuple(map(torch.from_numpy, found))


def threshold(p: float) -> int:
    """The number that a signed 32-bit hash is below with probability p."""
    return round(p * 2**32) - 2**31


def mix(x: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Hash int32 to int32, one to one (the constants are C. Wellons's lowbias32)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B - (1 << 32))):
        x = (x ^ ((x >> shift) & ((1 << (32 - shift)) - 1))) * factor
    return x ^ ((x >> 16) & 0xFFFF)


def _mix_int(x: int) -> int:
    """`mix` of a Python number, modulo 2^32."""
    x &= 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x ^= x >> 16
    return x - (1 << 32) if x >> 31 else x


def _mask(a: Tensor, b: Tensor, columns: Tensor, p: float, several: bool) -> Tensor:
    """1 and 0 as bytes, from `coordinates`. On a CPU a comparison of int32 into bools takes three times as long, and a
    product with bools four times. In a pass over several seeds the mask is bool: `vmap` has no rule for the other way.
    """
    if several:
        return a * columns + b >= threshold(p)
    return (a * columns).add_(b).ge_(threshold(p)).to(torch.uint8)


class _Drop(torch.autograd.Function):
    """x * keep / (1 - p). The backward pass computes the mask again, so that nothing of the size of x is kept."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, a: Tensor, b: Tensor, columns: Tensor, p: float) -> Tensor:
        return dropped(x, a, b, columns, p, several=several_seeds())

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, *rows, ctx.p = inputs
        ctx.several = several_seeds()
        ctx.save_for_backward(*rows)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        return dropped(grad, *ctx.saved_tensors, ctx.p, several=ctx.several), None, None, None, None


PART = 1 << 18  # elements
COLUMN = 0x3C6EF372  # so that columns have other hashes than rows
