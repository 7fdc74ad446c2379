"""SDT's nine transformer layers side by side, which is faster on a CPU in bfloat16.

What is computed is `sdt.CrossModalEncoder`, dropout masks included; that says it as the paper does, one layer after the
other. Here E layers share each operation: the eighty utterances of a MELD batch are too few to keep two cores busy
with a layer's matrices, and every small operation has to wake the second one. In float32 a batched product gains
nothing, and its weights would have to be copied; in bfloat16 they are converted anyway.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from erclab.core.batches import DialogueBatch
from erclab.ops.attention_within import ends, heads_within, masks_within
from erclab.ops.dropout import _Drop, coordinates, keyed, next_key, several_seeds
from erclab.ops.linear import lowered
from erclab.ops.recompute import _again

TOGETHER = 4_000_000  # numbers of a stream; more at a time fall out of the cache


def groups(layers: int, x: Tensor) -> int:
    """How many of so many layers on streams like x (N, H) to run side by side: 1 where that does not pay, and where
    each has to be on its own, in a pass over several seeds or with activations that are computed again."""
    rounded = lowered(x[:0]).dtype != x.dtype
    if x.device.type != "cpu" or not rounded or not torch.is_grad_enabled() or several_seeds() or _again.get():
        return 1
    return math.ceil(layers / max(math.ceil(layers * x.numel() / TOGETHER), 1))


def encode(layers: Sequence[nn.Module], queries: Sequence[Tensor], keys: Sequence[Tensor], batch: DialogueBatch,
           side: int) -> Iterator[Tensor]:
    """`CrossModalEncoder`s in training, so many at a time: the streams (N, H) of their queries and keys -> (N, H)."""
    for at in range(0, len(layers), side):
        yield from _encode(*(x[at:at + side] for x in (layers, queries, keys)), batch)


def _encode(layers: Sequence[nn.Module], queries: Sequence[Tensor], keys: Sequence[Tensor], batch: DialogueBatch
            ) -> Tensor:
    """E layers -> (E, N, H)."""
    heads, dropout = layers[0].heads, _Dropouts(layers[0].dropout.p, queries, keys)
    query, key = dropout(torch.stack(queries)), dropout(torch.stack(keys))
    q, k = (_norm(layers, "norm", x) for x in (query, key)) if layers[0].live_norm else (query, key)
    q, k = lowered(q), lowered(k)  # read more than once
    q, k, v = (_by_heads(_map(layers, name, x), heads) for name, x in (("q", q), ("k", k), ("v", k)))
    context = heads_within(q, k, v, ends(batch), dropout.rate, dropout.of_weights(batch, heads))
    attended = _map(layers, "out", context.unflatten(1, (len(layers), -1)).transpose(0, 1))
    x = query + dropout(attended)
    inner = dropout(F.gelu(_map(layers, "w1", _norm(layers, "feed_forward_norm", x)), approximate="tanh"))
    return x + dropout(_map(layers, "w2", inner))


class _Dropouts:
    """The dropout masks that each layer draws on its own, in their order: of queries, keys (the queries' once more if a
    stream attends to itself), attention weights, what is attended to, and twice in the feed-forward layer."""

    def __init__(self, rate: float, queries: Sequence[Tensor], keys: Sequence[Tensor]):
        self.rate, self.drawn = rate, []
        for query, key in zip(queries, keys, strict=True):
            with keyed(next_key()):  # as `recompute.part`
                drawn = [next_key() for _ in range(5 if query is key else 6)] if rate else []
            self.drawn.append(iter(drawn[:1] + drawn if query is key else drawn))

    def __call__(self, x: Tensor) -> Tensor:
        """(E, N, H), each layer's slice with the next of its masks."""
        if not self.rate:
            return x
        a, b, columns = zip(*(coordinates(x.shape[1:], next(drawn)) for drawn in self.drawn), strict=True)
        return _Drop.apply(x, torch.stack(a), torch.stack(b), columns[0], self.rate)

    def of_weights(self, batch: DialogueBatch, heads: int) -> tuple[Tensor, ...]:
        """What the masks of all layers' heads, one layer after the other, are made of."""
        if not self.rate:
            return ()
        a, b, columns = zip(*(masks_within(batch, heads, next(drawn)) for drawn in self.drawn), strict=True)
        return torch.cat(a), torch.cat(b), columns[0]


def _by_heads(x: Tensor, heads: int) -> Tensor:
    """(E, N, H) -> (N, E heads, H / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(0, 1).flatten(1, 2)


def _norm(layers: Sequence[nn.Module], name: str, x: Tensor) -> Tensor:
    """(E, N, H), each slice as the layer's normalisation of this name has it."""
    norms = [getattr(layer, name) for layer in layers]
    gain, bias = (torch.stack(p).unsqueeze(1) for p in ([n.weight for n in norms], [n.bias for n in norms]))
    return torch.addcmul(bias, F.layer_norm(x, norms[0].normalized_shape, eps=norms[0].eps), gain)


def _map(layers: Sequence[nn.Module], name: str, x: Tensor) -> Tensor:
    """(E, N, D) -> (E, N, H), each slice through the layer's linear map of this name, in the precision of autocast."""
    maps = [getattr(layer, name) for layer in layers]
    return _Maps.apply(x, lowered(x[:0]).dtype, *(m.weight for m in maps), *(m.bias for m in maps))


class _Maps(torch.autograd.Function):
    """E times x W^T + b in another precision; the gradients have that of what they are of. As `linear.Linear`, it
    converts the weights again instead of keeping them."""

    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx, x: Tensor, low: torch.dtype, *parameters: Tensor) -> Tensor:
        ctx.given, x = x.dtype, x.to(low)
        weights, biases = parameters[:len(x)], parameters[len(x):]
        ctx.save_for_backward(x, *weights)
        return torch.baddbmm(torch.stack(biases).to(low).unsqueeze(1), x, _together(weights, low).mT)

    @staticmethod
    @once_differentiable
    @torch.autocast("cpu", enabled=False)
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *weights = ctx.saved_tensors
        dx = torch.bmm(grad, _together(weights, x.dtype)).to(ctx.given)
        dw = torch.bmm(grad.mT, x)
        db = grad.sum(1, dtype=weights[0].dtype)
        return dx, None, *(d.to(w.dtype) for d, w in zip(dw, weights, strict=True)), *db


def _together(weights: Sequence[Tensor], low: torch.dtype) -> Tensor:
    """(E, H, D), converted on the way."""
    out = weights[0].new_empty(len(weights), *weights[0].shape, dtype=low)
    for to, weight in zip(out, weights, strict=True):
        to.copy_(weight)
    return out
