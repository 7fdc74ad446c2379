"""What the ablations of SDT change, and the modules that replace a level of the fusion in them.

`SDT.forward` calls the same modules in every case. `UNIMODAL` and `MULTIMODAL` say which classes they are.

    unimodal    "gated"   H'_m = Linear(N H -> H) of the joined z * h, with z = sigmoid(W h)
                "concat"  H'_m = Linear(N H -> H) of the joined h
                "add"     H'_m = the sum of the h
                "none"    no such level: all streams of all modalities go to the multimodal level at once, and the
                          student of m reads the mean of the streams of m. `multimodal_gate` in `Output.aux` is then the
                          sum over the streams of a modality
    multimodal  "gated"   H' = sum_m g_m * H'_m, with g = softmax over modalities of W H'_m
                "concat"  H' = Linear(M H -> H) of the joined H'_m
                "add"     H' = the sum of the H'_m
                "none"    no such level: the teacher's logits are the mean of the students' logits
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from erclab.models.sdt import distillation
from erclab.models.sdt.fusion import IdentityGate, MultimodalGate, Reduction, Student, Teacher, UnimodalGate
from erclab.ops.linear import Linear

# Exhibit -> row -> what to change: SDT.paper(corpus, **ABLATIONS["S4"]["without inter-modal transformers"]).
ABLATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "S2": {
        "without self-distillation": {"loss_weights": (1.0, 0.0, 0.0)},
        "without student cross-entropy": {"loss_weights": (1.0, 0.0, 1.0)},
        "without KL": {"loss_weights": (1.0, 1.0, 0.0)},
    },
    "S3": {
        "concatenation": {"unimodal_fusion": "concat", "multimodal_fusion": "concat"},
        "addition": {"unimodal_fusion": "add", "multimodal_fusion": "add"},
        "without unimodal level": {"unimodal_fusion": "none"},
        "without multimodal level": {"multimodal_fusion": "none"},
    },
    "S4": {
        "without intra-modal transformers": {"intra": False},
        "without inter-modal transformers": {"inter": False},
    },
    "S5": {kind: {"distillation": kind} for kind in distillation.KINDS},
}


# Instead of the unimodal gate, and of the reduction after it: the streams of a modality, joined (N, n H).


class NoGate(nn.Module):
    """The stream goes on as it is."""

    def __init__(self, width: int):
        super().__init__()

    def forward(self, h: Tensor) -> tuple[Tensor, None]:
        """(N, H) -> the same, and no gate."""
        return h, None


class SumOfStreams(nn.Module):
    """(N, n H) -> (N, H)."""

    def __init__(self, streams: int, width: int):
        super().__init__()
        self.streams = streams

    def forward(self, joined: Tensor) -> Tensor:
        """The sum of the n streams."""
        return torch.stack(joined.chunk(self.streams, dim=-1)).sum(dim=0)


class AllStreams(nn.Module):
    """(N, n H) -> (N, n, H): nothing is reduced."""

    def __init__(self, streams: int, width: int):
        super().__init__()
        self.streams = streams

    def forward(self, joined: Tensor) -> Tensor:
        """The n streams apart."""
        return joined.unflatten(-1, (self.streams, -1))


class StudentOfStreams(Student):
    """A student that reads the mean of the streams of its modality (N, n, H)."""

    def forward(self, streams: Tensor) -> Tensor:
        """(N, n, H) -> (N, C)."""
        return super().forward(streams.mean(dim=1))


# Instead of the multimodal gate. Without the unimodal level there are n vectors of each modality, (N, M, n, H).


class GateOfStreams(MultimodalGate):
    """One softmax over all streams of all modalities."""

    def forward(self, parts: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, n, H) -> H' (N, H), and for each modality the sum over its streams (N, M, H)."""
        fused, g = super().forward(parts.flatten(1, 2))
        return fused, g.unflatten(1, parts.shape[1:3]).sum(dim=2)


class Join(Linear):
    """A Linear of all parts, joined."""

    def __init__(self, parts: int, width: int):
        super().__init__(parts * width, width)

    def forward(self, parts: Tensor) -> tuple[Tensor, None]:
        """(N, M, H) or (N, M, n, H) -> (N, H), and no gate."""
        return super().forward(parts.flatten(1)), None


class SumOfParts(nn.Module):
    """The sum of all parts; also where there is one part only, so that nothing is to be fused."""

    def forward(self, parts: Tensor) -> tuple[Tensor, None]:
        """(N, M, H) or (N, M, n, H) -> (N, H), and no gate."""
        return parts.flatten(1, -2).sum(dim=1), None


class MeanOfStudents(nn.Module):
    """The teacher without the multimodal level."""

    def forward(self, fused: Tensor, students: list[Tensor]) -> Tensor:
        """Anything, and logits (N, C) of each student -> their mean (N, C)."""
        return torch.stack(students).mean(dim=0)


class Unimodal(NamedTuple):
    """The classes of the unimodal level; each is called with sizes, see `SDT`."""

    gate: Callable[[int], nn.Module]
    reduce: Callable[[int, int], nn.Module]
    student: Callable[[int, int, float], nn.Module] = Student
    multimodal: Callable[[int], nn.Module] = MultimodalGate


UNIMODAL = {
    "gated": Unimodal(UnimodalGate, Reduction),
    "concat": Unimodal(NoGate, Reduction),
    "add": Unimodal(NoGate, SumOfStreams),
    "none": Unimodal(NoGate, AllStreams, StudentOfStreams, GateOfStreams),
}
MULTIMODAL = ("gated", "concat", "add", "none")


def unimodal_level(fusion: str, *, frozen: bool) -> Unimodal:
    """The classes of the unimodal level; gates are `frozen` at the identity in the authors' code for MELD."""
    level = UNIMODAL[fusion]
    return level._replace(gate=IdentityGate) if frozen and fusion == "gated" else level


def multimodal_level(unimodal: str, multimodal: str, parts: int, width: int) -> tuple[str, nn.Module]:
    """The module that fuses so many vectors, and its name in the model. One vector alone needs no fusion."""
    if multimodal == "gated" and parts > 1:
        return "multimodal_gate", UNIMODAL[unimodal].multimodal(width)
    if multimodal == "concat" and parts > 1:
        return "join", Join(parts, width)
    return "total", SumOfParts()


def teacher_of(multimodal: str, width: int, outputs: int) -> nn.Module:
    """The module that makes the teacher's logits."""
    return MeanOfStudents() if multimodal == "none" else Teacher(width, outputs)
