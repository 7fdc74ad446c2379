"""The identity of a run (`RunSpec`), and the plan of runs for a model, a corpus and choices (`plan`)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import erclab
from erclab import models
from erclab.core import metrics, tasks
from erclab.core.errors import UsageError, unknown
from erclab.core.settings import check, from_dict
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.corpora.registry import absent_of_emotion4
from erclab.features.encoders import encoder_identity, source
from erclab.runs import arguments
from erclab.runs.code import code_digest
from erclab.runs.data import reads_sequences
from erclab.runs.records import Record
from erclab.training import recipes


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's metrics on a given machine.

    Attributes:
        model: a name in the registry, or the name of a class that was given (`erclab.models.registry.info_of`).
        settings: the model's complete Config.
        recipe: how the model is trained.
        task: the name of what is predicted.
        corpus: the corpus's name, for people; `fingerprint` identifies the content.
        fingerprint: of the corpus's content.
        modalities: what the model sees.
        seed: of initialisation, dropout and the order of the data.
        version: the version of erclab, for people. It is not part of the id; `code` is.
        code: the digest of the code that decides the numbers (`erclab.runs.code.code_digest`).
        words: the BERT whose tokenizer makes ids of the text, for a model that reads words; "" for vectors.
        teacher: the id of the run whose model is the frozen teacher of offline distillation; "" without one.
        target: a task that is not built in, with its names, scale, centre and width; None for a built-in task.
    """

    model: str
    settings: dict[str, Any]
    recipe: recipes.Recipe
    task: str
    corpus: str
    fingerprint: str
    modalities: tuple[str, ...]
    seed: int
    version: str = erclab.__version__
    code: str = ""
    words: str = ""
    teacher: str = ""
    target: Task | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields as a record has them. `target` is only in records of tasks that are not built in."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "target" or value}

    @property
    def id(self) -> str:
        """File name of the run: model and corpus, then a hash of all fields but the version."""
        fields = {name: value for name, value in self.as_dict().items() if name != "version"}
        text = json.dumps(fields, sort_keys=True)
        return f"{self.model}-{self.corpus}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def title(self) -> str:
        """The run's name in a progress bar and in error messages."""
        return f"{models.info(self.model).title} on {self.corpus}, {'+'.join(self.modalities)}, seed {self.seed}"


def plan(model: str | type, corpus: Corpus, *, seeds: int | Iterable[int] = 1, profile: str = "smoke",
         variant: str | None = None, modalities: Sequence[str] | None = None, task: str | None = None,
         words: str | Path | None = None, teacher: str | Record | None = None,
         recipe: recipes.Recipe | Mapping[str, Any] | None = None, **changes) -> list[RunSpec]:
    """The runs of a model on a corpus, one per seed (a fitted baseline has no seed and gives one).

    Args:
        model: a name in the registry, or a class: a subclass of `erclab.models.interface.Model`, or an `nn.Module` with
            a dataclass `Config` and `forward(batch, *, attention=False) -> Output`.
        corpus: the model is trained on it.
        seeds: how many (0 to N-1), or which.
        profile: "smoke" or "full", chooses the recipe.
        variant: "paper" or "official", for a model that has both; the recipe's choice by default.
        modalities: a subset of the corpus's; all by default.
        task: what is predicted, a name of `corpus.tasks`; by default the first one that the model can predict.
        words: let the model read the text itself and fine-tune this BERT on it: "minilm", a Hugging Face name, or a
            folder. With `bert={"pretrained": None}` among the changes its architecture and tokenizer are taken, not
            its weights.
        teacher: a run of the same folder, or its id; for SDT with `distillation="offline"`.
        recipe: a whole recipe instead of the profile's, or fields to set differently in the profile's.
        changes: settings of the model or fields of the recipe to set differently; a setting in a part of the Config as
            `bert={"layers": 1}` or by its dotted name, `**{"bert.layers": 1}`.

    Raises:
        UsageError: an argument names what does not exist, or does not fit the model or the corpus; or the source of
            the class is not at hand.
    """
    arguments.check_types(corpus=corpus, profile=profile, variant=variant, modalities=modalities, task=task,
                          words=words, teacher=teacher, recipe=recipe)
    numbers = arguments.seeds(seeds)
    info = models.info(model)
    entry = recipes.recipe_for(_follows(info), corpus.name, profile, words=words is not None)
    variant = variant or entry.variant
    if variant not in recipes.VARIANTS:
        raise unknown("variant", variant, recipes.VARIANTS)
    target = _task(info, corpus, task)
    settings, fields = recipes.split_changes(changes, info.cls.Config)
    if isinstance(recipe, recipes.Recipe):
        entry = dataclasses.replace(entry, recipe=recipe)
    elif recipe is not None:
        fields = {**recipe, **fields}
    made = from_dict(recipes.Recipe, dataclasses.asdict(entry.recipe) | fields)
    dims = _dims(info, corpus, modalities, words is not None)
    chosen = {"choose": made.choose} if info.kind == "fitted" and hasattr(info.cls.Config, "choose") else {}
    given = {**entry.settings, **info.fixed, **_words(info, words), **chosen, **settings}
    config = _config(info, corpus, target, dims, variant, given)
    metrics.select(target, made.choose)  # refuses a score that the task does not have
    first = RunSpec(info.name, dataclasses.asdict(config), made, target.name, corpus.name, corpus.fingerprint,
                    tuple(dims), 0, code=code_digest(info), words=str(words or ""),
                    teacher=_teacher(info, given, teacher), target=None if target.built_in else target)
    return _specs(first, info, numbers)


def _follows(info: models.ModelInfo) -> str:
    """The model whose recipe a run has by default: the model itself; of a class of a user the nearest model of erclab
    that the class is derived from, if there is one."""
    bases = [f"{c.__module__}:{c.__qualname__}" for c in (info.given.__mro__ if info.given else ())]
    return next((row.name for where in bases for row in models.MODELS.values() if row.where == where), info.name)


def _task(info: models.ModelInfo, corpus: Corpus, task: str | None) -> Task:
    """The task, after a check that the corpus has it and the model predicts it or the built-in task that it is like."""
    common = [t for t in corpus.tasks if corpus.task(t).like in info.tasks]
    if not common:
        raise UsageError(f"{info.title} predicts {', '.join(info.tasks)}, which {corpus.name} does not have",
                         remedy=f"It has {', '.join(corpus.tasks) or 'no annotation'}.")
    if task == "emotion4" and task not in common and task in info.tasks and not absent_of_emotion4(corpus):
        raise UsageError(f"{corpus.name} has no task emotion4", remedy="Read the corpus with it: --emotion4, in Python "
                         "emotion4=True.")
    if task is not None and task not in common:
        raise unknown(f"task of {info.title} on {corpus.name}", task, common)
    return corpus.task(task or common[0])


def _config(info: models.ModelInfo, corpus: Corpus, target: Task, dims: Mapping[str, int], variant: str,
            given: Mapping[str, Any]) -> Any:
    """The model's complete Config: sizes of the corpus, the variant's settings, and the given settings over both.

    Raises:
        UsageError: a setting that contradicts the corpus.
    """
    outputs = tasks.outputs(target.like, len(target.names))
    config = _made(info, corpus, {"outputs": outputs, "task": target.like, **given}, dims, variant)
    arguments.check_fits_corpus(config, corpus, dims=dims, outputs=outputs, task=target.like)
    return config


def _made(info: models.ModelInfo, corpus: Corpus, settings: dict[str, Any], dims: Mapping[str, int], variant: str
          ) -> Any:
    if info.kind == "fitted":
        return from_dict(info.cls.Config, settings)
    settings = {"dims": tuple(dims.items()), **settings}
    known = {f.name: f.default for f in dataclasses.fields(info.cls.Config)}
    if "speakers" in known:
        settings.setdefault("speakers", corpus.speaker_count)
    longest = known.get("max_turns")
    if isinstance(longest, int) and corpus.longest > longest:  # AVEC's sessions have up to 2,000
        settings.setdefault("max_turns", corpus.longest)
    make = getattr(info.cls, variant, None) or getattr(info.cls, "paper", None)
    if make is None:  # a class of a user without variants
        return from_dict(info.cls.Config, settings)
    config = make(recipes.family(corpus.name), **check(info.cls.Config, settings))
    if getattr(config, "attend_padding", False) and getattr(config, "lengths", None) == ():
        # As the authors, who fill to one length per corpus.
        config = dataclasses.replace(config, lengths=tuple((m, corpus.frames[m].longest) for m in dims))
    return config


def _specs(first: RunSpec, info: models.ModelInfo, numbers: Sequence[int]) -> list[RunSpec]:
    """One run per seed. A fitted baseline has a single run: seed and fields of gradient training do not change its
    numbers, so they must not change its id."""
    if info.kind == "fitted":
        return [dataclasses.replace(first, recipe=recipes.Recipe(standardise=first.recipe.standardise))]
    return [dataclasses.replace(first, seed=seed) for seed in numbers]


def _words(info: models.ModelInfo, words: str | Path | None) -> dict[str, Any]:
    """The settings of a model that can read words: `text_from`, and the settings that a BERT decides."""
    reads = hasattr(info.cls, "with_bert")
    if words is None:
        return {"text_from": "vectors"} if reads else {}
    if not reads:
        readers = [name for name, row in models.MODELS.items() if hasattr(row.cls, "with_bert")]
        raise UsageError(f"{info.title} reads vectors, not words", remedy=f"Leave words out, or take "
                         f"{' or '.join(readers)}.")
    return {"text_from": "tokens", **info.cls.with_bert(source(words), encoder_identity(words))}


def _teacher(info: models.ModelInfo, settings: Mapping[str, Any], teacher: str | Record | None) -> str:
    """The id of the teacher. A teacher that is needed must be given; a teacher that is not needed must not be given."""
    offline = settings.get("distillation") == "offline"
    if offline and not teacher:
        raise UsageError(f"{info.title} with distillation='offline' needs a teacher",
                         remedy="Train one first and give its record (teacher=...; on the command line its run id).")
    if teacher and not offline:
        raise UsageError("a teacher is given, and nothing learns from it",
                         remedy="Give distillation='offline' as well, to a model that has it (sdt).")
    return teacher.id if isinstance(teacher, Record) else teacher or ""


def _dims(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None, words: bool) -> dict[str, int]:
    """Modality -> width of what the model reads of the corpus; words have no width and count as 1."""
    sequences = reads_sequences(info, corpus, modalities)
    forms = {"utterance vectors": corpus.dims, "sequences": corpus.frame_dims}
    what, other = tuple(forms)[::-1] if sequences else tuple(forms)
    there = forms[what]
    if info.view == "text":
        read = corpus.has_words or not len(corpus.rows("train"))  # an empty split is refused in other words
        there, what = {"text": 1} if read else {}, "words in its training split"
    elif words:
        there = {"text": 1} | {m: d for m, d in there.items() if m != "text"}
    if not there:
        raise UsageError(f"{corpus.name} has no {what}, and {info.title} reads nothing else",
                         remedy=f"Take a corpus with {what} (erclab corpora show NAME).")
    for m in modalities or ():
        if m not in there and m in forms[other] and info.view != "text":
            raise UsageError(f"{m} of {corpus.name} is there as {other}; {info.title} reads {what}",
                             remedy=f"It can read {', '.join(there)}; or take a model of {other} (erclab models).")
        if m not in there:
            raise unknown(f"modality of {corpus.name}", m, there)
    return {m: there[m] for m in modalities or there}
