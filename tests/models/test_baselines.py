"""The baselines: what one must beat, so they must not be weaker than they claim."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from erclab import models
from erclab.core.batches import Flat
from erclab.core.errors import UsageError
from erclab.core.metrics import classification_scores
from erclab.models.baselines import Constant, LinearProbe, Persistence


def clouds(counts, *, centres=2.0, width=6, seed=0):
    """Gaussian clouds, one per class: features (N, width) and labels, in random order."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(len(counts), width)) * centres
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return middle[y] + rng.normal(size=(len(y), width)), y


def flat(x, y):
    y = np.asarray(y)
    features = np.zeros((len(y), 1)) if x is None else np.asarray(x)
    return Flat(features, y, np.full_like(y, -1 if y.ndim == 1 else np.nan))


def probe(outputs, x, y, vx, vy, **settings):
    model = LinearProbe(LinearProbe.Config(outputs, **settings))
    return model, model.fit(flat(x, y), flat(vx, vy))


def predict(model, x):
    return model.predict(Flat(np.asarray(x), np.zeros(len(x), int), np.zeros(len(x), int)))


# Constant

def test_constant_predicts_the_majority_of_training_whatever_it_sees():
    model = Constant(Constant.Config(4))
    assert model.fit(flat(None, [2, 0, 2, 1, 2, 0])) == []
    out = predict(model, np.random.default_rng(0).normal(size=(5, 2)))
    assert out.shape == (5, 4) and (out.argmax(1) == 2).all()
    np.testing.assert_allclose(np.exp(out), np.tile([2 / 6, 1 / 6, 3 / 6, 0], (5, 1)))


def test_constant_reaches_on_meld_what_the_literature_calls_majority():
    """Class counts of MELD's published test split; the majority of its training split is neutral as well."""
    truth = np.repeat(np.arange(7), [1256, 281, 50, 208, 402, 68, 345])
    model = Constant(Constant.Config(7))
    model.fit(flat(None, [0, 0, 0, 1, 4]))
    scores = classification_scores(truth, predict(model, truth[:, None]).argmax(1), 7)
    assert round(scores["weighted_f1"], 3) == 0.313
    assert round(scores["accuracy"], 3) == 0.481 and scores["balanced_accuracy"] == pytest.approx(1 / 7)


# Linear probe

def overfit():
    """Forty features of noise, three that tell, few samples: training favours the weak penalty, validation does not."""
    rng = np.random.default_rng(1)
    def part(n):
        y = rng.integers(3, size=n)
        x = rng.normal(size=(n, 43))
        x[np.arange(n), y] += 1.5
        return x, y
    return *part(60), *part(400)


@pytest.mark.parametrize("penalties", [(0.02, 300.0), (300.0, 0.02)])
def test_the_penalty_is_chosen_on_validation_and_not_on_training(penalties):
    x, y, vx, vy = overfit()
    alone = {c: LogisticRegression(C=c, max_iter=1000).fit(x, y) for c in penalties}
    assert alone[300.0].score(x, y) == 1 > alone[0.02].score(x, y)  # the trap is there
    model, curve = probe(3, x, y, vx, vy, penalties=penalties)
    expected = {c: f1_score(vy, a.predict(vx), average="weighted") for c, a in alone.items()}
    assert expected[0.02] > expected[300.0] + 0.03
    assert [row["penalty"] for row in curve] == list(penalties)
    assert {row["penalty"]: row["valid"]["weighted_f1"] for row in curve} == pytest.approx(expected)
    np.testing.assert_allclose(predict(model, vx), alone[0.02].predict_log_proba(vx), atol=1e-6)


def test_of_equally_good_penalties_the_first_is_kept():
    x, y = clouds([20, 20], centres=50)
    model, curve = probe(2, x, y, x, y, penalties=(0.01, 1.0))
    assert [row["valid"]["weighted_f1"] for row in curve] == [1, 1]
    expected = LogisticRegression(C=0.01, max_iter=1000).fit(x, y).predict_log_proba(x)
    np.testing.assert_allclose(predict(model, x), expected, atol=1e-6)


def test_probabilities_are_of_every_class_and_sum_to_one():
    x, y = clouds([30, 30, 30])
    out = predict(probe(3, x, y, x, y)[0], x[:7])
    assert out.shape == (7, 3)
    np.testing.assert_allclose(np.exp(out).sum(1), 1)


def test_a_label_that_training_never_saw_has_no_probability_and_shifts_no_other():
    x, y = clouds([30, 30])
    y = np.where(y == 1, 3, 1)  # labels 1 and 3 of 0 to 4
    out = predict(probe(5, x, y, x, y)[0], x)
    assert np.isneginf(out[:, [0, 2, 4]]).all() and np.isfinite(out[:, [1, 3]]).all()
    assert (out.argmax(1) == y).mean() > 0.9


def test_a_label_that_only_validation_has_is_no_obstacle():
    x, y = clouds([30, 30])
    vy = y.copy()
    vy[0] = 2
    model, curve = probe(3, x, y, x, vy)
    assert all(0.5 < row["valid"]["weighted_f1"] < 1 for row in curve)
    assert np.isneginf(predict(model, x)[:, 2]).all()


def test_balancing_raises_macro_recall_and_lowers_accuracy_on_skewed_labels():
    train, test = clouds([600, 40, 20], centres=0.6), clouds([600, 40, 20], centres=0.6, seed=1)
    scores = {balanced: classification_scores(
        test[1], predict(probe(3, *train, *train, balanced=balanced)[0], test[0]).argmax(1), 3)
        for balanced in (False, True)}
    assert scores[True]["balanced_accuracy"] > scores[False]["balanced_accuracy"] + 0.1
    assert scores[True]["accuracy"] < scores[False]["accuracy"]


def test_the_registry_builds_the_balanced_probe_as_its_own_model():
    assert models.MODELS["linear-balanced"].fixed == {"balanced": True}
    assert models.build("linear-balanced", {"outputs": 3, "balanced": True}).config.balanced
    assert not models.build("linear", {"outputs": 3}).config.balanced


@pytest.mark.parametrize("penalties", [(), (0.1, 0.0), (-1.0,)])
def test_penalties_must_be_positive(penalties):
    with pytest.raises(UsageError, match="positive penalties"):
        LinearProbe.Config(3, penalties=penalties)


# Other tasks

def test_constants_of_regressions_are_the_best_there_are_and_missing_labels_do_not_count():
    y = np.array([[0.0, np.nan], [1.0, 4.0], [5.0, 2.0], [np.nan, np.nan]])
    found = {}
    for task in ("sentiment", "dimensional"):
        model = Constant(Constant.Config(2, task))
        model.fit(flat(None, y))
        found[task] = model.predict(flat(None, y))
    np.testing.assert_allclose(found["sentiment"], np.tile([1.0, 3.0], (4, 1)))
    np.testing.assert_allclose(found["dimensional"], np.tile([2.0, 3.0], (4, 1)))


def test_the_constant_of_emotion4_says_absent_where_most_are():
    y = np.array([[1.0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]])
    model = Constant(Constant.Config(8, "emotion4"))
    model.fit(flat(None, y))
    pairs = model.predict(flat(None, y)).reshape(3, 4, 2)
    assert (pairs.argmax(2) == [1, 0, 0, 0]).all()
    np.testing.assert_allclose(np.exp(pairs[0, :, 1]), [2 / 3, 0, 1 / 3, 1 / 3])


def test_persistence_repeats_what_was_and_knows_nothing_first():
    y = np.array([2, 0, 0, 1])
    model = Persistence(Persistence.Config(3))
    model.fit(flat(None, y))
    out = model.predict(Flat(np.zeros((4, 1)), y, np.array([-1, 2, 0, 0])))
    assert out.argmax(1).tolist() == [0, 2, 0, 0]
    regression = Persistence(Persistence.Config(1, "sentiment"))
    regression.fit(flat(None, np.array([[1.0], [3.0]])))
    before = np.array([[np.nan], [0.5]])
    np.testing.assert_allclose(regression.predict(Flat(np.zeros((2, 1)), before, before)), [[2.0], [0.5]])


def test_ridge_regression_chooses_its_penalty_by_the_score_of_the_task():
    rng = np.random.default_rng(3)
    x, vx = rng.normal(size=(30, 25)), rng.normal(size=(500, 25))
    y, vy = (z[:, :1] + rng.normal(size=(len(z), 1)) for z in (x, vx))
    model, curve = probe(1, x, y, vx, vy, task="sentiment", penalties=(1e-3, 0.1, 1e3))
    errors = {row["penalty"]: row["valid"]["mae"] for row in curve}
    assert min(errors, key=errors.get) == 0.1 and errors[0.1] < errors[1e3] - 0.1
    assert np.abs(predict(model, vx) - vy).mean() == pytest.approx(errors[0.1])


def test_four_logistic_regressions_and_one_emotion_that_never_is():
    x, y = clouds([40, 40], centres=3)
    labels = np.column_stack([y == 0, y == 1, np.zeros(len(y)), y == 0]).astype(float)
    model, _ = probe(8, x, labels, x, labels, task="emotion4")
    pairs = predict(model, x).reshape(-1, 4, 2)
    assert (pairs.argmax(2) == labels).mean() > 0.95 and np.isneginf(pairs[:, 2, 1]).all()


def test_unlabelled_utterances_are_left_out_of_a_fit():
    x, y = clouds([30, 30])
    whole = predict(probe(2, x[:40], y[:40], x, y)[0], x)
    holed = np.where(np.arange(60) < 40, y, -1)
    np.testing.assert_allclose(predict(probe(2, x, holed, x, y)[0], x), whole)


@pytest.mark.parametrize("changes", [{"task": "mood"}, {"task": "sentiment", "balanced": True}])
def test_what_a_probe_cannot_do_is_said(changes):
    with pytest.raises(UsageError, match=r"task 'mood' is none of|balanced linear probe is for labels"):
        LinearProbe.Config(3, **changes)
