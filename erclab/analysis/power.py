"""What can be seen before a run: the power of an interval over seeds and dialogues, and what a decision needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from erclab.analysis.statistics import CONFIDENCE, Estimate
from erclab.core.errors import UsageError

POWER = 0.8
_MIDDLES = (np.arange(400) + 0.5) / 400


def power(effect: float, deviation: float, among_dialogues: float, seeds: int, dialogues: int,
          alpha: float = 1 - CONFIDENCE) -> float:
    """The probability that the interval of `Estimate` excludes 0 when the true difference is `effect`.

    Args:
        deviation: of the difference over seeds.
        among_dialogues: its standard error over dialogues; 0: this test split for ever.

    Raises:
        UsageError: fewer than two seeds.
    """
    if seeds < 2:
        raise UsageError(f"{seeds} seeds have no deviation", remedy="Plan for two seeds or more.")
    planned = Estimate(effect, deviation, among_dialogues, seeds, dialogues)
    if planned.error == 0:
        return float(effect != 0)
    freedom, away = planned.freedom, abs(effect) / planned.error
    edge = float(stats.t.ppf(1 - alpha / 2, freedom))
    # P(|T| > edge) for T = (Z + away) / w, over quantiles of w: scipy's noncentral t is NaN for many of these cases.
    w = np.sqrt(stats.chi2.ppf(_MIDDLES, freedom) / freedom) if np.isfinite(freedom) else np.ones(1)
    return float((stats.norm.sf(edge * w - away) + stats.norm.cdf(-edge * w - away)).mean())


def resolvable(deviation: float, among_dialogues: float, seeds: int, dialogues: int, wanted: float = POWER) -> float:
    """The smallest true difference that is seen with a probability of `wanted`, in the unit of the deviation."""
    unit = Estimate(0.0, deviation, among_dialogues, seeds, dialogues).error
    if unit == 0:
        return 0.0
    return float(optimize.brentq(
        lambda x: power(x * unit, deviation, among_dialogues, seeds, dialogues) - wanted, 0, 60)) * unit


def seeds_needed(effect: float, deviation: float, among_dialogues: float, dialogues: int, most: int = 1000
                 ) -> int | None:
    """How many seeds see a difference of `effect` with a probability of `POWER` on a test split of this many dialogues;
    None where `most` are too few, because dialogues are what is missing (`dialogues_needed`)."""
    if power(effect, deviation, among_dialogues, most, dialogues) < POWER:
        return None
    return _first(lambda n: power(effect, deviation, among_dialogues, n, dialogues) >= POWER, 1, most)


def dialogues_needed(effect: float, deviation: float, among_dialogues: float, seeds: int, dialogues: int) -> int | None:
    """How many test dialogues see a difference of `effect` with these seeds, if the error falls with the square root of
    their number; None where seeds are what is missing."""
    if power(effect, deviation, 0.0, seeds, dialogues) < POWER:
        return None

    def enough(n: int) -> bool:
        return power(effect, deviation, among_dialogues * (dialogues / n) ** 0.5, seeds, n) >= POWER

    high = next(2**k for k in range(1, 64) if enough(2**k))
    return _first(enough, high // 2, high)


def both_needed(effect: float, deviation: float, among_dialogues: float, seeds: int, dialogues: int
                ) -> tuple[int, int] | None:
    """(seeds, dialogues) that see a difference of `effect`: more seeds on this test split where these are enough, else
    at least ten seeds and more dialogues; None where 10,000 seeds are too few.

    Args:
        seeds, dialogues: that there are; at least one more seed is named.
    """
    more = seeds_needed(effect, deviation, among_dialogues, dialogues)
    if more is not None:
        return max(more, seeds + 1), dialogues
    count = max(seeds, 10)
    while count < 20_000:
        found = dialogues_needed(effect, deviation, among_dialogues, count, dialogues)
        if found is not None:
            return count, found
        count *= 2
    return None


def _first(enough: Callable[[int], bool], low: int, high: int) -> int:
    """The first number that is enough, between one that is not and one that is."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
