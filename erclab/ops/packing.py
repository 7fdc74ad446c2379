"""Packed turns: the turns of several dialogues without padding, in the order in which a recurrence reads them.

Turn 0 of every dialogue comes first, longest dialogue first, then turn 1 of every dialogue that has one, and so on. So
the dialogues that go on at a step are always the first ones. B dialogues of up to T turns have N turns in all;
D directions read them: the first from the start, the second from each dialogue's own end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from erclab.ops.dropout import Dropout, keep, next_key
from erclab.ops.private import inside_torch_func


class Packing(NamedTuple):
    """Where each of the N packed turns comes from.

    Attributes:
        sizes: the number of dialogues that have turn 0, 1, ...
        row, dialogue: (N,) the dialogue's rank, longest first, and its index in the batch.
        step: (N,) the number of turns that the direction has read before.
        turn: (D, N) the index of the turn: the step, or for the direction from the end the last index less the step.
        mask: (B, T), True where there is a turn.
    """

    sizes: list[int]
    row: Tensor
    dialogue: Tensor
    step: Tensor
    turn: Tensor
    mask: Tensor

    def take(self, x: Tensor) -> Tensor:
        """(B, T, ...) -> (D, N, ...)."""
        return x[self.dialogue, self.turn]

    def take_directions(self, x: Tensor) -> Tensor:
        """(D, B, T, ...) -> (D, N, ...)."""
        return x[torch.arange(len(x), device=x.device)[:, None], self.dialogue, self.turn]

    def put(self, x: Tensor) -> Tensor:
        """(D, N, ...) -> (D, B, T, ...), 0 at padded turns."""
        direction = torch.arange(len(x), device=x.device)[:, None]
        out = x.new_zeros(len(x), *self.mask.shape, *x.shape[2:])
        return out.index_put((direction, self.dialogue.expand_as(self.turn), self.turn), x)

    def put_matrices(self, rows: Tensor) -> Tensor:
        """Weights of a turn over at most T steps (D, N, steps) -> weights of a turn over turns (D, B, T, T)."""
        rows = self.put(F.pad(rows, (0, self.mask.shape[1] - rows.shape[-1])))
        step = self.put(self.step.expand_as(self.turn))[:, :, None]  # (D, B, 1, T)
        return rows.gather(-1, step.expand_as(rows)) * self.mask[:, None, :]


def pack(mask: Tensor, directions: int = 1) -> Packing:
    """Pack dialogues whose turns come before their padding.

    Args:
        mask: (B, T), True where there is a turn.
        directions: 1, or 2 with the direction that starts from each dialogue's end.
    """
    lengths, order = mask.sum(1).sort(descending=True, stable=True)
    exists = torch.arange(mask.shape[1], device=mask.device)[:, None] < lengths  # (T, B)
    step, rank = exists.nonzero(as_tuple=True)
    counts = exists.sum(1)
    # Inside torch.func a tensor of PyTorch 2.6 has no memory that can be read as a list, only numbers.
    sizes = [n for n in (map(int, counts) if inside_torch_func() else counts.tolist()) if n]
    turn = torch.stack([step, lengths[rank] - 1 - step][:directions])
    return Packing(sizes, rank, order[rank], step, turn, mask)


class StateMasks:
    """The dropout masks of one direction: `masks(cell, t, x)` drops the new states x of a cell at step t.

    Args:
        sizes: see `Packing`.
        factors: cell -> (N, ...), 0 or 1 / (1 - p). The states of other cells stay as they are.
    """

    def __init__(self, sizes: list[int], factors: Mapping[str, Tensor] | None = None):
        self.factors = dict(factors or {})
        self._steps = {cell: factor.split(sizes) for cell, factor in self.factors.items()}

    def __call__(self, cell: str, t: int, x: Tensor) -> Tensor:
        """(n, ...) -> (n, ...)."""
        return x * self._steps[cell][t] if cell in self._steps else x


class StateDropout(Dropout):
    """Dropout on the states of recurrent cells. All masks are drawn before the recurrence starts. The coordinates of a
    mask are direction, dialogue and turn, so that padding does not change it."""

    def forward(self, packing: Packing, widths: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> list[StateMasks]:
        """The masks of each direction.

        Args:
            widths: cell -> shape of its state.
            dtype: of the states.
        """
        if not (self.training and self.p):
            return [StateMasks(packing.sizes) for _ in packing.turn]
        factors = {}
        for cell, width in widths.items():
            mask = keep((len(packing.turn), *packing.mask.shape, *width), self.p, next_key(), packing.mask.device)
            factors[cell] = packing.take_directions(mask).to(dtype).mul_(1 / (1 - self.p))
        return [StateMasks(packing.sizes, {cell: factor[d] for cell, factor in factors.items()})
                for d in range(len(packing.turn))]
