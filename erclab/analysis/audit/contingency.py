"""Which 2×2 tables give a printed pair of accuracy and F1: one emotion against the rest, or positive against negative.

Papers of the field print accuracy and "F1", which in the code that they build on is the F1 of both classes, weighted
with their supports. With the arguments of `f1_score` swapped, the weights are the shares of the predictions instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from erclab.analysis.audit.rounding import numerators, stands_for
from erclab.core.errors import unknown

ORDERS = (False, True)  # F1's arguments as they should be, and swapped
# What becomes of labels of 0 where the sign of a sentiment is scored.
ZEROS = ("left out", "with the positive", "with the negative")
_TOLERANCE = 1e-9  # of percentages in floating point


class Counts(NamedTuple):
    """A 2×2 table: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def accuracy(self) -> float:
        """A share."""
        return (self.tp + self.tn) / sum(self)

    @property
    def positive_f1(self) -> float:
        """F1 of the positive class; 0 where nothing is positive."""
        return float(_f1(self.tp, self.fp, self.fn))

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the recalls of both classes; of one class where the other has no samples."""
        classes = [(right, wrong) for right, wrong in ((self.tp, self.fn), (self.tn, self.fp)) if right + wrong]
        return sum(right / (right + wrong) for right, wrong in classes) / len(classes)

    def weighted_f1(self, swapped: bool = False) -> float:
        """F1 of both classes, weighted with the shares of the truth, or of the predictions if `swapped`."""
        return float(_weighted_f1(*self, swapped))


def signs(labels: Mapping[str, int], zeros: str) -> tuple[int, int]:
    """(how many labels count, how many of them as positive) under a treatment of zeros.

    Args:
        labels: how many are negative, zero and positive.
        zeros: one of `ZEROS`.

    Raises:
        UsageError: there is no such treatment.
    """
    if zeros not in ZEROS:
        raise unknown("treatment of zeros", zeros, ZEROS)
    n = sum(labels.values()) - (labels["zero"] if zeros == ZEROS[0] else 0)
    return n, labels["positive"] + (labels["zero"] if zeros == ZEROS[1] else 0)


def always_absent(n: int, positives: int) -> Counts:
    """The table of a predictor that never finds the positive class."""
    return Counts(0, 0, positives, n - positives)


def matching(n: int, positives: int, accuracy: str, f1: str, swapped: bool = False) -> list[Counts]:
    """Every table of n samples, of which some are positive, whose accuracy and weighted F1 are printed so (percent).

    Raises:
        UsageError: a text is no number.
    """
    found, (low, high), negatives = [], map(float, stands_for(f1)), n - positives
    for right in numerators(accuracy, n):
        tp = np.arange(max(0, right - negatives), min(positives, right) + 1)
        tn = right - tp
        score = 100 * _weighted_f1(tp, negatives - tn, positives - tp, tn, swapped)
        for i in np.flatnonzero((low - _TOLERANCE <= score) & (score <= high + _TOLERANCE)):
            found.append(Counts(int(tp[i]), int(negatives - tn[i]), int(positives - tp[i]), int(tn[i])))
    return sorted(found)


def kind_of_pair(n: int, positives: int, accuracy: str, f1: str) -> str:
    """What a printed pair can come from.

    "constant": only from a predictor that never finds the positive class; "no positive found": only from tables without
    a true positive; "one table": it fits one; "several tables"; "swapped only": F1's arguments must have been swapped;
    "no single table": accuracy and F1 are not of the same predictions (other epochs, a mean over runs, other data).

    Raises:
        UsageError: a text is no number.
    """
    found = matching(n, positives, accuracy, f1)
    if not found:
        return "swapped only" if matching(n, positives, accuracy, f1, swapped=True) else "no single table"
    if found == [always_absent(n, positives)]:
        return "constant"
    if all(table.tp == 0 for table in found):
        return "no positive found"
    return "one table" if len(found) == 1 else "several tables"


def mixed_zeros(labels: Mapping[str, int], accuracy: str, f1: str, swapped: bool = False) -> bool:
    """Whether one prediction file has the printed pair if accuracy and F1 treat labels of 0 in different ways.

    Args:
        labels: how many are negative, zero and positive.

    Raises:
        UsageError: a text is no number.
    """
    zero, (low, high) = labels["zero"], map(float, stands_for(f1))
    above = np.arange(zero + 1)[:, None]  # zeros that are predicted positive
    tp = np.arange(labels["positive"] + 1)[None, :]
    right = dict(zip(ZEROS, (0, above, zero - above), strict=True))  # zeros that count as right
    for a, b in itertools.permutations(ZEROS, 2):
        for correct in numerators(accuracy, signs(labels, a)[0]):
            tn = correct - tp - right[a]
            fp, fn = labels["negative"] - tn, labels["positive"] - tp
            counts = {ZEROS[0]: (tp, fp, fn, tn), ZEROS[1]: (tp + above, fp, fn + zero - above, tn),
                      ZEROS[2]: (tp, fp + above, fn, tn + zero - above)}[b]
            score = 100 * _weighted_f1(*counts, swapped)
            fits = (low - _TOLERANCE <= score) & (score <= high + _TOLERANCE) & (tn >= 0) & (fp >= 0)
            if fits.any():
                return True
    return False


def _f1(tp, fp, fn):
    """F1 of the class whose hits, false alarms and misses these are; 0 where all are 0."""
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def _weighted_f1(tp, fp, fn, tn, swapped: bool):
    n = tp + fp + fn + tn
    share = (tp + fp if swapped else tp + fn) / n
    return share * _f1(tp, fp, fn) + (1 - share) * _f1(tn, fn, fp)
