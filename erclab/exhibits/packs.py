"""Runs as the repository keeps them for its exhibits: what the exhibits read of them, and nothing else.

`data/results/exhibits/CORPUS-PROFILE/runs.zip` has of every run of the stored exhibits its record, byte for byte as it
was written, and what an exhibit read beside the record when it was kept (`erclab.runs.looks.noting`):

    pack.json                     exhibit -> its questions with the ids of their runs; and what it read of each run
    ID.json                       the record
    ID.predictions.safetensors    of a task of classes the predicted class of each utterance, (N,); numbers as they are
    ID.looks.safetensors          what analyses found inside the trained model: attention, students, changed inputs
    ID.weights.safetensors, ID.fitted.safetensors    whole, where an exhibit reads them itself

Weights, probabilities and other splits are left out. The file is unpacked into a folder of the cache, where its runs
are read as any others; what is left out is an error of one line.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from erclab.core import paths
from erclab.core.errors import RunError
from erclab.core.storage import BROKEN_ZIP, write_atomically, zipped
from erclab.core.storing import storing
from erclab.exhibits import store
from erclab.runs import Record, load, looks

FILE, INDEX, SCHEMA = "runs.zip", "pack.json", 1
PREDICTIONS, GUESSES = "predictions ", "guesses "  # begin the names of parts
WHOLE = ("weights", "fitted")  # parts that are kept as files


@dataclass
class KeptParts:
    """What is kept of a run.

    Attributes:
        record: the bytes of its JSON.
        predictions: "sound.test" -> (N,) classes or (N, K) numbers.
        looks: see `erclab.runs.looks`.
        files: part of `WHOLE` -> content.
    """

    record: bytes
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    looks: dict[str, looks.Look] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def numbers(self) -> Any:
        """What a training decides: two trainings of one run with equal numbers are the same run."""
        data = json.loads(self.record)
        return data["protocols"], data["curve"]

    def parts(self) -> set[str]:
        """The names of all that is kept beside the record."""
        return {*self.predictions, *self.looks, *self.files}

    def only(self, parts: set[str]) -> KeptParts:
        """The same without the other parts."""
        some = ({k: v for k, v in found.items() if k in parts} for found in (self.predictions, self.looks, self.files))
        return KeptParts(self.record, *some)

    def members(self, id: str) -> dict[str, bytes]:
        """Name -> content of its files."""
        made = {f"{id}.json": self.record}
        if self.predictions:
            made[f"{id}.predictions.safetensors"] = safetensors.numpy.save(
                {k: np.ascontiguousarray(self.predictions[k]) for k in sorted(self.predictions)})
        if self.looks:
            made[id + looks.SUFFIX] = looks.packed(self.looks)
        return made | {f"{id}.{kind}.safetensors": x for kind, x in self.files.items()}


@dataclass(frozen=True)
class Pack:
    """A file of kept runs; it need not exist."""

    path: Path

    def exhibits(self) -> dict[str, dict[str, Any]]:
        """Exhibit -> "runs": question -> ids of its runs; and "reads": id -> names of what it read of the run.

        Raises:
            RunError: the file is damaged.
        """
        folder = self.folder()
        if folder is None:
            return {}
        try:
            data = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']}, this erclab reads {SCHEMA}")
            return dict(data["exhibits"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from None

    def records(self, exhibit: str) -> dict[str, list[Record]] | None:
        """The runs of each question of an exhibit; None if the exhibit is not in the file.

        Raises:
            RunError: the file is damaged.
        """
        found, folder = self.exhibits().get(exhibit), self.folder()
        if found is None or folder is None:
            return None
        return {name: [load(folder / f"{id}.json") for id in ids] for name, ids in found["runs"].items()}

    def folder(self) -> Path | None:
        """The folder in the cache with the unpacked runs; None without the file.

        Raises:
            RunError: the file is damaged, or the cache cannot be written.
        """
        try:
            state = self.path.stat()
            target = paths.cache_dir() / "kept" / _digest(self.path, (state.st_mtime_ns, state.st_size))
            if target.is_dir():
                return target
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._damaged(error) from None
        part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file, storing(
                    "unpacked runs", part, "Free some space or set ERCLAB_CACHE to another folder.", RunError):
                part.mkdir(parents=True)
                for name in file.namelist():
                    if Path(name).name != name:
                        raise ValueError(f"a member is called {name!r}")
                    (part / name).write_bytes(file.read(name))
                if not target.is_dir():  # another process may have been faster
                    os.replace(part, target)
        except BROKEN_ZIP as error:
            raise self._damaged(error) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return target

    def _damaged(self, error: Exception) -> RunError:
        return RunError(f"the kept runs cannot be read ({type(error).__name__}: {error})", where=self.path,
                        remedy="Restore the file (git checkout).")

    def keep(self, new: Mapping[str, tuple[Mapping[str, Sequence[Record]], looks.Reads]]) -> None:
        """Keep the runs of exhibits, beside those that are kept; what no exhibit reads any more is dropped.

        Args:
            new: exhibit -> the runs of its questions, and what it read of them.

        Raises:
            RunError: another exhibit was kept with other numbers of the same run; or the file cannot be written.
        """
        there = {name: found for name, found in self.exhibits().items() if name not in new}
        kept = self._kept(there)
        for name, (groups, reads) in new.items():
            there[name] = {"runs": {question: [r.id for r in some] for question, some in groups.items()}, "reads": {}}
            for record in {r.id: r for some in groups.values() for r in some}.values():
                found, id = _taken(record, reads), record.id
                there[name]["reads"][id] = sorted(found.parts())
                before = kept.setdefault(id, found)
                if before.numbers() != found.numbers():
                    others = [e for e in there if e != name and any(id in ids for ids in there[e]["runs"].values())]
                    raise RunError(f"{', '.join(others)} was kept with other numbers of this run: it was trained twice",
                                   where=id, remedy="Name these exhibits as well, so that all have one training.")
                for part in ("predictions", "looks", "files"):
                    getattr(before, part).update(getattr(found, part))
        needed: dict[str, set[str]] = {}
        for found in there.values():
            for id, parts in found["reads"].items():
                needed.setdefault(id, set()).update(parts)
        members = {INDEX: json.dumps({"schema": SCHEMA, "exhibits": {name: there[name] for name in sorted(there)}},
                                     indent=0).encode()}
        for id in sorted(needed):
            members |= kept[id].only(needed[id]).members(id)
        with storing("kept runs", self.path, "Free some space.", RunError):
            write_atomically(self.path, zipped(members))

    def _kept(self, exhibits: Mapping[str, Mapping[str, Any]]) -> dict[str, KeptParts]:
        """The runs of these exhibits, read from the file."""
        folder, found = self.folder(), {}
        for id in {id for one in exhibits.values() for id in one["reads"]} if folder else ():
            there = {kind: path for kind in ("predictions", *WHOLE)
                     if (path := folder / f"{id}.{kind}.safetensors").exists()}
            predictions = there.pop("predictions", None)
            found[id] = KeptParts((folder / f"{id}.json").read_bytes(),
                             safetensors.numpy.load_file(predictions) if predictions else {},
                             dict(looks.load(folder / f"{id}{looks.SUFFIX}")),
                             {kind: path.read_bytes() for kind, path in there.items()})
        return found


@lru_cache
def _digest(path: Path, state: tuple[int, int]) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]


def stored_runs(exhibit: str, corpus: str, profile: str = "smoke") -> dict[str, list[Record]]:
    """The runs of each question of an exhibit that come with the repository; empty where none are kept.

    Args:
        exhibit: its id.
        corpus: the name of a corpus.

    Raises:
        RunError: the file is damaged.
    """
    return Pack(store.of_the_study(corpus, profile).folder / FILE).records(exhibit) or {}


def _taken(record: Record, reads: looks.Reads) -> KeptParts:
    """What is kept of a run, by what was read."""
    made = KeptParts(record.path.read_bytes(), looks=dict(reads.looks.get(record.id, {})))
    for part in sorted(reads.parts.get(record.id, ())):  # "guesses" before "predictions", which are the richer ones
        kind, _, which = part.partition(" ")
        protocol, _, split = which.partition(".")
        if part in WHOLE:
            made.files[part] = record.path.with_suffix(f".{part}.safetensors").read_bytes()
        else:
            x = (record.guesses if kind == GUESSES.strip() else record.predictions)(split, protocol)
            made.predictions[which] = x.astype(np.int16) if x.dtype.kind in "iu" else x
    return made


def first_there(id: str, folders: Iterable[Path | None]) -> Path | None:
    """The record of a run in the first folder that has it."""
    return next((path for folder in folders if folder and (path := folder / f"{id}.json").exists()), None)
