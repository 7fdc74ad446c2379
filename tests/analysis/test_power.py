"""What can be seen at all: power, resolvable differences, and the seeds and dialogues that a decision needs."""

import pytest
from scipy import stats

from erclab.analysis import power
from erclab.core.errors import UsageError


@pytest.mark.parametrize(("deviation", "seeds"), [
    (0.5, (10, 5, 3)), (0.8, (23, 8, 4)), (1.0, (34, 10, 5)), (1.5, (73, 20, 7)), (2.5, (199, 52, 15))])
def test_the_seeds_that_are_needed_on_one_test_split_for_ever(deviation, seeds):
    """80 % power for half a point, one and two points; for example 1.0 / 1.0: the paired t-test of 10 pairs."""
    assert tuple(power.seeds_needed(effect, deviation, 0.0, 80) for effect in (0.5, 1.0, 2.0)) == seeds


@pytest.mark.parametrize(("effect", "deviation", "n"), [(1.0, 1.04, 3), (2.0, 1.04, 3), (1.0, 1.0, 10), (0.5, 1.5, 20)])
def test_power_over_seeds_is_that_of_the_t_test(effect, deviation, n):
    edge, away = stats.t.ppf(0.975, n - 1), effect / deviation * n**0.5
    expected = stats.nct.sf(edge, n - 1, away) + stats.nct.cdf(-edge, n - 1, away)
    assert power.power(effect, deviation, 0.0, n, 80) == pytest.approx(expected, abs=2e-3)


def test_three_seeds_see_next_to_nothing():
    seen = [power.power(effect, 1.04, 0.0, 3, 80) for effect in (1.0, 2.0)]
    assert [round(x, 2) for x in seen] == [0.17, 0.45]


@pytest.mark.parametrize(("among", "dialogues"), [(0.6, 1000), (1.0, 280), (2.0, 1000)])
def test_dialogues_set_a_floor_that_no_number_of_seeds_passes(among, dialogues):
    floor = power.resolvable(1.0, among, 100_000, dialogues)
    assert floor == pytest.approx(2.8 * among, rel=0.02)
    assert power.seeds_needed(0.9 * floor, 1.0, among, dialogues) is None
    assert power.resolvable(1.0, among, 10, dialogues) > floor


@pytest.mark.parametrize(("deviation", "among", "dialogues", "five", "ten"), [
    (0.5, 0.6, 80, 1.9, 1.8), (0.8, 0.6, 80, 2.1, 2.0), (1.5, 1.0, 80, 3.4, 3.1), (1.6, 1.3, 31, 4.4, 4.1),
    (0.7, 0.3, 280, 1.2, 1.0), (1.2, 0.9, 280, 3.1, 2.9)])
def test_the_smallest_difference_that_five_and_ten_seeds_see(deviation, among, dialogues, five, ten):
    """The study's plan printed these, from components that are rounded here."""
    found = [power.resolvable(deviation, among, n, dialogues) for n in (5, 10)]
    assert found == pytest.approx([five, ten], abs=0.16)
    assert power.power(found[0], deviation, among, 5, dialogues) == pytest.approx(0.8, abs=1e-3)


def test_dialogues_needed_are_the_fewest_that_suffice():
    found = power.dialogues_needed(1.0, 0.5, 0.6, 10, 80)
    enough, fewer = (power.power(1.0, 0.5, 0.6 * (80 / n) ** 0.5, 10, n) for n in (found, found - 1))
    assert enough >= power.POWER > fewer and found > 80
    assert power.dialogues_needed(0.5, 2.5, 0.6, 5, 80) is None


def test_seeds_are_named_first_then_dialogues_too_and_what_is_out_of_reach_is_none():
    assert power.both_needed(1.0, 0.5, 0.0, 3, 80) == (power.seeds_needed(1.0, 0.5, 0.0, 80), 80)
    assert power.both_needed(1.0, 0.5, 0.0, 30, 80) == (31, 80)  # undecided with 30: one more at least
    seeds, dialogues = power.both_needed(1.0, 0.5, 0.6, 3, 80)
    assert (seeds, dialogues) == (10, power.dialogues_needed(1.0, 0.5, 0.6, 10, 80))
    assert power.both_needed(1.0, 1.5, 1.0, 3, 80)[0] > 10  # ten seeds are too few on any number of dialogues
    assert power.both_needed(1e-6, 1.0, 1.0, 3, 80) is None


def test_power_needs_two_seeds_and_certainty_has_all():
    with pytest.raises(UsageError, match="no deviation"):
        power.power(1.0, 1.0, 1.0, 1, 80)
    assert power.power(0.1, 0, 0, 5, 80) == 1 and power.power(0, 0, 0, 5, 80) == 0
    assert power.resolvable(0, 0, 5, 80) == 0
