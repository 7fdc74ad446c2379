"""The arithmetic of the audit, against scikit-learn, brute force and known answers."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from erclab.analysis.audit import comparison, contingency, predictions, rounding, steps
from erclab.analysis.audit.averages import averages, which_average
from erclab.analysis.audit.contingency import ZEROS, Counts
from erclab.analysis.audit.rounding import CUT, Interval
from erclab.core.errors import UsageError
from erclab.published.corpora import class_counts


@pytest.mark.parametrize(("text", "low", "high"), [
    ("69.23", 69.225, 69.235), ("56", 55.5, 56.5), ("1,284", 1283.5, 1284.5), ("-0.04", -0.045, -0.035),
    ("0.580", 0.5795, 0.5805)])
def test_a_printed_number_stands_for_what_rounds_to_it(text, low, high):
    assert tuple(map(float, rounding.stands_for(text))) == pytest.approx((low, high))
    assert Fraction(str(low)) in rounding.stands_for(text) and low - 1e-6 not in rounding.stands_for(text)
    wide = rounding.stands_for(text, CUT)
    assert float(wide.high - wide.low) == pytest.approx(2 * (high - low))


def test_numerators_are_all_counts_that_print_so():
    for text, n, runs in (("66.7", 3, 1), ("43.48", 23, 1), ("73.95", 1623, 10), ("54.19", 144, 5), ("100.0", 7, 1)):
        brute = [k for k in range(n * runs + 1) if abs(Fraction(100 * k, n * runs) - Fraction(text))
                 <= Fraction(1, 2 * 10 ** len(text.partition(".")[2]))]
        assert [*rounding.numerators(text, n, runs)] == brute
    assert [*rounding.numerators("66.6", 3)] == [] and [*rounding.numerators("66.6", 3, slack=CUT)] == [2]


def test_what_is_no_number_or_no_share_is_one_line():
    for wrong in ("Adam", "", "3/0", "_"):
        with pytest.raises(UsageError, match="no printed number"):
            rounding.stands_for(wrong)
    with pytest.raises(UsageError, match="0 utterances in 1 runs"):
        rounding.numerators("50", 0)
    assert (rounding.percent("0.56"), rounding.percent("0.580")) == ("56", "58.0")
    with pytest.raises(UsageError, match="coarser than one percent"):
        rounding.percent("0.5")


def test_averages_with_and_without_supports():
    values, supports = {"a": "80.0", "b": "20.0"}, {"a": 300, "b": 100, "c": 5}
    found = averages(values, supports)
    assert {kind: i.middle for kind, i in found.items()} == {"weighted": 65.0, "unweighted": 50.0}
    assert float(found["weighted"].high - found["weighted"].low) == pytest.approx(0.1)
    assert which_average(values, supports, "65.0") == ("weighted",)
    assert which_average(values, supports, "50.1") == ("unweighted",) and which_average(values, supports, "60.0") == ()
    assert which_average({"a": "80", "b": "80"}, supports, "80") == ("weighted", "unweighted")
    with pytest.raises(UsageError, match="a support of each class"):
        averages({"d": "1.0"}, supports)


def labels_of(table):
    """(truth, prediction) with these counts."""
    rows = [(1, 1)] * table.tp + [(0, 1)] * table.fp + [(1, 0)] * table.fn + [(0, 0)] * table.tn
    return np.array(rows).T


@pytest.mark.parametrize("table", [
    Counts(34, 17, 349, 538), Counts(0, 0, 3, 7), Counts(2, 1, 0, 5), Counts(0, 4, 2, 1),
    Counts(0, 1, 0, 9)])
def test_scores_of_a_table_are_those_of_scikit_learn(table):
    truth, guess = labels_of(table)
    assert table.accuracy == pytest.approx(accuracy_score(truth, guess))
    assert table.weighted_f1() == pytest.approx(f1_score(truth, guess, average="weighted", zero_division=0))
    assert table.weighted_f1(swapped=True) == pytest.approx(f1_score(guess, truth, average="weighted", zero_division=0))
    assert table.positive_f1 == pytest.approx(f1_score(truth, guess, zero_division=0))
    recalls = recall_score(truth, guess, labels=np.unique(truth), average=None)
    assert table.balanced_accuracy == pytest.approx(recalls.mean())


@pytest.mark.parametrize("swapped", contingency.ORDERS)
def test_matching_tables_are_those_of_a_search_over_all(swapped):
    n, positives = 40, 13
    everything = [Counts(tp, fp, positives - tp, n - positives - fp)
                  for tp in range(positives + 1) for fp in range(n - positives + 1)]
    for one in everything[::29]:
        pair = f"{100 * one.accuracy:.1f}", f"{100 * one.weighted_f1(swapped):.1f}"
        found = contingency.matching(n, positives, *pair, swapped)
        near = [t for t in everything if abs(100 * t.accuracy - float(pair[0])) < 0.0501
                and abs(100 * t.weighted_f1(swapped) - float(pair[1])) < 0.0501]
        assert one in found and set(found) <= set(near)


def test_kinds_of_pairs():
    def kind(table, swapped=False):
        pair = (f"{100 * score:.1f}" for score in (table.accuracy, table.weighted_f1(swapped)))
        return contingency.kind_of_pair(938, 135, *pair)
    assert kind(contingency.always_absent(938, 135)) == "constant"
    assert kind(Counts(2, 2, 133, 801)) == "one table" and kind(Counts(100, 105, 35, 698)) == "several tables"
    assert kind(Counts(60, 300, 75, 503), swapped=True) == "swapped only"
    assert contingency.kind_of_pair(938, 135, "85.7", "79.5") == "no single table"  # LMR-CBT, happy
    assert contingency.kind_of_pair(10, 2, "70.0", "65.9") == "no positive found"


def test_treatments_of_zeros():
    counts = class_counts("mosi")
    assert [contingency.signs(counts, zeros) for zeros in ZEROS] == [(656, 277), (686, 307), (686, 277)]
    with pytest.raises(UsageError, match="left out"):
        contingency.signs(counts, "ignored")
    small = {"negative": 9, "zero": 4, "positive": 6}
    tables = [(tp, fp, z) for tp in range(7) for fp in range(10) for z in range(5)]

    def scores(tp, fp, z, zeros):
        table = {ZEROS[0]: (tp, fp, 6 - tp, 9 - fp), ZEROS[1]: (tp + z, fp, 10 - tp - z, 9 - fp),
                 ZEROS[2]: (tp, fp + z, 6 - tp, 13 - fp - z)}[zeros]
        return Counts(*table).accuracy, Counts(*table).weighted_f1()
    pairs = {(f"{100 * scores(*t, a)[0]:.1f}", f"{100 * scores(*t, b)[1]:.1f}")
             for t in tables for a in ZEROS for b in ZEROS if a != b}
    assert all(contingency.mixed_zeros(small, *pair) for pair in sorted(pairs)[::17])
    assert not contingency.mixed_zeros(small, "73.3", "99.0")


def test_precision_and_predictions_behind_recall_and_f1():
    hits = predictions.Hits(41, 176, 144)  # 41 found in 176 predictions, 144 utterances
    recall, f1 = f"{100 * 41 / 144:.2f}", f"{100 * float(hits.f1):.2f}"
    assert predictions.implied_precision(recall, f1) == pytest.approx(41 / 176, abs=1e-3)
    assert 176 in predictions.implied_predictions(recall, f1, 144)
    assert hits in predictions.matching_hits(f"{100 * 41 / 176:.1f}", recall, f1, 144, 1000)
    with pytest.raises(UsageError, match="no precision gives F1 90 with recall 40"):
        predictions.implied_precision("40", "90")
    with pytest.raises(UsageError, match=r"F1 0\.0 says nothing"):
        predictions.implied_predictions("0.0", "0.0", 3)


def test_a_row_of_one_file_has_as_many_predictions_as_utterances():
    truth, guess = np.random.default_rng(0).integers(0, 3, (2, 500))
    recalls, f1 = ({f"{c}": f"{100 * x:.2f}" for c, x in enumerate(some)} for some in (
        [np.mean(guess[truth == c] == c) for c in range(3)], f1_score(truth, guess, average=None)))
    supports = {f"{c}": int((truth == c).sum()) for c in range(3)}
    assert predictions.one_file(recalls, f1, supports)
    assert not predictions.one_file({**recalls, "0": f"{float(recalls['0']) + 9:.2f}"}, f1, supports)
    precision = {c: f"{100 * np.mean(truth[guess == int(c)] == int(c)):.1f}" for c in supports}
    fitting = {c: predictions.matching_hits(precision[c], recalls[c], f1[c], supports[c], 500) for c in supports}
    exact = 100 * f1_score(truth, guess, average="macro")
    together = predictions.jointly(fitting, f"{100 * accuracy_score(truth, guess):.1f}")
    assert all(float(i.low) - 1e-9 <= exact <= float(i.high) + 1e-9
               for i in (predictions.f1_bounds(fitting)["macro"], together))
    with pytest.raises(UsageError, match="no counts fit x"):
        predictions.f1_bounds({"x": []})
    with pytest.raises(UsageError, match="no counts fit all classes together"):
        predictions.jointly(fitting, "99.9")


def test_integers_behind_shares_of_shares():
    found = predictions.whole_parts(("40.0", "20.0"), ("50.0", "100.0"), 10, rounding.ROUNDED)
    assert found == [(5, 2, 1, 1, 1), (10, 4, 2, 2, 2)]


def test_better_equal_and_worse_cells():
    row, other = {"f1": "80.0", "mae": "0.61", "acc": "75.1"}, {"f1": "79.9", "mae": "0.60", "acc": "75.10", "r": "0.5"}
    assert comparison.outcomes(row, other, lower=("mae",)) == (1, 1, 1)
    assert str(comparison.outcomes(row, other)) == "better in 2, equal in 1, worse in 0 of 3"
    with pytest.raises(UsageError, match="share no column"):
        comparison.outcomes({"a": "1"}, {"b": "1"})


def test_gains_and_ratios_hold_their_rounding():
    assert comparison.gain("69.23", "64.65").middle == pytest.approx(7.08, abs=0.01)
    low, high = comparison.ratio("2.15", "0.41")
    assert 5.1 < low < 2.15 / 0.41 < high < 5.4
    with pytest.raises(UsageError, match="may be 0"):
        comparison.ratio("1.0", "0.0")


def test_chance_of_equal_digits():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(50, 0.7, 200_000).round(1) for _ in range(2))
    assert comparison.chance_of_agreement(0.7, 0.1) == pytest.approx(np.isclose(a, b).mean(), abs=0.002)
    assert comparison.chance_of_agreement(0.7, 0.1, 8) == pytest.approx(7e-12, rel=0.02)
    assert comparison.sign_test(2, 0) == 0.5 and comparison.sign_test(158, 133) == pytest.approx(0.159, abs=5e-4)


def test_a_random_part_of_a_whole_is_rarely_refused():
    rng, whole = np.random.default_rng(0), {"a": 60, "b": 30, "c": 10}
    parts = rng.multivariate_hypergeometric([*whole.values()], 50, size=400)
    p = [comparison.subset_test(dict(zip(whole, map(int, part), strict=True)), whole) for part in parts]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08
    assert comparison.subset_test({"a": 1, "b": 1, "c": 11}, whole) == 0.0
    with pytest.raises(UsageError, match="no part of 100"):
        comparison.subset_test({"d": 3}, whole)


def test_steps_of_adam():
    assert steps.batches_of_epoch(1284, 36) == 36 and steps.batches_of_epoch(1280, 32) == 40
    assert steps.adam_reach(1e-5, 10_200) == pytest.approx(0.102)
    assert steps.largest_weight(0) == pytest.approx(1 / 3)
    logits = np.array([0.7, -0.7, -0.7])
    assert steps.largest_weight(0.7) == pytest.approx(np.exp(logits[0]) / np.exp(logits).sum())


def test_adam_moves_no_further_than_its_reach():
    """Adam by its algorithm, with gradients of one sign and size, and with others."""
    def moved(gradients, rate=1e-3):
        x = m = v = 0.0
        for t, g in enumerate(gradients, start=1):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            x -= rate * m / (1 - 0.9**t) / (v / (1 - 0.999**t)) ** 0.5
        return abs(x)
    reach = steps.adam_reach(1e-3, 100)
    assert moved([3.0] * 100) == pytest.approx(reach)
    assert moved(np.random.default_rng(0).normal(1, 1, 100)) < reach


def test_counts_of_classes_are_those_of_the_test_splits():
    assert sum(class_counts("iemocap-6").values()) == 1623 and sum(class_counts("iemocap-4").values()) == 938
    assert [sum(class_counts("meld", s).values()) for s in ("train", "valid", "test")] == [9989, 1109, 2610]
    with pytest.raises(UsageError, match="Did you mean 'meld'"):
        class_counts("meldd")
    with pytest.raises(UsageError, match="test"):
        class_counts("mosi", "source")
    assert Interval(Fraction(1), Fraction(2)).meets(Interval(Fraction(2), Fraction(3)))
