"""Runs: (model, recipe, corpus, protocol, seed) -> one record that is written once and loaded ever after.

    runs/<id>.json                     the record: configuration, environment, curve, scores, counts, wall time
    runs/<id>.weights.safetensors      the chosen weights of a trained model
    runs/<id>.predictions.safetensors  log-probabilities per protocol and split

The id is a hash of the configuration, of the corpus's content and of the code, so a change of any is another run. The
JSON is written last and every file is put in place by a rename: a record that exists is whole, whatever was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
import safetensors.torch
import torch

import erclab
from erclab import metrics, models, paths, tasks
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import DialogueView, SequenceView, Standardiser, View, flat
from erclab.errors import RunError, UsageError, unknown
from erclab.provenance import code_digest, environment
from erclab.settings import check, from_dict
from erclab.storage import write_atomically
from erclab.training import loop, recipes
from erclab.training.device import choose_device, seeded

SCHEMA = 1


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's metrics on a given machine.

    Attributes:
        model: a key of `MODELS`.
        settings: the model's complete Config.
        recipe: how it is trained.
        task: what is predicted.
        corpus: the corpus's name, for people; `fingerprint` is what counts.
        fingerprint: of the corpus's content.
        modalities: what the model sees.
        protocol: "sound" or "published".
        seed: of initialisation, dropout and the order of the data.
        version: erclab's.
        code: see `code_digest`.
        words: what made token ids of the text, for a model that reads words.
    """

    model: str
    settings: dict[str, Any]
    recipe: recipes.Recipe
    task: str
    corpus: str
    fingerprint: str
    modalities: tuple[str, ...]
    protocol: str
    seed: int
    version: str = erclab.__version__
    code: str = ""
    words: str = ""

    @property
    def id(self) -> str:
        """File name of the run: readable, then a hash."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"{self.model}-{self.corpus}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def title(self) -> str:
        """What a progress bar and an error message call it."""
        return f"{models.MODELS[self.model].title} on {self.corpus}, {'+'.join(self.modalities)}, seed {self.seed}"


@dataclass(frozen=True)
class Record:
    """A finished run, as read back from its JSON."""

    data: dict[str, Any]
    path: Path

    @property
    def id(self) -> str:
        """The run's id, also its file name."""
        return self.data["id"]

    @property
    def spec(self) -> dict[str, Any]:
        """The fields of `RunSpec`."""
        return self.data["spec"]

    @property
    def title(self) -> str:
        """The model's name for tables."""
        return models.MODELS[self.spec["model"]].title

    @property
    def curve(self) -> pd.DataFrame:
        """One row per epoch (or per penalty of a fit), columns such as `train.total`, `valid.weighted_f1`."""
        return pd.json_normalize(self.data["curve"])

    @property
    def labels(self) -> list[str]:
        """The corpus's emotions, by index."""
        return self.data["corpus"]["labels"]

    def scores(self, split: str = "test", protocol: str | None = None) -> dict[str, float]:
        """The headline scores of the run's protocol, or of another that it also knows.

        Raises:
            UsageError: the run does not know that protocol's score.
        """
        known = self.data["protocols"]
        protocol = protocol or self.spec["protocol"]
        if protocol not in known:
            raise unknown(f"protocol of run {self.id}", protocol, known)
        return known[protocol][split]

    def confusion(self, protocol: str | None = None) -> np.ndarray:
        """(C, C) counts on the test split.

        Raises:
            UsageError: the run's task has no classes.
        """
        found = self.data["protocols"][protocol or self.spec["protocol"]]
        if "confusion" not in found:
            raise UsageError(f"{self.spec['task']} has no confusion matrix", where=self.id)
        return np.array(found["confusion"])

    def predictions(self, split: str = "test", protocol: str | None = None) -> np.ndarray:
        """(N, C) predictions of the split in the corpus's row order, as `erclab.tasks.predictions` has them.

        Raises:
            RunError: the file beside the record is gone or damaged.
        """
        path = self.path.with_suffix(".predictions.safetensors")
        return _tensors(path, safetensors.numpy.load_file)[f"{protocol or self.spec['protocol']}.{split}"]

    def model(self, device="cpu") -> torch.nn.Module:
        """The trained model with its chosen weights, in evaluation mode.

        Raises:
            RunError: the run was fitted, not trained, or its weights are gone.
        """
        if models.MODELS[self.spec["model"]].kind != "trained":
            raise RunError(f"{self.title} is fitted and keeps no weights", where=self.id)
        model = models.build(self.spec["model"], self.spec["settings"])
        model.load_state_dict(_tensors(self.path.with_suffix(".weights.safetensors"), safetensors.torch.load_file))
        return model.to(device).eval()


def plan(model: str, corpus: Corpus, *, seeds: int | Iterable[int] = 1, protocol: str = "sound",
         profile: str = "smoke", variant: str | None = None, modalities: Sequence[str] | None = None,
         task: str | None = None, **changes) -> list[RunSpec]:
    """The runs that a question asks for, one per seed (a fitted baseline has no seed and gives one).

    Args:
        model: a key of `MODELS`.
        corpus: what it is trained on.
        seeds: how many (0 to N-1), or which.
        protocol: "sound" or "published".
        profile: "smoke" or "full", chooses the recipe.
        variant: "paper" or "official", for a model that has both; the recipe's choice by default.
        modalities: a subset of the corpus's; all by default.
        task: what is predicted; by default the first of the corpus's that the model can.
        changes: settings of the model or fields of the recipe to set differently.

    Raises:
        UsageError: anything above does not exist or does not fit.
    """
    info = models.info(model)
    if protocol not in loop.PROTOCOLS:
        raise unknown("protocol", protocol, loop.PROTOCOLS)
    entry = recipes.recipe_for(model, corpus.name, profile)
    variant = variant or entry.variant
    if variant not in recipes.VARIANTS:
        raise unknown("variant", variant, recipes.VARIANTS)
    common = [t for t in corpus.tasks if t in info.tasks]
    if not common:
        raise UsageError(f"{info.title} predicts {', '.join(info.tasks)}, which {corpus.name} does not have",
                         remedy=f"It has {', '.join(corpus.tasks) or 'no annotation'}.")
    task = task or common[0]
    if task not in common:
        raise unknown(f"task of {info.title} on {corpus.name}", task, common)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers or min(numbers) < 0:
        raise UsageError(f"seeds = {seeds} gives no run", remedy="Ask for one or more; they are numbered from 0.")

    settings, recipe_changes = recipes.split_changes(changes, info.cls.Config)
    recipe = from_dict(recipes.Recipe, dataclasses.asdict(entry.recipe) | recipe_changes)
    dims = _dims(info, corpus, modalities)
    labels = len(corpus.labels) if task == "emotion" else corpus.annotations[task].shape[1]
    settings = {"outputs": tasks.outputs(task, labels), "task": task, **entry.settings, **info.fixed, **settings}
    if info.kind == "trained":
        settings = {"dims": tuple(dims.items()), **settings}
        if "speakers" in {f.name for f in dataclasses.fields(info.cls.Config)}:
            settings.setdefault("speakers", corpus.speaker_count)
        config = getattr(info.cls, variant)(corpus.name, **check(info.cls.Config, settings))
    else:
        config, numbers = from_dict(info.cls.Config, settings), [0]
        # A fit is decided by its features alone, so the fields of gradient training must not name another run.
        recipe = recipes.Recipe(standardise=recipe.standardise)
        protocol = "sound"
    return [RunSpec(model, dataclasses.asdict(config), recipe, task, corpus.name, corpus.fingerprint, tuple(dims),
                    protocol, seed, code=code_digest(info.where.split(":")[0])) for seed in numbers]


def _dims(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None) -> dict[str, int]:
    """Modality -> width of what the model reads of the corpus."""
    sequences = info.view == "sequence" or (info.view == "any" and not corpus.modalities)
    there, what = (corpus.frame_dims, "sequences") if sequences else (corpus.dims, "utterance vectors")
    if not there:
        raise UsageError(f"{corpus.name} has no {what}, and {info.title} reads nothing else",
                         remedy=f"Take a corpus with {what} (erclab corpora show NAME).")
    for m in modalities or ():
        if m not in there:
            raise unknown(f"modality of {corpus.name}", m, there)
    return {m: there[m] for m in modalities or there}


def run(model: str, corpus: Corpus, *, folder: Path | None = None, force: bool = False, progress: bool = True,
        device: str | None = None, **question) -> list[Record]:
    """Answer a question (see `plan`): load the runs that exist, train the others.

    Args:
        folder: where runs are kept; `paths.runs_dir()` by default.
        force: train again even if the run exists.

    Raises:
        UsageError, RunError, CorpusError: see `plan` and `execute`.
    """
    return [execute(spec, corpus, folder=folder, force=force, progress=progress, device=device)
            for spec in plan(model, corpus, **question)]


def execute(spec: RunSpec, corpus: Corpus, *, folder: Path | None = None, force: bool = False,
            progress: bool = True, device: str | None = None) -> Record:
    """Load one run, or train and store it.

    Raises:
        RunError: the loss is not finite, or the folder cannot be written.
    """
    folder = folder or paths.runs_dir()
    path = folder / f"{spec.id}.json"
    if path.exists() and not force:
        return load(path)
    _ensure_writable(folder)  # before an hour of training, not after
    where = choose_device(device)
    start = time.perf_counter()
    with seeded(spec.seed, where):
        outcome, parameters = _fit(spec, corpus) if models.info(spec.model).kind == "fitted" else _train(
            spec, corpus, where, progress)
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
        "wall_time_s": round(time.perf_counter() - start, 3),
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


def load(path: Path) -> Record:
    """Read a record.

    Raises:
        RunError: the file is not a record of this schema.
    """
    try:
        data = json.loads(path.read_text())
        schema = data["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"not a run record ({error})", where=path,
                       remedy="Delete it; the run is then trained again.") from None
    if schema != SCHEMA:
        raise RunError(f"a record of schema {schema}, this erclab reads {SCHEMA}", where=path,
                       remedy="Use the erclab that wrote it, or delete it.")
    return Record(data, path)


def views(spec: RunSpec | dict[str, Any], corpus: Corpus, device="cpu") -> dict[str, View]:
    """The splits of a corpus as a run's model reads them: train, valid and test.

    Args:
        spec: a `RunSpec`, or the `spec` of a record.

    Raises:
        CorpusError: a split is empty, or the corpus lacks a modality.
    """
    spec = spec if isinstance(spec, dict) else dataclasses.asdict(spec)
    sequences = models.info(spec["model"]).view == "sequence"
    fit = Standardiser.fit(corpus, spec["modalities"], frames=sequences) if spec["recipe"]["standardise"] else None
    cls = SequenceView if sequences else DialogueView
    return {s: cls(corpus, s, spec["modalities"], device, fit, spec["task"]) for s in SPLITS}


def _train(spec: RunSpec, corpus: Corpus, device: torch.device, progress: bool) -> tuple[loop.Outcome, dict[str, int]]:
    model = models.build(spec.model, spec.settings).to(device)
    outcome = loop.train(model, views(spec, corpus, device), spec.recipe, protocol=spec.protocol, seed=spec.seed,
                         progress=progress, title=spec.title)
    return outcome, {"all": models.parameter_count(model),
                     "trainable": models.parameter_count(model, trainable=True)}


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


def _tensors(path: Path, read):
    try:
        return read(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"cannot be read ({error})", where=path,
                       remedy="Train the run again with --force (in a notebook: force=True).") from None
