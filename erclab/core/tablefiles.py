"""Files of tables as people have them, csv and parquet: byte-order mark, Windows line ends, semicolons, spreadsheets;
each mistake with its line. Corpora, features and predictions read through this module, each with its own error.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.downloads import HEAD, accident, refuse
from erclab.core.errors import CorpusError, ErclabError

FILES = ("utterances.csv", "utterances.parquet")  # the table in a folder
WRITTEN = frozenset({"nan", "NaN", "<NA>", "NaT"})  # what programs write for no text; "None" and "NA" are words
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_WINDOWS = {chr(i): meant for i in range(0x80, 0xA0) if (meant := bytes([i]).decode("cp1252", "ignore"))}
_SAID = re.compile(r'"?sep=([,;\t|])"?(?=\r?\n)')
_CONTROLS = re.compile(f"[{''.join(_WINDOWS)}]")


def read(path: Path, notices: list[str] | None = None, *, error: type[ErclabError] = CorpusError
         ) -> tuple[pd.DataFrame, list[int] | None]:
    """The cells of a csv or parquet file as text, and the line of each row of a csv file.

    Args:
        path: the file; parquet if it ends so, else csv.
        notices: as for `rows`.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`: the file cannot be read or has no row.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path, error), None
    found = list(records(path, again="Write one row per utterance under a header.", notices=notices, error=error))
    if not found:
        raise error("there is a header but no utterance", where=path, remedy="Write one row per utterance.")
    return pd.DataFrame([fields for _, fields in found], dtype="str"), [line for line, _ in found]


def turns(dialogue: pd.Series) -> pd.Series:
    """The turns of utterances that have no number: counted from 0 in each dialogue, in the order of the rows."""
    return dialogue.groupby(dialogue, sort=False).cumcount().astype("int64")


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its cells as the text that a csv file would have."""
    return table.reset_index(drop=True).rename(columns=str).map(_cell).astype("str")


def _cell(value: object) -> str:
    """The text that a csv file would have: empty for a missing value, whole numbers without decimals."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _parquet(path: Path, error: type[ErclabError]) -> pd.DataFrame:
    if not path.exists():
        raise error("there is no such file", where=path, remedy="Check the path.")
    refuse(path, "parquet", error=error)
    try:
        raw = pd.read_parquet(path)
    except ImportError:
        raise error("reading parquet needs pyarrow", where=path,
                    remedy="Install it (pip install pyarrow), or save the table as csv.") from None
    except Exception as problem:  # pyarrow's own kinds of errors
        raise error(f"this is not a readable parquet file ({' '.join(str(problem).split())[:120]})", where=path,
                    remedy="Save the table again, or as csv.") from None
    if raw.empty:
        raise error("there is no utterance", where=path, remedy="Write one row per utterance.")
    return cells(raw)


def records(path: Path, needed: Sequence[str] = (), *, expected: str = "Check the path.",
            again: str = "Fetch it again from its authors.", notices: list[str] | None = None,
            error: type[ErclabError] = CorpusError) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line that the record starts on, {column: stripped field}) for each record of a csv file with a header.

    Arguments and errors as `rows`.
    """
    found = rows(path, needed, expected=expected, again=again, notices=notices, error=error)
    _, header = next(found)
    for line, fields in found:
        yield line, dict(zip(header, (field.strip() for field in fields), strict=True))


def rows(path: Path, needed: Sequence[str] = (), *, separator: str = "", expected: str = "Check the path.",
         again: str = "Fetch it again from its authors.", notices: list[str] | None = None,
         error: type[ErclabError] = CorpusError) -> Iterator[tuple[int, list[str]]]:
    """Yield (line that the record starts on, its fields) for each record of a csv file, the header first.

    Args:
        path: the file, in UTF-8 with or without a byte-order mark.
        needed: columns that the header must have once. Without them, no name may be there twice.
        separator: of the fields; by default a comma, or what the header has instead (semicolons, tabs, bars), or what
            a first line "sep=;" says.
        expected: the remedy where the file is absent.
        again: the remedy where it is empty.
        notices: gets a line for each thing that was repaired, before the header comes.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`: names the file, the line in it, what is wrong and what to do.
    """
    said: list[str] = []
    whole = text(path, expected, notices=said, error=error)
    if not separator:
        separator, whole = _separator(whole)
        if separator != ",":
            said.append(f"{path.name}: the separator is {_SEPARATORS[separator]}, not a comma")
    if notices is not None:
        notices += said
    header = None
    for line, record in fields(path, whole, separator, error=error):
        where = f"{path}, line {line}"
        if header is None:
            header = record = [name.strip() for name in record]
            wrong = [c for c in needed if header.count(c) != 1]
            if wrong:
                raise error(f"the header lacks, or repeats, the columns {', '.join(wrong)}", where=where,
                            remedy=f"It has {', '.join(header)[:160]}; it needs {', '.join(needed)}, comma-separated.")
            twice = [] if needed else [c for c in header if c and header.count(c) > 1]
            if twice:
                raise error(f"the column '{twice[0]}' is there twice", where=where, remedy="Remove one of them.")
        elif len(record) != len(header):
            raise error(f"{len(record)} fields, but the header has {len(header)}", where=where,
                        remedy="Put a text with commas into quotation marks; or is the file cut off?")
        yield line, record
    if header is None:
        raise error("the file is empty", where=path, remedy=again)


def fields(path: Path, whole: str, separator: str = ",", *, error: type[ErclabError] = CorpusError
           ) -> Iterator[tuple[int, list[str]]]:
    """Yield (line that the record starts on, its fields) for each line of a csv text that is not blank.

    Raises:
        ErclabError: of the type `error`: a quotation mark is not closed or not doubled.
    """
    reader = csv.reader(io.StringIO(whole, newline=""), strict=True, delimiter=separator)
    start = 1
    try:
        for record in reader:
            # A record in quotation marks can span lines, and `line_num` is the last one read.
            line, start = start, reader.line_num + 1
            if record:
                yield line, record
    except csv.Error as problem:
        raise error(f"this is not csv: {problem}", where=f"{path}, line {start}",
                    remedy="Look for a quotation mark that is not closed or not doubled.") from None


def _separator(whole: str) -> tuple[str, str]:
    """The separator of the header, its first line that is not blank: a comma, unless there is none. And the text, in
    which a line "sep=;" of Excel is blank.
    """
    if said := _SAID.match(whole):
        return said[1], whole[said.end():]
    header = next((line for line in whole.split("\n") if line.strip()), "")
    return "," if "," in header else max(_SEPARATORS, key=header.count), whole


def text(path: Path, expected: str = "Check the path.", kind: str = "csv", *, notices: list[str] | None = None,
         error: type[ErclabError] = CorpusError) -> str:
    """The text of a file that must be UTF-8, with or without a byte-order mark.

    Control characters U+0080 to U+009F are no text: they come from Windows-1252 that was read as Latin-1, and become
    what they are there (quotation marks, dashes, an ellipsis).

    Args:
        path: the file.
        expected: the remedy where it is absent.
        kind: what it should be, a key of `erclab.core.downloads.KINDS`.
        notices: gets a line about what was repaired.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`: it is absent, something else, or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise error("there is no such file", where=path, remedy=expected) from None
    except OSError as problem:
        raise error(f"the file cannot be read ({problem.strerror})", where=path,
                    remedy="Check what it is and its permissions.") from None
    if data and (found := accident(data[:HEAD], kind)):
        raise error(found[0], where=path, remedy=found[1])
    try:
        decoded = data.decode("utf-8")
        at, wrong = data.find(b"\0"), "is NUL, which no text has"
    except UnicodeDecodeError as problem:
        at, wrong = problem.start, f"(0x{data[problem.start]:02x}) is not UTF-8"
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            wrong += " but UTF-16, which spreadsheets call Unicode text"
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise error(f"byte {at} {wrong}", where=f"{path}, line {line}",
                    remedy="Save the file as UTF-8, or fetch it again.")
    repaired, count = _CONTROLS.subn(lambda found: _WINDOWS[found[0]], decoded)
    if count and notices is not None:
        notices.append(f"{path.name}: {count:,} control characters (U+0080 to U+009F) were read as what they are in "
                       "Windows-1252")
    return repaired.removeprefix(codecs.BOM_UTF8.decode())
