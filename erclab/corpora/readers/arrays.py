"""Shared by readers of arrays: find the file, check its content, arrange clips as dialogues."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from erclab.core.downloads import damaged
from erclab.core.errors import CorpusError
from erclab.corpora import missing
from erclab.corpora.vocabulary import SPLITS, UNLABELLED

_ARCHIVES = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst")
LARGEST = 8 << 30  # bytes of one array; a small file can declare more than any machine holds


def find(path: Path, names: Sequence[str]) -> Path:
    """The file `path`, or the one file in the folder `path` that has one of these names.

    Raises:
        CorpusError: there is none, or more than one.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise CorpusError("there is no such file or folder", where=str(path),
                          remedy=f"Give the path of {' or '.join(names)}, or the folder that holds it.")
    there = [name for name in names if (path / name).is_file()]
    if not there:
        near = [p.name for p in sorted(path.iterdir()) if p.is_file() and (
            p.suffix.lower() in _ARCHIVES or re.sub(r" ?\([0-9]+\)", "", p.name).lower() in [n.lower() for n in names])]
        hint = f" It holds {', '.join(near[:4])}: unpack or rename it." if near else ""
        raise CorpusError("the folder lacks the file", where=str(path),
                          remedy=f"It must hold {' or '.join(names)}.{hint}")
    if len(there) > 1:
        raise CorpusError(f"the folder holds {' and '.join(there)}", where=str(path),
                          remedy="Give the path of the one that you mean.")
    return path / there[0]


def real(value: object, shape: str, where: str, rows: int | None = None) -> np.ndarray:
    """The value as an array of real numbers of as many axes as `shape` names, such as "(n, L, D)", none empty.

    Args:
        value: what a file holds.
        shape: the layout, for the message; each name is an axis, a number is its exact length.
        where: the file and the place in it.
        rows: the length that the first axis must have.

    Raises:
        CorpusError: it is something else.
    """
    axes = shape.strip("()").replace(" ", "").split(",")
    axes = [a for a in axes if a]
    remedy = f"It must be an array of real numbers of the shape {shape}" + (
        f" with n = {rows}." if rows is not None else ".")
    if not isinstance(value, np.ndarray):
        try:
            value = np.array(value)
        except ValueError:  # rows of different lengths
            raise CorpusError("the rows differ in length", where=where, remedy=remedy) from None
    value = missing.numbers(value)
    if value.dtype.kind not in "fiub":
        raise CorpusError(f"the values are of type {value.dtype}, not real numbers", where=where, remedy=remedy)
    wrong = value.ndim != len(axes) or 0 in value.shape or (rows is not None and len(value) != rows)
    if wrong or any(a.isdigit() and int(a) != n for a, n in zip(axes, value.shape, strict=True)):
        raise CorpusError(f"the shape is {value.shape}", where=where, remedy=remedy)
    return value


def without_infinite(values: np.ndarray) -> tuple[np.ndarray, int]:
    """The values with 0 instead of infinite and NaN ones (in place if writeable), and the number of replaced values."""
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if count:
        values = values if values.flags.writeable else values.copy()
        values[bad] = 0
    return values, count


def parts(value: object, where: str, needed: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The parts train, valid and test of a dict of dicts, each with at least the keys `needed`.

    Raises:
        CorpusError: a part or key is absent, or it is no dict.
    """
    remedy = f"It must be a dict of {', '.join(SPLITS)}, each a dict of {', '.join(needed)}."
    if not isinstance(value, dict):
        raise CorpusError(f"the file holds a {type(value).__name__}, not a dict", where=where, remedy=remedy)
    for split in SPLITS:
        if split not in value:
            raise CorpusError(f"there is no part '{split}'", where=where, remedy=remedy)
        if not isinstance(value[split], dict):
            raise CorpusError(f"the part is a {type(value[split]).__name__}, not a dict", where=f"{where}, {split}",
                              remedy=remedy)
        absent = [k for k in needed if k not in value[split]]
        if absent:
            raise CorpusError(f"there is no {', '.join(absent)}", where=f"{where}, {split}", remedy=remedy)
    return {split: value[split] for split in SPLITS}


def same_layout(shapes: Sequence[tuple[int, ...]], where: str) -> None:
    """Refuse parts of a corpus whose arrays differ in more than their number of samples."""
    if len({shape[1:] for shape in shapes}) > 1:
        raise CorpusError(f"the parts have the shapes {', '.join(map(str, shapes))}", where=where,
                          remedy="All parts need the same features and the same number of steps.")


def words(value: object, where: str, rows: int) -> list[str]:
    """A list or array of texts, which may be bytes in UTF-8.

    Raises:
        CorpusError: another number of them, or something that is no text.
    """
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, list | tuple) or len(value) != rows:
        raise CorpusError("this is not one text per sample", where=where, remedy=f"It must be a list of {rows} texts.")
    texts = []
    for i, text in enumerate(value):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        if not isinstance(text, str):
            raise CorpusError(f"this is a {type(text).__name__}, not a text", where=f"{where}, sample {i}",
                              remedy=f"It must be a list of {rows} texts.")
        texts.append(text)
    return texts


def clips(table: pd.DataFrame, where: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Samples as the turns of their videos: the table of a corpus, and the order of the rows in it.

    Args:
        table: `split`, `video`, `clip` (a number, or a text such as "12"), and columns to keep.
        where: the file, for messages.

    Raises:
        CorpusError: a clip occurs twice, or a video is in two parts.
    """
    twice = table.duplicated(["video", "clip"])
    if twice.any():
        row = table[twice].iloc[0]
        raise CorpusError(f"clip {row['clip']} of video {row['video']!r} occurs twice",
                          where=f"{where}, {row['split']}", remedy="Remove one of the two; an id names one sample.")
    spread = table.groupby("video")["split"].nunique()
    if (spread > 1).any():
        raise CorpusError(f"video {spread.index[spread > 1][0]!r} is in more than one of {', '.join(SPLITS)}",
                          where=where, remedy="Put all clips of a video into one part.")
    number = pd.to_numeric(table["clip"], errors="coerce").fillna(np.inf)
    video = pd.Series(pd.factorize(table["video"])[0])
    order = np.lexsort([number, video, table["split"].map(SPLITS.index)])
    table = table.iloc[order].rename(columns={"video": "dialogue"}).reset_index(drop=True)
    turn = table.groupby("dialogue").cumcount()
    return table.assign(turn=turn.astype("int64"), label=UNLABELLED, speaker="speaker"), order


def single(split: str, count: int) -> pd.DataFrame:
    """The table for samples that belong to no conversation: each its own dialogue "train-12" of one turn."""
    return pd.DataFrame({"split": split, "dialogue": [f"{split}-{i}" for i in range(count)], "turn": 0,
                         "speaker": "speaker", "text": "", "label": UNLABELLED})


def video_and_clip(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Ids such as "03bSnISJMiM_12" taken apart, if all end in a number like that; otherwise the clip is ""."""
    found = [re.fullmatch(r"(.+)_([0-9]{1,9})", i) for i in ids]
    return [m.groups() for m in found] if all(found) else [(i, "") for i in ids]


def npz(path: Path, keys: Sequence[str], layout: str, optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """These arrays of an npz archive; nothing in it is ever unpickled.

    Raises:
        CorpusError: it cannot be read, lacks one, or one declares more than `LARGEST` bytes.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise CorpusError("this is one array, not an npz archive", where=str(path), remedy=layout)
            if absent := [k for k in keys if k not in file]:
                raise CorpusError(f"there is no array {', '.join(absent)}; it has {', '.join(file.files)[:120]}",
                                  where=str(path), remedy=layout)
            large = [i.filename for i in file.zip.infolist() if i.file_size > LARGEST]
            if large:
                raise CorpusError(f"{large[0][:80]} has more than {LARGEST} bytes", where=str(path), remedy=layout)
            return {k: np.asarray(file[k]) for k in [*keys, *(o for o in optional if o in file)]}
    except CorpusError:
        raise
    except FileNotFoundError:
        raise CorpusError("there is no such file", where=str(path), remedy=layout) from None
    except Exception as error:  # numpy and zipfile raise a dozen kinds for the ways a file can be broken
        raise CorpusError(f"this is not a readable npz file of plain arrays ({damaged(path, 'npz', error)})",
                          where=str(path), remedy=layout) from None


def npy(path: Path, layout: str = "Write it with numpy.save.") -> np.ndarray:
    """The array of an npy file, mapped into memory; nothing in it is ever unpickled.

    Raises:
        CorpusError: it cannot be read, or is no npy file of numbers or texts.
    """
    try:
        # An array of no elements cannot be mapped; small files are read as fast.
        value = np.load(path, allow_pickle=False, mmap_mode="r" if path.stat().st_size > 1 << 20 else None)
        if isinstance(value, np.ndarray):
            return value
        value.close()
        reason = damaged(path, "npy", ValueError())
    except FileNotFoundError:
        raise CorpusError("there is no such file", where=str(path), remedy=layout) from None
    except Exception as error:  # numpy raises several kinds for the ways a file can be broken
        reason = damaged(path, "npy", error)
    raise CorpusError(f"this is not a readable npy file of numbers ({reason})", where=str(path), remedy=layout)


def h5(path: Path, read: Callable[[Any], Any], remedy: str) -> Any:
    """What `read` takes from an open h5 file.

    Raises:
        CorpusError: h5py is not installed, or the file is absent, is something else, or is broken. Errors of `read`
            of this kind pass.
    """
    if not path.is_file():
        raise CorpusError("this is a folder, not an h5 file" if path.is_dir() else "there is no such file",
                          where=str(path), remedy=remedy)
    try:
        import h5py
    except ImportError:
        raise CorpusError("reading h5 files needs h5py", where=str(path),
                          remedy='Install it: pip install "erclab[h5]".') from None
    try:
        with h5py.File(path, "r") as file:
            return read(file)
    except CorpusError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ValueError and more
        raise CorpusError(f"this is not a readable h5 file ({damaged(path, 'h5', error)})", where=str(path),
                          remedy=remedy) from None
