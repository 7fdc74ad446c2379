"""The kernel of attention on a CPU: scores are computed in blocks, so that no (B, heads, Lt, Ls) matrix is in memory.

Heads of a few features and long sequences make attention a matter of memory: the weights are (B, heads, Lt, Ls), a
dozen operations read or write them, and PyTorch keeps those of every layer until the backward pass. `Blockwise`
computes a few queries at a time, of as many samples as fit into a core's cache, and leaves out the keys that none of
these queries sees. It keeps the sum of each row; the backward pass computes the weights again, and the dropout masks,
which follow from key and coordinates (`erclab.ops.dropout`). Inputs in bfloat16 are kept in bfloat16; scores, weights
and sums are float32.

What it gains over PyTorch (`F.scaled_dot_product_attention`, and explicit weights where attention has dropout), as
processor seconds of a training step of the bench's cases in float32 and the most memory of the process; one thread,
the medians of three alternating rounds; AMD EPYC, 2 virtual cores (loaded), torch 2.13:

                                        PyTorch             blocks             gain     memory
    MulT, MOSI, batch 8                 2.63 s  1,629 MiB   1.20 s  846 MiB    2.2      0.52
      no attention dropout              1.76 s    938 MiB   1.15 s  837 MiB    1.5      0.89
    LMR-CBT, MOSI, batch 8              2.07 s  1,174 MiB   0.40 s  560 MiB    5.2      0.48
      no attention dropout              0.74 s    587 MiB   0.32 s  558 MiB    2.4      0.95
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from erclab.ops.dropout import coordinates, threshold
from erclab.ops.masks import wide


@dataclass(frozen=True)
class Block:
    """A few queries of a few samples. Their scores are in memory at one time.

    Attributes:
        samples, queries: slices of the batch and of time.
        seen: number of keys that are computed: no query of the block sees key `seen` or a later one.
        free: every query of the block sees every key before key `free`.
        bias: (samples, 1, queries or 1, seen - free) for the keys from `free` on: -inf where a query does not see a
            key, 0 where it does. None if every query sees all of them.
    """

    samples: slice
    queries: slice
    seen: int
    free: int
    bias: Tensor | None

    def rows(self, heads: int) -> slice:
        """The block's rows of tensors in which samples and heads are one axis."""
        return slice(self.samples.start * heads, self.samples.stop * heads)

    def shape(self, heads: int) -> tuple[int, int, int]:
        """The shape of the block's scores: (samples heads, queries, keys)."""
        return (self.samples.stop - self.samples.start) * heads, self.queries.stop - self.queries.start, self.seen


def blocks_of(keep: Tensor, queries: int, heads: int) -> list[Block]:
    """Cut the queries of a batch into blocks of at most about `SCORES` scores. Blocks whose queries see no key are
    left out.

    Args:
        keep: (B, queries or 1, Ls) bool on the CPU, which query sees which key.
    """
    see, found = keep.numpy(), []
    B, _, keys = see.shape
    rows = max(min(queries, ROWS, SCORES // max(heads * keys, 1)), 1)
    together = max(SCORES // max(heads * rows * keys, 1), 1)
    together = math.ceil(B / math.ceil(B / together))  # all blocks have about the same size
    for b in range(0, B, together):
        for i in range(0, queries, rows):
            samples, some = slice(b, min(b + together, B)), slice(i, min(i + rows, queries))
            here = see[samples, some] if see.shape[1] > 1 else see[samples]
            seen = int(np.flatnonzero(here.any((0, 1)))[-1:].sum()) + 1 if here.any() else 0
            if not seen:
                continue
            hidden = np.flatnonzero(~here[..., :seen].all((0, 1)))
            free = int(hidden[0]) if len(hidden) else seen
            bias = torch.from_numpy(np.where(here[:, None, :, free:seen], np.float32(0), np.float32(-np.inf)))
            found.append(Block(samples, some, seen, free, bias if len(hidden) else None))
    return found


class Blockwise(torch.autograd.Function):
    """dropout(softmax(q k^T / sqrt(d))) v, one block after the other; see the module.

    Samples and heads are one axis and time is the last one: this layout makes matrix products with few features fast.
    Weights are powers of two (q is scaled by log2(e)), because exp2 is three times as fast as exp. The maximum of a row
    is subtracted only where scores are large.
    """

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, blocks: list[Block], rate: float, key: int) -> Tensor:
        """(B, heads, Lt, d), (B, heads, Ls, d) twice, `blocks_of` the batch, dropout's rate and key -> (B, heads, Lt,
        d)."""
        B, H, Lt, d = q.shape
        given = [x.mT.reshape(B * H, d, -1) for x in (q * (LOG2_E / math.sqrt(d)), k, v)]
        q, k, v = map(wide, given)
        out, total, most = torch.zeros_like(q), q.new_ones(B * H, 1, Lt), q.new_zeros(B * H, 1, Lt)
        small = _largest(q) * _largest(k) < EXPONENT  # no score is larger (Cauchy-Schwarz)
        new, drop = _Scratch(q.dtype, blocks, H), _Mask((B, H, Lt, k.shape[-1]), blocks, rate, key)
        for block in blocks:
            which, at, to = block.rows(H), block.queries, slice(block.seen)
            weights = new(block)
            torch.bmm(q[which, :, at].mT, k[which, :, to], out=weights)
            _hide(weights, block, H)
            if not small:
                largest = weights.amax(-1).clamp_(min=torch.finfo(q.dtype).min)
                weights.sub_(largest.unsqueeze(-1))
                most[which, 0, at] = largest
            torch.sum(weights.exp2_(), -1, out=total[which, 0, at])
            drop(weights, block)
            out[which, :, at] = torch.bmm(v[which, :, to], weights.mT)  # `out=` is slow: one product per head
        total.masked_fill_(total == 0, 1)  # a query that sees no key
        out /= total * (1 - rate)
        out = out.to(given[0].dtype)
        ctx.save_for_backward(*given, out, total.log2_().add_(most))
        ctx.rest = blocks, rate, key
        return out.view(B, H, d, Lt).mT

    @staticmethod
    @once_differentiable
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, log_sum = map(wide, ctx.saved_tensors)
        blocks, rate, key = ctx.rest
        B, H, Lt, d = grad.shape
        dtype, grad = grad.dtype, wide(grad.mT.reshape(B * H, d, Lt))
        new, more = _Scratch(q.dtype, blocks, H), _Scratch(q.dtype, blocks, H)
        drop = _Mask((B, H, Lt, k.shape[-1]), blocks, rate, key)
        # One more feature of queries and keys subtracts the logarithm of the row's sum from the scores, so that exp2
        # gives the weights. One more feature of gradients and values subtracts the term of the softmax's backward pass.
        ones = k.new_ones(B * H, 1, k.shape[-1])
        shift = (grad * out).sum(1, keepdim=True).neg_()
        grad = grad / (1 - rate)
        q1, k1 = torch.cat([q, -log_sum], dim=1), torch.cat([k, ones], dim=1)
        g1, v1 = (grad, v) if rate else (torch.cat([grad, shift], dim=1), torch.cat([v, ones], dim=1))
        dq, dk, dv = map(torch.zeros_like, (q, k, v))
        for block in blocks:
            which, at, to = block.rows(H), block.queries, slice(block.seen)
            weights, slopes = new(block), more(block)
            torch.bmm(q1[which, :, at].mT, k1[which, :, to], out=weights)
            _hide(weights, block, H)
            weights.exp2_()
            torch.bmm(g1[which, :, at].mT, v1[which, :, to], out=slopes)
            if rate:
                drop(slopes, block)
                slopes.add_(shift[which, :, at].mT)
            slopes.mul_(weights)
            drop(weights, block, again=True)
            dq[which, :, at] = torch.bmm(k[which, :, to], slopes.mT)
            _add_product(dk[which, :, to], q[which, :, at], slopes)
            _add_product(dv[which, :, to], grad[which, :, at], weights)
        dq, dk, dv = (x.view(B, H, d, -1).mT.to(dtype) for x in (dq.div_(math.sqrt(d)), dk.div_(LOG2_E), dv))
        return dq, dk, dv, None, None, None


class _Mask:
    """Sets the elements of a block to 0 where `dropout.keep(shape, rate, key)` is False. The mask is 1 and 0 in int32:
    its product with the bits of a float32 is faster than one with bools."""

    def __init__(self, shape: tuple[int, int, int, int], blocks: list[Block], rate: float, key: int):
        self.rate, self.heads = rate, shape[1]
        if rate:
            a, b, self.columns = coordinates(shape, key)
            self.a, self.b, self.new = a.flatten(0, 1), b.flatten(0, 1), _Scratch(torch.int32, blocks, shape[1])

    def __call__(self, x: Tensor, block: Block, *, again: bool = False) -> None:
        """Change x, (samples heads, queries, keys) of the block, in place; `again` uses the mask of the last call."""
        if not self.rate:
            return
        keep = self.new(block)
        if not again:
            which, at = block.rows(self.heads), block.queries
            torch.mul(self.a[which, at], self.columns[: block.seen], out=keep)
            keep.add_(self.b[which, at]).ge_(threshold(self.rate))
        x = x.view(torch.int32) if x.dtype == torch.float32 else x
        x.mul_(keep)


class _Scratch:
    """Gives each block a tensor (samples heads, queries, keys). All of them share one piece of memory."""

    def __init__(self, dtype: torch.dtype, blocks: list[Block], heads: int):
        self.heads = heads
        self.memory = torch.empty(max((math.prod(b.shape(heads)) for b in blocks), default=0), dtype=dtype)

    def __call__(self, block: Block) -> Tensor:
        shape = block.shape(self.heads)
        return self.memory[:math.prod(shape)].view(shape)


def _hide(scores: Tensor, block: Block, heads: int) -> None:
    """Set scores to -inf where a query of the block does not see a key."""
    if block.bias is not None:
        scores.unflatten(0, (-1, heads))[..., block.free:].add_(block.bias)


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a b, a batch of matrix products."""
    if total.is_contiguous():
        total.baddbmm_(a, b)
    else:  # baddbmm_ would compute one product per head
        total.add_(torch.bmm(a, b))


def _largest(x: Tensor) -> float:
    """(N, d, L) -> the largest norm of a vector of d features."""
    return math.sqrt(x.square().sum(1).amax()) if x.numel() else 0.0


SCORES = 1 << 19  # of a block: 2 MiB of float32
ROWS = 64  # queries of a block; fewer queries leave out more of the keys that a future mask hides
EXPONENT = 60  # 2^60 times the length of a sequence does not overflow float32, and 2^-60 does not underflow
LOG2_E = math.log2(math.e)
