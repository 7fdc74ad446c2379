"""What lies beside the files of a corpus and is not read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from erclab.core.errors import some

MOST = 8  # names in one notice
_ARRAYS = (".npy", ".npz", ".pt", ".pth", ".csd", ".h5", ".hdf5", ".mat", ".pkl", ".pickle", ".joblib", ".safetensors")
_TABLES = ("", ".csv", ".tsv", ".txt", ".arff", ".parquet", ".json", ".jsonl", ".xlsx", ".zip", ".tar", ".gz")
_NAMES = ("text", "audio", "visual", "video", "vision", "face", "speech", "acoustic", "bert", "roberta")


def unread(folder: Path, used: Iterable[Path], taken: str) -> list[str]:
    """A notice about files and folders that look like features and were not read; none without such.

    Args:
        folder: where to look. Its folders are not opened.
        used: what was read.
        taken: which files the reader takes, for the remedy.
    """
    known = {path.name for path in used}
    try:
        there = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError:
        return []
    names = [f"{path.name}/" if path.is_dir() else path.name for path in there
             if path.name not in known and not path.name.startswith(".") and _is_data(path)]
    if not names:
        return []
    return [f"not read, though beside the corpus: {some(names, MOST)} ({taken})"]


def _is_data(path: Path) -> bool:
    if path.is_dir():
        return path.name.lower().startswith(_NAMES)
    kind = path.suffix.lower()
    return kind in _ARRAYS or (kind in _TABLES and path.name.lower().startswith(_NAMES))
