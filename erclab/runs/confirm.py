"""Confirmation of older records: a record whose numbers today's code reproduces gets today's id.

A configuration is everything that decides a run except the seed and the code. One seed of each configuration is trained
again. If its scores, curve and predictions equal those of the older record, all records of the configuration get the
digest of today's code and the id that follows from it. Other records stay unchanged.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed

import erclab
from erclab.core import paths
from erclab.core.errors import ErclabError, RunError, UsageError
from erclab.core.settings import from_dict
from erclab.core.storage import write_atomically
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.runs.code import code_digest
from erclab.runs.engine import execute
from erclab.runs.records import BESIDE, SCHEMA, Record, info_of, load
from erclab.runs.spec import RunSpec
from erclab.training.recipes import Recipe

TEXTS = (".json", ".csv", ".md", ".txt", ".yaml", ".yml")  # files in which a run's id is replaced


@dataclass(frozen=True)
class Group:
    """Older records of one configuration.

    Attributes:
        specs: the run of today's code for each record.
        records: the older records, one or more per seed.
        at: the index in both of the record that is trained again.
    """

    specs: tuple[RunSpec, ...]
    records: tuple[Record, ...]
    at: int = 0

    @property
    def title(self) -> str:
        """The configuration, for people."""
        seeds = ", ".join(str(spec.seed) for spec in self.specs)
        return f"{self.specs[0].title.rpartition(', ')[0]}, seed{'s' * (len(self.specs) > 1)} {seeds}"


@dataclass(frozen=True)
class Verdict:
    """The result for a group.

    Attributes:
        title: the configuration and its seeds.
        state: "confirmed", "differs", "left" (not compared), or "to train" (in a dry run).
        reason: the first difference, or why the records were not compared; the seed that was trained.
        older: the ids of the older records.
        renamed: older id -> today's id, of a confirmed group.
    """

    title: str
    state: str
    reason: str
    older: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)


def confirm(folder: Path, corpora: Callable[[Record], Iterable[Corpus]], *, model: str | None = None,
            corpus: str | None = None, scratch: Path | None = None, references: Sequence[Path] | None = None,
            tolerance: float = 0.0, jobs: int = 1, device: str | None = None, dry_run: bool = False,
            progress: bool = True) -> Iterator[Verdict]:
    """Compare the older records of a folder with today's code, and rename those that are reproduced.

    The function can be stopped and called again: runs that were trained are kept in `scratch`.

    Args:
        folder: of the records.
        corpora: gives the corpora that may belong to a record; the fingerprint decides which one does.
        model, corpus: only records of these names.
        scratch: where runs are trained; `build/confirm` by default.
        references: folders besides `folder` in whose text files the ids are replaced; the study's results by default.
        tolerance: the largest difference of a score, a loss or a prediction that counts as none.
        jobs: how many runs are trained at a time.
        device: as for `run`.
        dry_run: train nothing and rename nothing.
        progress: show the bars of the trainings; with one job only.

    Raises:
        RunError: a folder cannot be read or written.
        UsageError: fewer than one job, or a negative tolerance.
    """
    if jobs < 1 or not tolerance >= 0:
        raise UsageError(f"jobs {jobs} must be positive, tolerance {tolerance} not negative")
    scratch = scratch or paths.runs_dir().parent / "confirm"
    places = [folder, *(references if references is not None else [paths.results_dir()])]
    groups, left = _groups(_older(folder, model, corpus))
    yield from left
    waiting, renamed = groups, dict[str, str]()
    older = {record.id for group in groups for record in group.records}
    while waiting:
        todo, later = _ready(waiting, folder, older, renamed)
        if not todo:
            yield from (_left(group, f"its teacher {group.specs[0].teacher} is not confirmed") for group in later)
            return
        tasks, waiting = [], later
        for group in todo:
            group = _taught(group, renamed)
            found, why = _corpus_of(group, corpora)
            if found is None:
                yield _left(group, why)
            elif dry_run:
                yield Verdict(group.title, "to train", f"seed {group.specs[group.at].seed}", _ids(group))
                renamed |= dict(zip(_ids(group), (spec.id for spec in group.specs), strict=True))
            else:
                group = _cheapest(group, [folder, scratch])
                tasks.append((group, found))
        trained = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_train)(i, group, found, folder, scratch, device, progress and jobs == 1)
            for i, (group, found) in enumerate(tasks))
        for i, made, error in trained:
            group = tasks[i][0]
            if error:
                yield _left(group, error)
                continue
            verdict = _judge(group, Path(made), folder, places, tolerance)
            renamed |= verdict.renamed
            yield verdict


def _older(folder: Path, model: str | None, corpus: str | None) -> list[Record]:
    """The records of a folder that older code made; files that are no record are left out."""
    if not folder.is_dir():
        raise RunError("there is no such folder", where=folder, remedy="Name the folder of the records.")
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the warning that older code made it
                record = load(path)
            if record.older and model in (None, record.spec["model"]) and corpus in (None, record.spec["corpus"]):
                found.append(record)
        except (RunError, KeyError, TypeError, AttributeError):
            continue
    return found


def _groups(records: Iterable[Record]) -> tuple[list[Group], list[Verdict]]:
    """Records by their configuration, and those that today's code cannot train."""
    found: dict[str, list[tuple[RunSpec, Record]]] = {}
    left = []
    for record in records:
        try:
            spec = today(record)
        except (ErclabError, KeyError) as error:
            left.append(Verdict(f"{record.title} on {record.spec['corpus']}", "left", f"its settings are not today's: "
                                f"{error}", (record.id,)))
            continue
        # A record of the first schema lacks a protocol: each one is trained again, and the new record takes its place.
        single = f" {spec.seed}" if record.data["schema"] != SCHEMA else ""
        found.setdefault(dataclasses.replace(spec, seed=0).id + single, []).append((spec, record))
    groups = []
    for pairs in found.values():
        pairs.sort(key=lambda pair: pair[0].seed)
        groups.append(Group(tuple(spec for spec, _ in pairs), tuple(record for _, record in pairs)))
    return groups, left


def today(record: Record) -> RunSpec:
    """The run of today's code with the configuration and the seed of a record.

    Raises:
        UsageError: the settings or the recipe do not fit today's model.
        RunError: the class of the model is not at hand.
    """
    spec, info = record.spec, record.info
    config = from_dict(info.cls.Config, spec["settings"])
    return RunSpec(info.name, dataclasses.asdict(config), from_dict(Recipe, spec["recipe"]), spec["task"],
                   spec["corpus"], spec["fingerprint"], tuple(spec["modalities"]), spec["seed"],
                   version=spec["version"], code=code_digest(info), words=spec.get("words", ""),
                   teacher=spec.get("teacher", ""),
                   target=Task.from_dict(spec["target"]) if spec.get("target") else None)


def _ids(group: Group) -> tuple[str, ...]:
    return tuple(record.id for record in group.records)


def _left(group: Group, reason: str) -> Verdict:
    return Verdict(group.title, "left", reason, _ids(group))


def _ready(groups: Sequence[Group], folder: Path, older: set[str], renamed: Mapping[str, str]
           ) -> tuple[list[Group], list[Group]]:
    """The groups that can be trained now (without a teacher, or with a teacher that is a record of today's code), and
    the other groups."""
    def ready(group: Group) -> bool:
        teachers = {spec.teacher for spec in group.specs if spec.teacher}
        return all(t in renamed or (t not in older and (folder / f"{t}.json").exists()) for t in teachers)

    return [g for g in groups if ready(g)], [g for g in groups if not ready(g)]


def _taught(group: Group, renamed: Mapping[str, str]) -> Group:
    """The group with its teacher under today's id."""
    return dataclasses.replace(group, specs=tuple(
        dataclasses.replace(spec, teacher=renamed.get(spec.teacher, spec.teacher)) for spec in group.specs))


def _corpus_of(group: Group, corpora: Callable[[Record], Iterable[Corpus]]) -> tuple[Corpus | None, str]:
    """The corpus of a group, or why there is none."""
    record, spec = group.records[0], group.specs[0]
    try:
        offered = list(corpora(record))
    except ErclabError as error:
        return None, str(error)
    for corpus in offered:
        if corpus.fingerprint == spec.fingerprint:
            return corpus, ""
    return None, (f"the {spec.corpus} at hand has another content" if offered else f"{spec.corpus} is not at hand")


def _cheapest(group: Group, folders: Sequence[Path]) -> Group:
    """The group with a seed to compare that today's code has trained already, if there is one."""
    done = [i for i, spec in enumerate(group.specs) if any((f / f"{spec.id}.json").exists() for f in folders)]
    return dataclasses.replace(group, at=done[0]) if done else group


def _train(number: int, group: Group, corpus: Corpus, folder: Path, scratch: Path, device: str | None, progress: bool
           ) -> tuple[int, str, str]:
    """Train a group's run, with its teacher before it, with as many threads as the older record had.

    Returns:
        The number, the path of the record, and an error or "".
    """
    spec, record, threads = group.specs[group.at], group.records[group.at], torch.get_num_threads()
    if (folder / f"{spec.id}.json").exists():
        return number, str(folder / f"{spec.id}.json"), ""
    try:
        info_of(record.data, record.path)  # in a new process, the class must be imported first
        torch.set_num_threads(record.data["environment"]["threads"])
        if spec.teacher:  # the teacher's weights are needed, and committed records have no weights
            teacher = today(load(folder / f"{spec.teacher}.json"))
            if teacher.fingerprint != corpus.fingerprint:
                raise RunError("its teacher was trained on another corpus")
            execute(teacher, corpus, folder=scratch, progress=progress, device=device)
        return number, str(execute(spec, corpus, folder=scratch, progress=progress, device=device).path), ""
    except ErclabError as error:
        return number, "", str(error)
    finally:
        torch.set_num_threads(threads)


def _judge(group: Group, made: Path, folder: Path, places: Sequence[Path], tolerance: float) -> Verdict:
    """Compare a group with the run that was trained, and rename its records if the numbers are the same."""
    after, wanted = load(made), group.specs[group.at]
    seed = f"seed {wanted.seed}"
    for record, spec in zip(group.records, group.specs, strict=True):
        if spec.id == wanted.id and (found := first_difference(record, after, tolerance)):
            return Verdict(group.title, "differs", f"{seed}: {found}", _ids(group))
    renamed = {record.id: spec.id for record, spec in zip(group.records, group.specs, strict=True)}
    try:
        _rename(group, renamed, after, folder, places, tolerance)
    except OSError as error:
        raise RunError(f"records cannot be renamed: {error.strerror or error}", where=folder,
                       remedy="Make the folder writable and start again.") from error
    return Verdict(group.title, "confirmed", seed, _ids(group), renamed)


def _rename(group: Group, renamed: Mapping[str, str], trained: Record, folder: Path, places: Sequence[Path],
            tolerance: float) -> None:
    """Write the records under today's ids, replace the ids in references, then delete the older files. In this order, a
    second call finishes what a killed process has left."""
    for record, spec in zip(group.records, group.specs, strict=True):
        # After several confirmations, `older_code` is still the code that trained the record.
        code = record.data.get("confirmed", {}).get("older_code", record.spec["code"])
        _write(record, spec, trained, folder, {"seed": group.specs[group.at].seed, "by": trained.id, "older_code": code,
                                               "tolerance": tolerance, "erclab": erclab.__version__})
    _follow(renamed, places, {record.path for record in group.records})
    for record in group.records:
        for path in (record.path, *(record.path.with_suffix(f".{kind}.safetensors") for kind in BESIDE)):
            path.unlink(missing_ok=True)


def first_difference(before: Record, after: Record, tolerance: float = 0.0) -> str:
    """The first difference between a record and the same run trained again, as text; "" if there is none.

    The comparison covers what the older record has: the epochs, scores and confusion matrices of its protocols, its
    curve, and its predictions if their file exists.
    """
    for name in ("parameters", "protocols", "curve"):
        if found := _difference(before.data[name], after.data[name], name, tolerance):
            return found
    if before.path.with_suffix(".predictions.safetensors").exists():
        for protocol in before.data["protocols"]:
            for split in ("valid", "test"):
                x, y = (r.predictions(split, protocol).astype(np.float64) for r in (before, after))
                if x.shape != y.shape or not np.isclose(x, y, rtol=0, atol=tolerance, equal_nan=True).all():
                    return f"predictions of {protocol}, {split}: other numbers"
    return ""


def _difference(before: Any, after: Any, where: str, tolerance: float) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(f"{where}.{key}", value, after.get(key)) for key, value in before.items()
                 if not (key == "confusion" and tolerance)]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(f"{where}[{i}]", *pair) for i, pair in enumerate(zip(before, after, strict=True))]
    else:
        near = isinstance(before, float) and isinstance(after, float) and abs(before - after) <= tolerance
        same = near or (type(before) is type(after) and before == after)
        return "" if same else f"{where}: {_short(before)} before, {_short(after)} now"
    return next((found for name, x, y in pairs if (found := _difference(x, y, name, tolerance))), "")


def _short(value: Any) -> str:
    return f"{len(value)} entries" if isinstance(value, list | dict) else str(value)


def _write(record: Record, spec: RunSpec, trained: Record, folder: Path, note: Mapping[str, Any]) -> None:
    """Write a record under today's id, with the files beside it. An existing record of today's code is not
    overwritten."""
    path = folder / f"{spec.id}.json"
    if path.exists():
        return
    source = record if record.data["schema"] == SCHEMA else trained
    for kind in BESIDE:
        if record.path.with_suffix(f".{kind}.safetensors").exists():
            beside = source.path.with_suffix(f".{kind}.safetensors")
            if beside.exists():
                shutil.copy2(beside, path.with_suffix(f".{kind}.safetensors"))
    data = {**source.data, "id": spec.id, "spec": spec.as_dict(), "confirmed": dict(note)}
    finished = record.path.stat().st_mtime
    write_atomically(path, json.dumps(data, indent=1, allow_nan=False).encode())
    os.utime(path, (finished, finished))  # the list of runs shows when a record was made


def _follow(renamed: Mapping[str, str], places: Iterable[Path], apart: set[Path]) -> None:
    """Replace older ids by today's in all text files of the places."""
    older = re.compile("|".join(map(re.escape, renamed)))
    files = {path for place in places for path in place.rglob("*") if path.suffix in TEXTS and path.is_file()}
    new = set(renamed.values())
    for path in sorted(files - apart):
        if path.stem in new:
            continue
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        after = older.sub(lambda match: renamed[match[0]], text)
        if after != text:
            finished = path.stat().st_mtime
            write_atomically(path, after.encode("utf-8", errors="surrogateescape"))
            os.utime(path, (finished, finished))
