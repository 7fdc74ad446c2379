"""Results that are slow to compute, stored under the digest of their inputs.

Each request has one safetensors file with a checksum. A file that is damaged, truncated or of another request counts
as absent and is written again.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from erclab.core import paths
from erclab.core.errors import FeatureError
from erclab.core.storage import write_atomically

CHECKSUM = "sha256"  # the name of the checksum among the arrays of a file


def folder_for(kind: str, chosen: str | Path | None = None) -> Path:
    """The chosen folder; by default the folder of this kind ("text", "audio") in erclab's cache."""
    return Path(chosen) if chosen is not None else paths.cache_dir() / kind


def key(*parts: str | bytes) -> str:
    """The digest of the parts and their lengths, so that ("ab",) and ("a", "b") are different requests."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """The SHA-256 digest of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(folder: Path, request: str) -> dict[str, np.ndarray] | None:
    """The arrays stored for this key; None if there is no file or it is damaged."""
    try:
        stored = load((folder / f"{request}.safetensors").read_bytes())
        checksum = stored.pop(CHECKSUM)
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    arrays = {name: np.array(stored[name]) for name in stored}  # copies, because the arrays of `load` are read-only
    return arrays if checksum.tobytes() == _checksum(arrays) else None


def store(folder: Path, request: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the arrays for this key atomically.

    Raises:
        FeatureError: the folder cannot be written.
    """
    arrays = {name: np.ascontiguousarray(arrays[name]) for name in arrays}
    data = save({**arrays, CHECKSUM: np.frombuffer(_checksum(arrays), np.uint8)})
    with _writing(folder):
        write_atomically(folder / f"{request}.safetensors", data)


class Pieces:
    """Results of a long request that is not finished, stored one by one, so that a killed process loses little.

    Args:
        folder: where results are stored.
        request: the key of the request, and of whatever else decides its pieces.
    """

    def __init__(self, folder: Path, request: str):
        self.folder, self.request, self.known = folder, request, set[str]()

    def fetch(self, place: int) -> dict[str, np.ndarray] | None:
        """The piece that begins at this place; None if it is absent or damaged."""
        found = fetch(self.folder, self._key(place))
        if found is not None:
            self.known.add(self._key(place))
        return found

    def store(self, place: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Store the piece that begins at this place; errors as `store`."""
        store(self.folder, self._key(place), arrays)
        self.known.add(self._key(place))

    def remove(self) -> None:
        """Delete the pieces: the whole request is stored."""
        for name in self.known:
            (self.folder / f"{name}.safetensors").unlink(missing_ok=True)

    def _key(self, place: int) -> str:
        return key("piece", self.request, str(place))


def prepare(folder: Path) -> None:
    """Make the folder and write to it once, so that an error appears before minutes of work.

    Raises:
        FeatureError: the folder cannot be made or written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def _checksum(arrays: Mapping[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.digest()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FeatureError(f"the cache folder cannot be written ({error.strerror})", where=str(folder),
                           remedy="Give another one, or set ERCLAB_CACHE.") from None
