"""Scores of trained models when a modality of their input is missing or noisy, at several rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from erclab import runs
from erclab.analysis import ceilings, statistics, tallies
from erclab.analysis.degrade import degrade, deviation
from erclab.analysis.inside import check_corpus
from erclab.core import metrics
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus, simulated
from erclab.corpora.views import View
from erclab.runs import Record
from erclab.runs.looks import look
from erclab.training import loop

# "missing": the share of utterances that lose the modality. "noise": its deviation, in units of each feature's own.
RATES = {"missing": (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), "noise": (0.0, 0.5, 1.0, 2.0, 4.0)}
BATCH = 64
LOST, RETRAINED, ORACLE = "lost when asked", "retrained without", "oracle of the vectors"  # columns of `costs`


class Changed:
    """A view whose batches were changed once, for all models."""

    def __init__(self, view: View, change: Callable[[DialogueBatch | SequenceBatch], DialogueBatch | SequenceBatch]):
        self.rows, self.labels, self.truth, self.task = view.rows, view.labels, view.truth, view.task
        self._batches = [change(batch) for batch in view.batches(BATCH)]

    def batches(self, batch_size: int) -> Iterator[DialogueBatch | SequenceBatch]:
        """All batches once, in the size that they were made in."""
        return iter(self._batches)


def degradation_curves(records: Sequence[Record], corpus: Corpus, kind: str = "missing", *, metric: str = "weighted_f1",
                       rates: Sequence[float] | None = None, split: str = "test", seed: int = 0
                       ) -> dict[str, pd.DataFrame]:
    """Modality -> the score of trained models when that modality of a split is degraded and the others are intact.

    The models are those of the records, trained on intact data; nothing is trained again.

    Args:
        records: runs of one question, which differ in their seeds alone.
        kind: "missing" or "noise", see `erclab.analysis.degrade`.
        metric: a score of the runs' task, as `erclab.core.metrics` names it.
        rates: those of `RATES` by default.
        seed: of the lost utterances and of the noise; the same for all models and, where possible, for all rates.

    Returns:
        A table per modality: index the rates, a column per run. NaN where there is no such score (the correlation of a
        constant prediction).

    Raises:
        UsageError: a run was trained on another corpus, or the runs differ in more than their seeds.
    """
    _check(records, corpus)
    rates = list(RATES[kind] if rates is None else rates)
    curves = {r.spec["seed"]: degraded_scores(r, corpus, kind, metric, rates, split, seed) for r in records}
    return {m: pd.DataFrame({own: one[m] for own, one in curves.items()}, index=rates, dtype=float).rename_axis("rate")
            for m in next(iter(curves.values()))}


@look
def degraded_scores(record: Record, corpus: Corpus, kind: str, metric: str, rates: list[float], split: str, seed: int
                    ) -> dict[str, list[float]]:
    """Modality -> the score of a trained model at each rate, see `degradation_curves`. Words cannot be noisy and are
    left out."""
    parts, model, found = runs.views(record.spec, corpus, splits=["train", split]), record.model(), {}
    for m in record.spec["modalities"]:
        words = m == "text" and record.spec["words"]
        if kind == "noise" and words:
            continue  # words have no features to which noise could be added
        spread = deviation(parts["train"].batches(BATCH), m) if kind == "noise" else None
        found[m] = [score_on(model, Changed(parts[split], lambda b, m=m, rate=rate, spread=spread: degrade(
            b, m, rate, kind, seed=seed, deviation=spread)), metric) for rate in rates]
    return found


def falls(records: Sequence[Record], corpus: Corpus, kind: str, metric: str) -> dict[str, pd.DataFrame]:
    """Modality -> the change from the intact test split, in points, index rates and columns seeds."""
    scale = metrics.scale(metric)
    return {m: scale * (table - table.iloc[0])
            for m, table in degradation_curves(records, corpus, kind, metric=metric).items()}


def costs(whole: Sequence[Record], without: Mapping[str, Sequence[Record]], corpus: Corpus) -> pd.DataFrame:
    """The loss of score without each modality, in points; a row per modality.

    `lost when asked`: the model was trained with the modality, and every utterance of the test split lacks it.
    `retrained without`: the model never had the modality; `low` and `high` of its 95 % interval over seeds
    and dialogues.
    `oracle of the vectors`: the loss of the exact posterior that sees the vectors of the whole dialogue; only for
    emotions on a simulated corpus.

    Args:
        whole: runs with all modalities.
        without: modality -> runs that were trained without it.
    """
    metric = statistics.shown(whole[0])
    scale, rows = metrics.scale(metric), {}
    gone = degradation_curves(whole, corpus, "missing", metric=metric, rates=(0.0, 1.0))
    for m, table in gone.items():
        rows[m] = {LOST: scale * (table.loc[0.0] - table.loc[1.0]).mean()}
        both = tallies.difference(whole, without[m], corpus, metric)
        low, high = both.interval()
        rows[m] |= {RETRAINED: scale * both.value, "low": scale * low, "high": scale * high}
    made = pd.DataFrame(rows).T
    world = simulated.world_behind(corpus)
    if world and metric in ceilings.METRICS and whole[0].task == "emotion":
        made[ORACLE] = ceilings.costs_of_absence(corpus, world, metric)
    return made


def score_on(model, view: View | Changed, metric: str) -> float:
    """One score of a model on a view; NaN where there is none."""
    value = loop.score(view, loop.predictions(model, view, BATCH))[metric]
    return np.nan if value is None else value


def _check(records: Sequence[Record], corpus: Corpus) -> None:
    for r in records:
        check_corpus(r, corpus)
        if any(r.spec[key] != records[0].spec[key] for key in ("model", "modalities", "task", "words", "recipe")):
            raise UsageError("the runs differ in more than their seeds", where=r.id,
                             remedy="Ask for the curves of one question at a time.")
