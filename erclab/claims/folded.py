"""Arms on corpora that are cross-validated: every dialogue is tested once, by a model that has not seen it.

IEMOCAP's official test split has two speakers. Leaving one session out tests all ten (`iemocap-sessions`), which is the
sensitivity of verdicts to that split. ICT-MMMO has 120 reviews and no split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from erclab import corpora, models, runs
from erclab.analysis.tallies import ALL, Tally, tally
from erclab.core.errors import ErclabError, UsageError
from erclab.corpora.folds import folds
from erclab.runs import Pooled


@cache
def _corpus(name: str, data: str, text_as: str) -> corpora.Corpus:
    return corpora.load(name, data or None, text_as=text_as)


def trained_in_folds(jobs: Sequence[tuple[str, Mapping[str, Any], int]], name: str, data: str, by: int | str,
                     folder: Path, processes: int | None = None
                     ) -> Iterator[tuple[str, int, Pooled | str | UsageError]]:
    """Cross-validate arms, several at a time; runs that are in the folder are not trained again.

    Args:
        jobs: (arm, arguments of `runs.plan` without corpus and seeds, seed).
        name, data, by: the corpus and its folds, see `erclab.corpora.folds.folds`.
        processes: at a time; one per core by default.

    Yields:
        (arm, seed, its folds pooled; what failed, in words; or why the corpus does not allow the arm), as they end.
    """
    work = joblib.Parallel(n_jobs=processes or joblib.cpu_count(), return_as="generator_unordered")
    yield from work(joblib.delayed(_one)(arm, dict(question), seed, name, data, by, folder)
                    for arm, question, seed in jobs)


def _one(arm: str, question: dict[str, Any], seed: int, name: str, data: str, by: int | str, folder: Path
         ) -> tuple[str, int, Pooled | str | UsageError]:
    try:
        corpus = _corpus(name, data, models.info(question["model"]).text_as)
        model = question.pop("model")
        pooled, = runs.cross_validate(model, corpus, by=by, seeds=[seed], folder=folder, progress=False, **question)
        return arm, seed, pooled
    except UsageError as error:
        return arm, seed, error
    except (ErclabError, RuntimeError, MemoryError) as error:
        return arm, seed, str(error)


def sums(pooled: Pooled, corpus: corpora.Corpus, by: int | str, protocol: str) -> Mapping[str, np.ndarray]:
    """The sums of each dialogue over all folds, see `erclab.analysis.tallies.Tally`.

    Args:
        protocol: by which the epoch of each fold was chosen.
    """
    found: dict[str, list[np.ndarray]] = {}
    for part, record in zip(folds(corpus, by), pooled.records, strict=True):
        lengths = np.diff(part.starts)[part.dialogue_splits == "test"]
        one = _tally(record, part, np.repeat(np.arange(len(lengths)), lengths), protocol)
        for name, x in one.sums.items():
            found.setdefault(name, []).append(x)
    return {name: np.concatenate(x) for name, x in found.items() if len(x) == len(pooled.records)}


def _tally(record: runs.Record, part: corpora.Corpus, dialogue: np.ndarray, protocol: str) -> Tally:
    truth = part.targets("test", record.target.name)
    made = tally(record.target, truth, record.predictions("test", protocol), dialogue)
    return Tally(record.target, {name: x for name, x in made.sums.items() if name.partition(".")[0] == ALL})
