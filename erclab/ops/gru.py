"""A GRU over packed turns with a backward pass written by hand, and the steps that it is made of. `GRU` is PyTorch's.

    r, z = sigmoid(x + h)    n = tanh(x_n + r h_n)    state' = (n + z (state - n)) factor

x is the product of the input and h that of the state, each with its bias; `factor` is a dropout mask or 1. Compared
with autograd over a loop of cells

- a step multiplies the state alone. The products of the inputs are computed for all turns at once;
- weights are packed once for all steps, where oneDNN can do that;
- the gradient of a weight is one product over all turns, not a sum of one product per step;
- autograd keeps no graph of single operations.

With `low` bfloat16 the factors of matrix products are rounded to it. States, gates and sums keep the precision of the
weights, so that rounding errors do not add up over a long dialogue.

Layout: x and its gradients are in PyTorch's order r, z, n; h is in the order n, r, z (`rotated`). The gradients of a
step are one row (h_n, r, z, x_n): its first three quarters are the gradient of h, its last three that of x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from erclab.ops import private
from erclab.ops.linear import leaves_autocast


class GRU(nn.GRU):
    """`torch.nn.GRU` of one layer that reads sequences (B, L, D) forwards. Under autocast it runs in float32 on a GPU,
    where PyTorch's computes in float16. The parameters have the same names."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> the states (B, L, H)."""
        if leaves_autocast(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self.forward(x.to(self.weight_ih_l0.dtype))
        return super().forward(x)[0]


class CellWeights(NamedTuple):
    """The parameters of a GRU cell: (3 H, inputs), (3 H, H), (3 H,) and (3 H,), rows in the order r, z, n."""

    input: Tensor
    state: Tensor
    input_bias: Tensor
    state_bias: Tensor

    @classmethod
    def of(cls, cell: nn.GRUCell) -> CellWeights:
        """Those of a cell with biases."""
        return cls(cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)

    @classmethod
    def several(cls, weights: Sequence[Tensor]) -> list[CellWeights]:
        """Those of several cells, one after the other."""
        return [cls(*weights[i:i + 4]) for i in range(0, len(weights), 4)]


def gru(cell: nn.GRUCell, u: Tensor, sizes: Sequence[int], factor: Tensor | None, low: torch.dtype) -> Tensor:
    """A GRU over packed turns: (N, inputs) -> its states (N, H).

    Args:
        sizes: see `erclab.ops.packing.Packing`.
        factor: (N, H), multiplied with every new state before the next step reads it; None is 1.
        low: factors of matrix products are rounded to it; the dtype of u for no rounding.
    """
    return _GRU.apply(list(sizes), factor, low, u, *CellWeights.of(cell))


def exact(backward: Callable) -> Callable:
    """Decorates a backward pass that cannot be differentiated again. It runs without autocast."""
    @wraps(backward)
    def run(ctx, *gradients):
        with torch.autocast(ctx.saved_tensors[0].device.type, enabled=False):
            return backward(ctx, *gradients)
    return once_differentiable(run)


class _GRU(torch.autograd.Function):
    """See `gru`."""

    @staticmethod
    def forward(ctx, sizes, factor, low, u, *weights):
        cell = CellWeights(*weights)
        H = cell.state.shape[1]
        steps = Steps(times(u, cell.input.t(), low, cell.input_bias), u.new_empty(len(u), H), factor, sizes)
        from_state = product(rotated(cell.state), sizes[0], rotated(cell.state_bias), low)
        state = u.new_zeros(sizes[0], H)
        for t, n in enumerate(sizes):
            state = steps.forward(t, from_state(state[:n]), state[:n])
        ctx.kept, ctx.low = steps, low
        ctx.save_for_backward(u, cell.input, cell.state)
        return steps.states[:]  # a view: the node must not own its own result

    @staticmethod
    @exact
    def backward(ctx, d_states):
        steps, low, (u, w_input, w_state) = ctx.kept, ctx.low, ctx.saved_tensors
        H, sizes = w_state.shape[1], steps.sizes
        before = previous(steps.states, sizes)
        to_state = product(rotated(w_state).t(), sizes[0], low=low)
        d, carried = u.new_empty(len(u), 4 * H), u.new_zeros(0, H)
        for t, (before_t, d_new, d_t) in reversed(list(enumerate(by_step(sizes, before, d_states, d)))):
            d_new = d_new.clone()
            d_new[:len(carried)] += carried
            carried = steps.backward(t, d_new, before_t, d_t).add_(to_state(d_t[:, :3 * H]))
        d_u = times(d[:, H:], w_input, low) if ctx.needs_input_grad[3] else None
        return None, None, None, d_u, *weight_gradients(d, u, before, low)


class Steps:
    """A GRU's steps, and the values that their backward passes read.

    Args:
        x: (N, 3 H); becomes the gates r, z, n.
        states: (N, H), which the steps fill.
        factor: (N, H) or None; see `gru`.
        sizes: rows of each step.
    """

    def __init__(self, x: Tensor, states: Tensor, factor: Tensor | None, sizes: list[int]):
        self.sizes, self.gates, self.states = sizes, x, states
        self.h_n = states.new_empty(states.shape)
        self._steps = list(by_step(sizes, x, self.h_n, states, factor))

    def x(self, t: int) -> Tensor:
        """(n, 3 H) of step t, before `forward`."""
        return self._steps[t][0]

    def forward(self, t: int, h: Tensor, state: Tensor) -> Tensor:
        """The new states (n, H), from the product h (n, 3 H) and the old states (n, H)."""
        x, h_n, new, factor = self._steps[t]
        H = state.shape[1]
        x[:, :2 * H].add_(h[:, H:]).sigmoid_()
        r, z, n = x.chunk(3, 1)
        n.addcmul_(r, h_n.copy_(h[:, :H])).tanh_()
        torch.lerp(n, state, z, out=new)
        return new if factor is None else new.mul_(factor)

    def backward(self, t: int, d_new: Tensor, state: Tensor, d: Tensor) -> Tensor:
        """Write the gradients of h_n, r, z, x_n to d (n, 4 H), from that of the new states. Returns the gradient of the
        old states without the part through h."""
        x, h_n, _, factor = self._steps[t]
        if factor is not None:
            d_new = d_new * factor
        (r, z, n), (d_h, d_r, d_z, d_n) = x.chunk(3, 1), d.chunk(4, 1)
        direct = d_new * z
        private.tanh_backward(d_new - direct, n, d_n)
        torch.mul(d_n, r, out=d_h)
        private.sigmoid_backward(d_n * h_n, r, d_r)
        private.sigmoid_backward((state - n).mul_(d_new), z, d_z)
        return direct


def by_step(sizes: Sequence[int], *packed: Tensor | None) -> zip:
    """The rows of each step, of several (N, ...) at once; None stays None."""
    return zip(*(repeat(None, len(sizes)) if x is None else x.split(sizes) for x in packed), strict=True)


def previous(states: Tensor, sizes: list[int]) -> Tensor:
    """The state of each dialogue at the step before, (N, ...); 0 at the first step."""
    parts = [part[:n] for part, n in zip(states.split(sizes), sizes[1:], strict=False)]
    return torch.cat([torch.zeros_like(states[:sizes[0]]), *parts])


def rotated(weight: Tensor) -> Tensor:
    """Rows in the order r, z, n -> n, r, z."""
    return torch.roll(weight, len(weight) // 3, 0)


def product(weight: Tensor, rows: int, bias: Tensor | None = None, low: torch.dtype | None = None
            ) -> Callable[[Tensor], Tensor]:
    """A function x -> x weight^T + bias, for many calls with x of up to so many rows. The factors are rounded to `low`,
    if it is given; bias and result are not."""
    if low is None or low == weight.dtype:
        linear = private.packed_linear(weight, rows)
        return lambda x: linear(x, bias)
    linear = private.packed_linear(weight.to(low), rows)
    if bias is None:
        return lambda x: linear(x.to(low)).to(x.dtype)
    return lambda x: torch.add(bias, linear(x.to(low)))


def times(a: Tensor, b: Tensor, low: torch.dtype, bias: Tensor | None = None) -> Tensor:
    """a b + bias, with a and b rounded to `low`; the result has the precision of a."""
    if a.dtype == low:
        return a @ b if bias is None else torch.addmm(bias, a, b)
    ab = a.to(low) @ b.to(low)
    return ab.to(a.dtype) if bias is None else torch.add(bias, ab)


def linear_gradients(d: Tensor, inputs: Tensor, low: torch.dtype) -> tuple[Tensor, Tensor]:
    """The gradients of a weight and its bias, from those of the results (N, K) and the inputs (N, H)."""
    return times(d.t(), inputs, low), d.sum(0)


def weight_gradients(d: Tensor, inputs: Tensor, states: Tensor, low: torch.dtype) -> CellWeights:
    """The gradients of a cell's parameters, from those of h_n, r, z, x_n (N, 4 H), the inputs and the old states."""
    H = states.shape[1]
    input_weight, input_bias = linear_gradients(d[:, H:], inputs, low)
    state_weight, state_bias = linear_gradients(d[:, :3 * H], states, low)
    return CellWeights(input_weight, torch.roll(state_weight, -H, 0), input_bias, torch.roll(state_bias, -H, 0))
