"""M2FNet (Gao 2026): the GRU over the dialogue that knows who speaks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn

Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _speaker_gru(x: Tensor, e: Tensor, Wi: Tensor, Wh: Tensor, bi: Tensor, bh: Tensor) -> Tensor:
    """The right answer."""
    return _over(torch.cat([x, e], dim=-1), Wi, Wh, bi, bh, _step)


def _over(read, Wi, Wh, bi, bh, step, order=1, first=None):
    """Run a step over the turns. `step` takes the parts of the input and of the state, and the state."""
    states, h = [], read.new_zeros(len(read), Wh.shape[1]) if first is None else first
    for t in range(read.shape[1])[::order]:
        h = step((read[:, t] @ Wi.T + bi).chunk(3, -1), (h @ Wh.T + bh).chunk(3, -1), h, (Wh, bh))
        states.append(h)
    return torch.stack(states[::order], dim=1)


def _step(i, s, h, _):
    r, z = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    n = torch.tanh(i[2] + r * s[2])
    return (1 - z) * n + z * h


def _turned(i, s, h, _):
    r, z = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    return z * torch.tanh(i[2] + r * s[2]) + (1 - z) * h


def _reset_before(i, s, h, hidden):
    Wh, bh = hidden
    r, z = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    n = torch.tanh(i[2] + (r * h) @ Wh.chunk(3)[2].T + bh.chunk(3)[2])
    return (1 - z) * n + z * h


def _no_reset(i, s, h, _):
    z = torch.sigmoid(i[1] + s[1])
    return (1 - z) * torch.tanh(i[2] + s[2]) + z * h


def _gates_exchanged(i, s, h, _):
    z, r = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    return (1 - z) * torch.tanh(i[2] + r * s[2]) + z * h


def _no_tanh(i, s, h, _):
    r, z = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    return (1 - z) * (i[2] + r * s[2]) + z * h


def _sigmoid_state(i, s, h, _):
    r, z = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
    return (1 - z) * torch.sigmoid(i[2] + r * s[2]) + z * h


def _of(step, order=1):
    return lambda x, e, Wi, Wh, bi, bh: _over(torch.cat([x, e], -1), Wi, Wh, bi, bh, step, order)


def _no_speaker(x, e, Wi, Wh, bi, bh):
    return _over(x, Wi[:, :x.shape[-1]], Wh, bi, bh, _step)


def _same_turn(x, e, Wi, Wh, bi, bh):
    """The state starts anew at each turn."""
    read = torch.cat([x, e], -1)
    return _over(read.flatten(0, 1).unsqueeze(1), Wi, Wh, bi, bh, _step).view(*read.shape[:2], -1)


def _over_dialogues(x, e, Wi, Wh, bi, bh):
    """The recurrence runs over the samples, as nn.GRU does without batch_first."""
    read = torch.cat([x, e], -1).transpose(0, 1)
    return _over(read, Wi, Wh, bi, bh, _step).transpose(0, 1)


def _example(generator: torch.Generator) -> Inputs:
    H, E = 4, 2
    return {"x": randn(generator, 3, 5, H), "e": randn(generator, 3, 5, E), "Wi": randn(generator, 3 * H, H + E),
            "Wh": randn(generator, 3 * H, H), "bi": randn(generator, 3 * H), "bh": randn(generator, 3 * H)}


def _taken(module, read: Tensor, mask: Tensor) -> Inputs:
    gru = module.forwards
    wide = gru.weight_hh_l0.shape[1]
    return {"x": read[..., :wide], "e": read[..., wide:], "Wi": gru.weight_ih_l0, "Wh": gru.weight_hh_l0,
            "bi": gru.bias_ih_l0, "bh": gru.bias_hh_l0}


EXERCISES = (Exercise(
    "m2fnet.speaker_gru", "M2FNet's GRU over the dialogue", "Gao 2026, section 3.4; the GRU of Cho et al. 2014 with "
    "the gates as PyTorch has them",
    r"u_t = [x_t; e_t],\quad r = \sigma(W_{ir} u_t + b_{ir} + W_{hr} h + b_{hr}),\quad "
    r"z = \sigma(W_{iz} u_t + b_{iz} + W_{hz} h + b_{hz}),\quad "
    r"n = \tanh(W_{in} u_t + b_{in} + r \odot (W_{hn} h + b_{hn})),\quad h_t = (1 - z) \odot n + z \odot h_{t-1}",
    {"x": "(B, T, H) the fused vector of each turn", "e": "(B, T, E) the vector of who speaks",
     "Wi": "(3 H, H + E) the weights of the input: those of r, z and n, one above the other",
     "Wh": "(3 H, H) the weights of the state", "bi": "(3 H)", "bh": "(3 H)"},
    {"states": "(B, T, H) the state after each turn; it is 0 before the first one"},
    _speaker_gru,
    {"turned": Mistake("z is turned round: h = (1 - z) * n + z * h of the turn before (PyTorch; Cho et al. print it "
                       "the other way).", _of(_turned)),
     "reset before": Mistake("The reset gate multiplies the state before Wh; in PyTorch it multiplies Wh h + b after "
                             "it.", _of(_reset_before)),
     "no reset": Mistake("The reset gate r is missing in n.", _of(_no_reset)),
     "gates exchanged": Mistake("r and z are exchanged: the rows of the weights are those of r, then z, then n.",
                                _of(_gates_exchanged)),
     "no tanh": Mistake("The tanh of n is missing: the state grows without a limit.", _of(_no_tanh)),
     "sigmoid state": Mistake("n is a sigmoid; it is a tanh, so that a state may be negative.", _of(_sigmoid_state)),
     "no speaker": Mistake("The speaker is not read: the input of a turn is [x; e].", _no_speaker),
     "reads the future": Mistake("It runs from the end of the dialogue, so a turn reads later ones: the paper's GRU is "
                                 "causal.", _of(_step, -1)),
     "no memory": Mistake("The state starts anew at each turn: it goes on from turn to turn.", _same_turn),
     "over the batch": Mistake("It runs over the dialogues of the batch, not over turns (nn.GRU without batch_first): "
                               "the result depends on the batch.", _over_dialogues)},
    _example, samples=("x", "e"),
    place=lambda model: ("dialogue", model.dialogue),
    taken=_taken),)
