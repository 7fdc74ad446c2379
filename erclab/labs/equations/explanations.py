"""Integrated gradients (Sundararajan, Taly, Yan 2017)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn

Logit = Callable[[Tensor], Tensor]


def _integrated_gradients(f: Logit, x: Tensor, baseline: Tensor, steps: int) -> Tensor:
    """The right answer."""
    return (x - baseline) * _mean_gradient(f, x, baseline, _midpoints(steps))


def _midpoints(steps):
    return [(k + 0.5) / steps for k in range(steps)]


def _gradient(f, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


def _mean_gradient(f, x, baseline, at):
    return torch.stack([_gradient(f, baseline + a * (x - baseline)) for a in at]).mean(0)


def _example(generator: torch.Generator) -> Inputs:
    W, v = randn(generator, 4, 6), randn(generator, 6)

    def f(x: Tensor) -> Tensor:
        return torch.tanh(x @ W).mean(1) @ v

    return {"f": f, "x": randn(generator, 3, 5, 4), "baseline": 0.3 * randn(generator, 3, 5, 4), "steps": 8}


EXERCISES = (Exercise(
    "explanations.integrated_gradients", "Integrated gradients", "Sundararajan, Taly, Yan 2017, Eq. 1, with the "
    "midpoints of `steps` equal parts",
    r"(x - x') \odot \frac{1}{S} \sum_{k=0}^{S-1} \nabla f\!\left(x' + \tfrac{k + 1/2}{S} (x - x')\right)",
    {"f": "a function (N, L, D) -> (N): the logit that is explained", "x": "(N, L, D) the input",
     "baseline": "(N, L, D) the input x' that says nothing", "steps": "S, the number of parts of the way"},
    {"attribution": "(N, L, D), which adds up to about f(x) - f(x')"},
    _integrated_gradients,
    {"gradient": Mistake("It is the gradient at the input alone (saliency): nothing is integrated, and nothing "
                         "multiplied by x - x'.", lambda f, x, baseline, steps: _gradient(f, x)),
     "gradient times input": Mistake("It is gradient times input at one point: the gradient is a mean along the way.",
                                     lambda f, x, baseline, steps: (x - baseline) * _gradient(f, x)),
     "gradient times the input itself": Mistake("It is gradient times input at one point: the gradient is a mean along "
                                                "the way, and its factor is x - x'.",
                                                lambda f, x, baseline, steps: x * _gradient(f, x)),
     "no difference": Mistake("The factor x - x' is missing: the mean gradient alone does not add up to f(x) - f(x').",
                              lambda f, x, baseline, steps: _mean_gradient(f, x, baseline, _midpoints(steps))),
     "times x": Mistake("It multiplies by x: the factor is x - x'.",
                        lambda f, x, baseline, steps: x * _mean_gradient(f, x, baseline, _midpoints(steps))),
     "sum": Mistake("It sums the gradients: their mean is meant, a sum grows with the steps.",
                    lambda f, x, baseline, steps: steps * _integrated_gradients(f, x, baseline, steps)),
     "from zero": Mistake("The way begins at 0: it begins at the baseline x'.",
                          lambda f, x, baseline, steps: _integrated_gradients(f, x, 0 * x, steps)),
     "from zero, difference": Mistake("The gradients are taken on the way from 0: it begins at the baseline x'.",
                                      lambda f, x, baseline, steps: (x - baseline) * _mean_gradient(
                                          f, x, 0 * x, _midpoints(steps))),
     "left ends": Mistake("The gradients are taken at the left ends k / S, and so never at the input: take the "
                          "midpoints (k + 1/2) / S.", lambda f, x, baseline, steps: (x - baseline) * _mean_gradient(
                              f, x, baseline, [k / steps for k in range(steps)])),
     "right ends": Mistake("The gradients are taken at the right ends (k + 1) / S: take the midpoints (k + 1/2) / S.",
                           lambda f, x, baseline, steps: (x - baseline) * _mean_gradient(
                               f, x, baseline, [(k + 1) / steps for k in range(steps)])),
     "both ends": Mistake("The points include both ends (linspace from 0 to 1): take the midpoints (k + 1/2) / S.",
                          lambda f, x, baseline, steps: (x - baseline) * _mean_gradient(
                              f, x, baseline, torch.linspace(0, 1, steps).tolist())),
     "absolute": Mistake("It takes absolute values: an attribution may be negative, or it cannot add up.",
                         lambda f, x, baseline, steps: _integrated_gradients(f, x, baseline, steps).abs()),
     "turned": Mistake("The sign is wrong: the factor is x - x', not x' - x.",
                       lambda f, x, baseline, steps: -_integrated_gradients(f, x, baseline, steps))},
    _example, samples=("x", "baseline")),)
