"""Numbers over seeds. A difference smaller than what seeds do is not a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from erclab.runs import Record


@dataclass(frozen=True)
class Summary:
    """Mean, sample deviation (0 for a single value) and count of a score over seeds."""

    mean: float
    deviation: float
    n: int

    def __str__(self) -> str:
        """In percent, as the field prints scores."""
        return f"{100 * self.mean:.1f} ± {100 * self.deviation:.1f}" if self.n > 1 else f"{100 * self.mean:.1f}"


def values(records: Sequence[Record], metric: str = "weighted_f1", split: str = "test") -> np.ndarray:
    """(seeds,) one score per run."""
    return np.array([r.scores(split)[metric] for r in records])


def summarise(x: Sequence[float]) -> Summary:
    """Of any values over seeds."""
    x = np.asarray(x, dtype=float)
    return Summary(float(x.mean()), float(x.std(ddof=1)) if len(x) > 1 else 0.0, len(x))


def gain(better: Sequence[float], worse: Sequence[float], confidence: float = 0.95) -> dict[str, float]:
    """How much higher `better` is on average, with Welch's interval, beside the deviation that seeds cause.

    A side with one value is a number without noise (a fitted baseline): the interval is then the other side's.

    Returns:
        `difference`, `low` and `high` of the interval, and `seed_deviation`, the larger of the two deviations.
    """
    a, b = np.asarray(better, dtype=float), np.asarray(worse, dtype=float)
    difference, deviation = float(a.mean() - b.mean()), max(summarise(a).deviation, summarise(b).deviation)
    if len(a) == 1 and len(b) == 1:
        low = high = float("nan")
    elif deviation == 0:
        low = high = difference
    elif len(b) == 1 or len(a) == 1:
        many, one, sign = (a, b[0], 1) if len(b) == 1 else (b, a[0], -1)
        low, high = sorted(sign * (edge - one) for edge in stats.ttest_1samp(many, one).confidence_interval(confidence))
    else:
        low, high = stats.ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    return {"difference": difference, "low": float(low), "high": float(high), "seed_deviation": deviation}
