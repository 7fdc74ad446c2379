"""Inflation by choices on the test split, against counting by hand, enumeration of subsets, and a simulation."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import inflation, kept, statistics
from erclab.core.errors import RunError, UsageError
from erclab.core.targets import BUILT_IN


def run(valid, test, seed=0, sign=1, **more):
    return kept.KeptRun(f"run-{seed}", seed, BUILT_IN["emotion"], False, ("weighted_f1", sign), {},
                        np.array(valid, float), np.array(test, float), **more)


def test_prefixes_by_hand():
    # Validation chooses epoch 1, 2, 2, 4 of the prefixes; the best test score so far is .5, .5, .7, .7.
    one = run([.1, .3, .2, .4], [.5, .4, .7, .6])
    assert inflation.by_epochs([one])[0] == pytest.approx([0, .1, .3, .1])
    error = run([.4, .2, .3], [.9, .8, .5], sign=-1)  # less is better
    assert inflation.by_epochs([error])[0] == pytest.approx([0, 0, .3])


def test_a_run_that_stopped_or_has_no_score_counts_to_its_end():
    short, undefined = run([.2, .1], [.3, .5]), run([np.nan, .1, .2], [np.nan, .4, .3])
    assert inflation.by_epochs([short, undefined])[0] == pytest.approx([0, .2, .2])
    assert inflation.by_epochs([undefined])[0] == pytest.approx([0, 0, .1])


def test_records_without_test_scores_are_refused():
    with pytest.raises(UsageError, match=r"no scores of both splits.*Train the runs again"):
        inflation.by_epochs([run([.1, .2], [])])


@pytest.mark.parametrize("R", [1, 2, 3, 5])
def test_the_best_of_some_runs_is_the_mean_over_all_subsets(R):
    values, by = np.array([.3, .9, .5, .5, .1]), np.array([2, 1, 4, 3, 0])
    subsets = list(combinations(range(5), R))
    assert inflation.expected_best(values, R) == pytest.approx(np.mean([values[list(s)].max() for s in subsets]))
    chosen = np.mean([values[max(s, key=lambda i: by[i])] for s in subsets])
    assert inflation.expected_best(values, R, by) == pytest.approx(chosen)


def test_equal_judges_draw_lots():
    assert inflation.expected_best([.2, .8], 2, by=[1, 1]) == pytest.approx(.5)
    with pytest.raises(UsageError, match="2 runs, 3 cannot be drawn"):
        inflation.expected_best([.2, .8], 3)


def test_over_seeds_a_mean_has_its_usual_interval():
    x = np.array([.1, .4, .3, .6])
    found = inflation.jackknifed(lambda i: x[i].mean(), 4)
    assert found.interval() == pytest.approx(statistics.Estimate(x.mean(), x.std(ddof=1), 0.0, 4, 0).interval())
    assert np.isnan(inflation.jackknifed(lambda i: x[i].mean(), 1).interval()[0])


def test_choice_alone_grows_with_epochs_and_runs():
    """Scores without anything to learn: the expected maximum of normal numbers is known."""
    rng = np.random.default_rng(0)
    runs = [run(rng.normal(size=50), rng.normal(size=50), seed) for seed in range(400)]
    found = inflation.by_epochs(runs).mean(0)
    assert found[[0, 1, 49]] == pytest.approx([0, .564, 2.249], abs=.15)
    best = [one.value for one in inflation.by_runs(runs[:40])["test"]]
    assert best == sorted(best) and best[0] == pytest.approx(2.249, abs=.4) and len(best) == 5


@pytest.mark.parametrize("form", inflation.FORMS)
def test_a_law_is_found_again_in_its_own_numbers(form):
    truth = inflation.Law(form, .02, .03, 0.0)
    grid = pd.DataFrame([(e, R, truth.at(e, R)) for e in (5, 20, 100) for R in (1, 3)],
                        columns=["epochs", "runs", "inflation"])
    found = {f: inflation.fitted_law(grid, f) for f in inflation.FORMS}
    assert (found[form].epochs, found[form].runs) == pytest.approx((.02, .03), rel=.01) and found[form].error < 1e-6
    assert min(found.values(), key=lambda law: law.error).form == form and truth.at(1) == 0


def test_independent_scores_follow_the_root_law():
    """The largest of n normal numbers is 2.51 for n = 100 and 3.04 for n = 500 on average."""
    rng = np.random.default_rng(1)
    runs = [run(rng.normal(size=100), rng.normal(size=100), seed) for seed in range(40)]
    made = inflation.laws({"a": runs, "few": runs[:2], "short": [run([.1] * 9, [.2] * 9, s) for s in range(4)]})
    row = made.loc["a"]
    assert list(made.index) == ["a"] and row["form"] == "root" and row["error"] < row["other form's error"]
    assert row["100 x 1"] == pytest.approx(251, abs=30) and row["100 x 5"] == pytest.approx(304, abs=30)
    assert row["100 x 1, low"] < 251 < row["100 x 1, high"]


def test_the_rule_of_the_claims():
    def judged(value, error, seeds=10):
        return inflation.judged(statistics.Estimate(value, 0.0, error, seeds, 60))
    assert [judged(.01, .001), judged(.001, .0005), judged(.003, .002), judged(.01, .001, 9)] == [
        "matters", "does not matter", "undecided", "fewer than 10 seeds"]


def simulated_inflation(rng, D=40, S=10, E=30, learns=.02):
    """Mean inflation, and its interval, of scores that dialogues, epochs and seeds move; each draw chooses anew."""
    level, shared = learns * np.log1p(np.arange(E)), rng.normal(size=(D, E)) * .15
    own = rng.normal(size=(S, D, E)) * .2 + shared + rng.normal(size=(S, 1, E)) * .01
    test, valid = own.mean(1) + level, level + rng.normal(size=(S, E)) * .03
    at, best = valid.argmax(1), test.argmax(1)
    gap = np.take_along_axis(own + level, best[:, None, None], 2)[..., 0] - np.take_along_axis(
        own + level, at[:, None, None], 2)[..., 0]
    weights = statistics.draws(D)[:500] / D
    return statistics.Sampled(gap.mean(1), gap @ weights.T, D).estimate()


def test_the_interval_covers_the_inflation_of_other_seeds_and_dialogues():
    """The chosen epochs stay as they are in the draws of dialogues, though other dialogues would choose others."""
    rng = np.random.default_rng(1)
    found = [simulated_inflation(rng) for _ in range(300)]
    truth = np.mean([one.value for one in found])
    assert np.mean([low <= truth <= high for low, high in (one.interval() for one in found)]) > .95


def test_shuffled_labels_stay_in_their_split_and_their_numbers(tiny):
    made = inflation.shuffled(tiny)
    assert made.name == "simulated-tiny-shuffled" and made.fingerprint != tiny.fingerprint
    for split in ("valid", "test"):
        assert (made.targets(split) == tiny.targets(split)).all()
    assert made.counts().equals(tiny.counts()) and (made.targets("train") != tiny.targets("train")).mean() > .5
    pairs = [sorted(zip(c.targets("train"), c.targets("train", "sentiment")[:, 0], strict=True)) for c in (made, tiny)]
    assert pairs[0] == pairs[1]  # the annotations of an utterance moved together


def test_the_table_has_a_row_per_choice_and_judges_whole_trainings(tiny):
    rng, N = np.random.default_rng(0), len(tiny.rows("test"))
    classes = len(tiny.labels)
    runs = [run(rng.random(12), rng.random(12), seed, predictions={p: rng.integers(classes, size=N) for p in
                                                                   ("sound", "published")}) for seed in range(10)]
    target = tiny.task("emotion")
    runs = [kept.KeptRun(**{**one.__dict__, "target": target}) for one in runs]
    made = inflation.by_choice({"a model": runs}, tiny)
    assert made[["epochs", "runs"]].values.tolist() == [[5, 1], [10, 1], [12, 1], [12, 2], [12, 3], [12, 4], [12, 5]]
    assert made["over"].tolist() == ["seeds"] * 2 + ["seeds and dialogues"] + ["seeds"] * 4
    assert [bool(v) for v in made["verdict"]] == [False, False, True] + [False] * 4
    alone = [kept.KeptRun(**{**one.__dict__, "predictions": {}}) for one in runs]
    assert set(inflation.by_choice({"a model": alone}, tiny)["over"]) == {"seeds"}


def test_kept_runs_are_read_as_they_were_written(tmp_path):
    one = run([.1, np.nan], [.2, .3], 7, predictions={"sound": np.array([0, 5, 11])})
    number = kept.KeptRun("n", 0, BUILT_IN["sentiment"], True, ("mae", -1), {"sound": 0}, np.zeros(0), np.zeros(0),
                       {"sound": np.array([[.5], [-1.25]])})
    path = tmp_path / "x" / "runs.json"
    path.parent.mkdir()
    kept.write_kept(path, {"a": [one], "b": [number]}, ["print"], corpus="x")
    first, second = (some[0] for some in kept.read(path).values())
    assert first.valid[0] == .1 and np.isnan(first.valid[1]) and first.predictions["sound"].tolist() == [0, 5, 11]
    assert second.fixed and second.metric == ("mae", -1) and second.predictions["sound"].tolist() == [[.5], [-1.25]]
    path.write_text("{}")
    with pytest.raises(RunError, match=r"kept runs cannot be read.*tools/protocol.py"):
        kept.read(path)


def test_sums_of_dialogues_give_the_scores_of_the_predictions(tiny, tmp_path):
    rng, target, truth = np.random.default_rng(0), tiny.task("emotion"), tiny.targets("test")
    guess = {p: np.where(rng.random(len(truth)) < .5, truth, 0) for p in ("sound", "published")}
    whole = kept.KeptRun("r", 100, target, False, ("weighted_f1", 1), {}, np.array([.1, .2]), np.array([.3, .2]), guess)
    kept.write_kept(path := tmp_path / "runs.json", {"a": [whole.summed(tiny)]}, ["print"])
    (found,), = kept.read(path).values()
    assert not found.predictions and found.scored == {"sound", "published"} and found.alone("sound").scored == {"sound"}
    for p in guess:
        assert (found.tally(tiny, p).sums["all"] == whole.tally(tiny, p).sums["all"]).all()
    few = [kept.KeptRun(**{**x.__dict__, "seed": seed}) for x in (whole, found) for seed in (1, 2)]
    assert inflation.whole_inflation(few[:2], tiny) == inflation.whole_inflation(few[2:], tiny)
    with pytest.raises(UsageError, match="do not fit the 5 test dialogues"):
        found.tally(tiny.select(np.arange(tiny.starts[-2])))
    path.write_text(path.read_text(encoding="utf-8").replace('"sums": {"sound": ["', '"sums": {"sound": ["0 '))
    with pytest.raises(RunError, match=r"cannot be read.*tools/protocol.py"):
        kept.read(path)


def test_kept_runs_belong_to_one_corpus(monkeypatch, tmp_path):
    monkeypatch.setattr(kept.paths, "results_dir", lambda: tmp_path)
    corpus = SimpleNamespace(name="x", fingerprint="print")
    assert not kept.has(corpus, "inflation")
    kept.place("x", "inflation").parent.mkdir(parents=True)
    kept.write_kept(kept.place("x", "inflation"), {}, ["print"])
    assert kept.has(corpus, "inflation") and not kept.has(SimpleNamespace(name="x", fingerprint="other"), "inflation")
