"""Runs are loaded, or trained and stored."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from filelock import FileLock

from erclab import metrics, models, paths
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import flat
from erclab.errors import RunError, unknown
from erclab.features.encoders import source
from erclab.provenance import environment
from erclab.runs.records import SCHEMA, Record, load
from erclab.runs.spec import RunSpec, plan, views
from erclab.storage import remove_leftovers, write_atomically
from erclab.training import loop
from erclab.training.checkpoint import Checkpoint
from erclab.training.device import choose_device, seeded

SMALL = 3_000_000  # parameters


def run(model: str, corpus: Corpus, *, protocol: str = "sound", folder: Path | None = None, force: bool = False,
        progress: bool = True, device: str | None = None, **question) -> list[Record]:
    """Answer a question (see `plan`): load the runs that exist, train the others.

    Args:
        protocol: "sound" or "published", what the records report unless asked for another. They have both.
        folder: where runs are kept; `paths.runs_dir()` by default.
        force: train again even if the run exists.

    Raises:
        UsageError, RunError, CorpusError: see `plan` and `execute`.
    """
    if protocol not in loop.PROTOCOLS:
        raise unknown("protocol", protocol, loop.PROTOCOLS)
    records = [execute(spec, corpus, folder=folder, force=force, progress=progress, device=device)
               for spec in plan(model, corpus, **question)]
    return [dataclasses.replace(record, protocol=protocol) for record in records]


def execute(spec: RunSpec, corpus: Corpus, *, folder: Path | None = None, force: bool = False,
            progress: bool = True, device: str | None = None) -> Record:
    """Load one run, or train and store it. It may be asked for by several processes at once.

    An interrupted run goes on from the last epoch that its checkpoint has, unless `force` starts it again.

    Raises:
        RunError: the loss is not finite, or the folder cannot be written.
    """
    folder = folder or paths.runs_dir()
    path = folder / f"{spec.id}.json"
    if path.exists() and not force:
        return load(path)
    _ensure_writable(folder)  # before an hour of training, not after
    # Of two processes that want the same run one trains it, the other waits and loads it.
    with FileLock(folder / f".{spec.id}.lock") as lock:
        if path.exists() and not force:
            record = load(path)
        else:
            checkpoint = Checkpoint(folder / f".{spec.id}.checkpoint")
            if force:
                checkpoint.discard()
            record = _make(spec, corpus, folder, path, progress, device, checkpoint)
            checkpoint.discard()
            for file in (path, *(path.with_suffix(f".{what}.safetensors") for what in ("weights", "predictions"))):
                remove_leftovers(file)
        Path(lock.lock_file).unlink(missing_ok=True)  # who still waits for it finds the record
    return record


def _make(spec: RunSpec, corpus: Corpus, folder: Path, path: Path, progress: bool, device: str | None,
          checkpoint: Checkpoint) -> Record:
    """Train and store a run."""
    where = choose_device(device)
    teacher = load(folder / f"{spec.teacher}.json") if spec.teacher else None
    with seeded(spec.seed, where):
        outcome, parameters = _fit(spec, corpus) if models.info(spec.model).kind == "fitted" else _train(
            spec, corpus, where, progress, teacher, checkpoint)
    data = {
        "schema": SCHEMA,
        "id": spec.id,
        "spec": dataclasses.asdict(spec),
        "corpus": {"name": corpus.name, "labels": list(corpus.labels),
                   "utterances": {s: len(corpus.rows(s)) for s in SPLITS}, "dims": corpus.dims,
                   "frame_dims": corpus.frame_dims, "encoders": dict(corpus.encoders)},
        "parameters": parameters,
        "curve": outcome.curve,
        "protocols": {name: _protocol(choice, corpus, spec.task) for name, choice in outcome.choices.items()},
        "environment": environment(where),
        "wall_time_s": round(checkpoint.seconds, 3),
    }
    predictions = {f"{name}.{split}": x.astype(np.float32) for name, choice in outcome.choices.items()
                   for split, x in choice.predictions.items()}
    try:
        write_atomically(path.with_suffix(".predictions.safetensors"), safetensors.numpy.save(predictions))
        if outcome.weights:
            write_atomically(path.with_suffix(".weights.safetensors"), safetensors.torch.save(outcome.weights))
        write_atomically(path, json.dumps(data, indent=1, allow_nan=False).encode())
    except OSError as error:
        raise RunError(f"the run cannot be stored: {error.strerror or error}", where=path,
                       remedy="Free some space or choose another folder (--out, ERCLAB_RUNS).") from error
    return Record(json.loads(json.dumps(data)), path)


def _train(spec: RunSpec, corpus: Corpus, device: torch.device, progress: bool, teacher: Record | None,
           checkpoint: Checkpoint) -> tuple[loop.Outcome, dict[str, int]]:
    model = models.build(spec.model, spec.settings)
    if spec.settings.get("bert"):
        model.load_pretrained(source(spec.words))
    if teacher is not None:
        model.distil_from(teacher.model())
    model.to(device)
    with _threads_for(model, device):
        outcome = loop.train(model, views(spec, corpus, device), spec.recipe, seed=spec.seed, progress=progress,
                             title=spec.title, checkpoint=checkpoint)
    return outcome, {"all": models.parameter_count(model),
                     "trainable": models.parameter_count(model, trainable=True)}


@contextmanager
def _threads_for(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """One thread while a small model is trained on a CPU.

    Its operations are so small that threads wait for one another: on two cores LMR-CBT takes twice as long with two.
    And sums then come out the same however many cores there are. A large model has what torch would give it.
    """
    before = torch.get_num_threads()
    if device.type == "cpu" and models.parameter_count(model) < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(spec: RunSpec, corpus: Corpus) -> tuple[loop.Outcome, dict[str, int]]:
    """Fit a baseline on the modalities side by side; it is deterministic and looks at validation alone."""
    pooled = models.info(spec.model).view == "sequence" or not corpus.modalities
    part = flat(corpus, spec.modalities, spec.task, pooled=pooled, standardise=spec.recipe.standardise)
    model = models.build(spec.model, spec.settings)
    curve = model.fit(part["train"], part["valid"])
    choice = loop.Choice(0, {s: model.predict(part[s]) for s in ("valid", "test")})
    return loop.Outcome(curve, {"sound": choice}, {}), {"all": 0, "trainable": 0}


def _protocol(choice: loop.Choice, corpus: Corpus, task: str) -> dict[str, Any]:
    truth = {s: corpus.targets(s, task) for s in choice.predictions}
    found = {"epoch": choice.epoch, **{s: metrics.scores(task, truth[s], x) for s, x in choice.predictions.items()}}
    if task == "emotion":
        at, x = truth["test"] >= 0, choice.predictions["test"]
        found["confusion"] = metrics.confusion(truth["test"][at], x[at].argmax(1), x.shape[1]).tolist()
    return found


def _ensure_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise RunError(f"runs cannot be stored here: {error.strerror}", where=folder,
                       remedy="Choose another folder (--out, ERCLAB_RUNS).") from None
