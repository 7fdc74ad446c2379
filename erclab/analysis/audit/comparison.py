"""Rows of printed numbers beside one another: better and worse cells, gains, equal cells, and chance."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import NamedTuple

from scipy import stats

from erclab.analysis.audit.rounding import Interval, exactly, stands_for
from erclab.core.errors import UsageError


class Outcomes(NamedTuple):
    """Cells in which the first row is better than, equal to and worse than the second one."""

    better: int
    equal: int
    worse: int

    def __str__(self) -> str:
        return f"better in {self.better}, equal in {self.equal}, worse in {self.worse} of {sum(self)}"


def outcomes(row: Mapping[str, str], other: Mapping[str, str], lower: Collection[str] = ()) -> Outcomes:
    """How one row does against another in the columns of both, as they are printed.

    Args:
        lower: columns in which less is better.

    Raises:
        UsageError: the rows share no column.
    """
    shared = [column for column in row if column in other]
    if not shared:
        raise UsageError("the rows share no column", remedy="Compare rows of one table.")
    signs = [(exactly(row[c]) - exactly(other[c])) * (-1 if c in lower else 1) for c in shared]
    return Outcomes(sum(s > 0 for s in signs), sum(s == 0 for s in signs), sum(s < 0 for s in signs))


def gain(new: str, old: str) -> Interval:
    """How many percent of the old printed number the new one is above it, within the rounding of both.

    Raises:
        UsageError: a text is no number, or the old number is not above 0.
    """
    n, o = stands_for(new), stands_for(old)
    return Interval(100 * (_ratio(n.low, o.high) - 1), 100 * (_ratio(n.high, o.low) - 1))


def ratio(large: str, small: str) -> Interval:
    """How many times the small printed number the large one is, within the rounding of both.

    Raises:
        UsageError: a text is no number, or the small one is not above 0.
    """
    return Interval(_ratio(stands_for(large).low, stands_for(small).high),
                    _ratio(stands_for(large).high, stands_for(small).low))


def _ratio(a: Fraction, b: Fraction) -> Fraction:
    if b <= 0:
        raise UsageError("a ratio to a number that may be 0", remedy="Compare with a positive number.")
    return a / b


def chance_of_agreement(deviation: float, unit: float, cells: int = 1) -> float:
    """The probability that two independent trainings print the same digits in so many cells.

    Args:
        deviation: of a score over trainings, normal; cells are taken as independent.
        unit: of the last printed digit, in the same unit.
    """
    spread = deviation * 2**0.5
    one = stats.norm.cdf(unit / 2, scale=spread) - stats.norm.cdf(-unit / 2, scale=spread)
    return float(one**cells)


def sign_test(gained: int, lost: int) -> float:
    """The exact two-sided p of a sign test: of `gained + lost` utterances that changed, so many got better."""
    return float(stats.binomtest(gained, gained + lost).pvalue)


def subset_test(counts: Mapping[str, int], whole: Mapping[str, int]) -> float:
    """The p of a chi-square test that the counts of classes are a random part of a whole, drawn without replacement.

    Utterances are taken as independent. 0 where a class has more utterances than the whole.

    Raises:
        UsageError: a class of the counts is not one of the whole, or the part is not smaller than the whole.
    """
    n, N = sum(counts.values()), sum(whole.values())
    if not set(counts) <= set(whole) or not 0 < n < N:
        raise UsageError(f"{n} utterances are no part of {N}", remedy="Give the counts of the same classes.")
    if any(counts[name] > whole[name] for name in counts):
        return 0.0
    expected = {name: n * count / N for name, count in whole.items()}
    statistic = sum((counts.get(name, 0) - e) ** 2 / e for name, e in expected.items()) * (N - 1) / (N - n)
    return float(stats.chi2.sf(statistic, len(whole) - 1))
