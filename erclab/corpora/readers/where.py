"""The place of a row of a table, for messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError


class Where:
    """The place of a row, for messages."""

    def __init__(self, path: Path, lines: Sequence[int] | None):
        self.path, self.lines = path, lines

    def __call__(self, row: int | None = None) -> str:
        if row is None:
            return str(self.path)
        return f"{self.path}, line {self.lines[row]}" if self.lines is not None else f"{self.path}, row {row}"

    def refuse(self, bad: np.ndarray, problem: Callable[[int], str], remedy: str) -> None:
        """Raise for the first row that is bad."""
        if np.asarray(bad).any():
            row = int(np.flatnonzero(bad)[0])
            raise CorpusError(problem(row), where=self(row), remedy=remedy)
