"""Averages over classes, recomputed from printed values and supports: which one a printed average is."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from erclab.analysis.audit.rounding import Interval, stands_for
from erclab.core.errors import UsageError

KINDS = ("weighted", "unweighted")


def averages(values: Mapping[str, str], supports: Mapping[str, int]) -> dict[str, Interval]:
    """The average over classes weighted with the supports, and the unweighted one, within the rounding of the values.

    Args:
        values: class -> printed value.
        supports: class -> utterances of it; it has every class of `values` and may have others.

    Raises:
        UsageError: there are no values, one is no number, or a class has no support.
    """
    if not values or any(name not in supports for name in values):
        raise UsageError("an average needs values, and a support of each class", remedy="Give both for every class.")
    given = {name: stands_for(text) for name, text in values.items()}
    made = {}
    for kind in KINDS:
        weights = {name: Fraction(supports[name]) if kind == "weighted" else Fraction(1) for name in given}
        ends = [sum(weights[name] * given[name][end] for name in given) / sum(weights.values()) for end in (0, 1)]
        made[kind] = Interval(ends[0], ends[1])
    return made


def which_average(values: Mapping[str, str], supports: Mapping[str, int], printed: str) -> tuple[str, ...]:
    """The kinds of average that the printed one can be, within all roundings; empty if it is neither.

    Raises:
        UsageError: see `averages`.
    """
    return tuple(kind for kind, interval in averages(values, supports).items() if interval.meets(stands_for(printed)))
