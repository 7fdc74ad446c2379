"""The device of a computation, and what makes results repeatable on that device."""

from __future__ import annotations

import ctypes
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from erclab.core.errors import UsageError


def choose_device(name: str | None = None) -> torch.device:
    """The device of a name. Without a name, the device of the variable `ERCLAB_DEVICE`, or else the fastest device of
    this machine (cuda, mps, cpu).

    Raises:
        UsageError: the name is no device of this machine.
    """
    name = name or os.environ.get("ERCLAB_DEVICE") or "auto"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise _unusable(name, "PyTorch knows no device of that name") from None
    if device.type == "meta":
        raise _unusable(name, "it holds no numbers")
    if device.type == "cuda":  # PyTorch reads it at its first matrix product; see `repeatable`
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise _unusable(name, textwrap.shorten(str(error).partition(". ")[0], 120, placeholder=" ...")) from None
    return device


def _unusable(name: str, why: str) -> UsageError:
    return UsageError(f"the device '{name}' cannot be used here: {why}", remedy="Use auto, cpu, cuda or mps.")


SMALL, SHORT = 3_000_000, 4_000  # parameters, and steps of a batch


def threads_for(parameters: int, steps: float, device: torch.device) -> AbstractContextManager[None]:
    """One thread while a small model is trained on a CPU with batches of few turns or frames in all.

    The operations of such a model are so small that threads wait for one another. With one thread, sums are also the
    same on any number of cores. A larger training uses the number of threads that torch chooses: MulT on the frames of
    MOSI takes three quarters of the time with two idle cores, and up to twice the time if other processes use the cores
    (a sweep's runs have one thread each).
    """
    return threads(1 if device.type == "cpu" and parameters < SMALL and steps < SHORT else None)


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Use this number of CPU threads in the block; None leaves the number as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def memory_kept() -> Iterator[None]:
    """In the block, the memory that a step frees is kept for the next step; after the block it is returned to the
    system.

    By default, glibc returns freed memory to the system at every step and requests it again, page by page, which is a
    third of MulT's time on a CPU. And oneDNN caches code for a thousand shapes of matrix products: each packed batch
    has a new shape, so the cache fills the memory with entries that are never used again. The block has no effect on
    other systems.
    """
    for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):  # read when oneDNN is first used
        os.environ.setdefault(cache, "32")
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        libc = None
    if libc is not None:
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the most that it takes
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)
    try:
        yield
    finally:
        if libc is not None:
            libc.malloc_trim(0)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """In the block, a GPU computes the same numbers each time, and float32 in full. On a CPU the block has no effect.

    PyTorch's defaults are faster. But cuDNN chooses convolutions whose gradients are summed in any order, the fused
    kernels of attention do so as well, and LSTMs, GRUs and convolutions round the factors of float32 to 10 bits (TF32).
    A kernel that has no repeatable version, for instance in a model of one's own, runs with a warning of PyTorch.
    """
    if device.type != "cuda":
        yield
        return
    flags: tuple[tuple[Any, str, bool], ...] = (
        (torch.backends.cudnn, "allow_tf32", False), (torch.backends.cudnn, "deterministic", True),
        (torch.backends.cudnn, "benchmark", False), (torch.utils.deterministic, "fill_uninitialized_memory", False))
    before: list[tuple[Any, str, bool]] = []
    mode = torch.get_deterministic_debug_mode()
    try:
        for where, name, value in flags:
            with suppress(RuntimeError):  # of TF32, if a user chose a precision for one kind of layer: it stays
                before.append((where, name, getattr(where, name)))
                setattr(where, name, value)
        torch.use_deterministic_algorithms(True, warn_only=True)
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        for where, name, value in before:
            setattr(where, name, value)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Fix every random number that torch draws in the block, then restore the generator as it was."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
