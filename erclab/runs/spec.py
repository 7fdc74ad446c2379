"""What decides a run, and the runs that a question asks for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import erclab
from erclab import models
from erclab.core import tasks
from erclab.core.errors import UsageError, unknown
from erclab.core.provenance import code_digest
from erclab.core.settings import check, from_dict
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import DialogueView, SequenceView, Standardiser, View
from erclab.features.encoders import encoder_identity, source
from erclab.features.text import token_ids
from erclab.runs.records import Record
from erclab.training import recipes


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
        seed: of initialisation, dropout and the order of the data.
        version: erclab's.
        code: see `code_digest`.
        words: the BERT whose tokenizer makes ids of the text, for a model that reads words; "" for vectors.
        teacher: the id of the run whose model is the frozen teacher of offline distillation; "" without one.
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

    @property
    def id(self) -> str:
        """File name of the run: readable, then a hash."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"{self.model}-{self.corpus}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def title(self) -> str:
        """What a progress bar and an error message call it."""
        return f"{models.MODELS[self.model].title} on {self.corpus}, {'+'.join(self.modalities)}, seed {self.seed}"


def plan(model: str, corpus: Corpus, *, seeds: int | Iterable[int] = 1, profile: str = "smoke",
         variant: str | None = None, modalities: Sequence[str] | None = None, task: str | None = None,
         words: str | Path | None = None, teacher: str | Record | None = None, **changes) -> list[RunSpec]:
    """The runs that a question asks for, one per seed (a fitted baseline has no seed and gives one).

    Args:
        model: a key of `MODELS`.
        corpus: what it is trained on.
        seeds: how many (0 to N-1), or which.
        profile: "smoke" or "full", chooses the recipe.
        variant: "paper" or "official", for a model that has both; the recipe's choice by default.
        modalities: a subset of the corpus's; all by default.
        task: what is predicted; by default the first of the corpus's that the model can.
        words: let the model read the text itself and fine-tune this BERT on it: "minilm", a Hugging Face name, or a
            folder. With `bert=None` among the changes its architecture and tokenizer are taken, not its weights.
        teacher: a run of the same folder, or its id; for SDT with `distillation="offline"`.
        changes: settings of the model or fields of the recipe to set differently.

    Raises:
        UsageError: anything above does not exist or does not fit.
    """
    info = models.info(model)
    entry = recipes.recipe_for(model, corpus.name, profile, words=words is not None)
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
    given = {**entry.settings, **info.fixed, **_words(info, words), **settings}
    dims = _dims(info, corpus, modalities, words is not None)
    labels = len(corpus.labels) if task == "emotion" else corpus.annotations[task].shape[1]
    settings = {"outputs": tasks.outputs(task, labels), "task": task, **given}
    if info.kind == "trained":
        settings = {"dims": tuple(dims.items()), **settings}
        known = {f.name: f.default for f in dataclasses.fields(info.cls.Config)}
        if "speakers" in known:
            settings.setdefault("speakers", corpus.speaker_count)
        if corpus.longest > known.get("max_turns", math.inf):  # AVEC's sessions have up to 2,000
            settings.setdefault("max_turns", corpus.longest)
        config = getattr(info.cls, variant)(recipes.family(corpus.name), **check(info.cls.Config, settings))
    else:
        config, numbers = from_dict(info.cls.Config, settings), [0]
        # A fit is decided by its features alone, so the fields of gradient training must not name another run.
        recipe = recipes.Recipe(standardise=recipe.standardise)
    return [RunSpec(model, dataclasses.asdict(config), recipe, task, corpus.name, corpus.fingerprint, tuple(dims),
                    seed, code=code_digest(info.where.split(":")[0]), words=str(words or ""),
                    teacher=_teacher(info, settings, teacher)) for seed in numbers]


def _words(info: models.ModelInfo, words: str | Path | None) -> dict[str, Any]:
    """The settings that say whether a model which can read words does so here."""
    reads = hasattr(info.cls, "with_bert")
    if words is None:
        return {"text_from": "vectors"} if reads else {}
    if not reads:
        readers = [name for name, row in models.MODELS.items() if hasattr(row.cls, "with_bert")]
        raise UsageError(f"{info.title} reads vectors, not words", remedy=f"Leave words out, or take "
                         f"{' or '.join(readers)}.")
    return {"text_from": "tokens", **info.cls.with_bert(source(words), encoder_identity(words))}


def _teacher(info: models.ModelInfo, settings: dict[str, Any], teacher: str | Record | None) -> str:
    """The teacher's id, after a check that there is one where it is needed and only there."""
    offline = settings.get("distillation") == "offline"
    if offline and not teacher:
        raise UsageError(f"{info.title} with distillation='offline' needs a teacher",
                         remedy="Train one first and give its record (teacher=...; on the command line its run id).")
    if teacher and not offline:
        raise UsageError("a teacher is given, and nothing learns from it",
                         remedy="Give distillation='offline' as well, to a model that has it (sdt).")
    return teacher.id if isinstance(teacher, Record) else teacher or ""


def _dims(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None, words: bool) -> dict[str, int]:
    """Modality -> width of what the model reads of the corpus; of words, which have none, 1."""
    sequences = reads_sequences(info, corpus, modalities)
    there, what = (corpus.frame_dims, "sequences") if sequences else (corpus.dims, "utterance vectors")
    if words:
        there = {"text": 1} | {m: d for m, d in there.items() if m != "text"}
    if not there:
        raise UsageError(f"{corpus.name} has no {what}, and {info.title} reads nothing else",
                         remedy=f"Take a corpus with {what} (erclab corpora show NAME).")
    for m in modalities or ():
        if m not in there:
            raise unknown(f"modality of {corpus.name}", m, there)
    return {m: there[m] for m in modalities or there}


def reads_sequences(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None) -> bool:
    """Whether a model reads the corpus's sequences and not its vectors. One that takes any prefers vectors, where there
    are some of every modality that is asked for."""
    if info.view != "any":
        return info.view == "sequence"
    asked = set(modalities or ())
    return not corpus.modalities or (not asked <= {*corpus.dims} and asked <= {*corpus.frame_dims})


def views(spec: RunSpec | dict[str, Any], corpus: Corpus, device="cpu", splits: Sequence[str] = SPLITS
          ) -> dict[str, View]:
    """Splits of a corpus as a run's model reads them.

    Args:
        spec: a `RunSpec`, or the `spec` of a record.

    Raises:
        CorpusError: a split is empty, or the corpus lacks a modality.
        FeatureError: the tokenizer of a run that reads words is not to be had.
    """
    spec = spec if isinstance(spec, dict) else dataclasses.asdict(spec)
    sequences = reads_sequences(models.info(spec["model"]), corpus, spec["modalities"])
    vectors = [m for m in spec["modalities"] if not (m == "text" and spec["words"])]
    fit = Standardiser.fit(corpus, vectors, frames=sequences) if spec["recipe"]["standardise"] else None
    if sequences:
        return {s: SequenceView(corpus, s, spec["modalities"], device, fit, spec["task"]) for s in splits}
    words = token_ids(list(corpus.table["text"]), spec["words"]) if spec["words"] else None
    return {s: DialogueView(corpus, s, spec["modalities"], device, fit, spec["task"], words) for s in splits}
