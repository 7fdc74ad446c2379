"""What a printed number can stand for: the values that are printed so, and the counts that give it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from erclab.core.errors import UsageError

ROUNDED = Fraction(1, 2)  # in units of the last printed digit: rounded, a half up or down
CUT = Fraction(1)  # rounded, or cut off after the last printed digit


class Interval(NamedTuple):
    """Values from `low` to `high`, both included."""

    low: Fraction
    high: Fraction

    @property
    def middle(self) -> float:
        """The value in the middle."""
        return float(self.low + self.high) / 2

    def meets(self, other: Interval) -> bool:
        """Whether some value lies in both."""
        return self.low <= other.high and other.low <= self.high

    def __contains__(self, value: object) -> bool:
        return self.low <= value <= self.high  # type: ignore[operator]

    def __str__(self) -> str:
        return f"{float(self.low):.2f} to {float(self.high):.2f}"


def exactly(text: str) -> Fraction:
    """The printed number, without what rounding took away; commas between thousands are read.

    Raises:
        UsageError: the text is no number.
    """
    try:
        return Fraction(text.strip().replace(",", ""))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{text!r} is no printed number", remedy="Give its digits, such as '69.23'.") from None


def unit(text: str) -> Fraction:
    """One unit of the last printed digit: 0.01 of "69.23", 1 of "56"."""
    exactly(text)
    return Fraction(1, 10 ** len(text.strip().partition(".")[2]))


def stands_for(text: str, slack: Fraction = ROUNDED) -> Interval:
    """The values that are printed as this text.

    Args:
        slack: how far they lie from it at most, in units of the last printed digit: `ROUNDED` or `CUT`.

    Raises:
        UsageError: the text is no number.
    """
    value, half = exactly(text), slack * unit(text)
    return Interval(value - half, value + half)


def numerators(text: str, n: int, runs: int = 1, slack: Fraction = ROUNDED) -> range:
    """The counts k for which 100 k / (n runs) is printed as this percentage; empty where no count gives it.

    A recall over n utterances is a multiple of 1/n, and the mean of the recalls of several runs one of 1/(n runs).

    Raises:
        UsageError: the text is no number, or there is nothing to count (n or runs below 1).
    """
    if n < 1 or runs < 1:
        raise UsageError(f"no count is a share of {n} utterances in {runs} runs", remedy="Give at least one of each.")
    low, high = stands_for(text, slack)
    whole = n * runs
    return range(max(0, math.ceil(low * whole / 100)), min(whole, math.floor(high * whole / 100)) + 1)


def percent(text: str) -> str:
    """A printed share as a percentage with the same last digit: "0.56" becomes "56", "0.580" becomes "58.0".

    Raises:
        UsageError: the text is no number, or has fewer than two decimals.
    """
    digits = len(text.strip().partition(".")[2])
    if digits < 2:
        raise UsageError(f"{text!r} is coarser than one percent", remedy="Give shares with two decimals or more.")
    return f"{float(100 * exactly(text)):.{digits - 2}f}"
