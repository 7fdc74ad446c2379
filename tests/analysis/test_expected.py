"""The expected best of k draws, against known answers and all draws written out."""

from itertools import product

import numpy as np
import pytest

from erclab.analysis.expected import expected_curve, expected_maximum
from erclab.core.errors import UsageError


def test_the_expected_maximum_of_a_short_list():
    # Of two draws from {0, 1}, the best is 0 in one case of four.
    assert expected_maximum([1.0, 0.0]) == pytest.approx([0.5, 0.75])
    assert expected_maximum([0.3, 0.3, 0.3]) == pytest.approx([0.3] * 3)
    # {1, 2, 4}: k = 2: (1 + 2 * 3 + 4 * 5) / 9
    assert expected_maximum([4, 1, 2])[:2] == pytest.approx([7 / 3, 27 / 9])


def test_the_formula_equals_the_mean_over_all_draws_with_replacement():
    scores = [0.2, 0.5, 0.5, -0.1, 0.45]
    for k, value in enumerate(expected_maximum(scores), 1):
        assert value == pytest.approx(np.mean([max(drawn) for drawn in product(scores, repeat=k)]))


def test_the_curve_rises_stays_below_the_best_and_lies_in_its_interval():
    scores = np.random.default_rng(1).normal(size=12)
    curve = expected_curve(scores, rounds=300)
    assert list(curve.index) == [*range(1, 13)] and curve["value"].iloc[0] == pytest.approx(scores.mean())
    assert (np.diff(curve["value"]) > 0).all() and curve["value"].iloc[-1] < scores.max()
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).all()
    assert curve["high"].max() <= scores.max()


@pytest.mark.parametrize("scores", [[], [0.1, float("nan")]])
def test_scores_that_are_none_are_refused(scores):
    with pytest.raises(UsageError, match="finite"):
        expected_maximum(scores)
