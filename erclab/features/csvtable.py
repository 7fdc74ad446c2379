"""A csv file of numbers with a header, read field by field, each mistake with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError, UsageError
from erclab.core.tablefiles import rows

LARGEST = float(np.finfo(np.float32).max)


class Csv:
    """A csv file with a header: iterates over (line number, fields).

    Args:
        path: the file, in UTF-8, separated by commas.

    Attributes:
        path: the file.
        names: the columns.

    Raises:
        FeatureError: the file cannot be read, is empty, has a column twice, or (later) a line of another length.
    """

    def __init__(self, path: str | Path):
        self.path = path
        self.rows = rows(Path(path).expanduser(), separator=",", again="It needs a header and a line per frame.",
                         error=FeatureError)
        _, self.names = next(self.rows)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self.rows

    def places(self, columns: Sequence[str]) -> list[int]:
        """The indices of these columns."""
        if isinstance(columns, str) or not len(columns):
            raise UsageError("no list of columns was given", where="columns", remedy="Give a list of names.")
        for column in columns:
            if column not in self.names:
                near = difflib.get_close_matches(column, self.names, n=1)
                hint = f"Did you mean '{near[0]}'? " if near else ""
                if len(self.names) == 1 and ";" in self.names[0]:
                    hint = "Separate the fields by commas, not semicolons. "
                raise FeatureError(f"there is no column '{column}'", where=f"{self.path}, line 1", remedy=(
                    f"{hint}There are {len(self.names)}, such as {', '.join(self.names[:6])[:80]}."))
        return [self.names.index(column) for column in columns]

    def number(self, line: int, row: list[str], place: int) -> float:
        """The finite number in this field."""
        try:
            value = float(row[place])
        except ValueError:
            value = float("nan")
        if not abs(value) <= LARGEST:  # true for NaN as well
            raise FeatureError(f"{row[place].strip()!r:.40} is not a number", where=f"{self.path}, line {line}, column "
                               f"'{self.names[place]}'", remedy="Give a finite number, or leave the line out.")
        return value
