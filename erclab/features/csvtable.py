"""A csv file with a header, read field by field, each mistake with its line."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError, UsageError

LARGEST = float(np.finfo(np.float32).max)
SEPARATORS = (",", ";", "\t", "|")
WINDOWS = {i: meant for i in range(0x80, 0xA0) if (meant := bytes([i]).decode("cp1252", "ignore"))}


class Csv:
    """A csv file with a header: iterates over (line number, fields).

    Args:
        path: the file, in UTF-8, separated by commas.
        text: of people, not of a program: without a comma the header may have semicolons, tabs or bars, and control
            characters are read as what they are in Windows-1252, as the readers of corpora do.

    Attributes:
        path: the file.
        names: the columns.

    Raises:
        FeatureError: the file cannot be read, is empty, has a column twice, or (later) a line of another length.
    """

    def __init__(self, path: str | Path, *, text: bool = False):
        self.path, self.separator = path, ","
        try:
            content = Path(path).expanduser().read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise FeatureError(f"the file cannot be read ({error.strerror})", where=str(path),
                               remedy="Check the path and its permissions.") from None
        except UnicodeDecodeError as error:
            raise FeatureError(f"byte {error.start} is not UTF-8", where=str(path),
                               remedy="Save the file as csv in UTF-8.") from None
        if text:
            header = next((line for line in content.split("\n") if line.strip()), "")
            self.separator = "," if "," in header else max(SEPARATORS, key=header.count)
            content = content.translate(WINDOWS)
        self.rows = self._rows(content)
        _, names = next(self.rows, (0, []))
        self.names = [name.strip() for name in names]
        if not self.names:
            raise FeatureError("the file is empty", where=str(path), remedy="It needs a header and a line per frame.")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise FeatureError(f"the column '{twice[0]}' is there twice", where=f"{path}, line 1",
                               remedy="Remove one of them.")

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise FeatureError(f"this is not csv ({error})", where=f"{self.path}, line {reader.line_num}",
                               remedy="Give a csv file, separated by commas.") from None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for line, row in self.rows:
            if len(row) != len(self.names):
                raise FeatureError(f"{len(row)} fields, but {len(self.names)} columns in the header",
                                   where=f"{self.path}, line {line}", remedy="Is the file cut off? Make it again.")
            yield line, row

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
