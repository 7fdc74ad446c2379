"""Scaled dot-product attention with a mask (Vaswani et al. 2017), which all five models but LMR-CBT's fusion use."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn
from erclab.ops.attention import Attention
from erclab.ops.masks import split_heads


def _attention(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """The right answer."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    weights = scores.masked_fill(~keep, -torch.inf).softmax(dim=-1)
    return weights @ v, weights


def _weighted(scores: Tensor, keep: Tensor, v: Tensor, dim: int = -1) -> tuple[Tensor, Tensor]:
    weights = scores.masked_fill(~keep, -torch.inf).softmax(dim=dim)
    return weights @ v, weights


def _no_scale(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2), keep, v)


def _scale_by_width(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2) / q.shape[-1], keep, v)


def _multiplied(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2) * math.sqrt(q.shape[-1]), keep, v)


def _scale_by_keys(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2) / math.sqrt(k.shape[-2]), keep, v)


def _over_queries(q, k, v, keep):
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~keep, -torch.inf).softmax(dim=-2)
    return weights.nan_to_num() @ v, weights.nan_to_num()


def _over_queries_zero(q, k, v, keep):
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(dim=-2) * keep
    return weights @ v, weights


def _no_mask(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), torch.ones_like(keep), v)


def _mask_after(q, k, v, keep):
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(dim=-1) * keep
    return weights @ v, weights


def _mask_with_zero(q, k, v, keep):
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~keep, 0.0).softmax(dim=-1)
    return weights @ v, weights


def _mask_turned(q, k, v, keep):
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(keep, -torch.inf).softmax(dim=-1)
    return weights.nan_to_num() @ v, weights.nan_to_num()


def _of_keys(q, k, v, keep):
    return _weighted(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), keep, k)


def _no_softmax(q, k, v, keep):
    scores = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~keep, 0.0)
    return scores @ v, scores


def _example(generator: torch.Generator) -> Inputs:
    N, Lt, Ls, d = 3, 4, 6, 4
    keep = torch.arange(Ls) < torch.tensor([6, 3, 1]).unsqueeze(-1)
    return {"q": randn(generator, N, Lt, d), "k": randn(generator, N, Ls, d), "v": randn(generator, N, Ls, d),
            "keep": keep.unsqueeze(1).expand(N, Lt, Ls).clone()}


def _padding(given: Inputs, generator: torch.Generator) -> Inputs:
    there = given["keep"][:, :1].transpose(1, 2)
    return {**given, **{name: torch.where(there, given[name], 9 * randn(generator, *given[name].shape))
                        for name in ("k", "v")}}


def _taken(module: Attention, query: Tensor, keys: Tensor, keep: Tensor, values: Tensor | None = None, **_: bool
          ) -> Inputs:
    """The heads of all samples, one after the other, as N."""
    q, k, v = (split_heads(x, module.heads) for x in module.project(query, keys, keys if values is None else values))
    wide = keep.expand(q.shape[0], q.shape[2], k.shape[2])[:, None].expand(-1, module.heads, -1, -1)
    return {"q": q.flatten(0, 1), "k": k.flatten(0, 1), "v": v.flatten(0, 1), "keep": wide.flatten(0, 1)}


def _call(answer, module: Attention, query: Tensor, keys: Tensor, keep: Tensor, values: Tensor | None = None, *,
         attention: bool = True) -> tuple[Tensor, Tensor]:
    """A query that sees no key gets nothing, whatever the answer is: padded turns are such queries."""
    given = _taken(module, query, keys, keep, values)
    some = given["keep"].any(-1, keepdim=True)
    out, weights = answer(**{**given, "keep": given["keep"] | ~some})
    out, weights = ((x * some).unflatten(0, (-1, module.heads)) for x in (out, weights))
    return module.out(out.transpose(1, 2).flatten(2)), weights


def _place(model: nn.Module) -> tuple[str, nn.Module]:
    """The first attention of the model."""
    return next((name, module) for name, module in model.named_modules() if isinstance(module, Attention))


AXIS = "each query shares its attention among the keys, so its weights sum to 1 over the last dimension"
EXERCISE = Exercise(
    "mult.attention", "Scaled dot-product attention", "Vaswani et al. 2017, Eq. 1; MulT's crossmodal attention",
    r"\mathrm{softmax}\left(\frac{Q K^\top}{\sqrt{d}}\right) V",
    {"q": "(N, Lt, d) queries", "k": "(N, Ls, d) keys", "v": "(N, Ls, d) values",
     "keep": "(N, Lt, Ls) bool: which query sees which key; each query sees one or more"},
    {"out": "(N, Lt, d)", "weights": "(N, Lt, Ls), 0 where a query does not see a key"},
    _attention,
    {"no scale": Mistake("It forgets the scale: the scores are divided by the root of d before the softmax, or it "
                         "becomes nearly hard where d is large.", _no_scale),
     "scale by d": Mistake("It divides the scores by d, not by the root of d.", _scale_by_width),
     "multiplied": Mistake("It multiplies the scores by the root of d; the equation divides.", _multiplied),
     "scale by Ls": Mistake("It divides by the root of the number of keys; d is the width of a key.", _scale_by_keys),
     "over queries": Mistake(f"The softmax runs over the queries (dim=-2): {AXIS}.", _over_queries),
     "over queries, mask after": Mistake(f"The softmax runs over the queries (dim=-2): {AXIS}.", _over_queries_zero),
     "reads padding": Mistake("It reads padding: the mask is not used, so queries attend to steps that do not exist.",
                              _no_mask),
     "mask after": Mistake("The mask comes after the softmax: the weights that are left do not sum to 1. Mask the "
                           "scores with -inf before it.", _mask_after),
     "mask with zero": Mistake("Masked scores are set to 0, and exp(0) is 1: the padding still gets attention. Set "
                               "them to -inf.", _mask_with_zero),
     "mask turned": Mistake("The mask is turned round: `keep` is True where a query may look.", _mask_turned),
     "of keys": Mistake("It sums the keys; the weights belong to the values.", _of_keys),
     "no softmax": Mistake("There is no softmax: scores are no weights, they do not sum to 1.", _no_softmax)},
    _example, _padding, samples=("q", "k", "v", "keep"), place=_place, call=_call, taken=_taken)

EXERCISES = (EXERCISE, replace(EXERCISE, name="m2fnet.attention", source="Vaswani et al. 2017, Eq. 1; M2FNet's fusion "
                               "of modality tokens, section 3.3"))
