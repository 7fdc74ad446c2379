"""Numbers of a batch that can be read at once, for checks that must cost nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from erclab.ops import private


def extremes(x: Tensor) -> tuple[int, int] | None:
    """The least and the largest of whole numbers.

    None without numbers, and where they cannot be read at once: a GPU would make the host wait, and inside a transform
    of `torch.func` (several seeds in one pass) there is no single number.
    """
    if x.device.type != "cpu" or not x.numel() or private.inside_torch_func():
        return None
    least, largest = torch.aminmax(x)
    return int(least), int(largest)


def traced() -> bool:
    """Whether PyTorch records a graph (`torch.compile`, `torch.export`, `torch.jit.trace`), which checks of sizes would
    tie to the sizes of the example."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def lasting() -> bool:
    """Whether a tensor that is made now can serve later passes: not while PyTorch records a graph, nor inside a
    transform of `torch.func`."""
    return not traced() and not private.inside_torch_func()
