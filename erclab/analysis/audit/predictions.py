"""What printed recall, F1 and support say of the predictions: precision, how many, and the counts that fit."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from erclab.analysis.audit.rounding import Interval, exactly, numerators, stands_for
from erclab.core.errors import UsageError


class Hits(NamedTuple):
    """Of one class: utterances that are found, predictions of it, and its support."""

    found: int
    predicted: int
    support: int

    @property
    def f1(self) -> Fraction:
        """Its F1, exactly."""
        return Fraction(2 * self.found, self.predicted + self.support)


def implied_precision(recall: str, f1: str) -> float:
    """The precision (a share) that follows from printed recall and F1 (percent).

    Raises:
        UsageError: a text is no number, or F1 is too large: no precision gives F1 at or above twice the recall.
    """
    r, f = exactly(recall) / 100, exactly(f1) / 100
    if not 0 < f < 2 * r:
        raise UsageError(f"no precision gives F1 {f1} with recall {recall}", remedy="Check both numbers.")
    return float(f * r / (2 * r - f))


def implied_predictions(recall: str, f1: str, support: int) -> Interval:
    """How often a class is predicted, from its printed recall and F1 (percent) and its support, within the rounding.

    With F1 = 2 h / (s + p), recall = h / s: p = s (2 recall - F1) / F1.

    Raises:
        UsageError: a text is no number, or F1 is 0.
    """
    r, f = stands_for(recall), stands_for(f1)
    if f.low <= 0:
        raise UsageError(f"F1 {f1} says nothing of the predictions", remedy="Leave out classes with an F1 of 0.")
    return Interval(max(Fraction(0), support * (2 * r.low - f.high) / f.high), support * (2 * r.high - f.low) / f.low)


def row_predictions(recalls: Mapping[str, str], f1: Mapping[str, str], supports: Mapping[str, int]) -> Interval:
    """How many predictions a row of recalls and F1 has in all, within the rounding.

    A row of one prediction file has as many predictions as utterances; also a mean over runs does nearly.

    Raises:
        UsageError: see `implied_predictions`.
    """
    each = [implied_predictions(recalls[name], f1[name], supports[name]) for name in recalls]
    return Interval(sum((i.low for i in each), Fraction(0)), sum((i.high for i in each), Fraction(0)))


def one_file(recalls: Mapping[str, str], f1: Mapping[str, str], supports: Mapping[str, int]) -> bool:
    """Whether the row has as many predictions as utterances, within the rounding.

    Raises:
        UsageError: see `implied_predictions`.
    """
    return sum(supports[name] for name in recalls) in row_predictions(recalls, f1, supports)


def matching_hits(precision: str, recall: str, f1: str, support: int, most: int) -> list[Hits]:
    """The counts of one class that give printed precision, recall and F1 (percent).

    Args:
        most: predictions at most, the size of the test set.

    Raises:
        UsageError: a text is no number.
    """
    precise, score, made = stands_for(precision), stands_for(f1), []
    for found in numerators(recall, support):
        for predicted in range(max(1, found), most + 1):
            hits = Hits(found, predicted, support)
            if Fraction(100 * found, predicted) in precise and 100 * hits.f1 in score:
                made.append(hits)
    return made


def f1_bounds(fitting: Mapping[str, list[Hits]]) -> dict[str, Interval]:
    """The macro and the weighted F1 (percent) that these counts allow, every class for itself.

    Args:
        fitting: class -> the counts that fit, see `matching_hits`.

    Raises:
        UsageError: no counts fit some class.
    """
    if not all(fitting.values()):
        raise UsageError("no counts fit " + ", ".join(name for name, some in fitting.items() if not some),
                         remedy="Check its precision, recall, F1 and support.")
    ends = {name: (min(h.f1 for h in some), max(h.f1 for h in some), some[0].support) for name, some in fitting.items()}
    n = sum(support for *_, support in ends.values())
    macro = [100 * sum(e[i] for e in ends.values()) / len(ends) for i in (0, 1)]
    weighted = [100 * sum(e[i] * e[2] for e in ends.values()) / n for i in (0, 1)]
    return {"macro": Interval(*macro), "weighted": Interval(*weighted)}


def jointly(fitting: Mapping[str, list[Hits]], accuracy: str) -> Interval:
    """The macro F1 (percent) that these counts allow together: as many predictions as utterances, and the accuracy.

    Raises:
        UsageError: no choice of counts fits.
    """
    n = sum(some[0].support for some in fitting.values())
    sums: dict[tuple[int, int], tuple[Fraction, Fraction]] = {(0, 0): (Fraction(0), Fraction(0))}
    for some in fitting.values():
        further: dict[tuple[int, int], tuple[Fraction, Fraction]] = {}
        for (found, predicted), (low, high) in sums.items():
            for hits in some:
                key = (found + hits.found, predicted + hits.predicted)
                if key[1] <= n:
                    was = further.get(key, (low + hits.f1, high + hits.f1))
                    further[key] = (min(was[0], low + hits.f1), max(was[1], high + hits.f1))
        sums = further
    right = numerators(accuracy, n)
    ends = [ends for (found, predicted), ends in sums.items() if predicted == n and found in right]
    if not ends:
        raise UsageError("no counts fit all classes together", remedy="Check supports and accuracy.")
    return Interval(100 * min(low for low, _ in ends) / len(fitting),
                    100 * max(high for _, high in ends) / len(fitting))


def whole_parts(shares: tuple[str, str], of_shares: tuple[str, str], most: int, slack: Fraction
                ) -> list[tuple[int, int, int, int, int]]:
    """The integers behind two shares of one total, and a share of each of these two parts, all in percent.

    Args:
        shares: of the total.
        of_shares: of the first part, and of the second one.
        most: the total is at most that.
        slack: see `erclab.analysis.audit.rounding.stands_for`.

    Returns:
        (total, first part, of it, second part, of it) for each solution.
    """
    return [(total, a, c, b, d) for total in range(1, most + 1)
            for a in numerators(shares[0], total, slack=slack) for b in numerators(shares[1], total, slack=slack)
            if a and b
            for c in numerators(of_shares[0], a, slack=slack) for d in numerators(of_shares[1], b, slack=slack)]

