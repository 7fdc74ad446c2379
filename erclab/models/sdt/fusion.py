"""The fusion of SDT: the two gates, the reduction between them, and the heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from erclab.ops.dropout import Dropout
from erclab.ops.linear import Linear


class UnimodalGate(Linear):
    """z = sigmoid(W h); the stream goes on as z * h."""

    def __init__(self, width: int):
        super().__init__(width, width, bias=False)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H) -> z * h and z, (N, H) each."""
        z = torch.sigmoid(super().forward(h))
        return z * h, z


class IdentityGate(UnimodalGate):
    """z = sigmoid(h): W is the identity and never learns, as in the authors' code for MELD."""

    def __init__(self, width: int):
        super().__init__(width)
        nn.init.eye_(self.weight).requires_grad_(False)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H) -> z * h and z, (N, H) each."""
        z = torch.sigmoid(h)
        return z * h, z


class Reduction(Linear):
    """H'_m = W [z * h of each stream of m, joined] + b."""

    def __init__(self, streams: int, width: int):
        super().__init__(streams * width, width)


class MultimodalGate(Linear):
    """g = softmax over modalities of W H'_m, separately for every feature; H' = sum_m g_m * H'_m."""

    def __init__(self, width: int):
        super().__init__(width, width, bias=False)

    def forward(self, parts: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, H) -> H' (N, H) and g (N, M, H)."""
        g = super().forward(parts).softmax(dim=1)
        return (g * parts).sum(dim=1), g


class Student(nn.Sequential):
    """The head of a student: Linear(dropout(relu(H'_m)))."""

    def __init__(self, width: int, outputs: int, dropout: float):
        super().__init__(nn.ReLU(), Dropout(dropout), Linear(width, outputs))


class Teacher(Linear):
    """The head of the fused prediction. The students' logits are for `MeanOfStudents`, which stands in its place."""

    def forward(self, fused: Tensor, students: list[Tensor]) -> Tensor:
        """H' (N, H), and logits (N, C) of each student -> logits (N, C)."""
        return super().forward(fused)
