"""Arrays as extractors save them: npy, npz, torch's pt, MATLAB's mat, csv, and the h5 files of the CMU SDK (csd).

Nothing is ever unpickled: what holds Python objects is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from erclab.core.downloads import HEAD, accident, damaged
from erclab.core.errors import FeatureError
from erclab.features import visual

H5 = (".csd", ".h5", ".hdf5")
SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".mat", ".csv", *H5)
USUAL = ("features", "feature", "feat", "feats", "X", "x", "values", "data", "arr_0", "embeddings", "embedding")
_KINDS = {".npy": "npy", ".npz": "npz", ".pt": "torch", ".pth": "torch", ".mat": "mat", ".csv": "csv",
          **dict.fromkeys(H5, "h5")}  # keys of `erclab.core.downloads.KINDS`
AGAIN = "Save it again with numpy.save."

Arrays = Mapping[str, Callable[[], np.ndarray]]  # the name of an array in a file -> how to read it
Found = np.ndarray | FeatureError | None  # of one utterance: (L, D) float32, why there is nothing, or no file


def sequence(path: str | Path, key: str = "", *, transpose: bool = False) -> np.ndarray:
    """The features of one utterance from a file of its own: (L, D) float32; a vector is a single row.

    Args:
        path: the file.
        key: the name of the array, where the file holds several and none has a usual name (`USUAL`).
        transpose: the array is (D, L).

    Raises:
        FeatureError: the file cannot be read, holds no such array, or no real numbers of this shape.
    """
    path = Path(path)
    return as_sequence(chosen(contents(path), key, path)(), str(path), transpose=transpose)


def contents(path: Path) -> Arrays:
    """The arrays in a file by their names; "" in a file that holds a single one.

    In a csd file, and in an h5 file with the groups NAME/data/VIDEO, the names are the videos, and "VIDEO|intervals"
    has the start and end of each frame in seconds.

    Raises:
        FeatureError: the file cannot be read.
    """
    kinds = {".npy": _npy, ".npz": _npz, ".pt": _pt, ".pth": _pt, ".mat": _mat, ".csv": _csv,
             **dict.fromkeys(H5, _h5)}
    if path.suffix.lower() not in kinds:
        raise FeatureError(f"files that end with '{path.suffix}' cannot be read", where=path,
                           remedy=f"Give one of {', '.join(SUFFIXES)}.")

    def opened() -> Arrays:
        if not path.stat().st_size:
            raise FeatureError("the file is empty", where=path, remedy="Make it again.")
        return kinds[path.suffix.lower()](path)

    # An archive may open and be broken further inside.
    return {name: partial(_guarded, path, read) for name, read in _guarded(path, opened).items()}


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    """What a function reads, with errors of one line."""
    try:
        return read()
    except FeatureError:
        raise
    except OSError as error:
        if error.strerror is None:  # h5py's, for a broken file
            raise _broken(path, error) from None
        raise FeatureError(f"the file cannot be read ({error.strerror})", where=path,
                           remedy="Check the path and its permissions.") from None
    except Exception as error:  # numpy, torch, scipy and h5py raise many kinds for the ways a file can be broken
        raise _broken(path, error) from None


def as_sequence(value: Any, where: str, *, transpose: bool = False) -> np.ndarray:
    """An array as (L, D) float32: a vector becomes a row, further axes of length 1 are dropped.

    Raises:
        FeatureError: it has no real numbers, no features, or another shape.
    """
    try:
        x = np.asarray(value)
    except ValueError:
        raise FeatureError("the rows differ in length", where=where, remedy="Give an array (L, D).") from None
    if x.dtype.kind not in "fiub":
        raise FeatureError(f"the values are of type {x.dtype}, not real numbers", where=where, remedy=AGAIN)
    while x.ndim > 2 and 1 in x.shape:
        x = np.squeeze(x, axis=x.shape.index(1))
    x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or (x.T if transpose else x).shape[1] == 0:
        raise FeatureError(f"the shape is {np.shape(value)}", where=where, remedy="It must be (D,) or (L, D).")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is left out later
        return np.ascontiguousarray(x.T if transpose else x, dtype=np.float32)


def chosen(arrays: Arrays, key: str, path: Path) -> Callable[[], np.ndarray]:
    """The array with this name, or the only one, or the one with a usual name.

    Raises:
        FeatureError: there is no such array, or several without a usual name.
    """
    plain = {name: read for name, read in arrays.items() if not name.endswith("|intervals")}
    if key and key in plain:
        return plain[key]
    if not key and len(plain) == 1:
        return next(iter(plain.values()))
    usual = [] if key else [name for name in USUAL if name in plain]
    if usual:
        return plain[usual[0]]
    known = ", ".join(map(repr, plain))[:120] or "none"
    raise FeatureError(f"there is no array '{key}'" if key else f"it holds {len(plain)} arrays", where=path,
                       remedy=f"It has {known}; name one: --key NAME (key='NAME').")


def _npy(path: Path) -> Arrays:
    x = _loaded(path, lambda: np.load(path, allow_pickle=False))
    if not isinstance(x, np.ndarray):
        x.close()
        raise FeatureError("this is an npz archive", where=path, remedy="Call it .npz.")
    return {"": lambda: x}


def _npz(path: Path) -> Arrays:
    file = _loaded(path, lambda: np.load(path, allow_pickle=False))
    if isinstance(file, np.ndarray):
        return {"": lambda: file}
    with file:
        names = list(file.files)

    def read(name: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as again:
            return _loaded(path, lambda: again[name])

    return {name: lambda name=name: read(name) for name in names}  # type: ignore[misc]


def _loaded(path: Path, load: Callable[[], Any]) -> Any:
    """What numpy loads; it advises to unpickle objects, which this project does not."""
    try:
        return load()
    except ValueError as error:
        start = path.read_bytes()[:8]
        if start.startswith(b"\x89HDF"):
            raise FeatureError("this is an h5 file", where=path, remedy="Call it .h5 (.csd: CMU SDK).") from None
        if "pickle" not in str(error):
            raise
        with path.open("rb") as file:
            found = accident(file.read(HEAD), _KINDS.get(path.suffix.lower(), "npy"))
        if found and not start.startswith(b"\x80"):
            raise FeatureError(found[0], where=path, remedy=found[1]) from None
        what = "Python objects (perhaps a list of arrays)" if start.startswith((b"\x93NUMPY", b"PK")) else "no array"
        raise FeatureError(f"it holds {what}", where=path, remedy="Such files are not opened, because they may run "
                           "code. Save each utterance by itself, numpy.save(f'{id}.npy', array), or the list by "
                           "erclab.features.pack(arrays).save(FILE).") from None


def _pt(path: Path) -> Arrays:
    import torch

    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # pickle's own kinds, RuntimeError, zip errors
        with path.open("rb") as file:
            other = accident(file.read(HEAD), "torch")
        if other:
            raise FeatureError(other[0], where=path, remedy=other[1]) from None
        # The error of torch advises to load it unsafely.
        raise FeatureError("it holds more than tensors, or is broken", where=path, remedy="Files that could run code "
                           "are not opened. Save the tensor alone: torch.save(tensor, FILE).") from None

    def flat(value: Any, name: str) -> dict[str, np.ndarray]:
        if isinstance(value, torch.Tensor):
            return {name: value.detach().float().numpy() if value.is_floating_point() else value.numpy()}
        if isinstance(value, np.ndarray):
            return {name: value}
        several = isinstance(value, list | tuple)
        items = value.items() if isinstance(value, dict) else enumerate(value) if several else ()
        return {k: v for inner, x in items for k, v in flat(x, f"{name}/{inner}" if name else str(inner)).items()}

    found = flat(value, "")
    if not found:
        raise FeatureError(f"it holds a {type(value).__name__}, not a tensor", where=path,
                           remedy="Save the tensor: torch.save(tensor, FILE).")
    return {name: lambda x=x: x for name, x in found.items()}  # type: ignore[misc]


def _mat(path: Path) -> Arrays:
    with path.open("rb") as file:
        start = file.read(520)
    if b"\x89HDF" in start:  # MATLAB 7.3 writes h5, with the axes in the other order
        return {name: lambda read=read: read().T for name, read in _h5(path).items()}  # type: ignore[misc]
    from scipy.io import loadmat

    found = {name: x for name, x in loadmat(path).items() if not name.startswith("__") and isinstance(x, np.ndarray)
             and x.dtype.kind in "fiub"}
    if not found:
        raise FeatureError("it holds no array of numbers", where=path, remedy="Save the matrix itself, not a struct.")
    return {name: lambda x=x: x for name, x in found.items()}  # type: ignore[misc]


def _csv(path: Path) -> Arrays:
    return {"": lambda: visual.read_table(path)}


def _h5(path: Path) -> Arrays:
    try:
        import h5py
    except ImportError:
        raise FeatureError(f"{path.suffix} files need the package h5py", where=path,
                           remedy='Run: pip install "erclab[h5]"') from None
    names: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)

    def read(name: str) -> np.ndarray:
        with h5py.File(path, "r") as file:
            return file[name][()]

    found = {}
    for name in names:
        root, _, rest = name.partition("/data/")  # NAME/data/VIDEO/features of the CMU SDK
        ours = name
        if rest and "/" not in root:
            video, _, kind = rest.rpartition("/")
            ours = {"features": video, "intervals": f"{video}|intervals"}.get(kind, name)
        elif "/metadata/" in name:
            continue
        found[ours] = lambda name=name: read(name)
    return found


def _broken(path: Path, error: Exception) -> FeatureError:
    reason = damaged(path, _KINDS.get(path.suffix.lower(), "npy"), error)
    return FeatureError(f"the file is broken or not of its kind ({reason})", where=path, remedy="Make it again.")
