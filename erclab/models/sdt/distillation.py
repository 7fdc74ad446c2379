"""The losses of SDT: task, students' cross-entropy and distillation. Three variants differ in who teaches whom.

    self      the fused prediction teaches every student: sum_m D(fused || student m). Ma et al. 2023, section
              "Self-distillation".
    online    deep mutual learning (Zhang, Xiang, Hospedales, Lu 2018, CVPR): the fused prediction and the M students
              are K = M + 1 peers, and each learns from every other: sum_k 1/(K-1) sum_{l != k} D(peer l || peer k).
    offline   as "self", but the soft labels come from an SDT that was trained before and is frozen:
              sum_m D(frozen || student m). The fused prediction learns from the labels alone, as in "self".

D is the Kullback-Leibler divergence at temperature tau, a mean over utterances. The variants differ in this term only.
The paper names "online" and "offline" as an open question; which peers and which learners take part is our choice.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple, Protocol

import torch.nn.functional as F
from torch import Tensor

from erclab.core import tasks

KINDS = ("self", "online", "offline")


class Settings(Protocol):
    """What the losses read of `SDT.Config`."""

    task: str
    temperature: float
    loss_weights: tuple[float, float, float]
    detach_teacher: bool
    tau_squared: bool
    distillation: str


class Losses(NamedTuple):
    """The total and its three terms before weighting, each a scalar."""

    total: Tensor
    task: Tensor
    student: Tensor
    distillation: Tensor


def losses(config: Settings, fused: Tensor, students: list[Tensor], labels: Tensor, class_weight: Tensor | None,
           frozen: Tensor | None = None) -> Losses:
    """gamma_1 L_task + gamma_2 sum_m L_CE(student m) + gamma_3 L_KL. A weight of 0 takes its term out of the total.

    Args:
        fused, students, frozen: logits (..., C); `frozen` are those of the frozen teacher of "offline".
        labels: (...) or (..., K), see `erclab.core.tasks`. Utterances without a label do not count.
        class_weight: (C,) or None, for the cross-entropies only.
    """
    task = tasks.loss(config.task, fused, labels, class_weight)
    student = sum(tasks.loss(config.task, s, labels, class_weight) for s in students)
    distilled = distillation(config, fused, students, frozen, tasks.annotated(labels))
    # A term of weight 0 is left out, not multiplied by 0: weight decay then spares parameters without a gradient.
    weighted = [g * term for g, term in zip(config.loss_weights, (task, student, distilled), strict=True) if g]
    return Losses(sum(weighted), task, student, distilled)


def distillation(config: Settings, fused: Tensor, students: list[Tensor], frozen: Tensor | None, there: Tensor
                 ) -> Tensor:
    """The third term, a scalar, over the utterances where `there` (...) is True. With `detach_teacher` no gradient
    reaches the soft labels, in all three variants."""
    if config.distillation == "online":
        pairs, share = list(permutations([fused, *students], 2)), len(students)  # K - 1
    else:
        pairs, share = [(fused if config.distillation == "self" else frozen, student) for student in students], 1
    return sum(distance(config, t.detach() if config.detach_teacher else t, s, there) for t, s in pairs) / share


def distance(config: Settings, target: Tensor, learner: Tensor, there: Tensor) -> Tensor:
    """Mean of KL(target || learner) at temperature tau over the utterances where `there` (...) is True, (..., C) each.

    The four pairs of `emotion4` are four distributions. A regression has no soft labels: its distance is the squared
    difference.
    """
    count = there.sum().clamp(min=1)
    if config.task in ("sentiment", "dimensional"):
        return ((target - learner).square().sum(-1) * there).sum() / count
    if config.task == "emotion4":
        target, learner = target.unflatten(-1, (-1, 2)), learner.unflatten(-1, (-1, 2))
    tau = config.temperature
    target, learner = F.log_softmax(target / tau, dim=-1), F.log_softmax(learner / tau, dim=-1)
    each = target.exp() * (target - learner)
    divergence = (each.flatten(there.dim()).sum(-1) * there).sum() / count
    return divergence * tau**2 if config.tau_squared else divergence
