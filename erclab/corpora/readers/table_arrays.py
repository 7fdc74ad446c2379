"""The arrays beside a table: which files, which keys, which rows."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError
from erclab.corpora.frames import Frames
from erclab.corpora.readers.arrays import npy, npz, real
from erclab.corpora.vocabulary import MODALITIES

_LAYOUT = ("It needs X: (N, D) or (N, L, D), or values and starts; write it with numpy.savez. Sequences of different "
           "lengths are packed by `erclab features pack`, in Python by Frames.pack.")
_ZEROS = "where an utterance lacks the modality, its row is zeros"
TAKEN = ("read are text, audio and visual as .npz or .npy; `erclab features pack FOLDER` makes an .npz of one file per "
         "utterance")


@dataclass(frozen=True)
class Source:
    """One array: its modality, its file and its key, "" for the usual key."""

    modality: str
    path: Path
    key: str


def sources(folder: Path, arrays: Mapping | None) -> list[Source]:
    """The arrays to load: those that the user names, or the files with the usual names, npz before npy."""
    if arrays is None:
        usual = {m: [p for end in ("npz", "npy") if (p := folder / f"{m}.{end}").is_file()] for m in MODALITIES}
        return [Source(m, paths[0], "") for m, paths in usual.items() if paths]
    found = []
    for modality, specs in arrays.items():
        for spec in specs if isinstance(specs, list) else [specs]:
            file, key = spec if isinstance(spec, tuple) else (spec, "")
            if not key and ".npz:" in file:
                file, _, key = file.rpartition(":")
            found.append(Source(modality, folder / file, key))
    return found


def load_arrays(source: Source, rows: int, ids: list[str] | None, table: str, notices: list[str]
                ) -> np.ndarray | Frames:
    """(N, D) float32 vectors, or frames, in the order of the table; vectors may hold NaN and infinite values.

    Args:
        ids: of the table's rows, None if it has no such column.
        notices: gets a line for what looks like a mistake.

    Raises:
        CorpusError: the file is broken or does not fit the table.
    """
    path, key = source.path, source.key
    if not key and path.suffix == ".npz" and (found := _by_id(path, ids, table, notices)) is not None:
        return found
    if path.suffix == ".npy":
        data = {"X": npy(path)}
        key = "X"
    elif key:
        data = npz(path, (key,), _LAYOUT, ("ids", "starts") if key == "values" else ("ids",))
    else:
        data = npz(path, (), _LAYOUT, ("X", "values", "starts", "ids"))
        key = "X" if "X" in data else "values"
    where = f"{path}, array '{key}'"
    if key not in data or (key == "values" and "starts" not in data):
        raise CorpusError(f"there is neither X nor values with starts{_has(path)}", where=str(path),
                          remedy=f"{_LAYOUT} Or one array per utterance under its id, which the table's column id has.")
    x = data[key]
    if key == "values" and "starts" in data:
        result = _packed(real(x, "(S, D)", where), data["starts"], path)
    elif x.ndim == 3:
        x = real(x, "(n, L, D)", where)
        result = Frames.unpad(x, "right")
        if x.shape[1] == 1:
            notices.append(f"{path.name}: array '{key}' has the shape {x.shape}: sequences of one step, which models "
                           "of utterance vectors do not read; for vectors save it as (N, D)")
        first, there = (x[:, 0] == 0).all(1), (x != 0).any((1, 2))
        if x.shape[1] > 1 and (first & there).sum() > there.sum() / 2:
            notices.append(f"{path.name}: most sequences begin with rows of zeros, which count as frames; padding is "
                           "expected at the end")
    else:
        x = real(x, "(n, D)", where)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            result = x.astype(np.float32)
    if "ids" in data:
        if ids is None:
            raise CorpusError(f"it has ids, but {table} has no column id to match them with", where=str(path),
                              remedy="Give the table that column (under another name: --columns id=NAME, in Python "
                                     "columns={'id': NAME}), or save the file without ids: then row i is row i.")
        order = match(data["ids"], len(result), ids, f"{path}, array 'ids'", table, notices)
        return result.take(order) if isinstance(result, Frames) else result[order]
    if len(result) != rows:
        turned = " Is it transposed?" if isinstance(result, np.ndarray) and result.shape[1] == rows else ""
        raise CorpusError(f"it has {len(result)} rows", where=where,
                          remedy=f"{table} has {rows} utterances; give one row per utterance ({_ZEROS}), or both ids "
                                 f"(an array ids in an npz, a column id in the table).{turned}")
    return result


def made_by(path: Path) -> str:
    """NAME@VERSION of what made a file of `erclab features`, such as the encoder and its commit; "" of other files."""
    if path.suffix != ".npz" or "made_by" not in _keys(path):
        return ""
    maker = str(npz(path, ("made_by",), _LAYOUT)["made_by"])[:400]
    return maker if "@" in maker and not maker.startswith("packed ") else ""


def _has(path: Path) -> str:
    """The names of the arrays of an npz archive, for a message."""
    names = sorted(_keys(path))
    return f"; it has {', '.join(names)[:120]}" if names else ""


def _keys(path: Path) -> set[str]:
    """The names of the arrays of an npz archive; none of what is no archive, which is refused elsewhere."""
    try:
        with zipfile.ZipFile(path) as file:
            return {name.removesuffix(".npy") for name in file.namelist()}
    except Exception:  # zipfile raises a dozen kinds for the ways an archive can be broken
        return set()


def _by_id(path: Path, ids: list[str] | None, table: str, notices: list[str]) -> np.ndarray | Frames | None:
    """One array per utterance under its id: (D,) vectors or (L, D) sequences; None if the archive is not like that."""
    keys = _keys(path)
    if not ids or keys & {"X", "values"} or 2 * len(keys & {*ids}) <= len(keys):
        return None
    order = match(np.array(sorted(keys)), len(keys), ids, str(path), table, notices)
    named = np.array(sorted(keys))[order]
    arrays = npz(path, list(named), _LAYOUT)
    axes = {arrays[name].ndim for name in named}
    shape = "(D)" if axes == {1} else "(L, D)"
    parts = [_one(arrays[name], shape, f"{path}, array {name[:80]!r}") for name in named]
    if len({part.shape[-1] for part in parts}) > 1:
        other = next(i for i, part in enumerate(parts) if part.shape[-1] != parts[0].shape[-1])
        raise CorpusError(f"the shapes are {parts[0].shape} and {parts[other].shape}",
                          where=f"{path}, arrays {named[0][:40]!r} and {named[other][:40]!r}",
                          remedy="All utterances need the same features.")
    with np.errstate(over="ignore"):
        return np.stack(parts).astype(np.float32) if axes == {1} else Frames.pack(parts)


def _one(x: np.ndarray, shape: str, where: str) -> np.ndarray:
    """The array of one utterance; a sequence may have no frames."""
    return x.astype(np.float32) if x.ndim == 2 and x.shape[0] == 0 < x.shape[1] and shape == "(L, D)" else real(
        x, shape, where)


def _packed(values: np.ndarray, starts: np.ndarray, path: Path) -> Frames:
    ok = starts.ndim == 1 and starts.dtype.kind in "iu" and len(starts) > 1
    starts = starts.astype(np.int64) if ok else starts
    if not ok or starts[0] != 0 or starts[-1] != len(values) or (np.diff(starts) < 0).any():
        raise CorpusError(f"these are not whole numbers that rise from 0 to {len(values)}",
                          where=f"{path}, array 'starts'",
                          remedy="Utterance i is values[starts[i]:starts[i + 1]], so there is one more than rows.")
    with np.errstate(over="ignore"):
        return Frames(values.astype(np.float32), starts)


def match(names: np.ndarray, count: int, ids: list[str], where: str, table: str, notices: list[str]) -> np.ndarray:
    """For each row of a table, the row of an array with the same id.

    Args:
        names: the ids of the array's rows, texts or whole numbers.
        count: how many rows it has.
        ids: of the table's rows.
        where: the array, for messages.
        table: its name, for messages.
        notices: gets a line if the array has rows that the table does not have.

    Raises:
        CorpusError: an id occurs twice, or the array lacks one of the table.
    """
    if len({*ids}) < len(ids):
        twice = next(name for name, n in Counter(ids).items() if n > 1)
        raise CorpusError(f"the id {twice[:80]!r} occurs twice in {table}", where=where,
                          remedy="Rows are matched by ids: give every utterance its own.")
    if names.ndim != 1 or len(names) != count or names.dtype.kind not in "USiu":
        raise CorpusError(f"these are not {count} texts", where=where, remedy="Give one id per row of the array.")
    names = [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names.tolist()]
    at = {n: i for i, n in enumerate(names)}
    if len(at) < count:
        raise CorpusError("an id occurs twice", where=where, remedy="Give every row its own id.")
    absent = [i for i in ids if i not in at]
    if absent:
        others = f", nor {len(absent) - 1:,} others of the table" if len(absent) > 1 else ", which the table has"
        raise CorpusError(f"there is no {absent[0][:80]!r}{others}", where=where,
                          remedy="Every utterance needs a row; where a modality is missing, one of zeros.")
    if more := len(at) - len(ids):
        notices.append(f"{where}: {more:,} of {count:,} rows belong to no utterance of {table} and are not read")
    return np.array([at[i] for i in ids])
