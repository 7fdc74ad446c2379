"""SDT (Ma et al. 2023): its two gates and its distillation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn

# The unimodal gate.


def _unimodal_gate(h: Tensor, W: Tensor) -> tuple[Tensor, Tensor]:
    """The right answer."""
    z = torch.sigmoid(h @ W.T)
    return z * h, z


def _gated(h, z):
    return z * h, z


def _unimodal_example(generator: torch.Generator) -> Inputs:
    return {"h": randn(generator, 5, 4), "W": randn(generator, 4, 4)}


UNIMODAL = Exercise(
    "sdt.unimodal_gate", "SDT's unimodal gate", "Ma et al. 2023, the unimodal level of the gated fusion",
    r"z = \sigma(W h), \qquad h' = z \odot h",
    {"h": "(N, H) a stream of N utterances", "W": "(H, H) the weight of a linear map"},
    {"gated": "(N, H), z * h", "z": "(N, H) between 0 and 1"},
    _unimodal_gate,
    {"transposed": Mistake("W is not transposed: W h of a row h is h @ W.T, as nn.Linear has it.",
                           lambda h, W: _gated(h, torch.sigmoid(h @ W))),
     "no gate": Mistake("The stream goes on without the gate: h' is z * h.",
                        lambda h, W: (h, torch.sigmoid(h @ W.T))),
     "only gate": Mistake("The gate goes on instead of the stream: h' is z * h, not z.",
                          lambda h, W: (torch.sigmoid(h @ W.T),) * 2),
     "softmax": Mistake("The gate is a softmax: the features compete, and their shares sum to 1. The sigmoid opens "
                        "each feature by itself.", lambda h, W: _gated(h, (h @ W.T).softmax(dim=-1))),
     "tanh": Mistake("The gate is a tanh: it may be negative and turn a feature round. A gate is between 0 and 1.",
                     lambda h, W: _gated(h, torch.tanh(h @ W.T))),
     "no map": Mistake("W is not used: z is the sigmoid of W h, not of h.", lambda h, W: _gated(h, torch.sigmoid(h))),
     "turned": Mistake("The gate is turned round: z lets pass, 1 - z holds back.",
                       lambda h, W: _gated(h, 1 - torch.sigmoid(h @ W.T))),
     "of the map": Mistake("The gate multiplies W h; it belongs to h.",
                           lambda h, W: (torch.sigmoid(h @ W.T) * (h @ W.T), torch.sigmoid(h @ W.T)))},
    _unimodal_example, samples=("h",),
    place=lambda model: next((f"unimodal_gate.{k}", m) for k, m in model.unimodal_gate.items()),
    taken=lambda module, h: {"h": h, "W": module.weight})


# The multimodal gate.


def _multimodal_gate(parts: Tensor, W: Tensor) -> tuple[Tensor, Tensor]:
    """The right answer."""
    g = (parts @ W.T).softmax(dim=1)
    return (g * parts).sum(dim=1), g


def _fused(parts, g):
    return (g * parts).sum(dim=1), g


def _multimodal_example(generator: torch.Generator) -> Inputs:
    return {"parts": randn(generator, 5, 3, 4), "W": randn(generator, 4, 4)}


def _over_all(parts, W):
    scores = parts @ W.T
    return _fused(parts, scores.flatten(1).softmax(dim=-1).view_as(scores))


def _per_modality(parts, W):
    return _fused(parts, (parts @ W.T).mean(-1, keepdim=True).softmax(dim=1).expand_as(parts))


MODALITIES = "for every feature the weights of the modalities sum to 1, over dim=1"
MULTIMODAL = Exercise(
    "sdt.multimodal_gate", "SDT's multimodal gate", "Ma et al. 2023, the multimodal level of the gated fusion",
    r"g = \mathrm{softmax}_m(W H'_m), \qquad H' = \sum_m g_m \odot H'_m",
    {"parts": "(N, M, H) the vectors of M modalities of N utterances", "W": "(H, H) the weight of a linear map"},
    {"fused": "(N, H)", "g": "(N, M, H), sums to 1 over the modalities for every feature"},
    _multimodal_gate,
    {"over features": Mistake(f"The softmax runs over the features (dim=-1): {MODALITIES}.",
                              lambda parts, W: _fused(parts, (parts @ W.T).softmax(dim=-1))),
     "over the batch": Mistake(f"The softmax runs over the utterances (dim=0), so it depends on the batch: "
                               f"{MODALITIES}.", lambda parts, W: _fused(parts, (parts @ W.T).softmax(dim=0))),
     "over both": Mistake(f"The softmax runs over modalities and features together: {MODALITIES}.", _over_all),
     "one per modality": Mistake("Each modality has one weight: the gate weighs every feature by itself.",
                                 _per_modality),
     "sigmoid": Mistake(f"The gate is a sigmoid, so the modalities do not compete: {MODALITIES}.",
                        lambda parts, W: _fused(parts, torch.sigmoid(parts @ W.T))),
     "mean": Mistake("It takes the mean over the modalities; g sums to 1 already, so the parts are summed.",
                     lambda parts, W: ((lambda g: ((g * parts).mean(1), g))((parts @ W.T).softmax(1)))),
     "transposed": Mistake("W is not transposed: W h of a row h is h @ W.T, as nn.Linear has it.",
                           lambda parts, W: _fused(parts, (parts @ W).softmax(dim=1))),
     "no map": Mistake("W is not used: the scores are W H'_m.", lambda parts, W: _fused(parts, parts.softmax(dim=1))),
     "of the map": Mistake("It sums W H'_m; the weights belong to H'_m.",
                           lambda parts, W: (lambda y: ((y.softmax(1) * y).sum(1), y.softmax(1)))(parts @ W.T)),
     "no gate": Mistake("It sums the modalities without their weights.",
                        lambda parts, W: (parts.sum(1), (parts @ W.T).softmax(1)))},
    _multimodal_example, samples=("parts",),
    place=lambda model: ("multimodal_gate", model.multimodal_gate),
    taken=lambda module, parts: {"parts": parts, "W": module.weight})


# Self-distillation.


def _distillation(teacher: Tensor, student: Tensor, tau: float, there: Tensor) -> Tensor:
    """The right answer."""
    p, q = (F.log_softmax(x / tau, dim=-1) for x in (teacher.detach(), student))
    return tau**2 * _mean((p.exp() * (p - q)).sum(-1), there)


def _mean(each, there):
    return (each * there).sum() / there.sum()


def _kl(p, q):
    return (p.exp() * (p - q)).sum(-1)


def _logs(teacher, student, tau):
    return tuple(F.log_softmax(x / tau, dim=-1) for x in (teacher.detach(), student))


def _distillation_example(generator: torch.Generator) -> Inputs:
    there = torch.arange(4) < torch.tensor([4, 2, 1]).unsqueeze(-1)
    return {"teacher": 2 * randn(generator, 3, 4, 5), "student": 2 * randn(generator, 3, 4, 5), "tau": 2.5,
            "there": there}


def _distillation_padding(given: Inputs, generator: torch.Generator) -> Inputs:
    there = given["there"].unsqueeze(-1)
    return {**given, **{name: torch.where(there, given[name], 5 * randn(generator, *given[name].shape))
                        for name in ("teacher", "student")}}


def _not_detached(teacher, student, tau, there):
    return tau**2 * _mean(_kl(F.log_softmax(teacher / tau, -1), F.log_softmax(student / tau, -1)), there)


def _one_over_tau(teacher, student, tau, there):
    return _mean(_kl(*(F.log_softmax(x, dim=-1) for x in (teacher.detach(), student))), there)


def _cross_entropy(teacher, student, tau, there):
    p, q = _logs(teacher, student, tau)
    return tau**2 * _mean(-(p.exp() * q).sum(-1), there)


DISTILLATION = Exercise(
    "sdt.distillation", "SDT's self-distillation", "Ma et al. 2023, section \"Self-distillation\"; the factor of "
    "Hinton et al. 2015",
    r"\tau^2\,\frac{1}{n}\sum_{i\ \mathrm{exists}} \mathrm{KL}\!\left(\mathrm{softmax}(t_i/\tau)\,\|\,"
    r"\mathrm{softmax}(s_i/\tau)\right)",
    {"teacher": "(B, T, C) logits of the fused prediction, from which no gradient comes",
     "student": "(B, T, C) logits of a student", "tau": "a number: the temperature",
     "there": "(B, T) bool: which turns exist"},
    {"loss": "a scalar: the mean over the turns that exist"},
    _distillation,
    {"reversed": Mistake("The divergence is turned round: the teacher's distribution comes first, KL(teacher || "
                         "student).", lambda teacher, student, tau, there: (lambda p, q: tau**2 * _mean(_kl(q, p),
                                      there))(*_logs(teacher, student, tau))),
     "no temperature": Mistake("The temperature is missing: divide both logits by tau before the softmax.",
                               lambda *given: given[2] ** 2 * _one_over_tau(*given)),
     "no temperature at all": Mistake("The temperature is missing: divide both logits by tau, and multiply the loss by "
                                      "tau squared.", _one_over_tau),
     "no square": Mistake("The factor tau squared is missing: without it the gradient shrinks when tau grows.",
                          lambda teacher, student, tau, there: _mean(_kl(*_logs(teacher, student, tau)), there)),
     "reads padding": Mistake("It reads padding: the mean is over the turns that exist, `there`.",
                              lambda teacher, student, tau, there: tau**2 * _kl(*_logs(teacher, student, tau)).mean()),
     "padding in the count": Mistake("It divides by all turns, padded ones too: the loss shrinks with the padding.",
                                     lambda teacher, student, tau, there: tau**2 * (
                                         _kl(*_logs(teacher, student, tau)) * there).mean()),
     "mean over classes": Mistake("It takes the mean over the classes, too (`reduction=\"mean\"` of F.kl_div): a "
                                  "divergence is a sum over the classes.",
                                  lambda teacher, student, tau, there: tau**2 * _mean(
                                      _kl(*_logs(teacher, student, tau)) / teacher.shape[-1], there)),
     "sum over turns": Mistake("It sums over the turns; the loss is their mean.",
                               lambda teacher, student, tau, there: tau**2 * (
                                   _kl(*_logs(teacher, student, tau)) * there).sum()),
     "sum over samples": Mistake("It divides by the number of dialogues (`reduction=\"batchmean\"`); the loss is a "
                                 "mean over turns.", lambda teacher, student, tau, there: tau**2 * (
                                     _kl(*_logs(teacher, student, tau)) * there).sum() / len(teacher)),
     "cross-entropy": Mistake("It is the cross-entropy: the teacher's entropy is missing, so that the loss is not 0 "
                              "where both agree.", _cross_entropy),
     "not detached": Mistake("A gradient reaches the teacher: the soft labels are a target, take `teacher.detach()`.",
                             _not_detached)},
    _distillation_example, _distillation_padding)

EXERCISES = (UNIMODAL, MULTIMODAL, DISTILLATION)
