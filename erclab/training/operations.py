"""Floating-point operations, counted and not timed, so that they are the same on every machine."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode


def operations(loss: Callable[[], Tensor]) -> int:
    """The number of operations of the matrix products that compute a loss and its gradients.

    The counter sets hooks on all modules. DialogueRNN's kernel, whose packed products the counter does not count, then
    leaves the work to the plain loop (`erclab.ops.plain.untouched`).
    """
    # The counter has no rule for oneDNN's LSTM, which is one operation; without oneDNN an LSTM consists of products.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32", UserWarning)  # PyTorch 2.13 warns about GPUs whenever the flag is set
        with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
            loss().backward()
    return counter.get_total_flops()
