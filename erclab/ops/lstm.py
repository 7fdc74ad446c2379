"""LSTMs over sequences of different lengths, each read by itself.

A GPU reads packed sequences in one kernel. On a CPU PyTorch takes them apart step by step, at four times the cost of
oneDNN's kernel, which knows no lengths. So here the kernel reads blocks of steps, each for the sequences that still go
on, and hands states from block to block: most of the padding is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from erclab.ops import private
from erclab.ops.dropout import dropout
from erclab.ops.linear import low_precision
from erclab.ops.masks import last_step

BLOCK_COST = 80  # of one more block, in steps of one sequence; measured for 64 to 160 features


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` of sequences (B, L, D) that may have a mask; its weights have the same names.

    Under bfloat16 autocast on a processor without bfloat16 instructions, where PyTorch's LSTM raises an error, it runs
    in float32.

    Args:
        inputs, hidden, layers: D, H and the number of layers.
        dropout: between the layers.
    """

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, bidirectional: bool = False, dropout: float = 0.0,
                 bias: bool = True):
        super().__init__(inputs, hidden, layers, bias=bias, batch_first=True, bidirectional=bidirectional,
                         dropout=dropout if layers > 1 else 0.0)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over the valid steps of each sequence alone, or over all steps if there is no mask.

        Args:
            x: (B, L, D).
            mask: (B, L) bool; steps that exist come first.

        Returns:
            (B, L, H) the states, 0 where no step exists; and (B, H) the last layer's last ones, of the forward
            direction after the last step and of the backward direction after the first, 0 for a sequence without
            steps. H counts both directions.
        """
        if x.device.type == "cpu" and low_precision("cpu") and not private.bfloat16_instructions():
            with torch.autocast("cpu", enabled=False):
                return self.forward(x.to(self.weight_ih_l0.dtype), mask)
        if mask is None:
            states = super().forward(x)[0]
            forward, backward = states[..., : self.hidden_size], states[:, 0, self.hidden_size :]
            return states, torch.cat([forward[:, -1], backward], dim=-1)
        x = x.masked_fill(~mask.unsqueeze(-1), 0)
        states = read_blocks(self, x, mask) if x.device.type == "cpu" else self._packed(x, mask)
        states = states.masked_fill(~mask.unsqueeze(-1), 0)
        forward, backward = states[..., : self.hidden_size], states[:, 0, self.hidden_size :]
        return states, torch.cat([last_step(forward, mask), backward], dim=-1)

    def _packed(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, L, D), (B, L) -> (B, L, H). A sequence without steps is read as if it had one."""
        packed = pack_padded_sequence(x, mask.sum(1).clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(super().forward(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def read_blocks(lstm: nn.LSTM, x: Tensor, mask: Tensor, block_cost: float = BLOCK_COST) -> Tensor:
    """(B, L, D), (B, L) -> (B, L, H), block after block; states at padded steps are undefined."""
    plan = blocks(mask, block_cost)
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if lstm.bias else ()))

    def direction(x: Tensor, reads: Tensor, suffix: str) -> Tensor:
        weights = [getattr(lstm, f"{name}_{suffix}") for name in names]
        state, parts = (x.new_zeros(1, len(mask), lstm.hidden_size),) * 2, []
        for (steps, n), part in zip(plan.shapes, x[reads].split([s * n for s, n in plan.shapes]), strict=True):
            out, *state = torch.lstm(part.view(steps, n, -1), [s[:, :n] for s in state], weights, lstm.bias, 1, 0.0,
                                     lstm.training, False, False)
            parts.append(out.flatten(0, 1))
        return torch.cat(parts)

    for layer in range(lstm.num_layers):
        x = dropout(x, lstm.dropout) if layer and lstm.training and lstm.dropout else x
        steps = x.flatten(0, 1)
        states = [direction(steps, plan.ahead, f"l{layer}")[plan.ahead_places]]
        if lstm.bidirectional:
            states.append(direction(steps, plan.back, f"l{layer}_reverse")[plan.back_places])
        x = torch.cat(states, dim=-1)
    return x


class Blocks(NamedTuple):
    """How B sequences of up to L steps are read: longest first, block after block, step after step.

    Attributes:
        shapes: steps and sequences of each block; M is the sum of their products.
        ahead, back: (M,) which of the B L steps is read forwards, and which by the direction that starts from each
            sequence's own end. It reads padding after all that exists.
        ahead_places, back_places: (B, L) where in the M each step was read, 0 for padding.
    """

    shapes: list[tuple[int, int]]
    ahead: Tensor
    back: Tensor
    ahead_places: Tensor
    back_places: Tensor


def blocks(mask: Tensor, cost: float) -> Blocks:
    """Plan for a mask (B, L) whose valid steps come first."""
    B, L = mask.shape
    lengths, order = mask.sum(1).sort(descending=True, stable=True)
    ahead, back, shapes, done = [], [], cut(lengths.tolist(), cost), 0
    places = lengths.new_zeros(2, B, L)
    for start, end, n in shapes:
        step, at = torch.arange(start, end, device=mask.device)[:, None], order[:n]
        turned = (lengths[:n] - 1 - step) % L
        ahead.append((at * L + step).flatten())
        back.append((at * L + turned).flatten())
        place = torch.arange(done, done + n * (end - start), device=mask.device).view(-1, n)
        places[0, at, step], places[1, at, turned] = place, place
        done += place.numel()
    return Blocks([(end - start, n) for start, end, n in shapes], torch.cat(ahead), torch.cat(back), *places)


def cut(lengths: Sequence[int], cost: float) -> list[tuple[int, int, int]]:
    """Cut time into blocks, so that steps times sequences, and a cost for each block, come to the least.

    Args:
        lengths: longest first.

    Returns:
        (first step, end, how many sequences go on at the first step), in order; one step at least.
    """
    ends = sorted({n for n in lengths if n}) or [1]
    starts = [0, *ends[:-1]]
    going = [max(sum(n > start for n in lengths), 1) for start in starts]
    least, begins = [0.0], []
    for end in ends:
        totals = [total + n * (end - start) + cost for total, n, start in zip(least, going, starts, strict=False)]
        best = min(range(len(totals)), key=totals.__getitem__)
        least.append(totals[best])
        begins.append(best)
    found, last = [], len(ends)
    while last:
        first = begins[last - 1]
        found.append((starts[first], ends[last - 1], going[first]))
        last = first
    return found[::-1]
