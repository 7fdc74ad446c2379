"""Classification scores against golden values that were made by scikit-learn and checked by counting."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from erclab.errors import ErclabError
from erclab.metrics import HEADLINE, classification_scores, confusion, per_class

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "metrics.json").read_text())["classification"]
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
