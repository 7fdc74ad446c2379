"""Quantities of claims with known answers."""

import numpy as np
import pytest
from ledgers import book_of, guesses, kept, row, split

from erclab.analysis import statistics
from erclab.claims import judge
from erclab.claims.evidence import GUESS, Shelf
from erclab.claims.quantities import Universe, yes_or_no


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


@pytest.mark.parametrize("over_dialogues", [True, False])
def test_a_share_of_seeds_keeps_its_interval_under_every_choice(tmp_path, over_dialogues):
    """Five of five seeds take text first: an interval over seeds alone has its width, too."""
    book = book_of(row("H-c1", rule="MECH", contrasts=[
        {"name": "share", "matters": 0.5, "terms": [[1, "A", "primary.text", ""], [-1 / 3, "", "", ""]]}]))
    where = split()
    where.save(tmp_path)
    shelf = Shelf(tmp_path, where)
    shelf.add("A", *(kept(book, seed, {GUESS: guesses(where, 0.5, seed)}, primary="text") for seed in range(100, 105)))
    found, = judge.judge(book, book.claims, "simulated", shelf, Universe(over_dialogues=over_dialogues))
    assert found.effects[0].low == pytest.approx(0.025 ** (1 / 5) - 1 / 3)
