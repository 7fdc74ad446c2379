"""What is left of a trained model when what it reads gets worse: a modality missing or noisy, at several rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from erclab import runs
from erclab.analysis.degrade import degrade, deviation
from erclab.analysis.inside import check_corpus
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.corpora.views import View
from erclab.runs import Record
from erclab.training import loop

# "missing": the share of utterances that lose the modality. "noise": its deviation, in units of each feature's own.
RATES = {"missing": (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), "noise": (0.0, 0.5, 1.0, 2.0, 4.0)}
BATCH = 64


class Changed:
    """A view whose batches were changed, once, for all models that are asked."""

    def __init__(self, view: View, change: Callable[[DialogueBatch | SequenceBatch], DialogueBatch | SequenceBatch]):
        self.rows, self.labels, self.task = view.rows, view.labels, view.task
        self._batches = [change(batch) for batch in view.batches(BATCH)]

    def batches(self, batch_size: int) -> Iterator[DialogueBatch | SequenceBatch]:
        """All batches once, in the size that they were made in."""
        return iter(self._batches)


def curves(records: Sequence[Record], corpus: Corpus, kind: str = "missing", *, metric: str = "weighted_f1",
           rates: Sequence[float] | None = None, split: str = "test", seed: int = 0) -> dict[str, pd.DataFrame]:
    """Modality -> the score of trained models when that modality of a split is worse, and the others are as they were.

    The models are those of the records, trained on what was whole; nothing is trained again.

    Args:
        records: runs of one question, which differ in their seeds alone.
        kind: "missing" or "noise", see `erclab.analysis.degrade`.
        metric: a score of the runs' task, as `erclab.core.metrics` names it.
        rates: those of `RATES` by default.
        seed: of what is lost, and of the noise; the same for all models and, where it can be, for all rates.

    Returns:
        A table per modality: index the rates, a column per run. NaN where there is no such score (the correlation of a
        constant prediction).

    Raises:
        UsageError: a run was trained on another corpus, or the runs differ in more than their seeds.
    """
    _check(records, corpus)
    first = records[0]
    parts = runs.views(first.spec, corpus, splits=["train", split])
    models, rates, found = [r.model() for r in records], RATES[kind] if rates is None else rates, {}
    for m in first.spec["modalities"]:
        words = m == "text" and first.spec["words"]
        if kind == "noise" and words:
            continue  # what is read as words has no features to add noise to
        spread = deviation(parts["train"].batches(BATCH), m) if kind == "noise" else None
        rows = {}
        for rate in rates:
            worse = Changed(parts[split], lambda b, m=m, rate=rate, spread=spread: degrade(
                b, m, rate, kind, seed=seed, deviation=spread))
            rows[rate] = [score(model, worse, metric) for model in models]
        found[m] = pd.DataFrame(rows, index=[r.spec["seed"] for r in records], dtype=float).T.rename_axis("rate")
    return found


def score(model, view: View | Changed, metric: str) -> float:
    """One score of a model on a view; NaN where there is none."""
    value = loop.score(view, loop.predictions(model, view, BATCH))[metric]
    return np.nan if value is None else value


def _check(records: Sequence[Record], corpus: Corpus) -> None:
    for r in records:
        check_corpus(r, corpus)
        if any(r.spec[key] != records[0].spec[key] for key in ("model", "modalities", "task", "words", "recipe")):
            raise UsageError("the runs differ in more than their seeds", where=r.id,
                             remedy="Ask for the curves of one question at a time.")
