"""Too little memory is an error of one line, not the traceback of an allocator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import clear_frames

from erclab.core.errors import ErclabError, RunError

# PyTorch has a class for its own allocator on a GPU; elsewhere (a CPU, cuBLAS, cuDNN, the driver) only the text tells.
SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "Unable to allocate", "_ALLOC_FAILED")


def shortage(problem: BaseException) -> str:
    """What an exception says of too little memory, in one line; "" if it has another reason."""
    first = str(problem).partition("\n")[0]
    if not isinstance(problem, MemoryError) and not any(sign in first for sign in SIGNS):
        return ""
    sentences = first.rpartition("Allocator: ")[2].split(". ")  # without the place in PyTorch's source
    return ". ".join(s for s in sentences[:2] if not s.startswith("Error code")).rstrip(".") or "out of memory"


@contextmanager
def enough_memory(what: str, remedy: str, where: str = "", error: type[ErclabError] = RunError) -> Iterator[None]:
    """Turn a lack of memory in the block into an error that says what did not fit, and what to do.

    The functions that were called in the block let go of their tensors, which the traceback would hold: in a notebook,
    the memory is free for a smaller try.

    Args:
        what: such as "the training".
        remedy: what to do about it.
        where: of the error.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        why = shortage(problem)
        if not why:
            raise
        clear_frames(problem.__traceback__)
        raise error(f"{what} needs more memory than is free ({why})", where=where, remedy=remedy) from None
