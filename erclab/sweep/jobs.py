"""From grids to runs: each is planned on its corpus, and what several cells of a grid share is one job."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from erclab import corpora, models, runs
from erclab.core.errors import ErclabError, UsageError
from erclab.corpora import Corpus
from erclab.sweep.grid import Grid, Source


@dataclass(frozen=True)
class Cell:
    """Where in the grid a result belongs: what varies, as people call it ("" for the recipe's own choice)."""

    model: str
    corpus: str
    variant: str
    modalities: str
    task: str
    change: str
    protocol: str
    seed: int


@dataclass(frozen=True)
class Part:
    """A corpus as some runs read it: where it is from, in which form its text, and which utterances.

    Attributes:
        source: see there.
        text_as: "vectors" or "tokens", see `erclab.corpora.load`.
        modalities: which ones an utterance must all have; () for any utterance, ("all",) for the corpus's.
    """

    source: Source
    text_as: str
    modalities: tuple[str, ...] = ()

    def load(self) -> Corpus:
        """Read it.

        Raises:
            ErclabError: see `erclab.corpora.load`.
        """
        corpus = corpora.load(self.source.name, self.source.data or None, text_encoder=self.source.text_encoder,
                              text_as=self.text_as)
        if self.modalities:
            corpus = corpora.complete(corpus, None if self.modalities == ("all",) else self.modalities)
        return corpus


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    It holds the question and not the spec, so that a worker plans the run again from its own corpus and its own
    erclab: were they not the same as here, the id would differ, and the worker says so.

    Attributes:
        id: the run's.
        title: what people call it.
        part: the corpus.
        question: for `erclab.runs.plan`, besides the corpus; it gives this one run.
        cells: where it belongs, one per protocol at least.
    """

    id: str
    title: str
    part: Part
    question: dict[str, Any]
    cells: tuple[Cell, ...]


def plan(grids: Grid | Iterable[Grid], load: Callable[[Part], Corpus] | None = None) -> list[Job]:
    """The runs of some grids, each once, in the grids' order. Every corpus is read once.

    Args:
        load: reads a part of a corpus; by default anew for this call.

    Raises:
        UsageError: a model, corpus and settings that do not go together, and which.
        CorpusError, FeatureError: a corpus cannot be read.
    """
    load = load or _once(Part.load)
    found: dict[str, Job] = {}
    for grid in (grids,) if isinstance(grids, Grid) else grids:
        for part, question, cell in _cells(grid):
            corpus = load(part)
            try:
                planned = runs.plan(corpus=corpus, seeds=grid.seeds, **question)
            except ErclabError as error:
                words = [cell.model, cell.corpus, cell.variant, cell.modalities, cell.task, cell.change]
                raise UsageError(error.problem, where=", ".join(w for w in words if w), remedy=error.remedy) from None
            for i, seed in enumerate(grid.seeds):  # a fitted baseline has one run for all seeds
                spec = planned[min(i, len(planned) - 1)]
                at = replace(cell, seed=seed if len(planned) > 1 else spec.seed)
                job = found.get(spec.id) or Job(spec.id, _title(spec.title, cell), part,
                                                {**question, "seeds": (spec.seed,)}, ())
                found[spec.id] = replace(job, cells=tuple(dict.fromkeys((*job.cells, at))))
    return list(found.values())


def _once(load: Callable[[Part], Corpus]) -> Callable[[Part], Corpus]:
    kept: dict[Part, Corpus] = {}

    def once(part: Part) -> Corpus:
        if part not in kept:
            kept[part] = load(part)
        return kept[part]
    return once


def _cells(grid: Grid):
    """(part, question without seeds, cell) for every combination but the seeds."""
    product = itertools.product(grid.models, grid.corpora, grid.variants or ("",), grid.modalities or ((),),
                                grid.tasks or ("",), (grid.changes or {"": {}}).items(), grid.protocols)
    for model, source, variant, modalities, task, (change, settings), protocol in product:
        # A model of sequences gets the words one by one where the corpus has only their text.
        part = Part(source, models.info(model).text_as,
                    (modalities or ("all",)) if source.complete else ())
        question = {"model": model, "profile": grid.profile, "variant": variant or None,
                    "modalities": modalities or None, "task": task or None, "words": grid.words,
                    **grid.settings, **settings}
        yield part, question, Cell(model, source.name, variant, "+".join(modalities), task, change, protocol, 0)


def _title(title: str, cell: Cell) -> str:
    return ", ".join([title, *(w for w in (cell.variant, cell.task, cell.change) if w)])
