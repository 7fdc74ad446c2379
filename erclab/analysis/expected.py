"""Expected validation performance: what the best of k draws of hyper-parameters scores on average.

Dodge et al. (2019, EMNLP, "Show Your Work") put the empirical distribution of the n draws that were made in the place
of the true one: of k draws with replacement from the n scores v_1 <= ... <= v_n, the best is at most v_i with
probability (i / n)^k, so that

    E[best of k] = sum over i of v_i ((i / n)^k - ((i - 1) / n)^k).

This is a V-statistic. It is biased downwards: at k = n it stays below the best score that was seen. Tang et al. (2020,
ACL) draw without replacement, which is unbiased; Dodge et al. (2021, Findings of EMNLP) find that the unbiased
estimator has the larger variance. The biased one is the one here; the unbiased one is
`erclab.analysis.inflation.expected_best`, for the best of several runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from erclab.analysis.statistics import CONFIDENCE, ROUNDS
from erclab.core.errors import UsageError


def expected_maximum(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """(..., n) the expected best of k = 1 to n draws, from (..., n) scores of which more is better.

    Raises:
        UsageError: there is no score, or one is not finite.
    """
    x = np.sort(np.asarray(scores, dtype=float), axis=-1)
    if not x.size or not np.isfinite(x).all():
        raise UsageError("expected performance needs one finite score or more", remedy="Leave out what has none.")
    n = x.shape[-1]
    k = np.arange(1, n + 1)[:, None]
    at_most = (np.arange(n + 1) / n) ** k  # (k, n + 1)
    return x @ np.diff(at_most, axis=1).T


def expected_curve(scores: Sequence[float] | np.ndarray, rounds: int = ROUNDS) -> pd.DataFrame:
    """The expected best of k draws with a 95 % interval, by drawing the draws anew with replacement.

    The interval is about other draws of settings. It is not about other seeds or other validation dialogues, and it is
    narrow at its upper end, because no draw of the draws has a better score than the best one.

    Returns:
        Index `draws` (k); columns value, low, high.
    """
    x = np.asarray(scores, dtype=float)
    rng = np.random.default_rng(0)
    drawn = expected_maximum(x[rng.integers(len(x), size=(rounds, len(x)))])
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return pd.DataFrame({"value": expected_maximum(x), "low": low, "high": high},
                        index=pd.RangeIndex(1, len(x) + 1, name="draws"))
