"""Context windows: for each utterance the last K turns of its dialogue.

Mao et al. (2020), section "Task Formulation" (Table 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError


class Contexts(NamedTuple):
    """The turns of both contexts of a target, numbered from 0.

    Attributes:
        individual: turns of the target's own speaker among the last K turns.
        conversational: all of the last K turns.
    """

    individual: tuple[int, ...]
    conversational: tuple[int, ...]


def contexts(speakers: Sequence[int], target: int, window: int) -> Contexts:
    """Both contexts of a turn, as the model reads them (Table 1).

    Args:
        speakers: the speaker of each turn of one dialogue.
        target: a turn, numbered from 0.
        window: K.

    Raises:
        UsageError: the dialogue has no such turn.
    """
    if not 0 <= target < len(speakers):
        raise UsageError(f"a dialogue of {len(speakers)} turns has no turn {target}", remedy="They count from 0.")
    who = torch.tensor([list(speakers)])
    one = DialogueBatch({}, torch.ones_like(who, dtype=torch.bool), who, torch.zeros_like(who), torch.zeros_like(who))
    windows = Windows.of(one, window)
    before, own = windows.exists[target, :-1], windows.same_speaker[target, :-1]
    return Contexts(*(tuple(windows.turn[target, :-1][keep].tolist()) for keep in (before & own, before)))


@dataclass(frozen=True)
class Windows:
    """For each of the N utterances of a batch the window of W = K + 1 turns that ends at it, the target.

    Attributes:
        batch: the batch of B dialogues and T turns; its `pack` and `unpack` number the utterances.
        number: (N, W) the number of the utterance at each place; the target's number at places before the dialogue.
        turn: (N, W) the turn at each place; the target's turn at places before the dialogue.
        exists: (N, W) bool, False at places before the dialogue. The last column, the target, is True.
        same_speaker: (N, W) bool, whether the target's speaker speaks at this place.
    """

    batch: DialogueBatch
    number: Tensor
    turn: Tensor
    exists: Tensor
    same_speaker: Tensor

    @classmethod
    def of(cls, batch: DialogueBatch, window: int) -> Windows:
        """The windows of K = `window` turns and their target."""
        mask, speakers = batch.mask.flatten(), batch.speakers.flatten()
        place = torch.arange(len(mask), device=mask.device).view(batch.shape)
        at = batch.pack(place).unsqueeze(1)  # (N, 1), the target's place in the flattened (B T)
        own = at.remainder(batch.shape[1])
        turn = own + torch.arange(-window, 1, device=mask.device)
        place = at - own + turn.clamp(min=0)
        exists = (turn >= 0) & mask[place]
        place = torch.where(exists, place, at)
        number = (mask.cumsum(0) - 1)[place]
        return cls(batch, number, torch.where(exists, turn, own), exists, speakers[place] == speakers[at])

    def spread(self, weights: Tensor) -> Tensor:
        """Weights over the last W' places of windows, (N, layers, heads, W') -> (B, layers, heads, T, T)."""
        T, keys = self.batch.shape[1], self.turn[:, -weights.shape[-1]:]
        rows = weights.new_zeros(*weights.shape[:3], T)
        rows = rows.scatter_add(3, keys[:, None, None, :].expand_as(weights), weights)  # places that do not exist add 0
        return self.batch.unpack(rows).permute(0, 2, 3, 1, 4)
