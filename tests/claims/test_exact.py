"""Printed gaps beside what a test split can resolve: the rule POWER, on M2FNet's ablation on MELD, whose rows are 1.7,
2.8 and 3.9 points of weighted F1 below its best one."""

import re

import pytest

from erclab.analysis import power
from erclab.analysis.statistics import Estimate
from erclab.claims import exact
from erclab.claims.verdicts import SMALLER, SUPPORTED, TO_TRAIN, UNDECIDED, Verdict

OPEN = Verdict("X-c1", 1, "meld", TO_TRAIN)


def judged(deviation, among):
    """The verdict where what a part of a model does is measured with this deviation over seeds and this error over
    dialogues, both in points."""
    return exact.gaps_beside(OPEN, [Estimate(0.01, deviation / 100, among / 100, 5, 280)] * 3)


@pytest.mark.parametrize(("deviation", "among", "below", "verdict"), [
    (0.3, 0.3, 0, SUPPORTED), (0.5, 0.5, 1, UNDECIDED), (0.8, 0.8, 2, SMALLER), (2.0, 2.0, 3, SMALLER)])
def test_a_claim_is_contradicted_where_half_of_the_gaps_are_too_small_to_be_seen(deviation, among, below, verdict):
    found = judged(deviation, among)
    assert found.verdict == verdict and f"{below} of 3 printed gaps are below what 280 test" in found.detail
    assert sum(f.verdict == SMALLER for f in found.effects) == below
    assert [f.value for f in found.effects] == pytest.approx([0.039, 0.028, 0.017])


def test_the_error_over_dialogues_is_scaled_to_the_test_split_of_the_paper():
    small, = {f.matters for f in exact.gaps_beside(OPEN, [Estimate(0.01, 0.0, 0.01, 5, 70)]).effects}
    assert small == pytest.approx(2.8 * 0.01 / 2)


@pytest.mark.parametrize(("deviation", "among", "words"), [
    (0.7, 0.3, r"^(\d+) runs of each row$"), (0.1, 0.7, r"^(\d+) runs of each row on (\d+) test dialogues$")])
def test_an_undecided_claim_says_what_would_have_resolved_its_gap(deviation, among, words):
    found = judged(deviation, among)
    unseen, = (f for f in found.effects if f.verdict == SMALLER)
    assert found.verdict == UNDECIDED and not any(f.needed for f in found.effects if f is not unseen)
    runs, *dialogues = map(int, re.match(words, unseen.needed).groups())
    count = dialogues[0] if dialogues else 280

    def seen(runs, count):
        error = among / 100 * (280 / count) ** 0.5
        return power.power(unseen.value, deviation / 100, error, runs, count) >= power.POWER

    assert seen(runs, count) and not seen(runs if dialogues else runs - 1, count - bool(dialogues))


def test_a_decided_claim_needs_nothing_and_without_contrasts_it_is_open():
    assert not any(f.needed for deviation in (0.3, 2.0) for f in judged(deviation, deviation).effects)
    assert exact.gaps_beside(OPEN, []).verdict == TO_TRAIN
