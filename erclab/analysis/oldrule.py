"""The old rule; to be removed when nothing uses it any more (issue 18, point 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats


def _deviation(x) -> float:
    return float(np.std(x, ddof=1)) if np.ptp(x) > 0 else 0.0


def difference(values: Sequence[float], base: Sequence[float], *, pairs: bool, confidence: float = 0.95
               ) -> dict[str, float]:
    """How much higher `values` are than `base` on average, with a confidence interval.

    Args:
        pairs: True where value i of both sides has the same seed and the same data, as in an ablation: the paired t
            interval (`paired`). False for sides without a common seed, such as two corpora, or a model and a fitted
            baseline: Welch's interval (`unpaired`).

    Returns:
        `difference`, `low` and `high` of its interval (NaN with one seed), `seed_deviation`, the larger deviation of
        the two sides; with `pairs` also `p` and `effect`. See `verdict`.
    """
    return (paired if pairs else unpaired)(values, base, confidence)


def _old_verdict(found: Mapping[str, float]) -> str:
    """A `difference` in words: "higher", "lower", "within seed noise" or "one seed".

    It is within seed noise where the interval contains 0, or where the difference is at most the deviation over seeds.
    """
    if np.isnan(found["low"]):
        return "one seed"
    if found["low"] <= 0 <= found["high"] or abs(found["difference"]) <= found["seed_deviation"]:
        return "within seed noise"
    return "higher" if found["difference"] > 0 else "lower"


def unpaired(values: Sequence[float], base: Sequence[float], confidence: float = 0.95) -> dict[str, float]:
    """How much higher `values` are than `base` on average, by Welch's interval.

    A side with one value is a number without noise (a fitted baseline): the interval is then that of the other side.

    Returns:
        `difference`, `low` and `high` of the interval, and `seed_deviation`, the larger of the two deviations.
    """
    a, b = np.asarray(values, dtype=float), np.asarray(base, dtype=float)
    mean, deviations = float(a.mean() - b.mean()), [_deviation(x) for x in (a, b)]
    variances = [d**2 / len(x) for d, x in zip(deviations, (a, b), strict=True)]
    if len(a) == len(b) == 1:
        low = high = float("nan")
    elif sum(variances) == 0:
        low = high = mean
    else:  # by hand: scipy warns when one side is constant, and has no interval when it is a single number
        freedom = sum(variances) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True) if v)
        half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * sum(variances) ** 0.5
        low, high = mean - half, mean + half
    return {"difference": mean, "low": low, "high": high, "seed_deviation": max(deviations)}


def paired(values: Sequence[float], base: Sequence[float], confidence: float = 0.95) -> dict[str, float]:
    """How much higher `values` are than `base`, where both have the same seeds, by the paired t interval.

    Effects of a seed on both sides (a lucky initialisation, the order of the data) cancel; therefore ablations are
    trained with the same seeds. If one side is longer, only the seeds count that both sides have.

    Returns:
        `difference`; `low`, `high` of its interval (nan with one seed); `p` of the two-sided test; `effect`, Cohen's d
        of the pairs (mean over deviation of the differences; infinite if all are the same, 0 if all are 0); and
        `seed_deviation`, the larger deviation of the two sides.
    """
    n = min(len(values), len(base))
    a, b = (np.asarray(x, dtype=float)[:n] for x in (values, base))
    gaps, noise = a - b, max(_deviation(x) for x in (a, b))
    mean, deviation = float(gaps.mean()), _deviation(gaps)
    if n == 1:
        low = high = p = effect = float("nan")
    elif deviation == 0:
        low, high, p, effect = mean, mean, float(mean == 0), float(np.sign(mean) * np.inf) if mean else 0.0
    else:
        tested = stats.ttest_rel(a, b)
        (low, high), p, effect = map(float, tested.confidence_interval(confidence)), float(tested.pvalue), (
            mean / deviation)
    return {"difference": mean, "low": low, "high": high, "p": p, "effect": effect, "seed_deviation": noise}
