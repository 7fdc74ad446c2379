"""The canonical cache: a corpus of any source as a folder that opens at once.

A folder with `manifest.json` (version, fingerprint, size and sha256 of every other file), `table.json` (the
utterances by column, in UTF-8) and one `.npy` file per array, which `open` maps into memory instead of reading it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, UsageError
from erclab.core.targets import Task
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.vocabulary import ANNOTATIONS, MODALITIES
from erclab.features.cache import file_digest

VERSION = 1
MANIFEST = "manifest.json"
_KINDS = {"b": "bool", "i": "int64", "u": "int64", "f": "float64"}
_AGAIN = "Remove the folder and import the corpus again."


def save(corpus: Corpus, folder: Path) -> Path:
    """Write the corpus to a folder, replacing the cache that is there; readers see all of it or nothing.

    Raises:
        CorpusError: the folder is something else than a cache, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError("this is not a cache of ours, and it is not empty", where=str(folder),
                          remedy="Name a new folder; nothing was changed.")
    # Beside the target: a rename is atomic only within one file system.
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary, old = folder.with_name(f".{folder.name}.{token}.tmp"), folder.with_name(f".{folder.name}.{token}.old")
    try:
        temporary.mkdir(parents=True)
        _write(corpus, temporary)
        if folder.exists():
            os.replace(folder, old)
        os.replace(temporary, folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise CorpusError(f"the cache cannot be written ({error.strerror or error})", where=str(folder),
                          remedy="Check the permissions and the space that is left.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return folder


def open(folder: Path, verify: bool = True) -> Corpus:
    """The corpus that `save` wrote, with its arrays mapped from the files and read-only.

    Args:
        folder: where it is.
        verify: compare every file with its sha256; without, only the sizes.

    Raises:
        CorpusError: there is no cache, it is damaged, or another version of erclab wrote it.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    for name, expected in manifest["files"].items():
        _check(folder / name, expected, verify)
    try:
        table = _table(json.loads((folder / "table.json").read_text("utf-8")))
        vectors = {m: _array(folder / f"{m}.npy", manifest) for m in MODALITIES if f"{m}.npy" in manifest["files"]}
        frames = {}
        for m in MODALITIES:
            if (layout := manifest["frames"].get(m)) is not None:
                frames[m] = Frames(_array(folder / f"{m}.frames.npy", manifest),
                                   np.array(_array(folder / f"{m}.starts.npy", manifest)), rate=float(layout["rate"]),
                                   length=int(layout["length"]), side=str(layout["side"]))
        own = tuple(map(Task.from_dict, manifest.get("tasks", ())))
        names = dict.fromkeys([*ANNOTATIONS, *(t.name for t in own)])
        annotations = {t: _array(folder / _file(t), manifest) for t in names if _file(t) in manifest["files"]}
        corpus = Corpus(manifest["name"], table, tuple(manifest["labels"]), vectors, tuple(manifest["roles"]),
                        manifest["source"], manifest["encoders"], frames, annotations,
                        tuple(map(str, manifest.get("notices", ()))), own)  # caches of before have none
    except CorpusError:
        raise
    except (UsageError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise CorpusError(f"the cache is damaged ({reason})", where=str(folder), remedy=_AGAIN) from None
    if verify and corpus.fingerprint != manifest["fingerprint"]:
        raise CorpusError("the corpus is not the one that was saved: its fingerprint differs", where=str(folder),
                          remedy=_AGAIN)
    return corpus


def _write(corpus: Corpus, folder: Path) -> None:
    arrays = {f"{m}.npy": x for m, x in corpus.vectors.items()} | {_file(t): x for t, x in corpus.annotations.items()}
    for m, f in corpus.frames.items():
        arrays |= {f"{m}.frames.npy": f.values, f"{m}.starts.npy": np.asarray(f.starts, dtype=np.int64)}
    for name, x in arrays.items():
        np.save(folder / name, np.ascontiguousarray(x), allow_pickle=False)
    columns = [_column(name, corpus.table[name]) for name in corpus.table.columns]
    (folder / "table.json").write_text(json.dumps(columns, ensure_ascii=False), "utf-8")
    manifest = {
        "version": VERSION, "name": corpus.name, "fingerprint": corpus.fingerprint, "utterances": len(corpus),
        "labels": corpus.labels, "roles": corpus.roles, "source": corpus.source, "encoders": dict(corpus.encoders),
        "notices": corpus.notices, **({"tasks": [t.as_dict() for t in corpus.own_tasks]} if corpus.own_tasks else {}),
        "frames": {m: {"rate": float(f.rate), "length": int(f.length), "side": f.side}
                   for m, f in corpus.frames.items()},
        "files": {name: {"bytes": (folder / name).stat().st_size, "sha256": file_digest(folder / name)}
                  for name in sorted([*arrays, "table.json"])},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _column(name: str, values: pd.Series) -> dict:
    kind = _KINDS.get(values.dtype.kind, "text")
    # Missing values of text columns are null; NaN of numbers is "NaN", which Python's json reads.
    cells = values.tolist() if kind != "text" else [v if isinstance(v, str) else None if pd.isna(v) else str(v)
                                                    for v in values.tolist()]
    return {"name": name, "type": kind, "values": cells}


def _table(columns: list[dict]) -> pd.DataFrame:
    return pd.DataFrame({c["name"]: pd.Series(c["values"]) if c["type"] == "text" else
                         np.array(c["values"], dtype={"bool": bool}.get(c["type"], c["type"])) for c in columns})


def _manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        version = manifest["version"]
    except (FileNotFoundError, NotADirectoryError):
        raise CorpusError("there is no cache of a corpus", where=str(folder),
                          remedy="Give the folder that `erclab corpora import` wrote.") from None
    except OSError as error:
        raise CorpusError(f"the file cannot be read ({error.strerror})", where=str(path), remedy="Check it.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CorpusError("this is not a manifest of ours", where=str(path), remedy=_AGAIN) from None
    if version != VERSION:
        raise CorpusError(f"the cache has version {str(version)[:20]}, this erclab reads {VERSION}", where=str(path),
                          remedy=_AGAIN)
    files = manifest.get("files")
    known = {f"{m}{end}" for m in MODALITIES for end in (".npy", ".frames.npy", ".starts.npy")}
    own = manifest.get("tasks", [])
    names = [t.get("name") for t in own if isinstance(t, dict)] if isinstance(own, list) else []
    known |= {_file(t) for t in ANNOTATIONS} | {"table.json"}
    known |= {_file(t) for t in names if isinstance(t, str) and t.isidentifier()}
    keys = ("name", "fingerprint", "labels", "roles", "source", "encoders", "frames")
    # Only names that we give: a manifest cannot point anywhere else.
    ours = isinstance(files, dict) and {"table.json"} <= files.keys() <= known
    if not ours or any(k not in manifest for k in keys):
        raise CorpusError("this is not a manifest of ours", where=str(path), remedy=_AGAIN)
    return manifest


def _file(task: str) -> str:
    """The file of a task's annotations. An own task may be called "text", as a modality's vectors are."""
    return f"{task}.npy" if task in ANNOTATIONS else f"task.{task}.npy"


def _check(path: Path, expected: object, verify: bool) -> None:
    try:
        size, digest = expected["bytes"], expected["sha256"]
        if path.stat().st_size != size or (verify and file_digest(path) != digest):
            raise CorpusError("the file is not the one that was saved", where=str(path), remedy=_AGAIN)
    except OSError:
        raise CorpusError("the file is missing or cannot be read", where=str(path), remedy=_AGAIN) from None
    except (KeyError, TypeError):
        raise CorpusError("this is not a manifest of ours", where=str(path.with_name(MANIFEST)),
                          remedy=_AGAIN) from None


def _array(path: Path, manifest: dict) -> np.ndarray:
    if path.name not in manifest["files"]:
        raise KeyError(f"no {path.name}")
    # Not `np.load`, which also opens archives and, with an option, pickles; this maps an npy file of numbers only.
    return np.asarray(np.lib.format.open_memmap(path, mode="r"))
