"""Every table and figure of the five papers, and ours: what each needs, from which runs it is made, and how.

An exhibit has questions (`erclab.runs.Question`). A notebook, or `erclab exhibits ID --train`, trains the runs that
answer them; `Exhibit.build` makes the table or figure. Nothing here trains.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from erclab import models, runs
from erclab.analysis.sequences import learnable
from erclab.core import paths, settings
from erclab.core.errors import RunError, UsageError, unknown
from erclab.corpora import Corpus
from erclab.exhibits import packs
from erclab.exhibits.store import of_the_study
from erclab.runs import Question, Record, RunSpec
from erclab.training.recipes import Recipe

Groups = Mapping[str, Sequence[Record]]  # name of a question -> its runs, one per seed

# Modules here with EXHIBITS, in this order.
PAPERS = ("dialoguetrm", "hct_mg", "m2fnet", "sdt", "lmr_cbt", "ours", "claims", "protocol", "tuning", "context",
          "variance")
TITLES = {"D": "DialogueTRM", "H": "HCT-MG", "M": "M2FNet", "S": "SDT", "L": "LMR-CBT", "O": "ours"}
BASELINES = ("linear-pooled", "constant")  # of models of sequences, in their tables


def no_questions(corpus: Corpus) -> dict[str, Question]:
    """The questions of an exhibit that is made from the corpus alone, or without data."""
    return {}


def always_available(corpus: Corpus) -> str:
    """The check of an exhibit that can be built on every corpus."""
    return ""


def no_default_second(corpus: Corpus) -> None:
    """The second corpus of an exhibit that has no default one."""


@dataclass(frozen=True)
class Exhibit:
    """A table or figure.

    Attributes:
        id: as in the papers' list, such as "S2".
        title: what it shows.
        needs: what a corpus must have, in words.
        make: (corpus, runs of each question) -> DataFrame or Figure; (corpus, runs, other) if `two`.
        ask: corpus -> name -> question; (corpus, other) if `two`.
        check: corpus -> why the exhibit cannot be built there, "" if it can; (corpus, other or None) if `two`.
        view: "dialogue" or "sequence": how the corpus is read, see `erclab.models.ModelInfo.text_as`.
        two: it compares two corpora.
        second: of those: corpus -> the default second corpus, None if there is none.
    """

    id: str
    title: str
    needs: str
    make: Callable[..., pd.DataFrame | Figure]
    ask: Callable[..., Mapping[str, Question]] = no_questions
    check: Callable[..., str] = always_available
    view: str = "dialogue"
    two: bool = False
    second: Callable[[Corpus], Corpus | None] = no_default_second

    @property
    def paper(self) -> str:
        """The paper that prints it."""
        return TITLES[self.id[0]]

    @property
    def text_as(self) -> str:
        """For `erclab.corpora.load`."""
        return "tokens" if self.view == "sequence" else "vectors"

    def with_recipe(self, recipe: Mapping[str, Any]) -> Exhibit:
        """The same exhibit with these fields of every recipe changed, except where a question sets the field itself.

        Raises:
            UsageError: there is no such field, or a value has another type.
        """
        changes = settings.check(Recipe, recipe)

        def ask(*corpora: Corpus) -> dict[str, Question]:
            return {name: replace(q, settings={**changes, **q.settings}) for name, q in self.ask(*corpora).items()}
        return replace(self, ask=ask)

    def corpora(self, corpus: Corpus, other: Corpus | None = None) -> tuple[Corpus | None, ...]:
        """Its corpora: the given one; if `two`, also the second one, given or default (None if there is none)."""
        if not self.two:
            return (corpus,)
        return corpus, self.second(corpus) if other is None else other

    def lacks(self, corpus: Corpus, other: Corpus | None = None) -> str:
        """Why it cannot be built on these corpora, "" if it can."""
        return self.check(*self.corpora(corpus, other))

    def questions(self, corpus: Corpus, other: Corpus | None = None) -> Mapping[str, Question]:
        """Its questions on these corpora.

        Raises:
            UsageError: the corpora lack what the exhibit needs.
        """
        if why := self.lacks(corpus, other):
            raise UsageError(f"{self.id} cannot be built on {corpus.name}: {why}", remedy=f"It needs {self.needs}.")
        return self.ask(*self.corpora(corpus, other))

    def specs(self, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
              profile: str = "smoke") -> dict[str, list[RunSpec]]:
        """Name of each question -> its planned runs.

        Raises:
            UsageError: see `questions`.
        """
        return runs.plan_all(self.questions(corpus, other), *self.corpora(corpus, other), seeds=seeds, profile=profile)

    def records(self, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
                profile: str = "smoke", folder: Path | None = None) -> dict[str, list[Record]]:
        """Name of each question -> its runs, loaded.

        Args:
            folder: where runs are kept. By default `paths.runs_dir()`, and for a run that is not there what the
                repository keeps of the runs of its exhibits (`erclab.exhibits.packs`).

        Raises:
            UsageError: see `questions`.
            RunError: some runs have not been trained; the message says how to train them.
        """
        specs, places = self.specs(corpus, other, seeds=seeds, profile=profile), _places(corpus, profile, folder)
        if missing := _missing(specs, places):
            raise RunError(f"{self.id} needs {len(missing)} more run(s) on {corpus.name}, such as {missing[0].title}",
                           where=places[0], remedy=f"Train them: erclab exhibits {self.id} --corpus {corpus.name} "
                           "--train (with the same other options).")
        where = {s.id: path for found in specs.values() for s in found if (path := packs.first_there(s.id, places))}
        return {name: [runs.load(where[s.id]) for s in found] for name, found in specs.items()}

    def build(self, corpus: Corpus, groups: Groups, other: Corpus | None = None) -> pd.DataFrame | Figure:
        """Make the table or figure from the runs of its questions.

        Raises:
            UsageError: see `questions`.
        """
        self.questions(corpus, other)
        first, *second = self.corpora(corpus, other)
        return self.make(first, groups, *second)

    def state(self, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
              profile: str = "smoke", folder: Path | None = None, built: Iterable[Sequence[str]] = ()) -> State:
        """What is there of the exhibit.

        Args:
            built: for each place where the exhibit is stored, the ids of the runs from which it was made. If they are
                the planned ids, nothing has to be trained, whether or not the runs themselves are in the folder.
        """
        if why := self.lacks(corpus, other):
            return State("not here", why)
        specs = self.specs(corpus, other, seeds=seeds, profile=profile)
        ids = tuple(dict.fromkeys(s.id for found in specs.values() for s in found))
        words = f"{len(ids)} run{'s' * (len(ids) != 1)}" if ids else "no runs"
        if ids in map(tuple, built):
            return State("built", words, ids)
        if missing := _missing(specs, _places(corpus, profile, folder)):
            return State("to train", f"{len(missing)} of {len(ids)} runs", ids, len(missing))
        return State("ready", words, ids)


@dataclass(frozen=True)
class State:
    """What is there of an exhibit on a corpus.

    Attributes:
        name: "built": it is stored, made from the planned runs; "ready": its runs are there; "to train": some runs are
            missing; "not here": the corpus lacks what the exhibit needs.
        detail: what is lacking, or how many runs there are.
        ids: of all its runs.
        missing: the number of runs that are missing.
    """

    name: str
    detail: str = ""
    ids: tuple[str, ...] = ()
    missing: int = 0


@cache
def _all() -> dict[str, Exhibit]:
    made = [e for paper in PAPERS for e in importlib.import_module(f"erclab.exhibits.{paper}").EXHIBITS]
    return {e.id: e for e in made}


def find(ids: Iterable[str] = ()) -> list[Exhibit]:
    """The exhibits of these ids, all without any, in the papers' order.

    Raises:
        UsageError: there is no such exhibit.
    """
    there = _all()
    for name in (ids := [name.upper() for name in ids]):
        if name not in there:
            raise unknown("exhibit", name, there)
    return [there[name] for name in dict.fromkeys(ids)] if ids else list(there.values())


def questions_about(names: Iterable[str], **changes: Any) -> dict[str, Question]:
    """Title of each model -> a question with these settings."""
    return {models.info(name).title: Question(name, changes) for name in names}


def compare_on_sequences(corpus: Corpus, names: Sequence[str], task: str | None = None) -> dict[str, Question]:
    """Title of each model of sequences and of the `BASELINES` -> a question on all modalities that can be learnt from;
    and of each baseline of words, where the corpus has words.

    A model without the task is left out. A model that fuses into one modality (a setting `target`, the text by default)
    fuses into the first one that is there if there is no text.
    """
    seen, task, found = learnable(corpus), task or corpus.tasks[0], {}
    for name in (*names, BASELINES[0], *runs.word_baselines(corpus), *BASELINES[1:]):
        info = models.info(name)
        if info.view == "text":
            found |= questions_about([name], task=task)
            continue
        fuses = "text" not in seen and "target" in getattr(info.cls.Config, "__dataclass_fields__", {})
        if corpus.task(task).like in info.tasks:
            found |= questions_about([name], modalities=seen, task=task, **({"target": seen[0]} if fuses else {}))
    return found


def _places(corpus: Corpus, profile: str, folder: Path | None) -> list[Path]:
    """Where the runs of an exhibit are looked for."""
    if folder is not None:
        return [folder]
    kept = packs.Pack(of_the_study(corpus.name, profile).folder / packs.FILE).folder()
    return [paths.runs_dir(), *([kept] if kept else [])]


def _missing(specs: Mapping[str, list[RunSpec]], places: Sequence[Path]) -> list[RunSpec]:
    found = {spec.id: spec for some in specs.values() for spec in some}
    return [spec for spec in found.values() if packs.first_there(spec.id, places) is None]
