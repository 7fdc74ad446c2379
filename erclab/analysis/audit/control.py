"""How much "no single table" says: how often pairs of one prediction file look impossible, and how often others do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from erclab.analysis.audit.contingency import Counts, matching

RUNS, EPOCHS = 5, 20
# How far the scores of positives lie above those of others, and where the cut lies, in deviations: from, to.
PREDICTORS = {"near the constant predictor": ((0.0, 0.5), (1.5, 3.0)), "good": ((1.0, 2.0), (0.8, 1.6))}


def impossible_shares(n: int = 938, positives: int = 135, draws: int = 100, seed: int = 0) -> pd.DataFrame:
    """Percent of pairs of accuracy and weighted F1, printed with one decimal, that no table of n samples gives.

    A predictor draws a normal score for each sample, higher for positives, and cuts it at a threshold that differs
    between epochs. Rows: pairs of one prediction file, of the mean of 5 runs, and of the best epoch of each score (one
    epoch or two). Columns: `PREDICTORS`.
    """
    rng, found = np.random.default_rng(seed), {}
    for name, (distances, cuts) in PREDICTORS.items():
        fails = []
        for _ in range(draws):
            distance, cut = rng.uniform(*distances), rng.uniform(*cuts)
            runs = _scores(rng, n, positives, distance, np.full(RUNS, cut))
            epochs = _scores(rng, n, positives, distance, cut + rng.normal(0, 0.3, EPOCHS))
            pairs = {"one prediction file": runs[0], f"mean of {RUNS} runs": runs.mean(0),
                     "best epoch of each score": epochs.max(0)}
            fails.append({pair: not matching(n, positives, f"{100 * accuracy:.1f}", f"{100 * f1:.1f}")
                          for pair, (accuracy, f1) in pairs.items()})
        found[name] = 100 * pd.DataFrame(fails).mean()
    return pd.DataFrame(found).rename_axis("pair")


def _scores(rng: np.random.Generator, n: int, positives: int, distance: float, cuts: np.ndarray) -> np.ndarray:
    """(number of cuts, 2): accuracy and weighted F1 of a prediction file each."""
    hits = rng.binomial(positives, stats.norm.sf(cuts - distance))
    alarms = rng.binomial(n - positives, stats.norm.sf(cuts))
    tables = [Counts(int(tp), int(fp), int(positives - tp), int(n - positives - fp))
              for tp, fp in zip(hits, alarms, strict=True)]
    return np.array([(t.accuracy, t.weighted_f1()) for t in tables])
