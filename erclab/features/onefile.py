"""One file with the features of many utterances: an array for each, whole videos with times, or packed already."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError
from erclab.features import arrays
from erclab.features.arrays import Found
from erclab.features.tables import Rows


def read(path: Path, rows: dict[str, Rows] | None, transpose: bool = False, key: str = ""
         ) -> tuple[dict[str, list[Found]], list[str], dict[str, Rows]]:
    """What the file has for each utterance, the names in it that were not used, and the utterances.

    Args:
        path: the file, see `packing.pack`.
        rows: part -> its utterances; None for those of the file.
        transpose: the arrays are (D, L).
        key: the name of the one array in it that has a row per utterance.

    Raises:
        FeatureError: the file cannot be read, or nothing in it belongs to an utterance.
    """
    there = arrays.contents(path)
    names = [name for name in there if not name.endswith("|intervals")]
    single = [name for name in names if name != "ids"]
    known = {n for r in (rows or {}).values() for i in range(len(r)) for n in r.names(i)}
    if key or (len(there) - ("ids" in there) == 1 and single and single[0] not in known):
        whole = arrays.chosen(there, key, path) if key else there[single[0]]
        there = {"X": whole, **{name: there[name] for name in ("ids",) if name in there}}
    if {"values", "starts"} <= {*there} or "X" in there:
        return _from_packed(path, there, rows, transpose)
    rows = {"": Rows(path, {"id": names})} if rows is None else rows
    used: set[str] = set()

    def find(r: Rows, i: int) -> Found:
        name = next((n for n in r.names(i) if n in there), None)
        inside = None
        if name is None and {"dialogue", "start", "end"} <= set(r.columns) and \
                f"{r.columns['dialogue'][i]}|intervals" in there:
            name = r.columns["dialogue"][i]
            inside = (r.columns["start"][i], r.columns["end"][i])
        if name is None:
            return FeatureError("the file does not have it", where=path)
        used.add(name)
        try:
            x = arrays.as_sequence(there[name](), f"{path}, {name}", transpose=transpose)
            return x if inside is None else _during(x, there[f"{name}|intervals"](), inside)
        except FeatureError as error:
            return error

    found = {part: [find(r, i) for i in range(len(r))] for part, r in rows.items()}
    if not used:
        one = next(iter(rows.values()))
        raise FeatureError(f"none of its {len(names)} arrays belongs to an utterance", where=path, remedy=(
            f"They are called {', '.join(names[:3])[:80]}, the first utterance {one.label(0)}. A csd file of whole "
            "videos needs the columns dialogue, start and end (seconds)."))
    return found, [n for n in names if n not in used], rows


def _from_packed(path: Path, there: arrays.Arrays, rows: dict[str, Rows] | None, transpose: bool
                 ) -> tuple[dict[str, list[Found]], list[str], dict[str, Rows]]:
    """As `read`, of a file that is packed already: by its ids, or row i for row i."""
    x = there["X" if "X" in there else "values"]()
    if x.ndim not in (2, 3):
        raise FeatureError(f"the shape is {x.shape}", where=path, remedy="It must be (N, D) or (N, L, D).")
    x = x.T if transpose and x.ndim == 2 else x.swapaxes(1, 2) if transpose else x
    starts = np.arange(len(x) + 1) if "X" in there else there["starts"]()
    if starts.ndim != 1 or starts.dtype.kind not in "iu" or len(starts) < 2 or (np.diff(starts.astype(int)) < 0).any() \
            or (starts[0], starts[-1]) != (0, len(x)):
        raise FeatureError(f"starts do not rise from 0 to {len(x)}", where=path, remedy="Pack the sequences again.")
    sequences = [x[a:b] if x.ndim == 2 else _unpadded(x[a]) for a, b in pairwise(starts)]
    names = [str(n) for n in there["ids"]().ravel()] if "ids" in there else None
    if names is not None and len(set(names)) != len(sequences):
        raise FeatureError(f"it has {len(set(names))} different ids for {len(sequences)} rows", where=path,
                           remedy="Give every row an id of its own.")
    if rows is None:
        rows = {"": Rows(path, {"turn" if names is None else "id": names or [str(i) for i in range(len(sequences))]})}
    one = rows.get("")
    if one is None or (names is None and len(one) != len(sequences)):
        turned = " Is it transposed? --transpose (transpose=True)" if x.shape[-1] == len(one or ()) else ""
        raise FeatureError(f"it has {len(sequences)} rows, the table {sum(map(len, rows.values()))}", where=path,
                           remedy=f"Give the table that it belongs to, or a file with ids.{turned}")
    at = dict(zip(names or (), range(len(sequences)), strict=False))
    place = [next((at[n] for n in one.names(i) if n in at), None) if names else i for i in range(len(one))]
    if not any(p is not None for p in place):
        raise FeatureError("none of its ids belongs to an utterance", where=path, remedy=f"They are called {names[0]}, "
                           f"the first utterance {one.label(0)}." if names else "")
    used = set(place)
    found: list[Found] = [None if p is None else arrays.as_sequence(sequences[p], f"{path}, row {p}") for p in place]
    return {"": found}, [n for i, n in enumerate(names or ()) if i not in used], rows


def _unpadded(x: np.ndarray) -> np.ndarray:
    """(L, D) without the rows of zeros at its end."""
    there = np.flatnonzero((x != 0).any(-1))
    return x[:there[-1] + 1] if len(there) else x[:0]


def _during(x: np.ndarray, intervals: np.ndarray, span: tuple[str, str]) -> Found:
    """The frames whose middle lies between start and end, in seconds."""
    try:
        start, end = map(float, span)
    except ValueError:
        return FeatureError(f"start {span[0]!r:.20} or end {span[1]!r:.20} is not a number of seconds")
    if np.size(intervals) != 2 * len(x):
        return FeatureError("it does not have a start and an end for every frame")
    middle = np.asarray(intervals, np.float64).reshape(len(x), 2).mean(1)
    return x[(middle >= start) & (middle < end)]
