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


SMALL = 3_000_000  # parameters


@contextmanager
def threads_for(parameters: int, device: torch.device) -> Iterator[None]:
    """One thread while a small model is trained on a CPU.

    Its operations are so small that threads wait for one another: on two cores MulT takes three times as long with two.
    And sums then come out the same however many cores there are. A large model has what torch would give it.
    """
    before = torch.get_num_threads()
    if device.type == "cpu" and parameters < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Fix every random number that torch draws in the block, then restore the generator as it was."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
