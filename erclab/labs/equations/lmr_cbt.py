"""LMR-CBT (Fu et al. 2021): the cross-modal block and the residual fusion around two of them."""

from __future__ import annotations

import torch
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn


def _cross_modal(x: Tensor, f: Tensor, Wx: Tensor, b: Tensor, Wf: Tensor) -> Tensor:
    """The right answer of the block."""
    return torch.tanh(x @ Wx.T + b + (f @ Wf.T).unsqueeze(1)).softmax(dim=-1)


def _block_example(generator: torch.Generator) -> Inputs:
    return {"x": randn(generator, 3, 5, 4), "f": randn(generator, 3, 4), "Wx": randn(generator, 4, 4),
            "b": randn(generator, 4), "Wf": randn(generator, 4, 4)}


def _inner(x, f, Wx, b, Wf):
    return x @ Wx.T + b + (f @ Wf.T).unsqueeze(1)


FEATURES = "Eq. 11 runs over the d features of a step, so that every step sums to 1"
BLOCK = Exercise(
    "lmr_cbt.cross_modal", "LMR-CBT's cross-modal block", "Fu et al. 2021, Eq. 11",
    r"\mathrm{softmax}_d\left(\tanh(W_x x_t + b + W_f f)\right)",
    {"x": "(B, L, d) the sequence of the target", "f": "(B, d) the summary of a source", "Wx": "(d, d)", "b": "(d)",
     "Wf": "(d, d)"},
    {"mixed": "(B, L, d), every step sums to 1"},
    _cross_modal,
    {"over time": Mistake(f"The softmax runs over time (dim=1): {FEATURES}.",
                          lambda *given: torch.tanh(_inner(*given)).softmax(dim=1)),
     "over the batch": Mistake(f"The softmax runs over the samples (dim=0), so it depends on the batch: {FEATURES}.",
                               lambda *given: torch.tanh(_inner(*given)).softmax(dim=0)),
     "no tanh": Mistake("The tanh is missing: it keeps the scores between -1 and 1.",
                        lambda *given: _inner(*given).softmax(dim=-1)),
     "no softmax": Mistake("The softmax is missing.", lambda *given: torch.tanh(_inner(*given))),
     "no source": Mistake("The source is not read.", lambda x, f, Wx, b, Wf: torch.tanh(x @ Wx.T + b).softmax(-1)),
     "no bias": Mistake("The bias b is missing.",
                        lambda x, f, Wx, b, Wf: torch.tanh(_inner(x, f, Wx, 0 * b, Wf)).softmax(-1)),
     "two biases": Mistake("The bias is added twice: the map of the source has none.",
                           lambda x, f, Wx, b, Wf: torch.tanh(_inner(x, f, Wx, 2 * b, Wf)).softmax(-1)),
     "transposed": Mistake("The weights are not transposed: W x of a row x is x @ W.T, as nn.Linear has it.",
                           lambda x, f, Wx, b, Wf: torch.tanh(_inner(x, f, Wx.T, b, Wf.T)).softmax(-1)),
     "sigmoid": Mistake("A sigmoid stands where the tanh belongs.",
                        lambda *given: torch.sigmoid(_inner(*given)).softmax(-1))},
    _block_example, samples=("x", "f"),
    place=lambda model: next((f"fuse.{k}", m) for k, m in model.fuse.items()),
    taken=lambda module, x, source: {"x": x, "f": source, "Wx": module.map_target.weight, "b": module.map_target.bias,
                                     "Wf": module.map_source.weight})


# The residual fusion. The blocks are functions (x, f) -> mixed.


def _residual_fusion(x, f1, f2, block1, block2) -> Tensor:
    """The right answer of the fusion."""
    return block2(block1(x, f1), f2) + x


def _fusion_example(generator: torch.Generator) -> Inputs:
    def block(Wx, b, Wf):
        return lambda x, f: _cross_modal(x, f, Wx, b, Wf)

    first, second = (_block_example(generator) for _ in range(2))
    blocks = [block(given["Wx"], given["b"], given["Wf"]) for given in (first, second)]
    return {"x": first["x"], "f1": first["f"], "f2": second["f"], "block1": blocks[0], "block2": blocks[1]}


FUSION = Exercise(
    "lmr_cbt.residual_fusion", "LMR-CBT's residual fusion", "Fu et al. 2021, Eqs. 5 and 11",
    r"\mathrm{block}_2(\mathrm{block}_1(x, f_1), f_2) + x",
    {"x": "(B, L, d) the sequence of the target", "f1": "(B, d) the summary of the first source",
     "f2": "(B, d) that of the second one", "block1": "a function (x, f) -> (B, L, d): the first cross-modal block",
     "block2": "the second one"},
    {"fused": "(B, L, d)"},
    _residual_fusion,
    {"no residual": Mistake("The residual is missing: without x the text passes through two softmaxes and little of it "
                            "is left.", lambda x, f1, f2, one, two: two(one(x, f1), f2)),
     "residual twice": Mistake("x is added after each block; the paper adds it once, at the end.",
                               lambda x, f1, f2, one, two: two(one(x, f1) + x, f2) + x),
     "residual between": Mistake("x is added between the blocks; the paper adds it at the end.",
                                 lambda x, f1, f2, one, two: two(one(x, f1) + x, f2)),
     "side by side": Mistake("The blocks stand side by side: the second one reads what the first one made.",
                             lambda x, f1, f2, one, two: one(x, f1) + two(x, f2) + x),
     "other order": Mistake("The order is another one: the first source goes first.",
                            lambda x, f1, f2, one, two: one(two(x, f2), f1) + x),
     "sources exchanged": Mistake("The sources are exchanged: f1 belongs to block1, f2 to block2.",
                                  lambda x, f1, f2, one, two: two(one(x, f2), f1) + x),
     "one source": Mistake("The second source is not read.", lambda x, f1, f2, one, two: one(x, f1) + x),
     "times": Mistake("It multiplies by x: a residual is a sum.",
                      lambda x, f1, f2, one, two: two(one(x, f1), f2) * x),
     "residual of the block": Mistake("The residual is what the first block made; the paper adds x itself.",
                                      lambda x, f1, f2, one, two: two(one(x, f1), f2) + one(x, f1))},
    _fusion_example, samples=("x", "f1", "f2"))

EXERCISES = (BLOCK, FUSION)
