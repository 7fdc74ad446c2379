"""Classification scores against golden values that were made by scikit-learn and checked by counting."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from erclab.core.errors import ErclabError
from erclab.core.metrics import (
    EMOTION4,
    HEADLINE,
    HEADLINES,
    SELECT,
    classification_scores,
    confusion,
    dimensional_scores,
    emotion4_scores,
    neutral,
    per_class,
    score_names,
    scores,
    select,
    sentiment_scores,
)
from erclab.core.targets import Task, of

GOLDEN = Path(__file__).parents[1] / "golden"
GIVEN = json.loads((GOLDEN / "metrics.json").read_text())
EXPECTED = GIVEN["classification"]
ARRAYS = load_file(GOLDEN / "metrics.safetensors")


def labels_of(case):
    """(truth, prediction), with padded turns left out where the case has any."""
    truth, prediction = ARRAYS[f"cls.{case}.label"], ARRAYS[f"cls.{case}.pred"]
    mask = ARRAYS.get(f"cls.{case}.mask", np.ones(truth.shape, dtype=bool))
    return truth[mask], prediction[mask]


def numbers(values):
    """null is NaN."""
    return np.array([np.nan if v is None else v for v in values])


@pytest.mark.parametrize("case", EXPECTED)
def test_scores(case):
    want = EXPECTED[case]
    truth, prediction = labels_of(case)
    assert len(truth) == want["n"]
    assert classification_scores(truth, prediction, want["classes"]) == pytest.approx({
        "accuracy": want["accuracy"],
        "weighted_f1": want["weighted_f1"],
        "macro_f1": want["macro_f1_all_classes"],
        "balanced_accuracy": want["balanced_accuracy_truth_classes"],
    }, rel=0, abs=1e-12)


@pytest.mark.parametrize("case", EXPECTED)
def test_confusion(case):
    found = confusion(*labels_of(case), EXPECTED[case]["classes"])
    np.testing.assert_array_equal(found, EXPECTED[case]["confusion"])


@pytest.mark.parametrize("case", EXPECTED)
def test_per_class(case):
    want = EXPECTED[case]
    names = [f"class {i}" for i in range(want["classes"])]
    table = per_class(confusion(*labels_of(case), want["classes"]), names)
    assert list(table.index) == names
    for column in ("precision", "recall", "f1"):
        np.testing.assert_allclose(table[column], numbers(want[f"per_class_{column}"]), rtol=0, atol=1e-12)
    assert table["support"].tolist() == want["support"]


def test_golden_cases_tell_the_averages_apart():
    """Or a score over the wrong classes would pass."""
    macro = [{EXPECTED[c][f"macro_f1_{over}"] for over in ("all_classes", "labels_seen")} for c in EXPECTED]
    recall = [(EXPECTED[c]["balanced_accuracy_truth_classes"], np.mean(np.nan_to_num(numbers(
        EXPECTED[c]["per_class_recall"])))) for c in EXPECTED]
    assert any(len(values) == 2 for values in macro)
    assert any(abs(truth - every) > 0.01 for truth, every in recall)
    assert any(None in EXPECTED[c]["per_class_precision"] for c in EXPECTED)


def test_mask_of_the_padded_case_matters():
    truth, prediction = (ARRAYS[f"cls.padded_batch.{k}"].ravel() for k in ("label", "pred"))
    scores = classification_scores(truth, prediction, 6)
    assert abs(scores["accuracy"] - EXPECTED["padded_batch"]["accuracy"]) > 0.01


def test_headline_names_what_there_is():
    assert tuple(classification_scores(np.array([0, 1]), np.array([0, 1]), 2)) == HEADLINE


@pytest.mark.parametrize("score", [classification_scores, confusion])
@pytest.mark.parametrize(("truth", "prediction", "word"), [
    ([], [], "compared"),
    ([0, 1], [0], "compared"),
    ([[0, 1]], [[0, 1]], "compared"),
    ([0, 3], [0, 1], "truth"),
    ([0, -1], [0, 1], "truth"),
    ([0, 1], [0, 3], "prediction"),
    ([0, 1], [0, -1], "prediction"),
], ids=["empty", "lengths", "batched", "truth too large", "truth negative", "guess too large", "guess negative"])
def test_bad_input(score, truth, prediction, word):
    with pytest.raises(ErclabError, match=word) as caught:
        score(np.array(truth, dtype=int), np.array(prediction, dtype=int), 3)
    assert "\n" not in str(caught.value)


# Other tasks

@pytest.mark.parametrize("case", GIVEN["sentiment"])
def test_sentiment(case):
    want = GIVEN["sentiment"][case]
    truth, prediction = ARRAYS[f"sent.{case}.label"], ARRAYS[f"sent.{case}.pred"]
    names = {"correlation": "pearson", "f1_non0_swapped": "f1_non0_swapped_arguments"}
    found = sentiment_scores(truth, prediction)
    for name, value in found.items():
        expected = want[names.get(name, name)]
        assert value == (None if expected is None else pytest.approx(expected, rel=0, abs=1e-9)), name
    assert scores("sentiment", np.append(truth, np.nan)[:, None], np.append(prediction, 1.0)[:, None]) == found


@pytest.mark.parametrize("case", GIVEN["emotion4"])
def test_emotion4(case):
    want = GIVEN["emotion4"][case]
    assert tuple(want["order"]) == EMOTION4
    truth, logits = ARRAYS[f"emo4.{case}.label"], ARRAYS[f"emo4.{case}.logit"]
    found = emotion4_scores(truth, logits.argmax(2))
    for name, row in zip(EMOTION4, want["emotions"], strict=True):
        for score in HEADLINES["emotion4"]:
            assert found[f"{name}.{score}"] == pytest.approx(row[score], rel=0, abs=1e-12)
    for score in HEADLINES["emotion4"]:
        assert found[score] == pytest.approx(np.mean([row[score] for row in want["emotions"]]))
    gap = np.full((1, 4), np.nan)
    assert scores("emotion4", np.vstack([truth, gap]), np.vstack([logits.reshape(-1, 8), np.zeros((1, 8))])) == found


def test_dimensions_are_scored_where_they_are_annotated():
    truth = np.array([[0.0, 1.0, np.nan, 3.0], [1.0, 0.0, np.nan, np.nan], [2.0, 0.5, np.nan, 5.0]])
    found = dimensional_scores(truth, np.array([[0.0, 2.0, 9.0, 1.0], [2.0, 2.0, 9.0, 7.0], [4.0, 2.0, 9.0, 2.0]]))
    assert found == {"valence.correlation": pytest.approx(1), "valence.mae": 1.0, "arousal.correlation": None,
                     "arousal.mae": 1.5, "power.correlation": pytest.approx(1), "power.mae": 2.5,
                     "correlation": pytest.approx(2 / 3), "mae": pytest.approx(5 / 3)}


def test_unlabelled_utterances_are_not_scored():
    log_probability = np.log([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
    assert scores("emotion", np.array([0, -1, 1]), log_probability)["accuracy"] == 0.5


def test_every_task_has_its_headlines_and_a_score_that_chooses():
    for task, (name, sign) in SELECT.items():
        assert name in HEADLINES[task] and sign in (1, -1)
    assert set(SELECT) == set(HEADLINES)


@pytest.mark.parametrize("task", ["emotion4", "sentiment", "dimensional"])
def test_nothing_annotated_is_an_error(task):
    columns, outputs = (4, 8) if task == "emotion4" else (1, 1)
    with pytest.raises(ErclabError, match="cannot be compared"):
        scores(task, np.full((3, columns), np.nan), np.zeros((3, outputs)))


def test_micro_and_macro_f1_without_neutral_are_scikit_learns():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    truth, logits = rng.integers(0, 4, 60), rng.normal(size=(60, 4))
    task = Task("emotion", "classes", ("sad", "No_Emotion", "glad", "angry"))
    found, guess = scores(task, truth, logits), logits.argmax(1)
    for name, average in (("micro_f1_no_neutral", "micro"), ("macro_f1_no_neutral", "macro")):
        assert found[name] == pytest.approx(f1_score(truth, guess, labels=[0, 2, 3], average=average))
    assert {k: v for k, v in found.items() if not k.endswith("neutral")} == scores("emotion", truth, logits)
    assert neutral(("sad", "glad")) is None and neutral(("sad", "Neutral")) == 1


def test_sims_classes_have_edges_in_the_lower_class_and_any_scale_is_mapped():
    truth = np.float32([-1, -0.8, -0.1, 0, 0.1, 0.4, 0.7, 1.0])
    prediction = np.float32([-0.75, -0.6, -0.2, 0.05, -0.05, 0.1, 0.9, 2.0])
    found = sentiment_scores(truth, prediction, (-1, 1))
    # Classes by hand: truth 0 0 1 2 2 3 3 4, prediction 0 1 1 2 2 2 4 4.
    assert found["acc5_sims"] == pytest.approx(5 / 8)
    assert found["acc3_sims"] == pytest.approx(7 / 8)  # -, -, -, 0, 0, +, +, + against -, -, -, 0, 0, 0, +, +
    assert found["acc2_sims"] == pytest.approx(6 / 8)  # 0 is not above 0: 0.05 and -0.05 are wrong
    assert {"acc7", "acc5", "mult_a2"}.isdisjoint(found)
    moved = sentiment_scores(50 + 50 * truth, 50 + 50 * prediction, (0, 100))
    assert moved.pop("mae") == pytest.approx(50 * found.pop("mae")) and moved == pytest.approx(found)


def test_binary_scores_are_of_the_utterances_that_have_the_column():
    truth = np.array([[1, np.nan], [0, 1], [1, 0], [np.nan, np.nan]])
    logits = np.array([[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 0], [0, 1, 1, 0]])
    found = scores(Task("mine", "binary", ("sad", "glad")), truth, logits)
    assert found["sad.accuracy"] == pytest.approx(2 / 3) and found["glad.accuracy"] == 1
    # CMU-MOSEI's weighted accuracy, by its formula (TP N / P + TN) / 2N with P = 2, N = 1, TP = 2, TN = 0.
    assert found["sad.balanced_accuracy"] == pytest.approx((2 * 1 / 2 + 0) / 2)
    assert found["accuracy"] == pytest.approx((2 / 3 + 1) / 2)


def test_own_numbers_are_scored_by_their_names():
    values = np.arange(12.0).reshape(2, 6) ** 2
    found = scores(Task("mine", "numbers", tuple("abcdef")), values, values + 1)
    assert found["f.mae"] == 1 and found["e.correlation"] == pytest.approx(1) and found["mae"] == 1
    assert scores("dimensional", values, values)["5.mae"] == 0  # a fit that has only the task's name


def test_an_epoch_is_chosen_by_any_score_of_the_task():
    assert select("emotion") == ("weighted_f1", 1) and select("emotion", "macro_f1") == ("macro_f1", 1)
    own = Task("mine", "numbers", ("a", "b"))
    assert select(own, "b.mae") == ("b.mae", -1) and select(own) == ("correlation", 1)
    with pytest.raises(ErclabError, match=r"unknown score of mine to choose an epoch by 'c\.mae'"):
        select(own, "c.mae")
    for task in (own, "emotion4", "sentiment", Task("sentiment", "numbers", ("sentiment",), (-1.0, 1.0)),
                 Task("emotion", "classes", ("a", "neutral"))):
        labels = np.array([0, 1]) if of(task).kind == "classes" else np.eye(2, len(of(task).names))
        C = {"classes": 2, "binary": 2 * len(of(task).names)}.get(of(task).kind, len(of(task).names))
        assert set(score_names(task)) == set(scores(task, labels, np.eye(2, C)))
