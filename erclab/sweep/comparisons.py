"""The comparisons in notebooks: a model beside its baselines, or a model in several settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erclab import models, runs
from erclab.corpora import Corpus
from erclab.runs import Question, Record
from erclab.runs.questions import asked_of, taught

PROBES = {"dialogue": ("linear", "linear-balanced", "constant"), "sequence": ("linear-pooled", "constant")}


def comparison(corpus: Corpus, model: str = "sdt", *, seeds: int = 3, profile: str = "smoke", alone: bool = True,
               protocol: str = "sound", progress: bool = True, **changes) -> dict[str, list[Record]]:
    """A model beside its baselines: title -> runs, in the order of a table.

    First all modalities, then each modality alone (if there are several), then the linear probes and the constant
    predictor, which read the same vectors, or the means and deviations of the same sequences, and the baselines of
    words where the corpus has words.

    Args:
        alone: also train on each modality alone.
        changes: settings of the model or its recipe, and its task.
    """
    question = {"seeds": seeds, "profile": profile, "protocol": protocol, "progress": progress, **changes}
    info = models.info(model)
    modalities = tuple(corpus.frame_dims) if info.view == "sequence" else corpus.modalities
    table = {}
    if len(modalities) > 1 or not alone:
        table[f"{info.title}, all modalities"] = runs.run(model, corpus, **question)
    for m in modalities if alone else ():
        table[f"{info.title}, {m} alone"] = runs.run(model, corpus, modalities=[m], **question)
    return table | probes(corpus, info.view, profile=profile, task=changes.get("task"))


def probes(corpus: Corpus, view: str = "dialogue", *, profile: str = "smoke", task: str | None = None
           ) -> dict[str, list[Record]]:
    """Title -> runs of the fitted baselines that read the same input as a model of this view, or the words."""
    task = task or corpus.tasks[0]
    table = {}
    for name in (*PROBES[view][:-1], *runs.word_baselines(corpus), PROBES[view][-1]):
        if corpus.task(task).like in models.info(name).tasks:
            records = runs.run(name, corpus, profile=profile, task=task)
            table[records[0].title] = records
    return table


def variants(corpus: Corpus, model: str, settings: Mapping[str, Mapping[str, Any]], *, seeds: int = 3,
             profile: str = "smoke", progress: bool = True) -> dict[str, list[Record]]:
    """A model in several settings: legend -> runs. `settings` maps a legend to the changed settings."""
    return answers({name: Question(model, changes) for name, changes in settings.items()}, corpus, seeds=seeds,
                   profile=profile, progress=progress)


def answers(questions: Mapping[str, Question], corpus: Corpus, other: Corpus | None = None, *, seeds: int = 3,
            profile: str = "smoke", progress: bool = True, **where) -> dict[str, list[Record]]:
    """The runs of named questions, such as the questions of an exhibit: loaded, or trained in this process.

    Args:
        other: the second corpus, for questions about it.
        where: `folder`, `force` and `device` of `erclab.runs.run`.

    Raises:
        UsageError, RunError: see `erclab.runs.run`.
    """
    found: dict[str, list[Record]] = {}
    for name, question in questions.items():
        found[name] = runs.run(question.model, asked_of(question, corpus, other), seeds=seeds, profile=profile,
                               progress=progress, **taught(question, found), **question.settings, **where)
    return found
