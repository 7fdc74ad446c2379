"""Numbers over seeds and dialogues, against scipy, statsmodels and numpy done by hand."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from erclab.analysis import statistics
from erclab.analysis.statistics import Estimate, Sampled, Summary, combine, summarise, values, verdict
from erclab.core.errors import UsageError
from erclab.runs import Record

A = [0.71, 0.74, 0.69, 0.73, 0.75]


def test_summarise_is_mean_sample_deviation_and_count():
    made = summarise(A)
    assert made.mean == pytest.approx(sum(A) / 5) and made.n == 5
    assert made.deviation == pytest.approx((sum((x - sum(A) / 5) ** 2 for x in A) / 4) ** 0.5)
    assert summarise([0.5]) == Summary(0.5, 0.0, 1)


@pytest.mark.parametrize(("x", "text"), [([0.71, 0.73], "72.0 ± 1.4"), ([0.7246], "72.5"), ([0.5, 0.5], "50.0 ± 0.0")])
def test_a_summary_is_printed_in_percent_with_a_deviation_only_where_there_is_one(x, text):
    assert str(summarise(x)) == text


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


# Draws of dialogues

def test_draws_have_as_many_dialogues_as_the_split_and_are_the_same_for_all():
    drawn = statistics.draws(31)
    assert drawn.shape == (statistics.ROUNDS, 31) and (drawn.sum(1) == 31).all()
    assert (drawn == statistics.draws.__wrapped__(31)).all()
    assert drawn.var() == pytest.approx(1 - 1 / 31, rel=0.02) and not drawn.flags.writeable


def mean_of(x, shifts=(0.0,), *, fixed=False):
    """The mean over dialogues of x (D,), one run per shift."""
    drawn = statistics.draws(len(x)) @ x / len(x)
    return Sampled(np.array([x.mean() + s for s in shifts]), np.stack([drawn + s for s in shifts]), len(x), fixed)


X = np.random.default_rng(3).normal(0.7, 0.1, 40)


def test_the_error_over_dialogues_of_a_mean_is_that_of_the_textbook():
    found = mean_of(X, fixed=True).estimate()
    assert found.value == pytest.approx(X.mean())
    assert found.among_dialogues == pytest.approx(X.std(ddof=1) / 40**0.5, rel=0.05)  # 2000 draws: 1.6 %
    low, high = stats.t.interval(0.95, 39, X.mean(), found.among_dialogues)
    assert found.interval() == pytest.approx((low, high)) and found.deviation == 0 and found.freedom == 39


def test_both_errors_add_and_the_degrees_of_freedom_are_welchs_and_satterthwaites():
    shifts = [0.02, -0.01, 0.03]
    found = mean_of(X, shifts).estimate()
    a, b = np.var(shifts, ddof=1) / 3, found.among_dialogues**2
    assert found.value == pytest.approx(X.mean() + np.mean(shifts)) and found.error == pytest.approx((a + b) ** 0.5)
    freedom = (a + b) ** 2 / (a**2 / 2 + b**2 / 39)
    assert found.freedom == pytest.approx(freedom)
    assert found.interval(0.9) == pytest.approx(stats.t.interval(0.9, freedom, found.value, found.error))
    assert found.p(0.68) == pytest.approx(2 * stats.t.sf(abs(found.value - 0.68) / found.error, freedom))


def test_what_seeds_and_dialogues_share_cancels_in_a_difference():
    one, other = mean_of(X, [0.05, 0.02]), mean_of(X, [0.03, 0.0])
    found = (one - other).estimate()
    assert found.value == pytest.approx(0.02) and found.error == pytest.approx(0, abs=1e-12)


def test_quantities_are_combined_seed_by_seed_and_draw_by_draw():
    a, b, fixed = mean_of(X, [0.0, 0.1]), mean_of(X**2, [0.2, 0.3]), mean_of(X**3, fixed=True)
    made = combine(lambda x, y, z: x * y - z, a, b, fixed)
    assert made.seeds == pytest.approx([a.seeds[i] * b.seeds[i] - fixed.seeds[0] for i in range(2)])
    assert made.drawn == pytest.approx(a.drawn * b.drawn - fixed.drawn) and not made.fixed
    for found, expected in ((a + b, a.seeds + b.seeds), (a - 1, a.seeds - 1), (a * 2, a.seeds * 2),
                            (a / b, a.seeds / b.seeds)):
        assert found.seeds == pytest.approx(expected)
    way = statistics.gap_closed(a, fixed, fixed + 0.5)
    assert way.seeds == pytest.approx((a.seeds - fixed.seeds) / 0.5)


@pytest.mark.parametrize(("x", "shifts"), [(X[:30], [0, 0]), (X, [0, 0, 0]), (X, [0])])
def test_other_dialogues_or_other_numbers_of_seeds_are_refused(x, shifts):
    with pytest.raises(UsageError, match="cannot be compared"):
        mean_of(X, [0, 0]) - mean_of(x, shifts)
    with pytest.raises(UsageError, match="do not fit"):
        Sampled(np.zeros(2), np.zeros((1, 5)), 5)


# Estimates in words

def test_one_seed_of_a_training_has_no_interval_and_no_verdict():
    found = mean_of(X).estimate()
    assert np.isnan(found.interval()).all() and np.isnan(found.p()) and verdict(found, 0.5) == "one seed"
    assert found.text() == f"{100 * X.mean():+.1f} (one seed)" and not found.equivalent(1e9)


def test_one_dialogue_has_no_interval_and_no_verdict_however_many_seeds():
    """The test split that AVEC2012's features come with is one session."""
    found = Estimate(0.1, 0.02, float("nan"), 5, 1)
    assert np.isnan(found.interval()).all() and np.isnan(found.p()) and verdict(found, 0.5) == "one dialogue"
    assert found.text() == "+10.0 (one dialogue)" and not found.equivalent(1e9)


def test_two_seeds_have_an_interval_but_no_verdict():
    two, three = (Estimate(0.05, 0.001, 0.001, n, 80) for n in (2, statistics.FEWEST))
    assert two.interval()[0] > 0 and verdict(two) == statistics.NOT_JUDGED and verdict(three) == "higher"
    assert verdict(Estimate(0.05, 0.0, 0.001, 1, 80, fixed=True)) == "higher"  # what has no seed needs none


def test_an_estimate_without_error_is_certain():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Estimate(0.1, 0.0, 0.0, 3, 40)
        assert found.interval() == (0.1, 0.1) and found.p() == 0 and found.p(0.1) == 1
    assert verdict(found) == "higher" and verdict(replace(found, value=-0.1)) == "lower"
    assert verdict(replace(found, value=0.0)) == "undecided" and verdict(replace(found, value=0.0), 0.1) == "equivalent"


@pytest.mark.parametrize(("value", "matters", "word"), [
    (2.2, 0.5, "higher"), (-2.2, 0.5, "lower"), (2.2, 9, "higher"), (1.9, 0.5, "undecided"), (0.0, None, "undecided"),
    (0.0, 1.7, "equivalent"), (0.0, 1.6, "undecided"), (-0.5, 2.2, "equivalent"), (-0.5, 2.1, "undecided")])
def test_a_verdict_is_as_strong_as_its_interval(value, matters, word):
    """The error is 1 with 1,000 degrees of freedom: 0 leaves the interval at 1.96, and a margin is kept at 1.65."""
    found = Estimate(value, 0.0, 1.0, 5, 1001)
    assert verdict(found, matters) == word
    if matters:
        p = max(stats.t.sf(matters + value, 1000), stats.t.sf(matters - value, 1000))  # two one-sided tests
        assert found.equivalent(matters) == (p < 0.05)


def test_an_estimate_is_printed_with_its_interval():
    assert Estimate(0.0131, 0.0, 0.005, 3, 10**6).text() == "+1.3 [0.3, 2.3]"
    assert Estimate(-0.05, 0.0, 0.01, 3, 10**6).text(1, 3, 0.9) == "-0.050 [-0.066, -0.034]"


def test_over_seeds_is_the_paired_t_interval_and_is_never_judged():
    a, b = np.array(A), np.array([0.66, 0.70, 0.69, 0.60, 0.65])
    found, tested = statistics.over_seeds(a - b), stats.ttest_rel(a, b)
    assert found.interval() == pytest.approx(tuple(tested.confidence_interval())) and found.p() == pytest.approx(
        tested.pvalue)
    assert found.interval()[0] > 0 and verdict(found, 0.5) == statistics.NOT_JUDGED
    assert found.over == "seeds only, this test split" != mean_of(X, [0, 1]).estimate().over
    assert np.isnan(statistics.over_seeds([0.1]).interval()).all()


def test_how_often_a_run_is_above_another():
    assert statistics.above([3, 4], [1, 2])[0] == 1 and statistics.above([1, 3], [1, 3])[0] == 0.5
    share, low, high = statistics.above(A, [0.66, 0.74, 0.72])
    assert share == pytest.approx((1 + 2.5 + 1 + 2 + 3) / 15) and 0 <= low < share < high <= 1
    assert np.isnan(statistics.above([1.0], [0.5, 0.6])[1:]).all()


# Many claims

@pytest.mark.parametrize("p", [[0.03, 0.001, 0.2, 0.009, 0.009, 0.04, 0.9, 0.002], [0.013, 0.02, 0.05]])
def test_holm_decides_as_statsmodels_and_its_intervals_as_it(p):
    corrected, confidence = statistics.holm(p)
    rejected, expected, *_ = multipletests(p, alpha=0.05, method="holm")
    assert corrected == pytest.approx(expected) and rejected.any()
    edge = stats.norm.isf(np.array(p) / 2)  # the z of each p; its interval leaves 0 where Holm rejects
    assert ((edge > stats.norm.ppf((1 + confidence) / 2)) == rejected).all()
    assert confidence.max() == pytest.approx(1 - 0.05 / len(p))


def test_no_claim_is_no_error():
    assert len(statistics.holm([])[0]) == len(statistics.benjamini_hochberg([])) == 0


def test_the_false_discovery_rate_is_that_of_statsmodels():
    p = [0.03, 0.001, 0.2, 0.012, 0.5]
    assert statistics.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
