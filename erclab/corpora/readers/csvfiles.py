"""Csv files as people have them: byte-order mark, Windows line ends, semicolons, spreadsheets; each mistake with its
line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from erclab.core.downloads import HEAD, accident
from erclab.core.errors import CorpusError

_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_WINDOWS = {chr(i): meant for i in range(0x80, 0xA0) if (meant := bytes([i]).decode("cp1252", "ignore"))}
_SAID = re.compile(r'"?sep=([,;\t|])"?(?=\r?\n)')
_CONTROLS = re.compile(f"[{''.join(_WINDOWS)}]")


def records(path: Path, needed: Sequence[str] = (), *, expected: str = "Check the path.",
            again: str = "Fetch it again from its authors.", notices: list[str] | None = None
            ) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line that the record starts on, {column: stripped field}) for each record of a file with a header.

    Args:
        path: the file, in UTF-8 with or without a byte-order mark. Fields may also be separated by semicolons or tabs,
            if the header is, or if a first line "sep=;" says so.
        needed: columns that the header must have once.
        expected: the remedy where the file is absent.
        again: the remedy where it is empty.
        notices: gets a line for each thing that was repaired, before the first record comes.

    Raises:
        CorpusError: names the file, the line in it, what is wrong and what to do.
    """
    header = None
    said: list[str] = []
    whole = text(path, expected, notices=said)
    separator, whole = _separator(whole)
    if separator != ",":
        said.append(f"{path.name}: the separator is {_SEPARATORS[separator]}, not a comma")
    if notices is not None:
        notices += said
    for line, record in _lines(path, whole, separator):
        where = f"{path}, line {line}"
        if header is None:
            header = [name.strip() for name in record]
            wrong = [c for c in needed if header.count(c) != 1]
            if wrong:
                raise CorpusError(f"the header lacks, or repeats, the columns {', '.join(wrong)}", where=where,
                                  remedy=f"It has {', '.join(header)[:160]}; it needs {', '.join(needed)}, "
                                         "comma-separated.")
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
    for line, record in _lines(path, text(path, expected)):
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


def _separator(whole: str) -> tuple[str, str]:
    """The separator of the header, its first line that is not blank: a comma, unless there is none. And the text, in
    which a line "sep=;" of Excel is blank.
    """
    if said := _SAID.match(whole):
        return said[1], whole[said.end():]
    header = next((line for line in whole.split("\n") if line.strip()), "")
    return "," if "," in header else max(_SEPARATORS, key=header.count), whole


def _lines(path: Path, whole: str, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield (line that the record starts on, its fields) for what is not a blank line."""
    reader = csv.reader(io.StringIO(whole, newline=""), strict=True, delimiter=separator)
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


def text(path: Path, expected: str = "Check the path.", kind: str = "csv", *, notices: list[str] | None = None) -> str:
    """The text of a file that must be UTF-8, with or without a byte-order mark.

    Control characters U+0080 to U+009F are no text: they come from Windows-1252 that was read as Latin-1, and become
    what they are there (quotation marks, dashes, an ellipsis).

    Args:
        path: the file.
        expected: the remedy where it is absent.
        kind: what it should be, a key of `erclab.core.downloads.KINDS`.
        notices: gets a line about what was repaired.

    Raises:
        CorpusError: it is absent, something else, or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CorpusError("there is no such file", where=str(path), remedy=expected) from None
    except OSError as error:
        raise CorpusError(f"the file cannot be read ({error.strerror})", where=str(path),
                          remedy="Check what it is and its permissions.") from None
    if data and (found := accident(data[:HEAD], kind)):
        raise CorpusError(found[0], where=str(path), remedy=found[1])
    try:
        decoded = data.decode("utf-8")
        at, problem = data.find(b"\0"), "is NUL, which no text has"
    except UnicodeDecodeError as error:
        at, problem = error.start, f"(0x{data[error.start]:02x}) is not UTF-8"
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            problem += " but UTF-16, which spreadsheets call Unicode text"
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise CorpusError(f"byte {at} {problem}", where=f"{path}, line {line}",
                          remedy="Save the file as UTF-8, or fetch it again.")
    repaired, count = _CONTROLS.subn(lambda found: _WINDOWS[found[0]], decoded)
    if count and notices is not None:
        notices.append(f"{path.name}: {count:,} control characters (U+0080 to U+009F) were read as what they are in "
                       "Windows-1252")
    return repaired.removeprefix(codecs.BOM_UTF8.decode())
