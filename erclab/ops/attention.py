"""Scaled dot-product attention over several heads, which on a CPU never has a matrix of weights in memory.

Heads of a few features and long sequences make attention a matter of memory: weights are (B, heads, Lt, Ls), they are
passed over a dozen times, and those of every layer stay until the backward pass. So on a CPU `Blockwise` computes some
queries at a time, of as many samples as fit into a core's cache, leaves out the keys that none of them sees, and keeps
nothing but the sum of each row: the backward pass computes the weights again, and the dropout masks, which follow from
key and coordinates (`erclab.ops.dropout`), with them. What comes in bfloat16 is kept so, but scores, weights and
sums are float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from erclab.ops.dropout import Dropout, coordinates, next_key, several_seeds, threshold
from erclab.ops.masks import split_heads, wide

_whole: ContextVar[bool] = ContextVar("whole", default=False)


class Attention(nn.Module):
    """Scaled dot-product attention over several heads; the projections are initialised as one matrix (Xavier).

    Without dropout, `Blockwise` on a CPU and PyTorch's fused kernel elsewhere compute what the weights would give, and
    keep none of them for the backward pass; weights that are asked for are then computed beside it, so that asking
    changes nothing. With dropout, other devices, and those who ask, pay for the weights. All of these give the same
    within rounding, with the same masks.
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)  # queries, keys, values
        self.out = nn.Linear(width, width)
        for linear in (self.project, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.dropout = Dropout(dropout)

    def forward(self, query: Tensor, keys: Tensor, keep: Tensor, values: Tensor | None = None, *,
                attention: bool = True, blocks: list[Block] | None = None, norm: nn.LayerNorm | None = None
                ) -> tuple[Tensor, Tensor | None]:
        """(B, Lt, d), (B, Ls, d), what broadcasts to (B, Lt, Ls), (B, Ls, d) or None for the keys -> (B, Lt, d) and
        the weights (B, heads, Lt, Ls), None without `attention`. A query that keeps nothing gets nothing.

        Args:
            blocks: `cut`, if it is at hand.
            norm: has the gain and bias that keys and values, normalised otherwise, still lack.
        """
        values, blocks = keys if values is None else values, blocks or self.cut(query, keys.shape[1], keep)
        if query is keys is values and norm is None:
            q, k, v = (split_heads(x, self.heads) for x in self.project(query).chunk(3, dim=-1))
        else:
            (wq, wk, wv), (bq, bk, bv) = self.project.weight.chunk(3), self.project.bias.chunk(3)
            if norm is not None:
                bk, bv = wk @ norm.bias + bk, wv @ norm.bias + bv
                wk, wv = wk * norm.weight, wv * norm.weight
            q, k, v = (split_heads(F.linear(x, w, b), self.heads)
                       for x, w, b in ((query, wq, bq), (keys, wk, bk), (values, wv, bv)))
        context, weights = attend(q, k, v, keep, self.dropout, attention=attention, blocks=blocks)
        return self.out(context.transpose(1, 2).flatten(2)), weights

    def cut(self, query: Tensor, keys: int, keep: Tensor) -> list[Block] | None:
        """The blocks of (B, Lt, d), the number of keys and what broadcasts to (B, Lt, Ls); None if there are none:
        another device, a pass over several seeds, or too few scores for blocks to pay."""
        B, queries = query.shape[:2]
        if not parts_pay(query.device, B * self.heads * queries * keys):
            return None
        return blocks_of(keep.expand(B, -1, keys), queries, self.heads)


def attend(q: Tensor, k: Tensor, v: Tensor, keep: Tensor, dropout: Dropout, *, attention: bool = True,
           blocks: list[Block] | None = None) -> tuple[Tensor, Tensor | None]:
    """Queries (B, heads, Lt, d), keys and values (B, heads, Ls, d), what broadcasts to (B, Lt, Ls) -> (B, heads, Lt, d)
    and the weights (B, heads, Lt, Ls) before `dropout`, None without `attention`. See `Attention`."""
    rate, weights = dropout.p if dropout.training else 0.0, None
    if attention or blocks is None:
        some = keep.any(-1, keepdim=True)[:, None]
        seen = keep[:, None] | ~some  # a query without keys sees all of them, and that times 0
        explicit = rate or (q.device.type == "cpu" and transformed())  # `vmap` has no rule for a CPU's kernel
        if attention or explicit:
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
            weights = scores.masked_fill_(~seen, -math.inf).softmax(dim=-1)  # (B, heads, Lt, Ls)
    if blocks is not None and not (attention and rate):
        context = Blockwise.apply(q, k, v, blocks, rate, next_key() if rate else 0)
    elif explicit:
        context = dropout(weights) @ v * some
    else:
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=seen) * some
    return context, weights * some if attention else None


@contextmanager
def whole() -> Iterator[None]:
    """No blocks inside: for transforms of functions, which cannot look into them. A pass over several seeds has none
    anyway."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def transformed() -> bool:
    """Whether a transform of functions, which cannot look into an `autograd.Function`, goes over what is computed."""
    return _whole.get() or several_seeds()


def parts_pay(device: torch.device, scores: int) -> bool:
    """Whether so many scores are computed in parts in less time than all together: on a CPU, if they are not few."""
    return device.type == "cpu" and not transformed() and scores >= LEAST


@dataclass(frozen=True)
class Block:
    """Queries whose scores are computed at one time.

    Attributes:
        samples, queries: which.
        seen: no query of the block sees this key or a later one.
        free: all its queries see all keys before this one.
        bias: (samples, 1, queries or 1, seen - free): -inf where a query does not see a key, 0 elsewhere; None if
            that is nowhere.
    """

    samples: slice
    queries: slice
    seen: int
    free: int
    bias: Tensor | None

    def rows(self, heads: int) -> slice:
        """The block's part of samples and heads as one axis."""
        return slice(self.samples.start * heads, self.samples.stop * heads)

    def shape(self, heads: int) -> tuple[int, int, int]:
        """(samples heads, queries, keys)."""
        return (self.samples.stop - self.samples.start) * heads, self.queries.stop - self.queries.start, self.seen


def blocks_of(keep: Tensor, queries: int, heads: int) -> list[Block]:
    """Blocks of at most about `SCORES` scores; those without any key to see are left out.

    Args:
        keep: (B, queries or 1, Ls) bool on the CPU.
    """
    see, found = keep.numpy(), []
    B, _, keys = see.shape
    rows = max(min(queries, ROWS, SCORES // max(heads * keys, 1)), 1)
    together = max(SCORES // max(heads * rows * keys, 1), 1)
    together = math.ceil(B / math.ceil(B / together))  # alike, not one large and one small
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
    """softmax(q k^T / sqrt(d)) dropout v, a block after the other; see the module.

    Samples and heads are one axis, and time comes last, which is how products with few features are fast. Scores are
    powers of two, because their function is three times as fast as that of e; small ones need no maximum taken off.
    """

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, blocks: list[Block], rate: float, key: int) -> Tensor:
        """(B, heads, Lt, d), (B, heads, Ls, d) twice, blocks of B samples and Lt queries -> (B, heads, Lt, d)."""
        B, H, Lt, d = q.shape
        given = [x.mT.reshape(B * H, d, -1) for x in (q * (LOG2_E / math.sqrt(d)), k, v)]
        q, k, v = map(wide, given)
        out, total, most = torch.zeros_like(q), q.new_ones(B * H, 1, Lt), q.new_zeros(B * H, 1, Lt)
        small = _largest(q) * _largest(k) < EXPONENT  # by Cauchy and Schwarz
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
            out[which, :, at] = torch.bmm(v[which, :, to], weights.mT)  # as `out=` it would be a product per head
        total.masked_fill_(total == 0, 1)  # a query without keys
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
        # One more feature of queries and keys takes the logarithm of the sum off the scores, so that powers of two
        # are weights at once; of gradients and values, what the softmax takes off the gradient of its weights.
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
    """Sets to 0 what `dropout.keep(shape, rate, key)` does not keep. The mask is ones and zeros in int32, as a product
    with the bits of a float32 is fast, and bools are slow."""

    def __init__(self, shape: tuple[int, int, int, int], blocks: list[Block], rate: float, key: int):
        self.rate, self.heads = rate, shape[1]
        if rate:
            a, b, self.columns = coordinates(shape, key)
            self.a, self.b, self.new = a.flatten(0, 1), b.flatten(0, 1), _Scratch(torch.int32, blocks, shape[1])

    def __call__(self, x: Tensor, block: Block, *, again: bool = False) -> None:
        """(samples heads, queries, keys) of the block; `again` with the mask of the last call."""
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
    """Tensors (samples heads, queries, keys) for a block, all in the same memory."""

    def __init__(self, dtype: torch.dtype, blocks: list[Block], heads: int):
        self.heads = heads
        self.memory = torch.empty(max((math.prod(b.shape(heads)) for b in blocks), default=0), dtype=dtype)

    def __call__(self, block: Block) -> Tensor:
        shape = block.shape(self.heads)
        return self.memory[:math.prod(shape)].view(shape)


def _hide(scores: Tensor, block: Block, heads: int) -> None:
    """-inf where a query of the block does not see a key."""
    if block.bias is not None:
        scores.unflatten(0, (-1, heads))[..., block.free:].add_(block.bias)


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a b, for each of the first axis."""
    if total.is_contiguous():
        total.baddbmm_(a, b)
    else:  # which would be a product per head
        total.add_(torch.bmm(a, b))


def _largest(x: Tensor) -> float:
    """(N, d, L) -> the largest norm of a step."""
    return math.sqrt(x.square().sum(1).amax()) if x.numel() else 0.0


SCORES = 1 << 19  # of a block: 2 MiB of float32
ROWS = 64  # queries of a block: with few, what a later query sees is left out
LEAST = 1 << 18  # fewer scores are as fast together
EXPONENT = 60  # 2^60 times the longest sequence is a float32, and so is 2^-60
LOG2_E = math.log2(math.e)
