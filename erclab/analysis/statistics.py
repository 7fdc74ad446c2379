"""Numbers over seeds and dialogues: intervals, equivalence, and corrections for many claims.

What a claim needs is the expected difference between two training procedures over seeds *and* over new conversations
of the same kind. `Sampled` is a quantity of several runs on one test split, with its values under other draws of
dialogues; `Sampled.estimate` gives the mean with its error over both. An interval over seeds alone says only what other
seeds would have given on this very test split.

`holm` and `benjamini_hochberg` correct for many claims. What can be seen at all: `erclab.analysis.power`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from erclab.core.errors import UsageError
from erclab.runs import Pooled, Record

CONFIDENCE = 0.95
ROUNDS = 2000  # draws of dialogues; the error of a standard error is then 1.6 %
NOT_JUDGED = "not judged"
FEWEST = 3  # seeds of a verdict: where seeds dominate, an interval of two holds the truth in 88 of 100 cases only


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


# The score of a built-in task that a figure shows by default; higher is better in all of them.
SHOWN = {"emotion": "weighted_f1", "emotion4": "weighted_f1", "sentiment": "f1_non0", "dimensional": "correlation"}


def shown(record: Record | Pooled) -> str:
    """The score of a run that a figure shows by default: the `SHOWN` score of the task that the run's task is like."""
    return SHOWN[record.target.like]


def values(records: Sequence[Record | Pooled], metric: str | None = None, split: str = "test") -> np.ndarray:
    """(seeds,) one score per run; by default the `SHOWN` score of their task. NaN where a run has no such score."""
    metric = metric or shown(records[0])
    return np.array([np.nan if (x := r.scores(split)[metric]) is None else x for r in records])


def shown_metric(groups: Mapping[str, Sequence[Record | Pooled]]) -> str:
    """The `SHOWN` score of the task of these runs."""
    return shown(next(iter(groups.values()))[0])


def summarise(x: Sequence[float]) -> Summary:
    """The summary of any values over seeds."""
    values = np.asarray(x, dtype=float)
    return Summary(float(values.mean()), float(values.std(ddof=1)) if np.ptp(values) > 0 else 0.0, len(values))


@cache
def draws(dialogues: int) -> np.ndarray:
    """(R, D) how often each dialogue is drawn in each of `ROUNDS` draws of D dialogues with replacement; the same in
    every process, so that all quantities of one test split are paired."""
    found = np.random.default_rng(dialogues).multinomial(dialogues, np.full(dialogues, 1 / dialogues), size=ROUNDS)
    found = found.astype(np.float64)
    found.setflags(write=False)
    return found


@dataclass(frozen=True, eq=False)
class Sampled:
    """A quantity of several runs, with its values under other draws of dialogues.

    Quantities of the same seeds and dialogues can be added, subtracted, multiplied and divided: a difference of
    differences is written as such.

    Attributes:
        seeds: (S,) the quantity of each run on the test split as it is.
        drawn: (S, R) the same under the `draws` of dialogues.
        dialogues: D.
        fixed: the quantity has no seed (an oracle, a fitted baseline, a printed number): S is 1, and one is enough.
        least: the smallest deviation over seeds that is believed, of what few seeds can have in common by chance
            (`erclab.claims.quantities.yes_or_no`).
    """

    seeds: np.ndarray
    drawn: np.ndarray
    dialogues: int
    fixed: bool = False
    least: float = 0.0

    def __post_init__(self) -> None:
        if self.seeds.ndim != 1 or self.drawn.ndim != 2 or len(self.drawn) != len(self.seeds):
            raise UsageError(f"values of seeds {self.seeds.shape} and of draws {self.drawn.shape} do not fit")

    def __add__(self, other: Sampled | float) -> Sampled:
        return combine(np.add, self, other)

    def __sub__(self, other: Sampled | float) -> Sampled:
        return combine(np.subtract, self, other)

    def __mul__(self, other: Sampled | float) -> Sampled:
        return combine(np.multiply, self, other)

    def __truediv__(self, other: Sampled | float) -> Sampled:
        return combine(np.divide, self, other)

    def estimate(self) -> Estimate:
        """The mean over seeds, with its error over seeds and dialogues."""
        S, D = len(self.seeds), self.dialogues
        deviation = max(float(np.std(self.seeds, ddof=1)), self.least) if S > 1 else 0.0 if self.fixed else np.nan
        # A draw of D dialogues with replacement has a smaller variance than D new dialogues, by (D - 1) / D.
        among = float(np.std(self.drawn.mean(0), ddof=1)) * (D / (D - 1)) ** 0.5 if D > 1 else float("nan")
        return Estimate(float(self.seeds.mean()), deviation, among, S, D, self.fixed)


def resampled(items: Sequence[Any], value: Callable[[Any, np.ndarray], Any], dialogues: int, fixed: bool = False
              ) -> Sampled:
    """A quantity of each run on the test split as it is and under the `draws` of its dialogues.

    Args:
        items: one per run.
        value: (item, weights (..., D) of dialogues) -> (...) the quantity.
    """
    ones, weights = np.ones(dialogues), draws(dialogues)
    return Sampled(np.array([float(value(item, ones)) for item in items]),
                   np.stack([value(item, weights) for item in items]), dialogues, fixed)


def undrawn(seeds: np.ndarray, dialogues: int, fixed: bool = False, least: float = 0.0) -> Sampled:
    """A quantity of each run on which the draw of dialogues has no influence, (S,)."""
    return Sampled(seeds, np.repeat(seeds[:, None], ROUNDS, 1), dialogues, fixed, least)


def combine(function: Callable[..., np.ndarray], *sides: Sampled | float) -> Sampled:
    """A quantity that follows from others, seed by seed and draw by draw.

    Args:
        function: of as many arrays as there are sides, element by element.

    Raises:
        UsageError: the sides have different test splits, or different numbers of seeds.
    """
    given = [side for side in sides if isinstance(side, Sampled)]
    dialogues, counts = {one.dialogues for one in given}, {len(one.seeds) for one in given if not one.fixed}
    if len(dialogues) != 1 or len(counts) > 1:
        raise UsageError(f"quantities of {', '.join(map(str, sorted(counts)))} seeds and of "
                         f"{', '.join(map(str, sorted(dialogues)))} dialogues cannot be compared",
                         remedy="Compare runs of the same seeds on one test split.")
    seeds, drawn = ([getattr(side, name) if isinstance(side, Sampled) else side for side in sides]
                    for name in ("seeds", "drawn"))
    return Sampled(np.asarray(function(*seeds)), np.asarray(function(*drawn)), dialogues.pop(),
                   all(one.fixed for one in given), _least(function, sides))


def _least(function: Callable[..., np.ndarray], sides: Sequence[Sampled | float]) -> float:
    """The smallest deviation that is believed of a combination: by how much each side's own one moves it."""
    least = [side.least if isinstance(side, Sampled) else 0.0 for side in sides]
    if not any(least):
        return 0.0
    means = [float(side.seeds.mean()) if isinstance(side, Sampled) else side for side in sides]
    moved = [function(*means[:i], mean + one, *means[i + 1:]) - function(*means)
             for i, (mean, one) in enumerate(zip(means, least, strict=True)) if one]
    return float(np.linalg.norm(moved))


@dataclass(frozen=True)
class Estimate:
    """A quantity and its uncertainty over seeds and dialogues together.

    SE² = s² / S + se_d², with degrees of freedom by Welch and Satterthwaite from S - 1 and D - 1, and intervals by
    Student's t. A simulation with known truth holds the coverage (tests/analysis/test_coverage.py).

    Attributes:
        value: the mean over seeds.
        deviation: s, the sample deviation over seeds; 0 for what has no seed, NaN for one seed of a training.
        among_dialogues: se_d, the standard error from the draw of the test dialogues.
        seeds, dialogues: S and D; D is 0 where dialogues were not drawn (`over_seeds`).
        fixed: the quantity has no seed.
    """

    value: float
    deviation: float
    among_dialogues: float
    seeds: int
    dialogues: int
    fixed: bool = False

    @property
    def over(self) -> str:
        """What the interval is over, in words."""
        return "seeds and dialogues" if self.dialogues else "seeds only, this test split"

    @property
    def alone(self) -> str:
        """Why there is no interval, where there is none: one dialogue of a test split, or one seed."""
        return "one dialogue" if self.dialogues == 1 else "one seed"

    @property
    def error(self) -> float:
        """SE over seeds and dialogues; NaN where one seed or one dialogue cannot tell."""
        return (self.deviation**2 / self.seeds + self.among_dialogues**2) ** 0.5

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `error`; infinite where the error is 0."""
        a, b = self.deviation**2 / self.seeds, self.among_dialogues**2
        parts = sum(x**2 / (n - 1) for x, n in ((a, self.seeds), (b, self.dialogues)) if x and n > 1)
        return (a + b) ** 2 / parts if parts else float("inf")

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """(low, high) over seeds and dialogues; NaN for one seed or one dialogue."""
        half = float(stats.t.ppf((1 + confidence) / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def p(self, against: float = 0.0) -> float:
        """Two-sided p of the hypothesis that the quantity is `against`; NaN for one seed or one dialogue."""
        if self.error == 0:
            return float(self.value == against)
        return float(2 * stats.t.sf(abs(self.value - against) / self.error, self.freedom))

    def equivalent(self, margin: float, alpha: float = 0.05) -> bool:
        """Whether two one-sided tests find the quantity within ± margin of 0 (Schuirmann 1987, J. Pharmacokinetics
        and Biopharmaceutics 15). "No difference" may be said only where this is True."""
        low, high = self.interval(1 - 2 * alpha)
        return bool(-margin < low and high < margin)

    def text(self, scale: float = 100, digits: int = 1, confidence: float = CONFIDENCE) -> str:
        """`+1.3 [0.2, 2.4]`; without an interval `+1.3 (one seed)` or `+1.3 (one dialogue)`."""
        low, high = (scale * x for x in self.interval(confidence))
        value = f"{scale * self.value:+.{digits}f}"
        return f"{value} ({self.alone})" if np.isnan(low) else f"{value} [{low:.{digits}f}, {high:.{digits}f}]"


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of values over seeds, with its error over seeds alone: what other seeds would give on this very test
    split. For runs without predictions; no verdict is drawn from it (`NOT_JUDGED`)."""
    x = np.asarray(values, dtype=float)
    return Estimate(float(x.mean()), float(np.std(x, ddof=1)) if len(x) > 1 else float("nan"), 0.0, len(x), 0)


def seeds_in_words(count: int) -> str:
    """"one seed", or such as "3 seeds"."""
    return f"{count} seeds" if count > 1 else "one seed"


def verdict(found: Estimate, matters: float | None = None) -> str:
    """A difference in words, as strong as its 95 % interval.

    "higher" or "lower": the interval is on one side of 0. Else "equivalent": two one-sided tests find the difference
    within ± `matters`; else "undecided". "one seed" or "one dialogue" where there is no interval, and `NOT_JUDGED` for
    an interval over seeds only (`over_seeds`) and with fewer than `FEWEST` seeds.

    Args:
        matters: the smallest difference that matters, in the unit of the difference; None: nothing is called
            equivalent.
    """
    low, high = found.interval()
    if np.isnan(low):
        return found.alone
    if not found.dialogues or (found.seeds < FEWEST and not found.fixed):
        return NOT_JUDGED
    if low > 0 or high < 0:
        return "higher" if low > 0 else "lower"
    return "equivalent" if matters is not None and found.equivalent(matters) else "undecided"


def above(values: Sequence[float], base: Sequence[float], *, rounds: int = ROUNDS) -> tuple[float, float, float]:
    """P(A > B): how often a run of A scores higher than a run of B, over all pairs of seeds (ties count half), with a
    95 % interval from drawing seeds of both sides with replacement. Bouthillier et al. (2021, MLSys) call 0.75
    meaningful. It is about this test split: seeds are drawn, dialogues are not.

    Returns:
        (share, low, high); the interval is NaN where a side has one value.
    """
    a, b = (np.asarray(x, dtype=float) for x in (values, base))
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    if min(len(a), len(b)) < 2:
        return float(wins.mean()), float("nan"), float("nan")
    rng = np.random.default_rng(0)
    i, j = (rng.integers(len(x), size=(rounds, len(x))) for x in (a, b))
    found = wins[i[:, :, None], j[:, None, :]].mean((1, 2))
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(wins.mean()), float(low), float(high)


def gap_closed(score: Sampled, base: Sampled, ceiling: Sampled) -> Sampled:
    """The share of the way from a baseline to the oracle that a model has gone: 0 at the baseline, 1 at the ceiling."""
    return (score - base) / (ceiling - base)


def holm(p: Sequence[float], alpha: float = 1 - CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """Holm's correction within a family of claims (Holm 1979, Scandinavian J. of Statistics 6).

    The corrected p and the levels of the intervals come from one walk over the sorted p; a test compares with
    statsmodels, whose `multipletests` collects garbage at each call (0.2 s) and gives no levels.

    Args:
        p: two-sided p of each claim.
        alpha: the level of the family.

    Returns:
        The corrected p of each claim; and the confidence of the interval that belongs to the decision: the claim of
        rank r among m is judged at alpha / (m - r + 1), and those after the first that fails at the level of that one.
    """
    p = np.asarray(p, dtype=float)
    corrected, levels, failed, largest = np.empty(len(p)), np.empty(len(p)), False, 0.0
    for rank, i in enumerate(np.argsort(p, kind="stable")):
        if not failed:
            level = alpha / (len(p) - rank)
        failed = failed or p[i] > level
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i], levels[i] = largest, level
    return corrected, 1 - levels


def benjamini_hochberg(p: Sequence[float]) -> np.ndarray:
    """q of each claim: the smallest false discovery rate at which the claim is a discovery (Benjamini and Hochberg
    1995, J. Royal Statistical Society B 57), by statsmodels."""
    return multipletests(p, method="fdr_bh")[1] if len(p) else np.zeros(0)
