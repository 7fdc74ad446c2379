"""From grids to runs: each cell is planned on its corpus, and cells with the same run share one job."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from erclab import corpora, models, runs
from erclab.core.errors import ErclabError, UsageError
from erclab.corpora import Corpus
from erclab.sweep.grid import Grid, Source


@dataclass(frozen=True)
class Cell:
    """The coordinates of a result in the grid; "" stands for the choice of the recipe."""

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
    """A corpus as some runs read it: its source, the form of its text, and the choice of utterances.

    Attributes:
        source: the corpus and how to read it.
        text_as: "vectors" or "tokens", see `erclab.corpora.load`.
        modalities: an utterance must have all of these; ("all",) for all of the corpus, () for no condition.
    """

    source: Source
    text_as: str
    modalities: tuple[str, ...] = ()

    def load(self) -> Corpus:
        """Read the corpus.

        Raises:
            ErclabError: see `erclab.corpora.load`.
        """
        corpus = corpora.load(self.source.name, self.source.data or None, text_encoder=self.source.text_encoder,
                              text_as=self.text_as, labelled=self.source.labelled,
                              **json.loads(self.source.options or "{}"))
        if self.modalities:
            corpus = corpora.complete(corpus, None if self.modalities == ("all",) else self.modalities)
        return corpus


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    A job has the question and not the spec: the worker plans the run again with its copy of the corpus and of erclab.
    If these differ from the driver's copies, the id differs, and the worker reports an error.

    Attributes:
        id: the id of the run.
        title: its name for people.
        part: the corpus.
        question: the arguments of `erclab.runs.plan` without the corpus; they give exactly this run.
        cells: its places in the grid, at least one per protocol.
    """

    id: str
    title: str
    part: Part
    question: dict[str, Any]
    cells: tuple[Cell, ...]


def plan(grids: Grid | Iterable[Grid], load: Callable[[Part], Corpus] | None = None) -> list[Job]:
    """The different runs of some grids, in the order of the grids. Every corpus is read once.

    Args:
        load: reads a part of a corpus; by default `Part.load`, once per part.

    Raises:
        UsageError: a model, a corpus and settings do not fit together; names the cell of the grid.
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
                raise error.recast(UsageError, where=", ".join(w for w in words if w)) from None
            for i, seed in enumerate(grid.seeds):  # a fitted baseline has a single run for all seeds
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
    """(part, question, cell) for every combination of the lists except the seeds."""
    product = itertools.product(grid.models, grid.corpora, grid.variants or ("",), grid.modalities or ((),),
                                grid.tasks or ("",), (grid.changes or {"": {}}).items(), grid.protocols)
    for model, source, variant, modalities, task, (change, settings), protocol in product:
        # A model of sequences reads the words one by one if the corpus has text only.
        part = Part(source, models.info(model).text_as,
                    (modalities or ("all",)) if source.complete else ())
        question = {"model": model, "profile": grid.profile, "variant": variant or None,
                    "modalities": modalities or None, "task": task or None, "words": grid.words,
                    **grid.settings, **settings}
        yield part, question, Cell(model, source.title, variant, "+".join(modalities), task, change, protocol, 0)


def _title(title: str, cell: Cell) -> str:
    corpus = cell.corpus.partition(" (")[2].removesuffix(")")  # what the corpus's name in the title leaves out
    return ", ".join([title, *(w for w in (corpus, cell.variant, cell.task, cell.change) if w)])
