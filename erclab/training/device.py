"""Where to compute, and what makes computing there repeatable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from erclab.errors import UsageError


def choose_device(name: str | None = None) -> torch.device:
    """The device by name; without one `ERCLAB_DEVICE`, or else the best there is (cuda, mps, cpu).

    Raises:
        UsageError: the name is no device of this machine.
    """
    name = name or os.environ.get("ERCLAB_DEVICE") or "auto"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"the device '{name}' cannot be used here: {str(error).splitlines()[0]}",
                         remedy="Use auto, cpu, cuda or mps.") from None
    return device


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Fix every random number that torch draws in the block, then restore the generator as it was."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
