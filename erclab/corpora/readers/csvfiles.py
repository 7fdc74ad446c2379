"""Csv files as people have them: byte-order mark, Windows line ends, spreadsheets; each mistake with its line."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError


def records(path: Path, needed: Sequence[str] = (), *, expected: str = "Check the path.",
            again: str = "Fetch it again from its authors.") -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line that the record starts on, {column: stripped field}) for each record of a file with a header.

    Args:
        path: the file, in UTF-8 with or without a byte-order mark.
        needed: columns that the header must have once.
        expected: the remedy where the file is absent.
        again: the remedy where it is empty.

    Raises:
        CorpusError: names the file, the line in it, what is wrong and what to do.
    """
    header = None
    for line, record in _lines(path, expected):
        where = f"{path}, line {line}"
        if header is None:
            header = [name.strip() for name in record]
            wrong = [c for c in needed if header.count(c) != 1]
            if wrong:
                raise CorpusError(f"the header lacks, or repeats, the columns {', '.join(wrong)}", where=where,
                                  remedy=f"It needs {', '.join(needed)}, comma-separated.")
            continue
        if len(record) != len(header):
            raise CorpusError(f"{len(record)} fields, but the header has {len(header)}", where=where,
                              remedy="Put a text with commas into quotation marks.")
        yield line, dict(zip(header, (field.strip() for field in record), strict=True))
    if header is None:
        raise CorpusError("the file is empty", where=str(path), remedy=again)


def numbers(path: Path, width: int, *, expected: str = "Check the path.",
            again: str = "Fetch it again from its authors.") -> np.ndarray:
    """(rows, width) float64 from a file of finite numbers without a header.

    Raises:
        CorpusError: as `records`.
    """
    rows = []
    for line, record in _lines(path, expected):
        where = f"{path}, line {line}"
        if len(record) != width:
            raise CorpusError(f"{len(record)} fields, but each line has {width} numbers", where=where, remedy=again)
        try:
            rows.append([float(field) for field in record])
        except ValueError as error:
            raise CorpusError(f"{str(error)[:80]}", where=where, remedy="The file has numbers and no header.") from None
        if not np.isfinite(rows[-1]).all():
            column = int(np.flatnonzero(~np.isfinite(rows[-1]))[0])
            raise CorpusError(f"column {column + 1} is {rows[-1][column]}", where=where,
                              remedy="Impute or remove the value; features must be finite.")
    if not rows:
        raise CorpusError("the file is empty", where=str(path), remedy=again)
    return np.array(rows)


def _lines(path: Path, expected: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line that the record starts on, its fields) for what is not a blank line."""
    reader = csv.reader(io.StringIO(_decode(path, expected), newline=""), strict=True)
    start = 1
    try:
        for record in reader:
            # A record in quotation marks can span lines, and `line_num` is the last one read.
            line, start = start, reader.line_num + 1
            if record:
                yield line, record
    except csv.Error as error:
        raise CorpusError(f"this is not csv: {error}", where=f"{path}, line {start}",
                          remedy="Look for a quotation mark that is not closed or not doubled.") from None


def _decode(path: Path, expected: str) -> str:
    """The text of a file that must be UTF-8, with or without a byte-order mark."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CorpusError("there is no such file", where=str(path), remedy=expected) from None
    except OSError as error:
        raise CorpusError(f"the file cannot be read ({error.strerror})", where=str(path),
                          remedy="Check what it is and its permissions.") from None
    try:
        text = data.decode("utf-8")
        at, problem = data.find(b"\0"), "is NUL, which no text has"
    except UnicodeDecodeError as error:
        at, problem = error.start, f"(0x{data[error.start]:02x}) is not UTF-8"
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise CorpusError(f"byte {at} {problem}", where=f"{path}, line {line}",
                          remedy="Save the file as UTF-8, or fetch it again.")
    return text.removeprefix(codecs.BOM_UTF8.decode())
