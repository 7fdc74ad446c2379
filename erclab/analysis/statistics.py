"""Numbers over seeds. A difference smaller than what seeds do is not a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from erclab.runs import Pooled, Record


@dataclass(frozen=True)
class Summary:
    """Mean, sample deviation (0 for a single value) and count of a score over seeds."""

    mean: float
    deviation: float
    n: int

    def __str__(self) -> str:
        """In percent, as the field prints scores."""
        return self.text()

    def text(self, percent: bool = True) -> str:
        """In percent, or as it is with three decimals."""
        parts = [f"{100 * x:.1f}" if percent else f"{x:.3f}" for x in (self.mean, self.deviation)]
        return " ± ".join(parts) if self.n > 1 else parts[0]


# The score of a task that a figure shows where none is asked for; higher is better in all of them.
SHOWN = {"emotion": "weighted_f1", "emotion4": "weighted_f1", "sentiment": "f1_non0", "dimensional": "correlation"}


def values(records: Sequence[Record | Pooled], metric: str | None = None, split: str = "test") -> np.ndarray:
    """(seeds,) one score per run; by default what is `SHOWN` of their task."""
    metric = metric or SHOWN[records[0].task]
    return np.array([np.nan if (x := r.scores(split)[metric]) is None else x for r in records])


def summarise(x: Sequence[float]) -> Summary:
    """Of any values over seeds."""
    x = np.asarray(x, dtype=float)
    return Summary(float(x.mean()), float(x.std(ddof=1)) if np.ptp(x) > 0 else 0.0, len(x))


def gain(better: Sequence[float], worse: Sequence[float], confidence: float = 0.95) -> dict[str, float]:
    """How much higher `better` is on average, with Welch's interval, beside the deviation that seeds cause.

    A side with one value is a number without noise (a fitted baseline): the interval is then the other side's.

    Returns:
        `difference`, `low` and `high` of the interval, and `seed_deviation`, the larger of the two deviations.
    """
    a, b = np.asarray(better, dtype=float), np.asarray(worse, dtype=float)
    difference, deviations = float(a.mean() - b.mean()), [summarise(x).deviation for x in (a, b)]
    variances = [d**2 / len(x) for d, x in zip(deviations, (a, b), strict=True)]
    if len(a) == len(b) == 1:
        low = high = float("nan")
    elif sum(variances) == 0:
        low = high = difference
    else:  # by hand: scipy warns when one side is constant, and has no interval when it is a single number
        freedom = sum(variances) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True) if v)
        half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * sum(variances) ** 0.5
        low, high = difference - half, difference + half
    return {"difference": difference, "low": low, "high": high, "seed_deviation": max(deviations)}


def paired(values: Sequence[float], base: Sequence[float], confidence: float = 0.95) -> dict[str, float]:
    """How much higher `values` are than `base` where both have the same seeds, by the paired t interval.

    What differs between seeds and not between settings (a lucky initialisation, the order of the data) cancels, which
    is why ablations are trained with the same seeds. Of sides of unequal length the first seeds count, which both have.

    Returns:
        `difference`; `low`, `high` of its interval (nan with one seed); `p` of the two-sided test; `effect`, Cohen's d
        of the pairs (mean over deviation of the differences; infinite if all are the same, 0 if all are 0); and
        `seed_deviation`, the larger deviation of the two sides.
    """
    n = min(len(values), len(base))
    a, b = (np.asarray(x, dtype=float)[:n] for x in (values, base))
    difference, noise = a - b, max(summarise(x).deviation for x in (a, b))
    mean, deviation = float(difference.mean()), summarise(difference).deviation
    if n == 1:
        low = high = p = effect = float("nan")
    elif deviation == 0:
        low, high, p, effect = mean, mean, float(mean == 0), float(np.sign(mean) * np.inf) if mean else 0.0
    else:
        tested = stats.ttest_rel(a, b)
        (low, high), p, effect = map(float, tested.confidence_interval(confidence)), float(tested.pvalue), (
            mean / deviation)
    return {"difference": mean, "low": low, "high": high, "p": p, "effect": effect, "seed_deviation": noise}
