"""Every table and figure of the five papers, and ours: what each needs, which runs it is made from, and how.

An exhibit asks questions (`erclab.runs.Question`); whoever has the runs, trained in a notebook or by
`erclab exhibits ID --train`, gets the table or figure. Nothing here trains.
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

from erclab import runs
from erclab.core import paths
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.settings import check
from erclab.corpora import Corpus
from erclab.runs import Question, Record, RunSpec
from erclab.training.recipes import Recipe

Runs = Mapping[str, Sequence[Record]]  # name of a question -> its runs, one per seed

PAPERS = ("dialoguetrm", "hct_mg", "m2fnet", "sdt", "lmr_cbt", "ours")  # modules here with EXHIBITS, in this order
TITLES = {"D": "DialogueTRM", "H": "HCT-MG", "M": "M2FNet", "S": "SDT", "L": "LMR-CBT", "O": "ours"}


def nothing(corpus: Corpus) -> dict[str, Question]:
    """The questions of an exhibit that is made from the corpus, or from no data at all."""
    return {}


def anything(corpus: Corpus) -> str:
    """What a corpus lacks for an exhibit that takes any: nothing."""
    return ""


def nobody(corpus: Corpus) -> None:
    """The second corpus of an exhibit that needs to be told which."""


@dataclass(frozen=True)
class Exhibit:
    """A table or figure.

    Attributes:
        id: as in the papers' list, such as "S2".
        title: what it shows.
        needs: what a corpus must have, in words.
        build: (corpus, runs) -> DataFrame or Figure; (corpus, runs, other) if `two`.
        questions: corpus -> name -> question, the runs that `build` gets, under these names; of two corpora if `two`.
        lacks: corpus -> why it cannot be built there, "" if it can; (corpus, other or None) if `two`.
        view: "dialogue" or "sequence": how the corpus is read, see `erclab.models.ModelInfo.text_as`.
        two: it compares two corpora.
        second: of those: corpus -> the second one where none is given, None if there is no telling which.
    """

    id: str
    title: str
    needs: str
    build: Callable[..., pd.DataFrame | Figure]
    questions: Callable[..., Mapping[str, Question]] = nothing
    lacks: Callable[..., str] = anything
    view: str = "dialogue"
    two: bool = False
    second: Callable[[Corpus], Corpus | None] = nobody

    @property
    def paper(self) -> str:
        """Whose it is."""
        return TITLES[self.id[0]]

    @property
    def text_as(self) -> str:
        """For `erclab.corpora.load`."""
        return "tokens" if self.view == "sequence" else "vectors"


@dataclass(frozen=True)
class State:
    """What there is of an exhibit on a corpus.

    Attributes:
        name: "built": it is stored, made from the runs that it would be made from now; "ready": its runs are there;
            "to train": some are not; "not here": the corpus lacks what it needs.
        detail: what is lacking, or how many runs are.
        ids: of its runs, those that are there and those that are not.
        missing: how many are not.
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


def trained_otherwise(exhibit: Exhibit, recipe: Mapping[str, Any]) -> Exhibit:
    """The same exhibit with these fields of every recipe set differently, except where it is about them itself.

    Raises:
        UsageError: there is no such field, or a value of another type.
    """
    changes = check(Recipe, recipe)

    def questions(*corpora: Corpus) -> dict[str, Question]:
        return {name: replace(q, settings={**changes, **q.settings})
                for name, q in exhibit.questions(*corpora).items()}
    return replace(exhibit, questions=questions)


def pair(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None) -> tuple[Corpus, ...]:
    """What it is made of: the corpus; of an exhibit of two also the second one, that which is given or its own (None if
    it has none)."""
    if not exhibit.two:
        return (corpus,)
    return corpus, exhibit.second(corpus) if other is None else other


def lacking(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None) -> str:
    """Why it cannot be built on these corpora, "" if it can."""
    return exhibit.lacks(*pair(exhibit, corpus, other))


def asked(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None) -> Mapping[str, Question]:
    """Its questions on these corpora.

    Raises:
        UsageError: they lack what the exhibit needs.
    """
    if why := lacking(exhibit, corpus, other):
        raise UsageError(f"{exhibit.id} cannot be built on {corpus.name}: {why}", remedy=f"It needs {exhibit.needs}.")
    return exhibit.questions(*pair(exhibit, corpus, other))


def planned(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
            profile: str = "smoke") -> dict[str, list[RunSpec]]:
    """Name -> the runs of each of its questions.

    Raises:
        UsageError: the corpus lacks what the exhibit needs.
    """
    questions = asked(exhibit, corpus, other)
    return runs.plan_all(questions, *pair(exhibit, corpus, other), seeds=seeds, profile=profile)


def load(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
         profile: str = "smoke", folder: Path | None = None) -> dict[str, list[Record]]:
    """The runs of an exhibit.

    Raises:
        UsageError: see `planned`.
        RunError: some have not been trained, and how to.
    """
    folder = folder or paths.runs_dir()
    specs = planned(exhibit, corpus, other, seeds=seeds, profile=profile)
    if missing := _missing(specs, folder):
        raise RunError(f"{exhibit.id} needs {len(missing)} more run(s) on {corpus.name}, such as {missing[0].title}",
                       where=folder, remedy=f"Train them: erclab exhibits {exhibit.id} --corpus {corpus.name} --train "
                       "(with the same --data, --seeds, --set and --profile).")
    return {name: [runs.load(folder / f"{spec.id}.json") for spec in found] for name, found in specs.items()}


def build(exhibit: Exhibit, corpus: Corpus, found: Runs, other: Corpus | None = None) -> pd.DataFrame | Figure:
    """Make the table or figure from the runs of its questions.

    Raises:
        UsageError: the corpus lacks what it needs.
    """
    asked(exhibit, corpus, other)
    first, *second = pair(exhibit, corpus, other)
    return exhibit.build(first, found, *second)


def state(exhibit: Exhibit, corpus: Corpus, other: Corpus | None = None, *, seeds: int | Iterable[int] = 3,
          profile: str = "smoke", folder: Path | None = None, built: Iterable[Sequence[str]] = ()) -> State:
    """What there is of it.

    Args:
        built: for each place where one is stored, the ids of the runs from which it was made. If they are those that
            it would be made from now, it needs no training, whether or not these runs are here.
    """
    if why := lacking(exhibit, corpus, other):
        return State("not here", why)
    specs = planned(exhibit, corpus, other, seeds=seeds, profile=profile)
    ids = tuple(dict.fromkeys(s.id for found in specs.values() for s in found))
    words = f"{len(ids)} run{'s' * (len(ids) != 1)}" if ids else "no runs"
    if ids in map(tuple, built):
        return State("built", words, ids)
    if missing := _missing(specs, folder or paths.runs_dir()):
        return State("to train", f"{len(missing)} of {len(ids)} runs", ids, len(missing))
    return State("ready", words, ids)


def _missing(specs: Mapping[str, list[RunSpec]], folder: Path) -> list[RunSpec]:
    found = {spec.id: spec for some in specs.values() for spec in some}
    return [spec for spec in found.values() if not (folder / f"{spec.id}.json").exists()]
