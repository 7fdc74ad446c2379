"""HCT-MG (Wang et al. 2023): the gate that chooses the primary modality, and its straight-through gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn


def _straight_through(logits: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The right answer."""
    w = (scale * logits).softmax(dim=0)
    return w, 1 + len(logits) * (w - w.detach())


def _w(logits, scale):
    return (scale * logits).softmax(dim=0)


def _example(generator: torch.Generator) -> Inputs:
    return {"logits": 0.1 * randn(generator, 3), "scale": 10.0}


def _one_hot(logits, scale):
    w = _w(logits, scale)
    return w, F.one_hot(w.argmax(), len(w)).to(w) + w - w.detach()


EXERCISES = (Exercise(
    "hct_mg.straight_through", "HCT-MG's gate, straight through", "Wang et al. 2023, section 4; the gradient is our "
    "reading (Bengio et al. 2013)",
    r"w = \mathrm{softmax}(s\,\ell), \qquad f_m = 1 \text{ forwards}, \qquad "
    r"\frac{\partial L}{\partial w_m} = M \frac{\partial L}{\partial f_m} \text{ backwards}",
    {"logits": "(M,) a parameter for each of M modalities", "scale": "a number s"},
    {"w": "(M,) the weights of the modalities, which sum to 1",
     "factor": "(M,) exactly 1 each; by it the sequence of each modality is multiplied"},
    _straight_through,
    {"real factors": Mistake("The factors are M w: the forward pass scales the sequences. A gate that is later frozen "
                             "may only select, so the factors are exactly 1 forwards.",
                             lambda logits, scale: (_w(logits, scale), len(logits) * _w(logits, scale))),
     "weights": Mistake("The factors are the weights: the forward pass scales the sequences, and it may not.",
                        lambda logits, scale: (_w(logits, scale),) * 2),
     "no gradient": Mistake("The factors have no gradient: the gate never learns. Add w - w.detach(), which is 0 "
                            "forwards.", lambda logits, scale: (_w(logits, scale), torch.ones_like(logits))),
     "no M": Mistake("The gradient lacks the factor M: w_m is about 1/M, so that a factor of 1 is M w_m.",
                     lambda logits, scale: (_w(logits, scale), 1 + _w(logits, scale) - _w(logits, scale).detach())),
     "no scale": Mistake("The scale is missing: with it the gate learns faster than the other weights.",
                         lambda logits, scale: (_w(logits, 1.0), 1 + len(logits) * (
                             _w(logits, 1.0) - _w(logits, 1.0).detach()))),
     "one-hot": Mistake("The factors are one-hot: the modalities that are not chosen are multiplied by 0. They stay "
                        "as auxiliaries.", _one_hot),
     "sign": Mistake("The gradient has the wrong sign: the weight of a modality falls where more of it would help. "
                     "Add w - w.detach(), not w.detach() - w.",
                     lambda logits, scale: (_w(logits, scale), 1 + len(logits) * (
                         _w(logits, scale).detach() - _w(logits, scale)))),
     "sigmoid": Mistake("The weights are a sigmoid: they do not sum to 1, and modalities do not compete.",
                        lambda logits, scale: (torch.sigmoid(scale * logits), 1 + len(logits) * (
                            torch.sigmoid(scale * logits) - torch.sigmoid(scale * logits).detach())))},
    _example),)
