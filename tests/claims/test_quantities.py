"""Quantities of claims with known answers."""

import numpy as np
import pytest

from erclab.analysis import statistics
from erclab.claims.quantities import yes_or_no


def test_seeds_that_all_agree_leave_room_for_others_that_do_not():
    """With five of five the exact interval of the share begins at 0.478, with none of ten it ends at 0.308."""
    all_five = yes_or_no(np.ones(5), 10)
    assert all_five.estimate().value == 1 and all_five.estimate().interval()[0] == pytest.approx(0.025 ** (1 / 5))
    assert yes_or_no(np.zeros(10), 10).estimate().interval()[1] == pytest.approx(1 - 0.025 ** (1 / 10))
    some = yes_or_no(np.array([1.0, 0, 1, 0, 1]), 10).estimate()
    assert some.deviation == pytest.approx(np.std([1, 0, 1, 0, 1], ddof=1))  # seeds that differ say more than that
    assert np.isnan(yes_or_no(np.ones(1), 10).estimate().deviation)
    third = (all_five * (1 / 3) + all_five * (1 / 3) - 0.25).estimate()
    assert third.value == pytest.approx(2 / 3 - 0.25)
    assert third.deviation == pytest.approx(2**0.5 / 3 * all_five.estimate().deviation)
    assert (statistics.undrawn(np.ones(5), 10) * 2.0).estimate().deviation == 0  # of other quantities nothing is added
