"""Cross-validation: one run per fold and seed, and scores over the test predictions of all folds together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.corpora.folds import folds
from erclab.runs.arguments import check_types
from erclab.runs.engine import run
from erclab.runs.records import Record


@dataclass(frozen=True, eq=False)
class Pooled:
    """The folds of one seed.

    Attributes:
        records: one per fold.
        truth: (N,) or (N, columns) labels, fold after fold.
        predictions: (N, C), each by the model that had not seen the utterance, in the same order.
    """

    records: tuple[Record, ...]
    truth: np.ndarray
    predictions: np.ndarray

    @property
    def task(self) -> str:
        """The name of the task that the runs predict."""
        return self.records[0].task

    @property
    def target(self) -> Task:
        """The task that the runs predict. `centre` and `width` are those of the first fold."""
        return self.records[0].target

    @property
    def headline(self) -> tuple[str, ...]:
        """As `Record.headline`, of all folds' utterances."""
        names, task = metrics.headline(self.target), self.target
        apart = metrics.neutral(task.names) if task.kind == "classes" else None
        if apart is None:
            return names
        counts = np.bincount(self.truth[self.truth >= 0], minlength=len(task.names))
        return (*names, *metrics.NO_NEUTRAL) if metrics.mostly(counts, apart) else names

    def scores(self, split: str = "test") -> dict[str, float | None]:
        """The headline scores over all utterances: a correlation needs more utterances than a small fold has.

        Raises:
            UsageError: another split than the test split.
        """
        if split != "test":
            raise UsageError(f"the folds' predictions of {split} overlap and are not pooled",
                             remedy="Look at the records of the folds.")
        return metrics.scores(self.target, self.truth, self.predictions)


def cross_validate(model: str | type, corpus: Corpus, *, by: int | str = 10, fold_seed: int = 0,
                   seeds: int | Iterable[int] = 1, **options) -> list[Pooled]:
    """Train a model once per fold, for each seed.

    Args:
        by, fold_seed: see `erclab.corpora.folds.folds`.
        seeds, options: see `run`.

    Raises:
        UsageError, RunError, CorpusError: see `folds` and `run`.
    """
    check_types(corpus=corpus)
    parts = folds(corpus, by, fold_seed)
    runs = [run(model, part, seeds=seeds, **options) for part in parts]  # (folds, seeds)
    return [_pool(parts, records) for records in zip(*runs, strict=True)]


def _pool(parts: Sequence[Corpus], records: Sequence[Record]) -> Pooled:
    return Pooled(tuple(records), np.concatenate([part.targets("test", records[0].task) for part in parts]),
                  np.concatenate([r.predictions("test", "sound") for r in records]))
