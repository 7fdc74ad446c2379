"""Numbers over seeds, against scipy and numpy done by hand."""

import warnings

import numpy as np
import pytest
from scipy import stats

from erclab.analysis.statistics import Summary, difference, paired, summarise, unpaired, values, verdict
from erclab.core.errors import UsageError
from erclab.runs import Record

A, B = [0.71, 0.74, 0.69, 0.73, 0.75], [0.66, 0.70, 0.69]


def test_summarise_is_mean_sample_deviation_and_count():
    made = summarise(A)
    assert made.mean == pytest.approx(sum(A) / 5) and made.n == 5
    assert made.deviation == pytest.approx((sum((x - sum(A) / 5) ** 2 for x in A) / 4) ** 0.5)
    assert summarise([0.5]) == Summary(0.5, 0.0, 1)


@pytest.mark.parametrize(("x", "text"), [([0.71, 0.73], "72.0 ± 1.4"), ([0.7246], "72.5"), ([0.5, 0.5], "50.0 ± 0.0")])
def test_a_summary_is_printed_in_percent_with_a_deviation_only_where_there_is_one(x, text):
    assert str(summarise(x)) == text


def welch(a, b, confidence):
    """The interval by its formula (Welch 1947, degrees of freedom by Satterthwaite)."""
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = stats.t.ppf((1 + confidence) / 2, freedom) * (va + vb) ** 0.5
    middle = np.mean(a) - np.mean(b)
    return middle - half, middle + half


@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A), (A, A)])
def test_an_unpaired_difference_has_welchs_interval(a, b, confidence):
    made = unpaired(a, b, confidence)
    assert made["difference"] == pytest.approx(np.mean(a) - np.mean(b))
    assert (made["low"], made["high"]) == pytest.approx(welch(a, b, confidence))
    assert made["seed_deviation"] == pytest.approx(max(np.std(a, ddof=1), np.std(b, ddof=1)))


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_against_a_single_number_the_interval_is_that_of_the_seeds(confidence):
    half = stats.t.ppf((1 + confidence) / 2, 4) * np.std(A, ddof=1) / 5**0.5
    for made, sign in ((unpaired(A, [0.6], confidence), 1), (unpaired([0.6], A, confidence), -1)):
        middle = sign * (np.mean(A) - 0.6)
        assert made["difference"] == pytest.approx(middle)
        assert (made["low"], made["high"]) == pytest.approx((middle - half, middle + half))
        assert made["seed_deviation"] == pytest.approx(np.std(A, ddof=1))


def test_two_single_numbers_have_a_difference_but_no_interval():
    made = unpaired([0.7], [0.6])
    assert made["difference"] == pytest.approx(0.1) and made["seed_deviation"] == 0
    assert np.isnan(made["low"]) and np.isnan(made["high"])


@pytest.mark.parametrize(("a", "b"), [([0.7, 0.7], [0.5, 0.5, 0.5]), ([0.7, 0.7], [0.5]), ([0.7], [0.5, 0.5])])
def test_seeds_that_agree_exactly_have_an_interval_without_width(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = unpaired(a, b)
    assert made["low"] == made["high"] == made["difference"] == pytest.approx(0.2)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        made = unpaired(rng.normal(0.7, 0.02, 5), rng.normal(0.65, 0.005, 3))
        covered += made["low"] <= 0.05 <= made["high"]
    assert 0.92 <= covered / 400 <= 0.98


def record(seed, tmp_path, **protocols):
    return Record({"id": f"r{seed}", "spec": {"model": "sdt", "seed": seed, "task": "emotion"}, "protocols": protocols},
                  tmp_path / f"r{seed}.json")


def test_values_are_one_score_per_run_in_the_order_of_the_runs(tmp_path):
    records = [record(s, tmp_path, sound={"valid": {"accuracy": s / 10, "weighted_f1": s / 100},
                                          "test": {"accuracy": s / 20, "weighted_f1": s / 50}}) for s in (3, 1, 2)]
    assert values(records).tolist() == [0.06, 0.02, 0.04]
    assert values(records, "accuracy", "valid").tolist() == [0.3, 0.1, 0.2]


def test_values_of_a_protocol_that_a_run_does_not_know_are_an_error(tmp_path):
    with pytest.raises(UsageError, match="unknown protocol of run r1 'sound'"):
        values([record(1, tmp_path, published={"epoch": 1, "test": {"weighted_f1": 0.5}})])


@pytest.mark.parametrize(("a", "b"), [([0.3, 0.3, 0.3], [0.1, 0.12]), ([0.7, 0.7, 0.7], [0.1]),
                                      ([0.7, 0.7, 0.7], [0.1, 0.1, 0.1])])
def test_a_side_whose_seeds_agree_is_no_cause_for_a_warning(a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = unpaired(a, b)
    assert made["seed_deviation"] == pytest.approx(np.std(b, ddof=1) if len(set(b)) > 1 else 0, abs=0)
    assert (made["low"] < made["high"]) == (len(set(b)) > 1)


def test_paired_differences_forget_what_seeds_share():
    rng = np.random.default_rng(0)
    seeds = rng.normal(0, 1, 5)
    found = paired(seeds + 0.5 + rng.normal(0, 0.01, 5), seeds)
    assert found["low"] < 0.5 < found["high"] < 0.55 and found["p"] < 0.001 and found["effect"] > 10
    tested = stats.ttest_rel([1.0, 2.0, 4.0], [1.0, 1.0, 2.0])
    low, high = tested.confidence_interval(0.9)
    found = paired([1.0, 2.0, 4.0, 9.0], [1.0, 1.0, 2.0], confidence=0.9)  # the fourth has no partner
    assert (found["low"], found["high"], found["p"]) == pytest.approx((low, high, tested.pvalue))
    assert found["effect"] == pytest.approx(1.0) and found["difference"] == pytest.approx(1.0)


def test_paired_without_noise_or_with_one_seed():
    found = paired([0.5, 0.5], [0.4, 0.4])
    assert found["low"] == found["high"] == pytest.approx(0.1) and found["effect"] == np.inf
    assert paired([0.4, 0.4], [0.4, 0.4])["effect"] == 0
    assert np.isnan(paired([0.5], [0.4])["low"])


@pytest.mark.parametrize(("pairs", "by"), [(True, paired), (False, unpaired)])
def test_a_difference_is_paired_or_not_as_the_caller_says(pairs, by):
    assert difference(A[:3], B, pairs=pairs, confidence=0.8) == by(A[:3], B, 0.8)
    with pytest.raises(TypeError):
        difference(A, B)  # it cannot be seen from the numbers


@pytest.mark.parametrize(("found", "words"), [
    ((0.1, np.nan, np.nan), "one seed"), ((0.1, -0.1, 0.3), "within seed noise"), ((0.1, 0.05, 0.15), "higher"),
    ((-0.15, -0.2, -0.1), "lower"), ((0.02, 0.01, 0.03), "within seed noise")])
def test_a_verdict_needs_an_interval_without_0_and_more_than_the_deviation_over_seeds(found, words):
    found = dict(zip(("difference", "low", "high"), found, strict=True))
    assert verdict({"seed_deviation": 0.02, **found}) == words
