"""JSON files as people have them: one value, or one value per line; each mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from erclab.core.errors import CorpusError
from erclab.core.tablefiles import text


def load(path: Path, expected: str = "Check the path.") -> list[tuple[str, Any]]:
    """(place, value) of each item of a file with a JSON list, or with one JSON value per line.

    Args:
        path: the file, in UTF-8.
        expected: the remedy where it is absent.

    Raises:
        CorpusError: it is absent, something else, or not JSON.
    """
    whole = text(path, expected, "json")
    if not whole.strip():
        raise CorpusError("the file is empty", where=str(path), remedy="Fetch it again.")
    lines = [(i, line) for i, line in enumerate(whole.split("\n"), 1) if line.strip()]
    try:
        value = json.loads(whole)
    except RecursionError:
        raise CorpusError("it is nested too deeply", where=str(path), remedy="Fetch it again.") from None
    except ValueError as error:
        if len(lines) < 2 or not lines[0][1].rstrip().endswith("}"):
            raise _broken(path, getattr(error, "lineno", 1), error) from None
        return [(f"{path}, line {i}", _line(path, i, line)) for i, line in lines]
    if isinstance(value, list):
        return [(f"{path}, item {i}", item) for i, item in enumerate(value)]
    return [(str(path), value)]


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except RecursionError:
        raise CorpusError("it is nested too deeply", where=f"{path}, line {number}", remedy="Fetch it again.") from None
    except ValueError as error:
        raise _broken(path, number, error) from None


def _broken(path: Path, line: int, error: ValueError) -> CorpusError:
    return CorpusError(f"this is not JSON ({getattr(error, 'msg', error)})", where=f"{path}, line {line}",
                       remedy="Fetch the file again; it may be cut off.")


def get(item: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """item[key], which must be there and of this type (no bool for a number).

    Raises:
        CorpusError: it is not.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = " or ".join({str: "a text", list: "a list", int: "a whole number", dict: "an object"}.get(k, k.__name__)
                        for k in kinds)
    if not isinstance(item, dict) or key not in item:
        raise CorpusError(f"there is no '{key}'", where=where, remedy=f"It must be an object with '{key}': {names}.")
    if not isinstance(item[key], kinds) or isinstance(item[key], bool):
        raise CorpusError(f"'{key}' is {str(item[key])[:40]!r}", where=where, remedy=f"It must be {names}.")
    return item[key]
