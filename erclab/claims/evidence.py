"""What is kept of a run for verdicts: enough to compute each score again under any draw of dialogues, and its origin.

One zip file per arm of the claims, `data/results/claims/CORPUS/ARM.zip`:

    about.json   a list by seed: the run's id, specification, environment, parameters; scores of both protocols; the
                 scores of both splits at each epoch; the settings that were tried for it (`tuning`, if it was tuned);
                 the claims that were registered when it was trained: id -> digest. Of a corpus that is cross-validated
                 the ids of all folds, the scores of all folds together, and of the first fold's run, which is one
                 training per seed as elsewhere, its primary modality and no scores
    NAME/S.npy   of a simulated corpus: what was predicted on the fresh dialogues (`guess`, (N,) or (N, K); of students
                 `students.text`, ...). Of a real corpus: `sum|PART`, the sums of each dialogue (`tallies.Tally`), and
                 no label or prediction of an utterance. Mechanisms: (D, ...) sums of each dialogue. The runs of the
                 list at the positions S, such as "0-1-2", are the last axis: runs of an arm agree on most utterances,
                 and their predictions side by side take a third less than one after the other.

Arrays are read without pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from erclab.analysis.tallies import Tally, tally
from erclab.claims.splits import Split
from erclab.core.errors import RunError
from erclab.core.storage import BROKEN_ZIP, write_atomically, zipped
from erclab.core.targets import Task

ABOUT, GUESS, SUM, PUBLISHED = "about.json", "guess", "sum|", "published|"
NOT_HERE = "not_here.json"  # the file of arms whose runs a corpus cannot have


@dataclass(frozen=True, eq=False)
class Kept:
    """The evidence of one run.

    Attributes:
        about: see the module.
        arrays: name -> array, see the module.
        split: the fresh dialogues; None of a real corpus.
    """

    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    split: Split | None = None

    @property
    def id(self) -> str:
        """The run's."""
        return self.about["id"]

    @property
    def seed(self) -> int:
        """The run's; of what has no seed 0."""
        return self.about["seed"]

    @property
    def fixed(self) -> bool:
        """Whether the predictions have no seed."""
        return self.about["fixed"]

    @cached_property
    def target(self) -> Task:
        """The task that the run predicts."""
        return Task.from_dict(self.about["target"])

    @cached_property
    def tally(self) -> Tally:
        """The sums of each dialogue."""
        return self.of_head(GUESS)

    def of_head(self, name: str) -> Tally:
        """The sums of each dialogue, of one of the run's predictions ("guess", "students.text", ...)."""
        if self.split is None:
            begin = SUM if name == GUESS else f"{name}|"
            return Tally(self.target, {key.removeprefix(begin): x.astype(np.float64) for key, x in self.arrays.items()
                                       if key.startswith(begin)}, self.fixed)
        return tally(self.target, self.split.truth[self.target.name], self.arrays[name], self.split.dialogue,
                     self.split.parts, fixed=self.fixed)

    @property
    def has_epochs(self) -> bool:
        """Whether one epoch of several was chosen: by validation ("sound"), and by the test split ("published")."""
        if self.split is None:
            return any(name.startswith(PUBLISHED) for name in self.arrays)
        return "published" in self.about["protocols"]

    def by_protocol(self, protocol: str) -> Tally:
        """Of a real corpus: the sums at the epoch that "sound" or "published" chooses; without epochs the same."""
        return self.of_head(PUBLISHED.rstrip("|")) if protocol == "published" and self.has_epochs else self.tally

    @property
    def heads(self) -> tuple[str, ...]:
        """The students whose predictions are kept."""
        return tuple(dict.fromkeys(key.partition("|")[0] for key in self.arrays if key.startswith("students.")))


@dataclass
class Shelf:
    """The evidence of one corpus: a folder with a file per arm.

    Attributes:
        folder: of the corpus.
        split: its fresh dialogues, of a simulated corpus.
    """

    folder: Path
    split: Split | None = None
    _read: dict[str, list[Kept]] = field(default_factory=dict)

    def arm(self, name: str) -> list[Kept]:
        """The evidence of an arm by seed; none if nothing was kept.

        Raises:
            RunError: the file is damaged.
        """
        if name not in self._read:
            self._read[name] = [replace(e, split=self.split) for e in read(self.path(name))]
        return self._read[name]

    def path(self, arm: str) -> Path:
        """The file of an arm."""
        return self.folder / f"{slug(arm)}.zip"

    def add(self, arm: str, *new: Kept) -> None:
        """Add the evidence of runs to an arm's file; what is there of a seed is replaced."""
        kept = {(e.seed, e.fixed): e for e in (*self.arm(arm), *new)}
        found = [kept[key] for key in sorted(kept)]
        write_arm(self.path(arm), arm, found)
        if arm in (why := self.not_here()):  # the corpus lacked something then, and has it now
            self._write_not_here({name: x for name, x in why.items() if name != arm})
        self._read[arm] = [replace(e, split=self.split) for e in found]

    def not_here(self) -> dict[str, str]:
        """Arm -> why the corpus cannot have its runs, for the arms that were tried.

        Raises:
            RunError: the file is damaged.
        """
        path = self.folder / NOT_HERE
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise RunError(f"not a list of arms ({error})", where=path,
                           remedy="Restore the file, or delete it and train again (erclab claims --train).") from None

    def note_not_here(self, arm: str, why: str) -> None:
        """Keep why the corpus cannot have the runs of an arm."""
        self._write_not_here({**self.not_here(), arm: why})

    def _write_not_here(self, why: Mapping[str, str]) -> None:
        write_atomically(self.folder / NOT_HERE, json.dumps(why, indent=1, sort_keys=True).encode() + b"\n")

    def arms(self) -> list[str]:
        """The arms that have a file, as they are called."""
        return sorted(_title(path) for path in self.folder.glob("*.zip"))


def digest_of(folder: Path, begin: str = "") -> str:
    """16 hex digits of the files of evidence in a folder, and of a text before them."""
    found = hashlib.sha256(begin.encode())
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".zip", ".npz")):
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def slug(arm: str) -> str:
    """An arm's name as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", arm.casefold()).strip("-")


def write_arm(path: Path, arm: str, found: Iterable[Kept]) -> None:
    """Write the evidence of an arm, or keep the file as it was if that fails.

    Raises:
        RunError: the folder cannot be written.
    """
    found = list(found)
    members = {"arm.txt": arm.encode(), ABOUT: json.dumps([e.about for e in found], sort_keys=True).encode()}
    alike: dict[tuple, list[int]] = {}
    for i, e in enumerate(found):
        for name, x in e.arrays.items():
            alike.setdefault((name, x.dtype.str, x.shape), []).append(i)
    for (name, *_), rows in sorted(alike.items()):
        data = io.BytesIO()
        side_by_side = np.stack([found[i].arrays[name] for i in rows], axis=-1)
        np.lib.format.write_array(data, np.ascontiguousarray(side_by_side), allow_pickle=False)
        members[f"{name}/{'-'.join(map(str, rows))}.npy"] = data.getvalue()
    try:
        write_atomically(path, zipped(members))
    except OSError as error:
        raise RunError(f"evidence cannot be kept: {error.strerror or error}", where=path,
                       remedy="Free space or choose another folder (--evidence).") from None


def read(path: Path) -> list[Kept]:
    """The evidence of an arm's file, by seed; none without the file.

    Raises:
        RunError: the file is damaged.
    """
    if not path.exists():
        return []
    try:
        with zipfile.ZipFile(path) as file:
            abouts = json.loads(file.read(ABOUT).decode("utf-8"))
            if not isinstance(abouts, list):
                raise ValueError(f"{ABOUT} is no list of runs")
            arrays: list[dict[str, np.ndarray]] = [{} for _ in abouts]
            for member in file.namelist():
                name, _, rows = member.removesuffix(".npy").rpartition("/")
                if name:
                    side_by_side = np.lib.format.read_array(io.BytesIO(file.read(member)), allow_pickle=False)
                    for row, x in zip(rows.split("-"), np.moveaxis(side_by_side, -1, 0), strict=True):
                        arrays[int(row)][name] = x.copy()
        return sorted(map(Kept, abouts, arrays), key=lambda e: (e.seed, e.fixed))
    except (OSError, IndexError, TypeError, *BROKEN_ZIP) as error:
        raise RunError(f"the evidence cannot be read ({type(error).__name__}: {error})", where=path,
                       remedy="Restore the file, or delete it and train again (erclab claims --train).") from None


def _title(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            return file.read("arm.txt").decode("utf-8")
    except (OSError, *BROKEN_ZIP) as error:
        raise RunError(f"the evidence cannot be read ({error})", where=path, remedy="Restore the file.") from None
