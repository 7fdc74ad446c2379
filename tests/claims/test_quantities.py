"""Quantities of claims with known answers."""

import numpy as np
import pytest
from ledgers import book_of, guesses, kept, row, split

from erclab.analysis import statistics
from erclab.claims import judge
from erclab.claims.evidence import GUESS, PUBLISHED, SUM, Shelf
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


@pytest.mark.parametrize(("choice", "value"), [
    (Universe(), 0.6), (Universe(protocol="sound"), 0.6), (Universe(protocol="published"), 0.8)])
def test_on_a_real_corpus_a_protocol_is_scored_on_all_test_dialogues(tmp_path, choice, value):
    """Of a corpus that is cross-validated a run's own scores are those of one fold."""
    book = book_of(row("S-c1", contrasts=[
        {"name": "A", "matters": 0.01, "terms": [[1, "A", "accuracy", ""], [-0.25, "", "", ""]]}]))

    def sums(right):
        """(12, 4, 4) counts: of ten utterances so many are right, one fewer in the first half, one more later."""
        counts, of_each = np.zeros((12, 4, 4), np.uint8), right + np.repeat([-1, 1], 6)
        counts[:, 0, 0], counts[:, 1, 0] = of_each, 10 - of_each
        return counts

    shelf = Shelf(tmp_path)
    for seed in range(100, 106):
        wobble = seed % 2 * 2 - 1
        shelf.add("A", kept(book, seed, {SUM + "all": sums(6 + wobble), PUBLISHED + "all": sums(8 + wobble)},
                            protocols={name: {"test": {"accuracy": 0.1}} for name in ("sound", "published")}))
    effect, = judge.judge(book, book.claims, "mmmo", shelf, choice)[0].effects
    assert effect.value == pytest.approx(value - 0.25)
    assert (effect.among_dialogues > 1e-6) == (not choice.protocol)
