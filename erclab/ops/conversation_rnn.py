"""DialogueRNN's recurrences with backward passes written by hand: the same numbers as `dialoguernn.Direction.loop`.

What makes them fast, on a CPU above all:

- a step multiplies only what waits for the step before, with weights that are packed once for all steps;
- a weight's gradient is one product over all turns at the end, not a sum of one product per step;
- past global states lie in one buffer: nothing is concatenated, and their gradients are gathered when they are due;
- autograd keeps no graph of single operations;
- with `low` bfloat16, matrix products take their factors rounded to it. States, gates, sums and attention stay in the
  precision of the weights, so that a long dialogue does not add up roundings of its state.

Turns are packed as `dialoguernn.Turns` says: turn 0 of every dialogue, longest dialogue first, then turn 1 of those
that have one. N turns, n dialogues at a step, B at the first, T steps; H, G, P the widths of states.

    n = tanh(x_n + r h_n)    state' = (n + z (state - n)) keep        a GRU; x from its input, h from its state

x and its gradients lie in PyTorch's order r, z, n; h in the order n, r, z. So the gradients of both are two windows,
(h_n, r, z) and (r, z, x_n), of one row of four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_softmax_backward = torch.ops.aten._softmax_backward_data


def applies() -> bool:
    """Whether these functions may be used here: not inside `torch.func`, which has to see every operation."""
    return not torch._C._are_functorch_transforms_active()


class Schedule(NamedTuple):
    """Who speaks when.

    Attributes:
        sizes: dialogues at each step, never more than at the step before.
        row, step: (N,) each turn's dialogue, longest first, and its step.
        who: (N,) its speaker, of `speakers`.
        before, after: (N,) 1 + the place, among the N, of the same speaker's turn before and after; 0: there is none.
    """

    sizes: list[int]
    row: Tensor
    step: Tensor
    who: Tensor
    speakers: int
    before: Tensor
    after: Tensor


def schedule(sizes: list[int], row: Tensor, step: Tensor, who: Tensor, speakers: int) -> Schedule:
    """Find out who spoke before and after; see `Schedule` for the rest."""
    place = torch.arange(1, len(who) + 1, device=who.device)
    spoke = place.new_zeros(len(sizes) + 1, sizes[0], speakers)  # at step t: the turn of each speaker at t - 1
    spoke[step + 1, row, who] = place
    before = spoke.cummax(0).values[step, row, who]
    after = place.new_zeros(len(who) + 1).scatter(0, before, place)
    return Schedule(sizes, row, step, who, speakers, before, after[1:])


def _exact(backward: Callable) -> Callable:
    """For a backward pass: not differentiable again, and in full precision wherever it is called."""
    @wraps(backward)
    def run(ctx, *gradients):
        with torch.autocast(ctx.saved_tensors[0].device.type, enabled=False):
            return backward(ctx, *gradients)
    return once_differentiable(run)


def gru(cell: nn.GRUCell, x: Tensor, sizes: Sequence[int], keep: Tensor | None, low: torch.dtype) -> Tensor:
    """A GRU over packed turns: (N, inputs) -> its states (N, H).

    Args:
        sizes: see `Schedule`.
        keep: (N, H), multiplied with every new state, which the next step then reads; None is 1.
        low: what factors of matrix products are rounded to; the dtype of x for no rounding.
    """
    return _GRU.apply(list(sizes), keep, low, x, *_weights(cell))


def converse(cells: Sequence[nn.GRUCell], attend: Tensor, general: bool, u: Tensor, turns: Schedule,
             keep: Sequence[Tensor | None], low: torch.dtype) -> tuple[Tensor, Tensor]:
    """Global states, context attention and speakers' states of DialogueRNN.

    Args:
        cells: GRU_G, GRU_P and, if there is one, GRU_L.
        attend: weights of the context attention, (G, inputs) if `general`, else (1, G).
        u: (N, inputs) utterances.
        keep: as in `gru`, (N, G), (N, P) and (N, S, P).
        low: as in `gru`.

    Returns:
        (N, P), every speaker's state after the turn; (N, T), the attention over steps, which has no gradient.
    """
    weights = [w for cell in cells for w in _weights(cell)]
    return _Converse.apply(turns, general, tuple(keep), low, u, attend, *weights)


class _GRU(torch.autograd.Function):
    """See `gru`."""

    @staticmethod
    def forward(ctx, sizes, keep, low, u, w_in, w_state, b_in, b_state):
        x, N, H = _times(u, w_in.t(), low, b_in), len(u), w_state.shape[1]
        hn, states = x.new_empty(N, H), x.new_empty(N, H)
        from_state = product(_first(w_state), sizes[0], _first(b_state), low)
        state = x.new_zeros(sizes[0], H)
        for x_t, hn_t, keep_t, new in _steps(sizes, x, hn, keep, states):
            state = state[:len(new)]
            state = _forth(x_t, from_state(state), state, keep_t, hn_t, new)
        ctx.sizes, ctx.low, ctx.kept = sizes, low, (x, hn, keep, states)
        ctx.save_for_backward(u, w_in, w_state)
        return states[:]  # a view: the node must not own what it gives out

    @staticmethod
    @_exact
    def backward(ctx, d_states):
        sizes, low, (x, hn, keep, states), (u, w_in, w_state) = ctx.sizes, ctx.low, ctx.kept, ctx.saved_tensors
        H, before = w_state.shape[1], _shifted(states, sizes)
        to_state = product(_first(w_state).t(), sizes[0], low=low)
        d, carried = x.new_empty(len(x), 4 * H), x.new_zeros(0, H)
        for x_t, hn_t, keep_t, before_t, new, d_t in _steps(sizes, x, hn, keep, before, d_states, d, back=True):
            new = new.clone()
            new[:len(carried)] += carried
            carried = _back(x_t, hn_t, before_t, keep_t, new, d_t).add_(to_state(d_t[:, :3 * H]))
        d_u = _times(d[:, H:], w_in, low) if ctx.needs_input_grad[3] else None
        return None, None, None, d_u, *_weight_gradients(d[:, H:], u, d[:, :3 * H], before, low)


class _Converse(torch.autograd.Function):
    """See `converse`."""

    @staticmethod
    def forward(ctx, turns, general, keep, low, u, attend, *weights):
        sizes, N, inputs = turns.sizes, len(u), u.shape[1]
        (gi, gs, gbi, gbs), (pi, ps, pbi, pbs), *listener = _by_cell(weights)
        B, T, G, P = sizes[0], len(sizes), gs.shape[1], ps.shape[1]
        xg, xp = _times(u, gi[:, :inputs].t(), low, gbi), _times(u, pi[:, :inputs].t(), low, pbi)
        from_own = product(torch.cat([gi[:, inputs:], _first(ps)]), B,
                           torch.cat([torch.zeros_like(gbi), _first(pbs)]), low)
        from_g, from_c = product(_first(gs), B, _first(gbs), low), product(pi[:, inputs:], B, low=low)
        asks = _times(u, attend.t(), low) if general else attend.expand(N, G)
        past, alpha = u.new_zeros(B, T, G), u.new_zeros(B, T, T)
        hng, globals_, c = u.new_empty(N, G), u.new_empty(N, G), u.new_zeros(N, G)
        hnp, own, states = u.new_empty(N, P), u.new_empty(N, P), u.new_zeros(N + 1, P)  # row 0: nothing said yet
        hears = _Listener(listener[0], u, turns, keep[2], low) if listener else None
        g = u.new_zeros(B, G)
        for t, (xg_t, hng_t, new_g, kg, xp_t, hnp_t, new_p, kp, own_t, before, ask, c_t) in enumerate(_steps(
                sizes, xg, hng, globals_, keep[0], xp, hnp, states[1:], keep[1], own, turns.before, asks, c)):
            n = len(before)
            if hears:
                hears.own(t, own_t)
            else:
                torch.index_select(states, 0, before, out=own_t)
            by_own = from_own(own_t)
            if t:
                seen = past[:n, :t]
                weights_t = torch.bmm(ask.unsqueeze(1), seen.transpose(1, 2)).softmax(-1)
                alpha[:n, t, :t] = weights_t.squeeze(1)
                xp_t += from_c(torch.bmm(weights_t, seen, out=c_t.unsqueeze(1)).squeeze(1))
            g = g[:n]
            g = past[:n, t] = _forth(xg_t.add_(by_own[:, :3 * G]), from_g(g), g, kg, hng_t, new_g)
            _forth(xp_t, by_own[:, 3 * G:], own_t, kp, hnp_t, new_p)
            if hears:
                hears.forth(t, new_p)
        ctx.turns, ctx.general, ctx.hears, ctx.keep, ctx.low = turns, general, hears, keep, low
        ctx.kept = xg, hng, globals_, xp, hnp, own, states, asks, c, past, alpha
        ctx.save_for_backward(u, attend, *weights)
        rows = alpha[turns.row, turns.step]
        ctx.mark_non_differentiable(rows)
        return states[1:], rows

    @staticmethod
    @_exact
    def backward(ctx, d_states, _):
        turns, keep, hears, low, (u, attend, *weights) = ctx.turns, ctx.keep, ctx.hears, ctx.low, ctx.saved_tensors
        xg, hng, globals_, xp, hnp, own, states, asks, c, past, alpha = ctx.kept
        (gi, gs, *_), (pi, ps, *_), *_ = _by_cell(weights)
        sizes, N, inputs, G, P = turns.sizes, len(u), u.shape[1], gs.shape[1], ps.shape[1]
        B, T = sizes[0], len(sizes)
        to_own = product(torch.cat([gi[:, inputs:], _first(ps)]).t(), B, low=low)
        to_g, to_c = product(_first(gs).t(), B, low=low), product(pi[:, inputs:].t(), B, low=low)
        before = _shifted(globals_, sizes)
        # Of turn j by turn t, so that what later turns ask of g_j is one row.
        later, d_later = alpha.transpose(1, 2).contiguous(), torch.zeros_like(alpha)
        ask, d_c = past.new_zeros(B, T, G), past.new_zeros(B, T, G)
        ask[turns.row, turns.step] = asks
        d, down, d_g = u.new_empty(N, 4 * G + 4 * P), u.new_zeros(N + 1, P), u.new_zeros(0, G)
        if hears:
            hears.prepare()
        for t, (xg_t, hng_t, kg, before_t, xp_t, hnp_t, kp, own_t, d_t, d_new, after, down_t) in zip(
                range(T - 1, -1, -1), _steps(sizes, xg, hng, keep[0], before, xp, hnp, keep[1], own, d, d_states,
                                             turns.after, down[1:], back=True), strict=True):
            n, m = len(after), len(d_g)
            d_new = hears.back(t, d_new) if hears else d_new + down[after]
            d_own = _back(xp_t, hnp_t, own_t, kp, d_new, d_t[:, 4 * G:])
            if t:
                d_c_t = d_c[:n, t] = to_c(d_t[:, 4 * G + P:])
                d_alpha = torch.bmm(d_c_t.unsqueeze(1), past[:n, :t].transpose(1, 2))
                d_later[:n, :t, t] = _softmax_backward(d_alpha, alpha[:n, t:t + 1, :t], -1, u.dtype).squeeze(1)
            if m:
                d_g = torch.baddbmm(d_g.unsqueeze(1), later[:m, t:t + 1, t + 1:], d_c[:m, t + 1:])
                d_g = torch.baddbmm(d_g, d_later[:m, t:t + 1, t + 1:], ask[:m, t + 1:]).squeeze(1)
            d_g = torch.cat([d_g, d_g.new_zeros(n - m, G)])
            d_g = _back(xg_t, hng_t, before_t, kg, d_g, d_t[:, :4 * G]).add_(to_g(d_t[:, :3 * G]))
            torch.add(d_own, to_own(d_t[:, G:4 * G + 3 * P]), out=down_t)
            if hears:
                hears.give(t, down_t)
        d_ask = (d_later.transpose(1, 2) @ past)[turns.row, turns.step]
        dxg, dxp = d[:, G:4 * G], d[:, 4 * G + P:]
        gradients = [*_weight_gradients(dxg, torch.cat([u, own], 1), d[:, :3 * G], before, low),
                     *_weight_gradients(dxp, torch.cat([u, c], 1), d[:, 4 * G:4 * G + 3 * P], own, low)]
        d_u = None
        if ctx.needs_input_grad[4]:
            d_u = _times(dxg, gi[:, :inputs], low) + _times(dxp, pi[:, :inputs], low)
        if hears:
            d_x, more = hears.gradients(u, states[1:])
            gradients += more
            d_u = d_u if d_u is None else d_u + d_x
        if d_u is not None and ctx.general:
            d_u += _times(d_ask, attend, low)
        d_attend = _times(d_ask.t(), u, low) if ctx.general else d_ask.sum(0, keepdim=True)
        return None, None, None, None, d_u, d_attend, *gradients


class _Listener:
    """GRU_L within `_Converse`: what everybody makes of a turn, and in the speaker's place the speaker's own state."""

    def __init__(self, weights: Sequence[Tensor], u: Tensor, turns: Schedule, keep: Tensor | None, low: torch.dtype):
        w_in, w_state, b_in, b_state = weights
        self.weights, self.low, sizes, S, P = weights, low, turns.sizes, turns.speakers, w_state.shape[1]
        self.shape, self.inputs = (len(u), S, P), u.shape[1]
        heard = _times(u, w_in[:, :self.inputs].t(), low, b_in)
        self.x, self.hn, self.after = (u.new_empty(len(u), S, width) for width in (3 * P, P, P))
        who = turns.who[:, None, None].expand(-1, 1, P)
        self.sizes, self.packed = sizes, (self.x, self.hn, self.after, keep, who, heard)
        self.steps = list(_steps(sizes, *self.packed))
        self.from_own = product(w_in[:, self.inputs:], sizes[0], low=low)
        self.from_state = product(_first(w_state), sizes[0] * S, _first(b_state), low)

    def own(self, t: int, out: Tensor) -> None:
        """The speaker's state before turn t, (n, P)."""
        torch.gather(self._before(t), 1, self.steps[t][4], out=out.unsqueeze(1))

    def forth(self, t: int, state: Tensor) -> None:
        """The new states after turn t, of which `state` (n, P) is the speaker's."""
        x, hn, after, keep, who, heard = self.steps[t]
        x.copy_((heard + self.from_own(state)).unsqueeze(1).expand_as(x))
        before = self._before(t).flatten(0, 1)
        x, hn, new, keep = (None if a is None else a.flatten(0, 1) for a in (x, hn, after, keep))
        _forth(x, self.from_state(before), before, keep, hn, new)
        after.scatter_(1, who, state.unsqueeze(1))

    def prepare(self) -> None:
        """For `back`, from the last turn to the first."""
        (N, S, P), (w_in, w_state, *_) = self.shape, self.weights
        self.d, self.d_heard, self.d_after = self.x.new_empty(N, S, 4 * P), self.x.new_empty(N, 3 * P), None
        self.d_steps = list(_steps(self.sizes, self.d, self.d_heard))
        self.to_own = product(w_in[:, self.inputs:].t(), self.sizes[0], low=self.low)
        self.to_state = product(_first(w_state).t(), self.sizes[0] * S, low=self.low)

    def back(self, t: int, d_state: Tensor) -> Tensor:
        """The whole gradient of the speaker's state after turn t, from that of what else reads it, (n, P)."""
        (x, hn, _, keep, who, _), (d, d_heard), P = self.steps[t], self.d_steps[t], self.shape[2]
        d_after = hn.new_zeros(hn.shape)
        if self.d_after is not None:
            d_after[:len(self.d_after)] = self.d_after
        d_state = d_state + d_after.gather(1, who).squeeze(1)
        d_after.scatter_(1, who, 0.0)
        before, flat = self._before(t).flatten(0, 1), d.flatten(0, 1)
        x, hn, keep = (None if a is None else a.flatten(0, 1) for a in (x, hn, keep))
        d_before = _back(x, hn, before, keep, d_after.flatten(0, 1), flat).add_(self.to_state(flat[:, :3 * P]))
        self.d_after = d_before.view(-1, *self.shape[1:])
        torch.sum(d[..., P:], 1, out=d_heard)
        return d_state + self.to_own(d_heard)

    def give(self, t: int, d_own: Tensor) -> None:
        """Add the gradient of the speaker's state before turn t, (n, P)."""
        self.d_after.scatter_add_(1, self.steps[t][4], d_own.unsqueeze(1))

    def gradients(self, u: Tensor, states: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Of the utterances, and of the weights."""
        P, d = self.shape[2], self.d.flatten(0, 1)
        before = _shifted(self.after, self.sizes).flatten(0, 1)
        into, bias = _products(self.d_heard, torch.cat([u, states], 1), self.low)
        own, own_bias = _products(d[:, :3 * P], before, self.low)
        d_u = _times(self.d_heard, self.weights[0][:, :self.inputs], self.low)
        return d_u, [into, torch.roll(own, -P, 0), bias, torch.roll(own_bias, -P, 0)]

    def _before(self, t: int) -> Tensor:
        """(n, S, P)"""
        n = self.sizes[t]
        return self.steps[t - 1][2][:n] if t else self.after.new_zeros(n, *self.shape[1:])


def product(weight: Tensor, rows: int, bias: Tensor | None = None, low: torch.dtype | None = None
            ) -> Callable[[Tensor], Tensor]:
    """x -> x weight^T + bias, to be called many times with x of up to so many rows. Factors are rounded to `low`, if
    given; bias and result are not."""
    exact, weight = low is None or low == weight.dtype, weight if low is None else weight.to(low)
    if not _packable(weight):
        weight = weight.t()
        return lambda x: _times(x, weight, weight.dtype, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)

    def linear(x: Tensor, bias: Tensor | None = None) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")

    if exact:
        return lambda x: linear(x, bias)
    if bias is None:
        return lambda x: linear(x.to(low)).to(x.dtype)
    return lambda x: torch.add(bias, linear(x.to(low)))


def _packable(weight: Tensor) -> bool:
    """Whether oneDNN has a layout of its own for this weight."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _times(a: Tensor, b: Tensor, low: torch.dtype, bias: Tensor | None = None) -> Tensor:
    """a b + bias, with a and b rounded to `low`; the result is as exact as a."""
    if a.dtype == low:
        return a @ b if bias is None else torch.addmm(bias, a, b)
    ab = a.to(low) @ b.to(low)
    return ab.to(a.dtype) if bias is None else torch.add(bias, ab)


def _forth(x: Tensor, h: Tensor, state: Tensor, keep: Tensor | None, hn: Tensor, new: Tensor) -> Tensor:
    """A step of a GRU: x (n, 3 H) becomes its gates r, z, n; h_n goes to `hn`, the new state to `new`, both (n, H)."""
    H = state.shape[1]
    x[:, :2 * H].add_(h[:, H:]).sigmoid_()
    r, z, n = x.chunk(3, 1)
    n.addcmul_(r, hn.copy_(h[:, :H])).tanh_()
    torch.lerp(n, state, z, out=new)
    return new if keep is None else new.mul_(keep)


def _back(x: Tensor, hn: Tensor, state: Tensor, keep: Tensor | None, d_new: Tensor, d: Tensor) -> Tensor:
    """The gradients of a step's h_n, r, z, n go to d (n, 4 H); returns what reaches the old state without them."""
    if keep is not None:
        d_new = d_new * keep
    (r, z, n), (d_h, d_r, d_z, d_n) = x.chunk(3, 1), d.chunk(4, 1)
    direct = d_new * z
    _tanh_backward(d_new - direct, n, grad_input=d_n)
    torch.mul(d_n, r, out=d_h)
    _sigmoid_backward(d_n * hn, r, grad_input=d_r)
    _sigmoid_backward((state - n).mul_(d_new), z, grad_input=d_z)
    return direct


def _weights(cell: nn.GRUCell) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh


def _by_cell(weights: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    return [weights[i:i + 4] for i in range(0, len(weights), 4)]


def _first(w: Tensor) -> Tensor:
    """Rows in the order r, z, n -> n, r, z."""
    return torch.roll(w, len(w) // 3, 0)


def _shifted(states: Tensor, sizes: list[int]) -> Tensor:
    """Each turn's state at the step before, (N, ...); 0 at the first."""
    parts = [part[:n] for part, n in zip(states.split(sizes), sizes[1:], strict=False)]
    return torch.cat([torch.zeros_like(states[:sizes[0]]), *parts])


def _products(d: Tensor, inputs: Tensor, low: torch.dtype) -> tuple[Tensor, Tensor]:
    """Gradients of a weight and a bias, from those of what they gave (N, K) and from what went in (N, H)."""
    return _times(d.t(), inputs, low), d.sum(0)


def _weight_gradients(d_x: Tensor, inputs: Tensor, d_h: Tensor, states: Tensor, low: torch.dtype) -> list[Tensor]:
    """Of a cell, in the order of `_weights`."""
    (w_in, b_in), (w_state, b_state) = _products(d_x, inputs, low), _products(d_h, states, low)
    H = states.shape[1]
    return [w_in, torch.roll(w_state, -H, 0), b_in, torch.roll(b_state, -H, 0)]


def _steps(sizes: list[int], *packed: Tensor | None, back: bool = False) -> Iterable[tuple]:
    """The rows of each step, of several (N, ...) at once; from the last step on if `back`."""
    parts = [[None] * len(sizes) if a is None else a.split(sizes) for a in packed]
    rows = list(zip(*parts, strict=True))
    return reversed(rows) if back else rows
