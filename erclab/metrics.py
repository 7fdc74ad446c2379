"""Classification scores, by scikit-learn, with the conventions spelled out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from erclab.errors import ErclabError

HEADLINE = ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy")


def classification_scores(truth: np.ndarray, prediction: np.ndarray, classes: int) -> dict[str, float]:
    """Accuracy, weighted F1, macro F1 and balanced accuracy, each in [0, 1].

    Macro F1 averages over all C classes, also those that are never predicted or absent from the truth (0):
    scikit-learn's default leaves the latter out, and a score must not depend on which labels happen to be seen.
    Balanced accuracy is the mean recall over the classes that the truth has.

    Args:
        truth, prediction: (N,) label indices.
        classes: C.

    Raises:
        ErclabError: no sample, different lengths, or a label outside 0..C-1.
    """
    truth, prediction = _checked(truth, prediction, classes)
    every = range(classes)
    recall = precision_recall_fscore_support(truth, prediction, labels=every, zero_division=0)[1]
    return {
        "accuracy": float(accuracy_score(truth, prediction)),
        "weighted_f1": float(f1_score(truth, prediction, labels=every, average="weighted", zero_division=0)),
        "macro_f1": float(f1_score(truth, prediction, labels=every, average="macro", zero_division=0)),
        "balanced_accuracy": float(np.mean(recall[np.unique(truth)])),
    }


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """(C, C) counts: row = truth, column = prediction."""
    truth, prediction = _checked(truth, prediction, classes)
    return confusion_matrix(truth, prediction, labels=range(classes))


def per_class(matrix: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """Precision, recall, F1 and support of each class from a (C, C) confusion matrix.

    Precision without a prediction and recall without a sample are NaN, not 0: there was nothing to measure.
    """
    matrix = np.asarray(matrix, dtype=float)
    hit, predicted, support = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = {"precision": hit / predicted, "recall": hit / support,
                 "f1": np.where(predicted + support > 0, 2 * hit / (predicted + support), 0.0)}
    return pd.DataFrame({**table, "support": support.astype(int)}, index=list(labels))


def _checked(truth, prediction, classes: int) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.ndim != 1 or len(truth) == 0:
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one label per utterance, at least one.")
    for name, values in (("truth", truth), ("prediction", prediction)):
        if values.min() < 0 or values.max() >= classes:
            raise ErclabError(f"{name} holds a label outside 0..{classes - 1}")
    return truth, prediction
