"""DialogueRNN's recurrences as one autograd function: the fast twin of `erclab.models.dialoguernn.Direction.forward`.

The model's `forward` is the plain loop with the paper's equations. It is decorated with `accelerated`, which computes
the same numbers here, unless `applies` is False: inside `torch.func`, and for cells with hooks, parametrisations or
another class. The plain loop then runs.

What makes this file fast, beside the four points of `erclab.ops.gru`: past global states are in one buffer, so that
nothing is concatenated, and their gradients are summed when the recurrence reaches them. Three cells run step by step
because they wait for each other:

    g' = GRU_G([u; q], g)    q' = GRU_P([u; c], q)    q_other' = GRU_L([u; q'], q_other)      (GRU_L is optional)

The emotion's GRU reads q' and influences nothing, so it runs afterwards for all turns (`erclab.ops.gru.gru`).

Notation: N packed turns (`erclab.ops.packing`), n dialogues at a step, B at the first, T steps, S speakers; G and P the
widths of g and q. u utterances, q the state of the turn's speaker before the turn (`own`), c the context, alpha the
attention over past g. Both GRU_G and GRU_P multiply q, so one product serves both; therefore a row of gradients `d` is
(h_n, r, z, x_n of GRU_G; h_n, r, z, x_n of GRU_P), where the columns G to 4 G + 3 P belong to this product.

Measured: training for an epoch of the bench's DialogueRNN case (IEMOCAP, batch 30, float32; AMD EPYC, 2 virtual cores,
one thread, torch 2.13; processor time, median of three alternating rounds): 5.0 s. The plain loop takes 8.8 s, 1.79
times as long; the plain loop with `torch.compile` on the body of a turn (dynamic shapes) 8.2 s, 1.59 times as long,
after a minute or two of compilation. `torch.compile` of the whole loop unrolls the turns and did not end in 15 minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from erclab.ops import private
from erclab.ops.gru import (
    CellWeights,
    Steps,
    by_step,
    exact,
    gru,
    linear_gradients,
    previous,
    product,
    rotated,
    times,
    weight_gradients,
)
from erclab.ops.linear import low_precision
from erclab.ops.packing import Packing, StateMasks
from erclab.ops.plain import untouched

Loop = Callable[[nn.Module, Tensor, Tensor, Packing, StateMasks], tuple[Tensor, Tensor]]


def accelerated(loop: Loop) -> Loop:
    """Decorates the plain loop of a direction: the same results, where it `applies` from this file.

    The recurrence runs without autocast. Under autocast the kernel rounds the factors of matrix products; the plain
    loop rounds nothing. States, gates, sums and attention are never rounded.

    Args:
        loop: (direction, u (N, inputs), speakers (N,), packing, masks) -> emotions (N, E), attention over the steps
            (N, T), which has no gradient in the kernel. The direction has the cells `global_cell`, `party_cell`,
            `emotion_cell` and `listener_cell` (or None), the linear map `attend` without bias, and `general`: whether
            `attend` maps u; if not, it scores the past states.
    """
    @wraps(loop)
    def forward(self, u: Tensor, speakers: Tensor, packing: Packing, masks: StateMasks) -> tuple[Tensor, Tensor]:
        kind = u.device.type
        low = torch.get_autocast_dtype(kind) if low_precision(kind) else u.dtype
        with torch.autocast(kind, enabled=False):
            return (_fused(self, u, speakers, packing, masks, low) if applies(self)
                    else loop(self, u, speakers, packing, masks))
    return forward


def applies(direction: nn.Module) -> bool:
    """Whether the kernel may compute this direction from its weights. Not inside `torch.func`, which must see every
    operation; not if a part is not exactly the plain layer that the kernel computes."""
    cells = [c for c in (direction.global_cell, direction.party_cell, direction.emotion_cell, direction.listener_cell)
             if c is not None]
    return (not private.inside_torch_func() and untouched(direction.attend, nn.Linear)
            and direction.attend.bias is None and all(untouched(cell, nn.GRUCell) and cell.bias for cell in cells))


class SpeakerLinks(NamedTuple):
    """Who speaks when.

    Attributes:
        sizes, row, step: see `Packing`.
        speaker: (N,) of each turn, an index below `speakers`.
        before, after: (N,) 1 + the place, among the N, of the same speaker's previous and next turn; 0 for none.
    """

    sizes: list[int]
    row: Tensor
    step: Tensor
    speaker: Tensor
    speakers: int
    before: Tensor
    after: Tensor


def link(sizes: list[int], row: Tensor, step: Tensor, speaker: Tensor, speakers: int) -> SpeakerLinks:
    """Find each turn's previous and next turn of the same speaker; see `SpeakerLinks`."""
    place = torch.arange(1, len(speaker) + 1, device=speaker.device)
    spoke = place.new_zeros(len(sizes) + 1, sizes[0], speakers)  # at step t: the turn of each speaker at t - 1
    spoke[step + 1, row, speaker] = place
    before = spoke.cummax(0).values[step, row, speaker]
    after = place.new_zeros(len(speaker) + 1).scatter(0, before, place)
    return SpeakerLinks(sizes, row, step, speaker, speakers, before, after[1:])


class Setup(NamedTuple):
    """What `_Converse` needs besides parameters: the links, whether the attention maps u, dropout factors (None: 1) of
    global states (N, G), speakers' states (N, P) and listeners' states (N, S, P), and the dtype that factors of matrix
    products are rounded to."""

    links: SpeakerLinks
    general: bool
    global_factor: Tensor | None
    party_factor: Tensor | None
    listener_factor: Tensor | None
    low: torch.dtype


def _fused(direction: nn.Module, u: Tensor, speakers: Tensor, packing: Packing, masks: StateMasks, low: torch.dtype
           ) -> tuple[Tensor, Tensor]:
    cells = [c for c in (direction.global_cell, direction.party_cell, direction.listener_cell) if c is not None]
    links = link(packing.sizes, packing.row, packing.step, speakers, direction.speakers)
    setup = Setup(links, direction.general, *(masks.factors.get(c) for c in ("global", "party", "listener")), low)
    weights = [w for cell in cells for w in CellWeights.of(cell)]
    states, alpha = _Converse.apply(setup, u, direction.attend.weight, *weights)
    return gru(direction.emotion_cell, states, packing.sizes, masks.factors.get("emotion"), low), alpha


class _Kept(NamedTuple):
    """What the backward pass of `_Converse` reads besides parameters."""

    g_steps: Steps  # of GRU_G
    q_steps: Steps  # of GRU_P
    own: Tensor  # (N, P)
    states: Tensor  # (1 + N, P) the speaker's state after each turn; row 0 is the state before the first turn
    query: Tensor  # (N, G)
    context: Tensor  # (N, G)
    past: Tensor  # (B, T, G)
    alpha: Tensor  # (B, T, T) of turn over turn
    listener: _Listener | None


class _Converse(torch.autograd.Function):
    """(setup, utterances (N, inputs), attention's weight, parameters of GRU_G, GRU_P and perhaps GRU_L) -> the
    speaker's state after each turn (N, P), the attention over steps (N, T)."""

    @staticmethod
    def forward(ctx, setup, u, attend, *weights):
        links, low, (g_cell, p_cell, *others) = setup.links, setup.low, CellWeights.several(weights)
        sizes, N, inputs, G, P = links.sizes, len(u), u.shape[1], g_cell.state.shape[1], p_cell.state.shape[1]
        B, T = sizes[0], len(sizes)
        states = u.new_zeros(N + 1, P)
        g_steps = Steps(times(u, g_cell.input[:, :inputs].t(), low, g_cell.input_bias), u.new_empty(N, G),
                      setup.global_factor, sizes)
        q_steps = Steps(times(u, p_cell.input[:, :inputs].t(), low, p_cell.input_bias), states[1:],
                      setup.party_factor, sizes)
        from_own = product(torch.cat([g_cell.input[:, inputs:], rotated(p_cell.state)]), B,
                           torch.cat([torch.zeros_like(g_cell.input_bias), rotated(p_cell.state_bias)]), low)
        from_g = product(rotated(g_cell.state), B, rotated(g_cell.state_bias), low)
        from_context = product(p_cell.input[:, inputs:], B, low=low)
        query = times(u, attend.t(), low) if setup.general else attend.expand(N, G)
        past, alpha, own, context = (u.new_zeros(B, T, G), u.new_zeros(B, T, T), u.new_empty(N, P), u.new_zeros(N, G))
        listener = _Listener(others[0], setup, u) if others else None
        g = u.new_zeros(B, G)
        for t, (own_t, before_t, query_t, context_t) in enumerate(by_step(sizes, own, links.before, query, context)):
            n = len(own_t)
            if listener:
                listener.own(t, own_t)
            else:
                torch.index_select(states, 0, before_t, out=own_t)
            by_own = from_own(own_t)
            if t:
                seen = past[:n, :t]
                alpha_t = torch.bmm(query_t.unsqueeze(1), seen.transpose(1, 2)).softmax(-1)
                alpha[:n, t, :t] = alpha_t.squeeze(1)
                torch.bmm(alpha_t, seen, out=context_t.unsqueeze(1))
                q_steps.x(t).add_(from_context(context_t))
            g_steps.x(t).add_(by_own[:, :3 * G])
            g = past[:n, t] = g_steps.forward(t, from_g(g[:n]), g[:n])
            state = q_steps.forward(t, by_own[:, 3 * G:], own_t)
            if listener:
                listener.forward(t, state)
        ctx.setup, ctx.kept = setup, _Kept(g_steps, q_steps, own, states, query, context, past, alpha, listener)
        ctx.save_for_backward(u, attend, *weights)
        rows = alpha[links.row, links.step]
        ctx.mark_non_differentiable(rows)
        return states[1:], rows

    @staticmethod
    @exact
    def backward(ctx, d_states, _):
        setup, (u, attend, *weights) = ctx.setup, ctx.saved_tensors
        g_steps, q_steps, own, states, query, context, past, alpha, listener = ctx.kept
        links, low, (g_cell, p_cell, *_) = setup.links, setup.low, CellWeights.several(weights)
        sizes, N, inputs, G, P = links.sizes, len(u), u.shape[1], past.shape[2], own.shape[1]
        B, T = sizes[0], len(sizes)
        to_own = product(torch.cat([g_cell.input[:, inputs:], rotated(p_cell.state)]).t(), B, low=low)
        to_g = product(rotated(g_cell.state).t(), B, low=low)
        to_context = product(p_cell.input[:, inputs:].t(), B, low=low)
        before = previous(g_steps.states, sizes)
        # Transposed, of turn j by turn t: the gradient of g_j is then a product with one row.
        later, d_later = alpha.transpose(1, 2).contiguous(), torch.zeros_like(alpha)
        queries, d_context = past.new_zeros(B, T, G), past.new_zeros(B, T, G)
        queries[links.row, links.step] = query
        d, d_own, d_g = u.new_empty(N, 4 * G + 4 * P), u.new_zeros(N + 1, P), u.new_zeros(0, G)
        if listener:
            listener.prepare()
        steps = by_step(sizes, own, before, d, d_states, links.after, d_own[1:])
        for t, (own_t, before_t, d_t, d_state, after_t, d_own_t) in reversed(list(enumerate(steps))):
            n, m = len(own_t), len(d_g)  # m dialogues have a later turn
            d_state = listener.backward(t, d_state) if listener else d_state + d_own[after_t]
            direct = q_steps.backward(t, d_state, own_t, d_t[:, 4 * G:])
            if t:
                d_c = d_context[:n, t] = to_context(d_t[:, 4 * G + P:])
                d_alpha = torch.bmm(d_c.unsqueeze(1), past[:n, :t].transpose(1, 2))
                d_later[:n, :t, t] = private.softmax_backward(d_alpha, alpha[:n, t:t + 1, :t], u.dtype).squeeze(1)
            if m:
                d_g = torch.baddbmm(d_g.unsqueeze(1), later[:m, t:t + 1, t + 1:], d_context[:m, t + 1:])
                d_g = torch.baddbmm(d_g, d_later[:m, t:t + 1, t + 1:], queries[:m, t + 1:]).squeeze(1)
            d_g = torch.cat([d_g, d_g.new_zeros(n - m, G)])
            d_g = g_steps.backward(t, d_g, before_t, d_t[:, :4 * G]).add_(to_g(d_t[:, :3 * G]))
            torch.add(direct, to_own(d_t[:, G:4 * G + 3 * P]), out=d_own_t)
            if listener:
                listener.add_own(t, d_own_t)
        d_query = (d_later.transpose(1, 2) @ past)[links.row, links.step]
        gradients = [*weight_gradients(d[:, :4 * G], torch.cat([u, own], 1), before, low),
                     *weight_gradients(d[:, 4 * G:], torch.cat([u, context], 1), own, low)]
        d_u = None
        if ctx.needs_input_grad[1]:
            d_u = times(d[:, G:4 * G], g_cell.input[:, :inputs], low)
            d_u = d_u + times(d[:, 4 * G + P:], p_cell.input[:, :inputs], low)
        if listener:
            d_heard, more = listener.gradients(u, states[1:])
            gradients += more
            d_u = d_u if d_u is None else d_u + d_heard
        if d_u is not None and setup.general:
            d_u += times(d_query, attend, low)
        d_attend = times(d_query.t(), u, low) if setup.general else d_query.sum(0, keepdim=True)
        return None, d_u, d_attend, *gradients


class _Listener:
    """GRU_L within `_Converse`. A state of all speakers (N, S, P) has GRU_L's result for those who listen, and GRU_P's
    in the place of the turn's speaker."""

    def __init__(self, cell: CellWeights, setup: Setup, u: Tensor):
        links, P = setup.links, cell.state.shape[1]
        self.cell, self.low, self.sizes, self.inputs = cell, setup.low, links.sizes, u.shape[1]
        self.shape = N, S, _ = len(u), links.speakers, P
        self.x, self.states = u.new_empty(N, S, 3 * P), u.new_empty(N, S, P)
        heard = times(u, cell.input[:, :self.inputs].t(), self.low, cell.input_bias)
        index = links.speaker[:, None, None].expand(-1, 1, P)
        factor = None if setup.listener_factor is None else setup.listener_factor.flatten(0, 1)
        self.cells = Steps(self.x.flatten(0, 1), self.states.flatten(0, 1), factor, [n * S for n in self.sizes])
        self.steps = list(by_step(self.sizes, self.x, self.states, index, heard))
        self.from_own = product(cell.input[:, self.inputs:], self.sizes[0], low=self.low)
        self.from_state = product(rotated(cell.state), self.sizes[0] * S, rotated(cell.state_bias), self.low)

    def own(self, t: int, out: Tensor) -> None:
        """Write the speaker's state before turn t, (n, P)."""
        torch.gather(self._before(t), 1, self.steps[t][2], out=out.unsqueeze(1))

    def forward(self, t: int, own: Tensor) -> None:
        """Compute the states after turn t; `own` (n, P) is the speaker's new state."""
        x, after, index, heard = self.steps[t]
        x.copy_((heard + self.from_own(own)).unsqueeze(1).expand_as(x))
        before = self._before(t).flatten(0, 1)
        self.cells.forward(t, self.from_state(before), before)
        after.scatter_(1, index, own.unsqueeze(1))

    def prepare(self) -> None:
        """Before the first call of `backward`, which goes from the last turn to the first."""
        N, S, P = self.shape
        self.d, self.d_heard = self.x.new_empty(N, S, 4 * P), self.x.new_empty(N, 3 * P)
        self.d_after: Any = None
        self.d_steps = list(by_step(self.sizes, self.d, self.d_heard))
        self.to_own = product(self.cell.input[:, self.inputs:].t(), self.sizes[0], low=self.low)
        self.to_state = product(rotated(self.cell.state).t(), self.sizes[0] * S, low=self.low)

    def backward(self, t: int, d_own: Tensor) -> Tensor:
        """The whole gradient of the speaker's state after turn t, from the part outside GRU_L (n, P)."""
        (_, after, index, _), (d, d_heard), P = self.steps[t], self.d_steps[t], self.shape[2]
        d_after = after.new_zeros(after.shape)
        if self.d_after is not None:
            d_after[:len(self.d_after)] = self.d_after
        d_own = d_own + d_after.gather(1, index).squeeze(1)
        d_after.scatter_(1, index, 0.0)
        before, flat = self._before(t).flatten(0, 1), d.flatten(0, 1)
        d_before = self.cells.backward(t, d_after.flatten(0, 1), before, flat).add_(self.to_state(flat[:, :3 * P]))
        self.d_after = d_before.view(-1, *self.shape[1:])
        torch.sum(d[..., P:], 1, out=d_heard)
        return d_own + self.to_own(d_heard)

    def add_own(self, t: int, d_own: Tensor) -> None:
        """Add the gradient of the speaker's state before turn t, (n, P)."""
        self.d_after.scatter_add_(1, self.steps[t][2], d_own.unsqueeze(1))

    def gradients(self, u: Tensor, own: Tensor) -> tuple[Tensor, CellWeights]:
        """The gradients of the utterances and of the cell; `own` (N, P) are the speakers' states after the turns."""
        P, d = self.shape[2], self.d.flatten(0, 1)
        before = previous(self.states, self.sizes).flatten(0, 1)
        input_weight, input_bias = linear_gradients(self.d_heard, torch.cat([u, own], 1), self.low)
        state_weight, state_bias = linear_gradients(d[:, :3 * P], before, self.low)
        d_u = times(self.d_heard, self.cell.input[:, :self.inputs], self.low)
        return d_u, CellWeights(input_weight, torch.roll(state_weight, -P, 0), input_bias,
                                torch.roll(state_bias, -P, 0))

    def _before(self, t: int) -> Tensor:
        """(n, S, P)"""
        n = self.sizes[t]
        return self.steps[t - 1][1][:n] if t else self.states.new_zeros(n, *self.shape[1:])
