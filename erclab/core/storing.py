"""A file that cannot be written is an error of one line, of the room that writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from erclab.core.errors import ErclabError


@contextmanager
def storing(what: str, where: str | os.PathLike[str], remedy: str, error: type[ErclabError] = ErclabError
            ) -> Iterator[None]:
    """Turn an error of the operating system into one that says that `what` cannot be stored, why, and what to do.

    Args:
        what: such as "the figure".
        where: the file.
        remedy: what to do about it.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`.
    """
    try:
        yield
    except OSError as problem:
        raise error(f"{what} cannot be stored: {problem.strerror or problem}", where=where, remedy=remedy) from problem
