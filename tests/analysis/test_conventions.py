"""Metric conventions on predictions that are small enough to score by hand, and against `erclab.core.metrics`."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from erclab.analysis import conventions, kept
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.targets import BUILT_IN
from erclab.corpora import UNLABELLED


def run(corpus, task, prediction, seed=0, fixed=False):
    return kept.KeptRun(f"{task}-{seed}", seed, corpus.task(task), fixed, ("mae", -1), {}, np.zeros(0), np.zeros(0),
                     {"sound": prediction})


@pytest.fixture(scope="module")
def corpus(tiny):
    """Some test utterances without a label and without a sentiment, and a label of one half."""
    rows, table, sentiment = tiny.rows("test"), tiny.table.copy(), tiny.annotations["sentiment"].copy()
    table.loc[rows[:2], "label"] = UNLABELLED
    sentiment[rows[2]], sentiment[rows[3]], sentiment[rows[4]] = np.nan, 0.5, -1.5
    return replace(tiny, table=table, annotations={**tiny.annotations, "sentiment": sentiment})


@pytest.fixture(scope="module")
def found(corpus):
    rng, N = np.random.default_rng(0), len(corpus.rows("test"))
    guess = (corpus.targets("test", "sentiment") + rng.normal(size=(N, 1))).astype(float)
    guess[np.isnan(guess)] = 0
    guess[5], guess[6] = 4.2, 0.0
    labels = rng.integers(len(corpus.labels), size=N)
    runs = [run(corpus, "sentiment", guess), run(corpus, "emotion", labels)]
    return conventions.scores({"a model": runs}, corpus), guess[:, 0], labels


def test_every_convention_has_a_score_and_names_are_unique(found):
    keys = [(how.task, how.quantity, how.name) for how in conventions.CONVENTIONS]
    assert list(found[0]) == keys and len(set(keys)) == len(keys)


def value(found, *key):
    return float(found[0][key]["a model"].seeds[0])


def test_conventions_of_the_records_are_those_of_the_metrics(found, corpus):
    truth = corpus.targets("test", "sentiment")
    scores = metrics.scores("sentiment", truth, found[1][:, None])
    for key, name in {("Acc-2", "labels of 0 left out"): "acc2_non0", ("Acc-2", "0 counts as positive"): "acc2_has0",
                      ("Acc-2", "clipped to [0, 1] and rounded"): "mult_a2",
                      ("F1", "weighted, labels of 0 left out"): "f1_non0",
                      ("F1", "weighted, left out, arguments swapped"): "f1_non0_swapped",
                      ("F1", "weighted, 0 counts as positive"): "f1_has0",
                      ("Acc-7", "clipped, half to even"): "acc7"}.items():
        assert value(found, "sentiment", *key) == pytest.approx(scores[name]), key
    truth = corpus.targets("test", "emotion")
    own = metrics.scores(corpus.task("emotion"), truth, np.eye(len(corpus.labels))[found[2]])
    for key, name in {("accuracy", "of all utterances"): "accuracy", ("F1", "weighted"): "weighted_f1",
                      ("accuracy", "balanced: mean recall"): "balanced_accuracy", ("F1", "macro"): "macro_f1",
                      ("F1", "micro (the accuracy)"): "accuracy"}.items():
        assert value(found, "emotion", *key) == pytest.approx(own[name]), key


def test_the_other_conventions_by_scikit_learn(found, corpus):
    truth, guess, labels = corpus.targets("test", "sentiment")[:, 0], found[1], found[2]
    there = ~np.isnan(truth)
    t, p = truth[there].astype(float), guess[there]
    assert value(found, "sentiment", "Acc-2", "0 counts as negative") == accuracy_score(t > 0, p > 0)
    some = t != 0
    assert value(found, "sentiment", "F1", "of the positive class, left out") == pytest.approx(
        f1_score(t[some] > 0, p[some] > 0))
    assert value(found, "sentiment", "F1", "macro, left out") == pytest.approx(
        f1_score(t[some] > 0, p[some] > 0, average="macro"))
    assert value(found, "sentiment", "F1", "weighted, as positive, swapped") == pytest.approx(
        f1_score(p >= 0, t >= 0, average="weighted"))
    half = [np.floor(np.clip(x, -3, 3) + .5) for x in (t, p)]
    assert value(found, "sentiment", "Acc-7", "clipped, half up") == pytest.approx(np.mean(half[0] == half[1]))
    assert value(found, "sentiment", "Acc-7", "clipped, digits cut off") == pytest.approx(
        np.mean(np.trunc(np.clip(t, -3, 3)) == np.trunc(np.clip(p, -3, 3))))
    truth = corpus.targets("test", "emotion")
    t, p = truth[truth >= 0], labels[truth >= 0]
    rest = [[x == c for x in (t, p)] for c in range(len(corpus.labels))]
    assert value(found, "emotion", "accuracy", "mean of each emotion against the rest") == pytest.approx(
        np.mean([accuracy_score(*pair) for pair in rest]))
    assert value(found, "emotion", "F1", "weighted, arguments swapped") == pytest.approx(
        f1_score(p, t, average="weighted"))


@pytest.mark.parametrize(("number", "expected"), [(0.5, (0, 1, 1, 0)), (-0.5, (0, 0, -1, 0)), (1.5, (2, 2, 2, 1)),
                                                  (-1.5, (-2, -1, -2, -1)), (2.6, (3, 3, 3, 2))])
def test_halves_are_rounded_in_four_ways(number, expected):
    x = np.array([number])
    assert tuple(int(conventions._fine(x, x, way)[1][0]) - 4 for way in ("even", "up", "away", "zero")) == expected


def test_a_prediction_beyond_the_scale_is_a_miss_without_clipping():
    truth, guess = np.array([3.0, -3.0]), np.array([4.2, -9.0])
    hits = [np.mean(t == p) for t, p, _ in (conventions._fine(truth, guess, "even", clip) for clip in (True, False))]
    assert hits == [1, 0]


def made_scores(a, b):
    """Two models under two conventions: dialogues with hits of each."""
    from erclab.analysis.statistics import Sampled, draws
    weights = draws(len(a[0])) / len(a[0])
    return {("emotion", "F1", name): {model: Sampled(np.array([hits.mean()]), (weights @ hits)[None], len(hits), True)
                                      for model, hits in (("one", np.array(x, float)), ("two", np.array(y, float)))}
            for name, x, y in zip(("first", "second"), a, b, strict=True)}


def test_places_that_change_are_told_from_places_that_were_never_known():
    rng = np.random.default_rng(0)
    high, low = .8 + .05 * rng.normal(size=40), .5 + .05 * rng.normal(size=40)
    clear = conventions.reordered(made_scores((high, low), (low, high)))
    assert clear[["pair", "decided"]].values.tolist() == [["one - two", True]]
    noise = rng.normal(size=(2, 40)) * .3 + .5
    noise[1] += noise[0].mean() - noise[1].mean() - .001
    vague = conventions.reordered(made_scores(noise, noise[::-1]))
    assert vague["decided"].tolist() == [False]
    table = conventions.compared(made_scores((high, low), (low, high)))
    assert table["order"].tolist() == ["", "two > one"]
    assert table["spread"].iloc[0] == 0 and abs(table["spread"].iloc[1]) > 20
    assert table["low"].iloc[1] <= table["spread"].iloc[1] <= table["high"].iloc[1]


def test_predictions_of_another_task_are_refused(corpus):
    one = run(corpus, "sentiment", np.zeros((len(corpus.rows("test")), 1)))
    with pytest.raises(UsageError, match="no predictions of emotion"):
        conventions.scored_by(conventions.CONVENTIONS[-1], one, corpus)
    assert BUILT_IN["sentiment"].like == "sentiment"
    with pytest.raises(UsageError, match=r"3 predictions do not fit"):
        kept.KeptRun("x", 0, corpus.task("emotion"), False, ("weighted_f1", 1), {}, np.zeros(0), np.zeros(0),
                  {"sound": np.zeros(3, int)}).tally(corpus)
