"""The arrays beside a table: which files, which keys, which rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError
from erclab.corpora.frames import Frames
from erclab.corpora.readers.arrays import npz, real
from erclab.corpora.vocabulary import MODALITIES

_LAYOUT = "It needs X: (N, D) or (N, L, D), or values and starts; write it with numpy.savez."


@dataclass(frozen=True)
class Source:
    """One array: its modality, its file and its key, "" for the usual key."""

    modality: str
    path: Path
    key: str


def sources(folder: Path, arrays: Mapping | None) -> list[Source]:
    """The arrays to load: those that the user names, or the files with the usual names."""
    if arrays is None:
        return [Source(m, folder / f"{m}.npz", "") for m in MODALITIES if (folder / f"{m}.npz").exists()]
    found = []
    for modality, specs in arrays.items():
        for spec in specs if isinstance(specs, list) else [specs]:
            file, key = spec if isinstance(spec, tuple) else (spec, "")
            if not key and ".npz:" in file:
                file, _, key = file.rpartition(":")
            found.append(Source(modality, folder / file, key))
    return found


def load_arrays(source: Source, rows: int, ids: list[str] | None, table: str) -> np.ndarray | Frames:
    """(N, D) float32 vectors, or frames, in the order of the table; vectors may hold NaN and infinite values.

    Raises:
        CorpusError: the file is broken or does not fit the table.
    """
    path, key = source.path, source.key
    if path.suffix == ".npy":
        data = {"X": _npy(path)}
        key = "X"
    elif key:
        data = npz(path, (key,), _LAYOUT, ("ids", "starts") if key == "values" else ("ids",))
    else:
        data = npz(path, (), _LAYOUT, ("X", "values", "starts", "ids"))
        key = "X" if "X" in data else "values"
    where = f"{path}, array '{key}'"
    if key not in data or (key == "values" and "starts" not in data):
        raise CorpusError("there is neither X nor values with starts", where=str(path), remedy=_LAYOUT)
    x = data[key]
    if key == "values" and "starts" in data:
        result = _packed(real(x, "(S, D)", where), data["starts"], path)
    elif x.ndim == 3:
        result = Frames.unpad(real(x, "(n, L, D)", where), "right")
    else:
        x = real(x, "(n, D)", where)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            result = x.astype(np.float32)
    order = _match(data["ids"], len(result), ids, path) if ids is not None and "ids" in data else None
    if order is not None:
        return result.take(order) if isinstance(result, Frames) else result[order]
    if len(result) != rows:
        raise CorpusError(f"it has {len(result)} rows", where=where,
                          remedy=f"{table} has {rows} utterances; give both ids, or one row per utterance.")
    return result


def _npy(path: Path) -> np.ndarray:
    try:
        value = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(value, np.ndarray):
            return value
        value.close()
        reason = "an npz archive"
    except FileNotFoundError:
        raise CorpusError("there is no such file", where=str(path), remedy="Write it with numpy.save.") from None
    except Exception as error:  # numpy raises several kinds for the ways a file can be broken
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
    raise CorpusError(f"this is not a readable npy file of numbers ({reason})", where=str(path),
                      remedy="Write it with numpy.save.")


def _packed(values: np.ndarray, starts: np.ndarray, path: Path) -> Frames:
    ok = starts.ndim == 1 and starts.dtype.kind in "iu" and len(starts) > 1
    starts = starts.astype(np.int64) if ok else starts
    if not ok or starts[0] != 0 or starts[-1] != len(values) or (np.diff(starts) < 0).any():
        raise CorpusError(f"these are not whole numbers that rise from 0 to {len(values)}",
                          where=f"{path}, array 'starts'",
                          remedy="Utterance i is values[starts[i]:starts[i + 1]], so there is one more than rows.")
    with np.errstate(over="ignore"):
        return Frames(values.astype(np.float32), starts)


def _match(names: np.ndarray, count: int, ids: list[str], path: Path) -> np.ndarray:
    """For each row of the table, the row of the array with the same id."""
    where = f"{path}, array 'ids'"
    if names.ndim != 1 or len(names) != count or names.dtype.kind not in "USiu":
        raise CorpusError(f"these are not {count} texts", where=where, remedy="Give one id per row of the array.")
    names = [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names.tolist()]
    at = {n: i for i, n in enumerate(names)}
    if len(at) < count:
        raise CorpusError("an id occurs twice", where=where, remedy="Give every row its own id.")
    absent = [i for i in ids if i not in at]
    if absent:
        raise CorpusError(f"there is no {absent[0][:80]!r}, nor {len(absent) - 1} others of the table", where=where,
                          remedy="Every utterance needs a row; where a modality is missing, one of zeros.")
    return np.array([at[i] for i in ids])
