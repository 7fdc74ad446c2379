"""Execution of runs: a run is loaded, or trained and stored."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from filelock import FileLock

from erclab import models
from erclab.core import metrics, paths
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.memory import enough_memory
from erclab.core.provenance import environment
from erclab.core.settings import from_dict
from erclab.core.storage import make_writable, remove_leftovers, write_atomically
from erclab.core.storing import storing
from erclab.core.targets import Task
from erclab.corpora import SPLITS, Corpus, simulated
from erclab.features.encoders import source
from erclab.models.interface import Model
from erclab.runs.arguments import check_types
from erclab.runs.code import check_unchanged
from erclab.runs.data import fitted_on, flat_splits, views
from erclab.runs.fitted import Fitted
from erclab.runs.records import BESIDE, SCHEMA, Record, load
from erclab.runs.spec import RunSpec, plan
from erclab.training import loop
from erclab.training.checkpoint import Checkpoint
from erclab.training.device import choose_device, memory_kept, repeatable, seeded, threads_for
from erclab.training.recipes import Recipe

SMALLER = ("Set a lower batch_size (--set batch_size=4), recompute=True or precision=bfloat16, train fewer seeds at a "
           "time, or choose another device (--device cpu).")


def run(model: str | type, corpus: Corpus, *, seeds: int | Iterable[int] = 1, profile: str = "smoke",
        variant: str | None = None, modalities: Sequence[str] | None = None, task: str | None = None,
        words: str | Path | None = None, teacher: str | Record | None = None,
        recipe: Recipe | Mapping[str, Any] | None = None, protocol: str = "sound", folder: Path | str | None = None,
        force: bool = False, progress: bool = True, device: str | None = None, together: bool | None = None,
        **changes) -> list[Record]:
    """Load the runs of a model on a corpus that exist, and train the others.

    Args:
        model: a name in the registry, or a class.
        seeds, profile, variant, modalities, task, words, teacher, recipe, changes: see `plan`.
        protocol: "sound" (valid-selected) or "published" (test-selected): the epoch that the records report by
            default. Every record has both.
        folder: where runs are kept; `paths.runs_dir()` by default.
        force: train again even if the run exists.
        progress: show progress bars.
        device: "auto" (the default), "cpu", "cuda" or "mps".
        together: train all seeds in one pass; by default where that is faster (`pays_together`). A model that cannot be
            stacked is trained seed by seed in any case. Results differ by rounding only.

    Raises:
        UsageError, RunError, CorpusError: see `plan` and `execute`.
    """
    if not isinstance(protocol, str) or protocol not in loop.PROTOCOLS:
        raise unknown("protocol", protocol, loop.PROTOCOLS)
    check_types(folder=folder)
    specs = plan(model, corpus, seeds=seeds, profile=profile, variant=variant, modalities=modalities, task=task,
                 words=words, teacher=teacher, recipe=recipe, **changes)
    how: dict[str, Any] = {"folder": folder, "force": force, "progress": progress, "device": device}
    several = len(specs) > 1 and models.info(model).stacks
    if several and (pays_together(choose_device(device)) if together is None else together):
        records = execute_seeds(specs, corpus, **how)
    else:
        records = [execute(spec, corpus, **how) for spec in specs]
    return [dataclasses.replace(record, protocol=protocol) for record in records]


def pays_together(device: torch.device) -> bool:
    """Whether several seeds of a model that stacks take less time in one pass than one after the other.

    True on a GPU: a step takes about the same time for one seed as for several, until the model fills the GPU. False on
    a CPU: the time of a step grows with the seeds, and the other cores are better used by other runs (a sweep).
    """
    return device.type == "cuda"


def execute(spec: RunSpec, corpus: Corpus, *, folder: Path | str | None = None, force: bool = False,
            progress: bool = True, device: str | None = None) -> Record:
    """Load one run, or train and store it. Several processes may execute the same run at once: one of them trains it.

    An interrupted run goes on from the last epoch in its checkpoint, unless `force` starts it again.

    Raises:
        RunError: the loss is not finite, the folder cannot be written, or the class of the run was edited since.
    """
    return execute_seeds([spec], corpus, folder=folder, force=force, progress=progress, device=device)[0]


def execute_seeds(specs: Sequence[RunSpec], corpus: Corpus, *, folder: Path | str | None = None, force: bool = False,
                  progress: bool = True, device: str | None = None) -> list[Record]:
    """Execute runs that differ in their seed alone: those that do not exist are trained in one pass.

    Raises:
        UsageError: the runs differ in more, or their model cannot be trained in one pass.
        RunError: as for `execute`.
    """
    _check_alike(specs)
    where = choose_device(device)  # refused also where the run exists
    folder = Path(folder or paths.runs_dir())
    place = {spec.id: folder / f"{spec.id}.json" for spec in specs}
    if force or not all(path.exists() for path in place.values()):
        _ensure_writable(folder)  # before an hour of training, not after
        with ExitStack() as stack:
            # If two processes have the same run, one trains the run, and the other waits and loads the record. All
            # processes take the locks in the same order.
            locks = {i: stack.enter_context(FileLock(folder / f".{i}.lock")) for i in sorted(place)}
            missing = [spec for spec in specs if force or not place[spec.id].exists()]
            if missing:
                _make(missing, corpus, folder, progress, where, fresh=force)
            for lock in locks.values():
                Path(lock.lock_file).unlink(missing_ok=True)  # a process that still waits for the lock finds the record
    return [load(path) for path in place.values()]


def _check_alike(specs: Sequence[RunSpec]) -> None:
    if len(specs) > 1 and not models.info(specs[0].model).stacks:
        raise UsageError(f"{models.info(specs[0].model).title} is trained seed by seed",
                         remedy="Ask for one seed after the other.")
    if len({dataclasses.replace(spec, seed=0).id for spec in specs}) > 1 or len({s.seed for s in specs}) < len(specs):
        raise UsageError("runs that are trained together must differ in their seeds and in nothing else")


def _make(specs: Sequence[RunSpec], corpus: Corpus, folder: Path, progress: bool, device: torch.device, fresh: bool
          ) -> None:
    """Train and store runs of different seeds."""
    check_unchanged(models.info(specs[0].model), specs[0].code)
    checkpoints = [Checkpoint(folder / f".{spec.id}.checkpoint") for spec in specs]
    if fresh:
        for checkpoint in checkpoints:
            checkpoint.discard()
    if models.info(specs[0].model).kind == "fitted":
        fits, parameters = [_fit(spec, corpus) for spec in specs], {"all": 0, "trainable": 0}
        outcomes, numbers = [outcome for outcome, _ in fits], fits[0][1]
    else:
        with enough_memory("the training", SMALLER, specs[0].title):  # no frame above has the tensors
            outcomes, parameters = _train(specs, corpus, folder, progress, device, checkpoints)
        numbers = {}
    kept = fitted_on(specs[0], corpus, numbers)
    for spec, outcome, checkpoint in zip(specs, outcomes, checkpoints, strict=True):
        path = folder / f"{spec.id}.json"
        _store(spec, corpus, outcome, kept, path, {
            "parameters": parameters, "environment": environment(device), **_evaluation(spec),
            "wall_time_s": round(checkpoint.seconds, 3), "seeds_in_one_pass": len(specs)})
        checkpoint.discard()
        for file in (path, *(path.with_suffix(f".{what}.safetensors") for what in BESIDE)):
            remove_leftovers(file)


def _evaluation(spec: RunSpec) -> dict[str, Any]:
    """The batches of the evaluation, for the record of a model whose results depend on them."""
    config = from_dict(models.info(spec.model).cls.Config, spec.settings)
    return {"evaluation": {"batch_size": loop.EVALUATION_BATCH, "order": "longest first"}} if getattr(
        config, "depends_on_batch", False) else {}


def _store(spec: RunSpec, corpus: Corpus, outcome: loop.Outcome, kept: Fitted, path: Path, facts: dict[str, Any]
           ) -> None:
    """Write a run's files, the record last."""
    data = {
        "schema": SCHEMA,
        "id": spec.id,
        "spec": spec.as_dict(),
        **({"class": info.where} if (info := models.info(spec.model)).given else {}),
        "corpus": {"name": corpus.name, "labels": list(corpus.labels),
                   "utterances": {s: len(corpus.rows(s)) for s in SPLITS}, "dims": corpus.dims,
                   "frame_dims": corpus.frame_dims, "encoders": dict(corpus.encoders),
                   # names the world, of which there are more dialogues; a folder of a user is not for a record
                   **({"source": corpus.source} if simulated.world_behind(corpus) else {})},
        "curve": outcome.curve,
        "protocols": {name: _protocol(choice, corpus, spec.target or corpus.task(spec.task))
                      for name, choice in outcome.choices.items()},
        **facts,
    }
    predictions = {f"{name}.{split}": x.astype(np.float32) for name, choice in outcome.choices.items()
                   for split, x in choice.predictions.items()}
    with storing("the run", path, "Free some space or choose another folder (--out, ERCLAB_RUNS).", RunError):
        write_atomically(path.with_suffix(".predictions.safetensors"), safetensors.numpy.save(predictions))
        if outcome.weights:
            write_atomically(path.with_suffix(".weights.safetensors"), safetensors.torch.save(outcome.weights))
        kept.save(path.with_suffix(".fitted.safetensors"))
        write_atomically(path, json.dumps(data, indent=1, allow_nan=False).encode())


def _train(specs: Sequence[RunSpec], corpus: Corpus, folder: Path, progress: bool, device: torch.device,
           checkpoints: Sequence[Checkpoint]) -> tuple[list[loop.Outcome], dict[str, int]]:
    first = specs[0]
    parts = views(first, corpus, device)
    with seeded(first.seed, device):  # for random numbers that a model draws in training, such as a BERT's dropout
        teacher = load(folder / f"{first.teacher}.json").model() if first.teacher else None
        trainers = []
        for spec in specs:
            torch.manual_seed(spec.seed)
            trainers.append(loop.Trainer(_built(spec).to(device), parts, spec.recipe, spec.seed, spec.title, teacher))
        model = trainers[0].model
        title = first.title if len(specs) == 1 else f"{first.title.rpartition(', ')[0]}, {len(specs)} seeds"
        steps = first.recipe.batch_size * parts["train"].lengths.mean()
        with memory_kept(), threads_for(models.parameter_count(model), steps, device), repeatable(device):
            outcomes = loop.train_seeds(trainers, progress=progress, title=title, checkpoints=checkpoints)
    return outcomes, {"all": models.parameter_count(model), "trainable": models.parameter_count(model, trainable=True)}


def _built(spec: RunSpec) -> Model:
    """A run's model as it is before training."""
    model = models.build(spec.model, spec.settings)
    if hasattr(model, "load_pretrained") and list(model.pretrained_parameters()):
        model.load_pretrained(source(spec.words))
    return model


def _fit(spec: RunSpec, corpus: Corpus) -> tuple[loop.Outcome, dict[str, np.ndarray]]:
    """Fit a baseline, and its numbers. The fit is deterministic and uses the validation split alone for its choices."""
    part = flat_splits(spec, corpus)
    model = models.build(spec.model, spec.settings)
    curve = model.fit(part["train"], part["valid"])
    choice = loop.Choice(0, {s: model.predict(part[s]) for s in ("valid", "test")})
    return loop.Outcome(curve, {"sound": choice}, {}), model.state()


def _protocol(choice: loop.Choice, corpus: Corpus, task: Task) -> dict[str, Any]:
    truth = {s: corpus.targets(s, task.name) for s in choice.predictions}
    found = {"epoch": choice.epoch, **{s: metrics.scores(task, truth[s], x) for s, x in choice.predictions.items()}}
    if task.kind == "classes":
        at, x = truth["test"] >= 0, choice.predictions["test"]
        found["confusion"] = metrics.confusion(truth["test"][at], x[at].argmax(1), x.shape[1]).tolist()
    return found


def _ensure_writable(folder: Path) -> None:
    try:
        make_writable(folder)
    except OSError as error:
        raise RunError(f"runs cannot be stored here: {error.strerror}", where=folder,
                       remedy="Choose another folder (--out, ERCLAB_RUNS).") from None
